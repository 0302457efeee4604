"""Wake-ups as the kernel side saw them, before anything is said about their causes."""

from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.rules.frames import CaptureLike, Code, Rows, matches_any
from whowoke.analysis.rules.lookup import MISSING, last_before

SLEEP_CALLBACK = "runtime.goroutineReady"
FORCED_GC = 1
# Linux on amd64. Go's signal loop waits in this call, and goes on at once when a signal comes.
FUTEX = 202
# 0 of these bits is FUTEX_WAIT.
FUTEX_OPERATION = 127
SIGNAL_HANDLED_NS = 20_000_000

KINDS = ("timer", "descriptor", "gc", "signal")
KIND = pd.CategoricalDtype(list(KINDS))

COLUMNS = (
    "ts_ns",
    "kind",
    "tid",
    "goid",
    "start",
    "parked_stack",
    "fd",
    "mode",
    "number",
    "timer",
    "callback",
    "function",
    "period_ns",
    "due_ns",
    "armed_ns",
    "armed_period_ns",
    "armed_stack",
    "armed_goid",
    "again",
)


def base_wakeups(capture: CaptureLike, code: Code, receivers: tuple[str, ...]) -> pd.DataFrame:
    """Every timer that fired, descriptor that released a goroutine, forced collection and signal.

    Returns one row for each, in time order: ``ts_ns``; ``kind`` (timer, descriptor, gc, signal);
    ``tid``; ``goid`` (woken goroutine, 0 for none); ``start`` (address of its first function);
    ``parked_stack`` (hash); ``fd`` and ``mode``; ``number`` (of a signal); ``timer``, ``callback``
    and ``function`` (addresses, 0 for none); ``period_ns``; ``due_ns``; ``armed_ns`` and
    ``armed_period_ns`` (-1 where not known); ``armed_stack`` (hash) and ``armed_goid`` (0 where not
    known); ``again`` (the timer fired before and was not armed in between).
    """
    parts = [_timers(capture, code, receivers), _descriptors(capture), _collections(capture)]
    parts.append(_signals(capture))
    frame = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    return frame.sort_values("ts_ns", kind="stable", ignore_index=True)


def _kinds(kind: str, count: int) -> "pd.Categorical[Any]":
    """One kind so often."""
    return pd.Categorical.from_codes(np.full(count, KINDS.index(kind), np.int8), dtype=KIND)


def _empty_columns(count: int) -> dict[str, Rows]:
    zeros = np.zeros(count, np.uint64)
    columns: dict[str, Rows] = dict.fromkeys(COLUMNS, zeros)
    columns["armed_ns"] = columns["armed_period_ns"] = np.full(count, MISSING, np.int64)
    columns["due_ns"] = columns["period_ns"] = np.zeros(count, np.int64)
    columns["again"] = np.zeros(count, bool)
    return columns


