"""Threads of the target as the scheduler saw them, and the times in which all of them slept."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whowoke.analysis.capture.rows import stored_dtype
from whowoke.analysis.capture.schema import RECORD_BY_NAME
from whowoke.analysis.rules.frames import CaptureLike, Rows
from whowoke.analysis.tables.nullable import nullable
from whowoke.analysis.waking.lossy import OVER_BUDGET, lossy_spans

IDLE_NS = 20_000_000
MAX_NS = 1 << 62

# The last switch of a thread before a window, see ``windows.py``.
WAKING, OFF, ON, START, EXIT, KNOWN = range(6)
KINDS = {
    "thread_waking": WAKING,
    "thread_off": OFF,
    "thread_on": ON,
    "thread_start": START,
    "thread_exit": EXIT,
}

SWITCHES = ("sched_switch", "sched_waking")
# What wakes a process, recorded of every one that does something.
WAKE_UPS = ("timer_fire", "netpoll_ready")

WAKING_ROWS = np.zeros(0, stored_dtype(RECORD_BY_NAME["thread_waking"]))


@dataclass
class Threads:
    """Scheduler events of the target, by thread and time.

    ``active`` says whether the thread runs or could run after the event. ``on_tid``, ``on_start``
    and ``on_end`` are its stays on a CPU, by thread and time. ``wakings`` are the records of
    threads that were made runnable, in the order of time. From ``end_ns`` on nothing is known.
    """

    ts: Rows
    tid: Rows
    kind: Rows
    active: Rows
    wakings: Rows
    start_ns: int
    end_ns: int
    sysmon: int

    def __post_init__(self) -> None:
        self.on_tid, self.on_start, self.on_end = self._stays()

    def _stays(self) -> tuple[Rows, Rows, Rows]:
        on = np.isin(self.kind, (ON, START))
        relevant = on | np.isin(self.kind, (OFF, EXIT, KNOWN))
        # A new thread waits for a CPU at first, if its switch wasn't lost.
        relevant[:-1] &= (self.kind[:-1] != START) | (self.kind[1:] != ON) | ~_same_next(self.tid)
        on, ts, tid = on[relevant], self.ts[relevant], self.tid[relevant]
        known = self.kind[relevant] == KNOWN
        first, last = edges(tid)
        # A first event that ends a stay: the thread ran when the recording began. An end or a
        # begin that stands twice, because the other was lost, is left out.
        began = on & np.r_[first[:1], (first | ~_shifted(on))[1:]]
        ended = ~on & ~known & (first | _shifted(on))
        start = np.where(ended & first, self.start_ns, ts)[began | (ended & first)]
        end = np.where(on & last, self.end_ns, ts)[ended | (on & last)]
        owner = tid[began | (ended & first)]
        return owner, start, end

    def until(self, ts_ns: int) -> "Threads":
        """What happened until that time."""
        keep = self.ts <= ts_ns
        columns = (self.ts[keep], self.tid[keep], self.kind[keep], self.active[keep])
        wakings = self.wakings[self.wakings["ts_ns"] <= ts_ns]
        return Threads(*columns, wakings, self.start_ns, ts_ns, self.sysmon)

    def cpu_until(self, times: Rows) -> Rows:
        """CPU time of all threads from the start of the recording until each of these times."""
        return _elapsed(np.sort(self.on_start), times) - _elapsed(np.sort(self.on_end), times)


def edges(tid: Rows) -> tuple[Rows, Rows]:
    """Which rows are the first and the last of their thread, in rows ordered by thread."""
    if not len(tid):
        return np.zeros(0, bool), np.zeros(0, bool)
    change = tid[1:] != tid[:-1]
    return np.r_[True, change], np.r_[change, True]


def _same_next(tid: Rows) -> Rows:
    """For each row but the last whether the next one is of the same thread."""
    same: Rows = tid[1:] == tid[:-1]
    return same


def _shifted(flags: Rows) -> Rows:
    return np.r_[False, flags[:-1]] if len(flags) else flags


def _elapsed(marks: Rows, times: Rows) -> Rows:
    """Sum over the marks of the time that has passed since each."""
    base = marks[0] if len(marks) else 0
    total = np.r_[0, np.cumsum(marks - base)]
    count = np.searchsorted(marks, times, side="right")
    passed: Rows = count * (times - base) - total[count]
    return passed


def threads_of(
    capture: CaptureLike, parts: Iterable[tuple[str, Rows]], known: Rows | None = None
) -> Threads:
    """Scheduler events of the target by thread and time, of records and ``known`` last switches.

    ``known`` has ``ts_ns`` and ``tid``.
    """
    found: dict[str, list[Rows]] = {name: [] for name in KINDS}
    for name, rows in parts:
        found[name].append(rows)
    ts, tid, kind, slept = ([np.zeros(0, np.int64)] for _ in range(4))
    for name, number in KINDS.items():
        for rows in found[name]:
            ts.append(rows["ts_ns"].astype(np.int64))
            tid.append(rows["tid"].astype(np.int64))
            kind.append(np.full(len(rows), number))
            slept.append(rows["state"] != 0 if number == OFF else kind[-1] == EXIT)
    if known is not None:
        ts.append(known["ts_ns"])
        tid.append(known["tid"])
        kind.append(np.full(len(known), KNOWN))
        slept.append(kind[-1] == KNOWN)
    columns = [np.concatenate(column) for column in (ts, tid, kind, slept)]
    until_ns = seen_until(capture)
    columns = [column[columns[0] <= until_ns] for column in columns]
    order = np.lexsort((columns[2], columns[0], columns[1]))
    all_ts, all_tid, all_kind, all_slept = (column[order] for column in columns)
    wakings = np.concatenate([WAKING_ROWS, *found["thread_waking"]], dtype=WAKING_ROWS.dtype)
    wakings = wakings[wakings["ts_ns"] <= until_ns]
    first, last = (int(all_ts.min()), int(all_ts.max())) if len(all_ts) else (0, 0)
    start_ns = _number(capture, "start_ns", first)
    # Some are seen before all probes are attached.
    start_ns = min(start_ns, first) if len(all_ts) else start_ns
    return Threads(
        ts=all_ts,
        tid=all_tid,
        kind=all_kind,
        active=all_slept == 0,
        wakings=wakings[np.argsort(wakings["ts_ns"], kind="stable")],
        start_ns=start_ns,
        end_ns=min(_number(capture, "end_ns", last), until_ns),
        sysmon=_number(capture, "sysmon_tid", 0),
    )


def load_threads(capture: CaptureLike) -> Threads:
    """All scheduler events of the target."""
    return threads_of(capture, capture.parts(*KINDS))


def seen_until(capture: CaptureLike) -> int:
    """When switches of threads cost too much and were stopped; ``MAX_NS`` if they were not.

    Whether a thread slept isn't known from then on, also where some were recorded again.
    """
    spans = lossy_spans(
        capture.losses,
        lambda kind: kind.startswith(OVER_BUDGET) and any(name in kind for name in SWITCHES),
    )
    return min((start for start, _ in spans), default=MAX_NS)


def causes_until(capture: CaptureLike) -> int:
    """When what tells wake-ups cost too much and was taken off; ``MAX_NS`` if it was not."""
    gone = [f"{OVER_BUDGET}: on_{name} taken off" for name in WAKE_UPS]
    losses = capture.losses
    times: list[int] = losses.loc[losses["kind"].isin(gone), "ts_ns"].tolist()
    return min(times, default=MAX_NS)


def recorded(capture: CaptureLike) -> tuple[int, int]:
    """Begin and end of what was recorded of wake-ups; of the records where it isn't told."""
    start_ns, end_ns = _number(capture, "start_ns", -1), _number(capture, "end_ns", -1)
    if end_ns >= 0:
        end_ns = min(end_ns, causes_until(capture))
    if start_ns >= 0 and end_ns >= 0:
        return start_ns, end_ns
    threads = load_threads(capture)
    if end_ns < 0:
        others = (capture.records(name)["ts_ns"].max(initial=0) for name in WAKE_UPS)
        end_ns = min(max(threads.end_ns, *map(int, others)), causes_until(capture))
    return threads.start_ns, end_ns


