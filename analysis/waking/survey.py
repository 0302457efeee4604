"""Episodes and thread wake-ups of a whole capture, put together window by window."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from whowoke.analysis.rules.causes import Rules
from whowoke.analysis.rules.frames import CaptureLike, Rows
from whowoke.analysis.waking.threads import Threads, episode_times, episodes, load_threads
from whowoke.analysis.waking.threadwakeups import next_run, thread_wakeups
from whowoke.analysis.waking.windows import ROWS, WholeNeededError, windows


@dataclass
class Survey:
    """``spans`` are the episodes, see ``episodes``; counts are of thread wake-ups: all of them,
    those that only carry, and sysmon's, a part of these.
    """

    spans: pd.DataFrame
    start_ns: int
    end_ns: int
    thread_wakeups: int
    carriers: int
    of_sysmon: int


class Wakings:
    """The thread wake-ups of a capture, and what they come to.

    ``wakeups`` needs ``ts_ns``, ``tid``, ``kind``.
    """

    def __init__(
        self, capture: CaptureLike, wakeups: pd.DataFrame, rules: Rules, rows: int = ROWS
    ) -> None:
        self._capture, self._rules, self._rows = capture, rules, rows
        ts, tid = wakeups["ts_ns"].to_numpy(np.int64), wakeups["tid"].to_numpy(np.int64)
        signal = np.flatnonzero((wakeups["kind"] == "signal").to_numpy(bool))
        self._ts, self._tid = ts.copy(), tid
        self._ts[signal] = next_run(capture, ts[signal], tid[signal])
        self._order = np.argsort(self._ts, kind="stable")

    def survey(self, holds: Callable[[Rows], Rows]) -> Survey:
        """All episodes, and counts of the thread wake-ups at times that ``holds`` says of."""
        try:
            found = self._surveyed(windows(self._capture, self._rows), holds)
            self._needs_whole = False
        except WholeNeededError:
            self._needs_whole = True
            found = self._surveyed(iter((load_threads(self._capture),)), holds)
        return found

    def frames(self) -> Iterator[pd.DataFrame]:
        """Thread wake-ups, see ``thread_wakeups``, in the order of time, a window in each."""
        if self._needs_whole:
            yield self._frame(load_threads(self._capture))
        else:
            yield from (self._frame(threads) for threads in windows(self._capture, self._rows))

    @cached_property
    def _needs_whole(self) -> bool:
        """Whether there are no windows: a survey finds out on its way."""
        try:
            for _ in windows(self._capture, self._rows):
                pass
        except WholeNeededError:
            return True
        return False

    def _surveyed(self, found: Iterator[Threads], holds: Callable[[Rows], Rows]) -> Survey:
        times, start_ns, end_ns, counts = [], None, 0, np.zeros(3, np.int64)
        for threads in found:
            start_ns = threads.start_ns if start_ns is None else start_ns
            end_ns = threads.end_ns
            times.append(episode_times(threads))
            frame = self._frame(threads)
            frame = frame[holds(frame["ts_ns"].to_numpy(np.int64))]
            own = int((frame["tid"] == threads.sysmon).sum())
            counts += (len(frame), int(frame["carrier"].sum()), own)
        starts, ends, cpu = (np.concatenate(column) for column in zip(*times, strict=True))
        spans = episodes(starts, ends, cpu)
        return Survey(spans, start_ns or 0, end_ns, *counts.tolist())

    def _frame(self, threads: Threads) -> pd.DataFrame:
        """Only wake-ups within the window can have happened on threads that woke in it."""
        ordered = self._ts[self._order]
        since_ns = threads.wakings["ts_ns"][:1].astype(np.int64).sum()
        first = np.searchsorted(ordered, since_ns)
        last = np.searchsorted(ordered, threads.end_ns, side="right")
        rows = np.sort(self._order[first:last])
        frame = thread_wakeups(self._capture, threads, self._ts[rows], self._tid[rows], self._rules)
        found = frame["wakeup"].to_numpy(np.int64)
        frame["wakeup"] = np.where(found >= 0, np.r_[rows, -1][found], found)
        return frame
