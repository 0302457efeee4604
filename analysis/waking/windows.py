"""Thread records window by window: a day of an idle process needs no more memory than an hour.

A window ends in an idle time in which all threads sleep, sysmon too. So nothing reaches from one
into the next but the last switch of each thread, which comes along as a row of the kind ``KNOWN``.
"""

from collections.abc import Iterator

import numpy as np

from whowoke.analysis.rules.frames import CaptureLike, Rows
from whowoke.analysis.waking.threads import (
    IDLE_NS,
    KINDS,
    Threads,
    active_times,
    edges,
    ran_before,
    threads_of,
)

ROWS = 200_000
# Records are written at most so long after others that came later.
LATE_NS = 60_000_000_000
SWITCH = np.dtype([("ts_ns", "<i8"), ("tid", "<i8")])

Part = tuple[str, Rows]


class WholeNeededError(Exception):
    """What came tells something about windows that are over: all must be looked at in one."""


def windows(capture: CaptureLike, rows: int = ROWS) -> Iterator[Threads]:
    """All thread records in windows of at least so many rows, as far as there are idle times.

    WholeNeededError where a record came too late, or a thread ran that nothing was seen of before.
    """
    parts: list[Part] = []
    known, cut_ns, count, enough = np.zeros(0, SWITCH), -1, 0, rows
    for name, part in capture.parts(*KINDS):
        if len(part) and part["ts_ns"].min() <= cut_ns:
            raise WholeNeededError
        parts.append((name, part))
        count += len(part)
        if count < enough:
            continue
        threads = _checked(threads_of(capture, parts, known), cut_ns)
        found = _cut(threads)
        if found is None:
            enough = 2 * count
            continue
        parts = [(name, part[part["ts_ns"] > found]) for name, part in parts]
        parts = [(name, part) for name, part in parts if len(part)]
        threads = _window(threads.until(found), cut_ns, found)
        yield threads
        known, cut_ns = _last_switches(threads), found
        count, enough = sum(len(part) for _, part in parts), rows
    yield _window(_checked(threads_of(capture, parts, known), cut_ns), cut_ns, None)


def _window(threads: Threads, cut_ns: int, until_ns: int | None) -> Threads:
    threads.start_ns = threads.start_ns if cut_ns < 0 else cut_ns
    threads.end_ns = threads.end_ns if until_ns is None else until_ns
    return threads


def _checked(threads: Threads, cut_ns: int) -> Threads:
    """A thread whose first record is a switch was awake in all windows before."""
    first, _ = edges(threads.tid)
    if cut_ns >= 0 and np.any(first & ran_before(threads)):
        raise WholeNeededError
    return threads


def _cut(threads: Threads) -> int | None:
    """The last time, long enough before the last record, at which all threads sleep."""
    everybody = np.ones(len(threads.tid), bool)
    start, end = active_times(threads, everybody)
    own_start, own_end = active_times(threads, threads.tid != threads.sysmon)
    if not len(own_start) or not len(start):
        return None
    asleep = end[:-1][start[1:] > end[:-1] + 1]
    asleep = asleep[asleep < threads.ts.max(initial=0) - LATE_NS]
    # Only sysmon may be awake around it for as long as makes an idle time.
    before = np.searchsorted(own_end, asleep, side="right")
    inside = (before > 0) & (before < len(own_start))
    asleep, before = asleep[inside], before[inside]
    idle = (own_start[before] > asleep) & (own_start[before] - own_end[before - 1] >= IDLE_NS)
    return int(asleep[idle][-1]) if idle.any() else None


def _last_switches(threads: Threads) -> Rows:
    _, last = edges(threads.tid)
    known = np.zeros(int(last.sum()), SWITCH)
    known["ts_ns"], known["tid"] = threads.ts[last], threads.tid[last]
    return known