def _descriptors(capture: CaptureLike) -> pd.DataFrame:
    rows = capture.records("netpoll_ready")
    columns = _empty_columns(len(rows)) | {
        "ts_ns": rows["ts_ns"].astype(np.int64),
        "kind": _kinds("descriptor", len(rows)),
        "tid": rows["tid"],
        "goid": rows["woken_goid"],
        "start": rows["woken_start"],
        "parked_stack": rows["parked_stack"],
        "fd": rows["fd"],
        "mode": rows["mode"],
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def _collections(capture: CaptureLike) -> pd.DataFrame:
    rows = capture.records("gc_start")
    rows = rows[rows["trigger"] == FORCED_GC]
    columns = _empty_columns(len(rows)) | {
        "ts_ns": rows["ts_ns"].astype(np.int64),
        "kind": _kinds("gc", len(rows)),
        "tid": rows["tid"],
        "goid": rows["goid"],
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def _signals(capture: CaptureLike) -> pd.DataFrame:
    """Signals from outside; those that the process sends itself only carry, as preemption does."""
    rows = capture.records("signal")
    pid = capture.metadata.get("pid")
    rows = rows[rows["sender_pid"] != pid] if isinstance(pid, int) and pid >= 0 else rows[:0]
    goid = np.zeros(0, np.uint64)
    if len(rows):
        waits = capture.records("syscall", _futex_waits)
        goid = _signal_loop(waits, rows["ts_ns"].astype(np.int64))
    columns = _empty_columns(len(rows)) | {
        "ts_ns": rows["ts_ns"].astype(np.int64),
        "kind": _kinds("signal", len(rows)),
        "tid": rows["tid"],
        "number": rows["number"],
        "goid": goid,
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def _futex_waits(calls: Rows) -> Rows:
    """Which system calls of goroutines wait at a futex."""
    waits = (calls["second"] & FUTEX_OPERATION) == 0
    found: Rows = (calls["number"] == FUTEX) & waits & (calls["goid"] != 0)
    return found


def _signal_loop(waits: Rows, times: Rows) -> Rows:
    """The goroutine whose futex wait each signal ended, 0 where it isn't plain which one.

    A goroutine that waits for anything else is parked; only Go's signal loop holds its thread.
    """
    start = waits["ts_ns"].astype(np.int64)
    end = start + waits["duration_ns"].astype(np.int64)
    found = np.zeros(len(times), np.uint64)
    for index, ts in enumerate(times.tolist()):
        over = (start < ts) & (end >= ts) & (end - ts < SIGNAL_HANDLED_NS)
        goids = np.unique(waits["goid"][over])
        found[index] = goids[0] if len(goids) == 1 else 0
    # The wait that the first signal ended may have begun before the recording.
    known = np.unique(found[found != 0])
    return np.full(len(times), known[0]) if len(known) == 1 else found


def _timers(capture: CaptureLike, code: Code, receivers: tuple[str, ...]) -> pd.DataFrame:
    fires = capture.records("timer_fire")
    arms = capture.records("timer_arm")
    arm, again = match_arms(fires, arms)
    armed = arm >= 0
    ts = fires["ts_ns"].astype(np.int64)
    due = fires["due_ns"].astype(np.int64)
    period = fires["period_ns"].astype(np.int64)
    armed_ns = np.full(len(fires), MISSING, np.int64)
    armed_ns[armed] = arms["ts_ns"][arm[armed]]
    armed_stack = np.zeros(len(fires), np.uint64)
    armed_stack[armed] = arms["stack"][arm[armed]]
    armed_goid = np.zeros(len(fires), np.uint64)
    armed_goid[armed] = arms["goid"][arm[armed]]
    armed_period = np.where(period > 0, period, np.where(armed, due - armed_ns, MISSING))
    sleeping = _symbol_in(fires["callback"], code, (SLEEP_CALLBACK,))
    _join_sleeps(capture, fires, sleeping, armed_ns, armed_period, armed_stack)
    columns = _empty_columns(len(fires)) | {
        "ts_ns": ts,
        "kind": _kinds("timer", len(fires)),
        "tid": fires["tid"],
        "goid": fires["woken_goid"],
        "start": fires["woken_start"],
        "parked_stack": fires["parked_stack"],
        "timer": fires["timer"],
        "callback": fires["callback"],
        "function": fires["function"],
        "period_ns": period,
        "due_ns": due,
        "armed_ns": armed_ns,
        "armed_period_ns": np.maximum(armed_period, MISSING),
        "armed_stack": armed_stack,
        "armed_goid": armed_goid,
        "again": again,
    }
    received = _symbol_in(fires["caller"], code, receivers)
    return pd.DataFrame(columns, columns=list(COLUMNS))[~received]


def _symbol_in(addresses: Rows, code: Code, patterns: tuple[str, ...]) -> Rows:
    values, inverse = np.unique(addresses, return_inverse=True)
    found = [matches_any(patterns, code.function_name(int(value))) for value in values]
    return np.array(found, bool)[inverse] if len(values) else np.zeros(0, bool)


def match_arms(fires: Rows, arms: Rows) -> tuple[Rows, Rows]:
    """Which arm each fire belongs to, -1 for none, and whether it is a fire without a new one.

    An arm is used up by the first fire of a timer without a period; one with a period stays armed.
    """
    arm = last_before(fires["timer"], fires["ts_ns"], arms["timer"], arms["ts_ns"])
    order = np.lexsort((fires["ts_ns"], fires["timer"]))
    timer, found = fires["timer"][order], arm[order]
    repeated = np.zeros(len(fires), bool)
    repeated[1:] = (timer[1:] == timer[:-1]) & (found[1:] == found[:-1])
    again = np.zeros(len(fires), bool)
    again[order] = repeated
    again &= fires["period_ns"] > 0
    used_up = np.zeros(len(fires), bool)
    used_up[order] = repeated
    used_up &= fires["period_ns"] == 0
    return np.where(used_up, MISSING, arm), again


def _join_sleeps(
    capture: CaptureLike,
    fires: Rows,
    sleeping: Rows,
    armed_ns: Rows,
    armed_period: Rows,
    armed_stack: Rows,
) -> None:
    sleeps = capture.records("sleep")
    woken = np.flatnonzero(sleeping)
    found = last_before(
        fires["woken_goid"][woken], fires["ts_ns"][woken], sleeps["goid"], sleeps["ts_ns"]
    )
    known, index = woken[found >= 0], found[found >= 0]
    armed_ns[known] = sleeps["ts_ns"][index]
    armed_period[known] = sleeps["sleep_ns"][index]
    armed_stack[known] = sleeps["stack"][index]
    # The timer of a sleep is set outside of any goroutine: its own stack tells nothing.
    armed_stack[woken[found < 0]] = 0
