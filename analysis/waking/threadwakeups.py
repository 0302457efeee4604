"""Wake-ups of single threads: in which context, for how long, and for what."""

import numpy as np
import pandas as pd

from whowoke.analysis.rules.causes import Rules
from whowoke.analysis.rules.frames import CaptureLike, Rows, matches_any
from whowoke.analysis.rules.lookup import MISSING, last_before, next_after
from whowoke.analysis.tables.nullable import Integers, nullable
from whowoke.analysis.waking.threads import ON, WAKING, Threads


def thread_wakeups(
    capture: CaptureLike, threads: Threads, wakeup_ts: Rows, wakeup_tid: Rows, rules: Rules
) -> pd.DataFrame:
    """Every thread of the target that the kernel made runnable; ``wakeup_…`` are of wake-ups.

    Returns, in time order, ``ts_ns``; ``tid``; ``waker_tid`` (empty where an interrupt borrowed
    whatever ran, and where the context isn't known); ``context``; ``carrier`` (sysmon, or no
    wake-up happened on the thread before it slept again); ``off_cpu_ns``; ``on_cpu_ns`` (CPU time
    until it slept again); ``wakeup`` (row of the first wake-up that happened on it, -1 for none).
    """
    rows = threads.wakings
    ts, tid = rows["ts_ns"].astype(np.int64), rows["tid"].astype(np.int64)
    context, interrupt = _contexts(capture, rows["kernel_stack"], rules)
    start, end = _runs(threads, ts, tid)
    ran = start != MISSING
    wakeup = _first_wakeup(tid, start, end, wakeup_ts, wakeup_tid.astype(np.int64))
    frame = pd.DataFrame({"ts_ns": ts, "tid": tid, "context": context})
    frame["waker_tid"] = nullable(
        rows["waker_tid"].astype(np.int64), ~interrupt & (context != "unknown")
    )
    frame["carrier"] = (wakeup == MISSING) | (tid == threads.sysmon)
    frame["off_cpu_ns"] = _off_cpu(threads, ts, tid)
    frame["on_cpu_ns"] = nullable(_cpu_between(threads, tid, start, end), ran)
    frame["wakeup"] = wakeup
    return frame


def next_run(capture: CaptureLike, ts: Rows, tid: Rows) -> Rows:
    """When a thread comes on a CPU after it was sent a signal; that time if it doesn't any more."""
    if not len(ts):
        return ts
    on = capture.records("thread_on", lambda rows: np.isin(rows["tid"], tid))
    found = next_after(tid, ts, on["tid"].astype(np.int64), on["ts_ns"].astype(np.int64))
    return np.where(found >= 0, on["ts_ns"].astype(np.int64)[found], ts) if len(on) else ts


def _runs(threads: Threads, ts: Rows, tid: Rows) -> tuple[Rows, Rows]:
    """From the switch to a thread that was woken until it sleeps again; -1 where it never ran."""
    on = threads.kind == ON
    found = next_after(tid, ts, threads.tid[on], threads.ts[on])
    start = np.where(found >= 0, threads.ts[on][found], MISSING) if on.any() else found
    slept = ~threads.active
    found = next_after(tid, np.maximum(start, ts), threads.tid[slept], threads.ts[slept])
    end = np.full(len(ts), threads.end_ns)
    end[found >= 0] = threads.ts[slept][found[found >= 0]]
    return start, end


def _first_wakeup(tid: Rows, start: Rows, end: Rows, wakeup_ts: Rows, wakeup_tid: Rows) -> Rows:
    found = next_after(tid, np.maximum(start, 0), wakeup_tid, wakeup_ts)
    inside = (found >= 0) & (start != MISSING)
    inside[inside] &= wakeup_ts[found[inside]] <= end[inside]
    return np.where(inside, found, MISSING)


def _off_cpu(threads: Threads, ts: Rows, tid: Rows) -> Integers:
    """How long a thread had been off the CPU when it was woken, where it was."""
    switched = threads.kind != WAKING
    found = last_before(tid, ts, threads.tid[switched], threads.ts[switched])
    index = np.flatnonzero(switched)[np.maximum(found, 0)] if switched.any() else found
    known = (found >= 0) & ~threads.active[index] if switched.any() else found >= 0
    return nullable(np.where(known, ts - threads.ts[index] if switched.any() else 0, 0), known)


def _cpu_between(threads: Threads, tid: Rows, start: Rows, end: Rows) -> Rows:
    """CPU time of each thread between two times at which it comes on and sleeps."""
    total = np.r_[0, np.cumsum(threads.on_end - threads.on_start)]
    first = next_after(tid, start, threads.on_tid, threads.on_start)
    last = last_before(tid, end, threads.on_tid, threads.on_start)
    known = (first >= 0) & (last >= first)
    return np.where(known, total[last + 1] - total[np.maximum(first, 0)], 0)


def _contexts(capture: CaptureLike, stacks: Rows, rules: Rules) -> tuple[Rows, Rows]:
    """What made each thread runnable, by the kernel's stack, and whether it was an interrupt."""
    values, inverse = np.unique(stacks, return_inverse=True)
    names, interrupts = [], []
    for value in values.tolist():
        functions = [frame.function for frame in capture.stacks.get(value, [])]
        names.append(_context(_since_interrupt(functions, rules), rules))
        interrupts.append(any(matches_any(rules.interrupts, name) for name in functions))
    return np.array(names, object)[inverse], np.array(interrupts, bool)[inverse]


def _since_interrupt(functions: list[str], rules: Rules) -> list[str]:
    """The innermost functions, up to where an interrupt came."""
    for number, name in enumerate(functions):
        if matches_any(rules.entries, name):
            return functions[: number + 1]
    return functions


def _context(functions: list[str], rules: Rules) -> str:
    for name, patterns in rules.contexts.items():
        if any(matches_any(patterns, function) for function in functions):
            return name
    return "other" if any(functions) else "unknown"