def _number(capture: CaptureLike, name: str, default: int) -> int:
    """A number of the metadata, which may come from anyone."""
    value = capture.metadata.get(name)
    return value if isinstance(value, int) and 0 <= value < MAX_NS else default


def episode_times(threads: Threads) -> tuple[Rows, Rows, Rows]:
    """Start and end of each time between idle times, and the CPU time of all threads in it."""
    start, end = active_times(threads, threads.tid != threads.sysmon)
    if not len(start):
        return start, end, start
    # Both are sorted: nobody is active between the end that comes k-th and a later next start.
    new = np.r_[True, start[1:] - end[:-1] >= IDLE_NS]
    starts, ends = start[new], end[np.r_[new[1:], True]]
    return starts, ends, threads.cpu_until(ends) - threads.cpu_until(starts)


def episodes(starts: Rows, ends: Rows, cpu: Rows) -> pd.DataFrame:
    """The times between idle times.

    Returns ``start_ns``, ``end_ns``, ``idle_before_ns`` (empty where the idle time began before the
    recording), ``cpu_ns`` (of all threads from start to end, sysmon's included).
    """
    if not len(starts):
        columns = ["start_ns", "end_ns", "idle_before_ns", "cpu_ns"]
        return pd.DataFrame({name: pd.Series(dtype="Int64") for name in columns})
    first = np.arange(len(starts)) == 0
    idle = nullable(np.r_[0, starts[1:] - ends[:-1]], ~first)
    return pd.DataFrame({"start_ns": starts, "end_ns": ends, "idle_before_ns": idle, "cpu_ns": cpu})


def ran_before(threads: Threads) -> Rows:
    """Whether each row is of a thread that could run before it, if it is the thread's first.

    In older captures a new thread's start was recorded when it came back from its creation, behind
    its first switch.
    """
    switched = np.isin(threads.kind, (OFF, ON, EXIT))
    new = switched & (threads.kind == ON)
    new[:-1] &= (threads.kind[1:] == START) & _same_next(threads.tid)
    new[-1:] = False
    before: Rows = switched & ~new
    return before


def active_times(threads: Threads, keep: Rows) -> tuple[Rows, Rows]:
    """When threads began to run or could run, and when they went to sleep; ``keep`` says whose."""
    ts, tid, active = (column[keep] for column in (threads.ts, threads.tid, threads.active))
    first, last = edges(tid)
    # Only who could run before is switched; waking comes to one that could not.
    before = np.where(first, ran_before(threads)[keep], _shifted(active))
    begins, stops = active & ~before, before & ~active
    start = np.r_[ts[begins], np.full(int((first & before).sum()), threads.start_ns)]
    end = np.r_[ts[stops], np.full(int((active & last).sum()), threads.end_ns)]
    return np.sort(start), np.sort(end)


def episode_at(frame: pd.DataFrame, times: Rows) -> Rows:
    """Row number of the episode that each time is in, -1 for none."""
    if not len(frame):
        return np.full(len(times), -1)
    starts = frame["start_ns"].to_numpy(np.int64)
    ends = frame["end_ns"].to_numpy(np.int64)
    found = np.searchsorted(starts, times, side="right") - 1
    inside = (found >= 0) & (times <= ends[np.maximum(found, 0)])
    return np.where(inside, found, -1)
