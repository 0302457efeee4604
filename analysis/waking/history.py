"""For which wake-up each goroutine went on, and when: a day has millions of such steps."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from whowoke.analysis.rules.frames import Rows

NONE = -1
# No sound capture has a later time.
LATEST_NS = 1 << 62


class Activation(NamedTuple):
    """What a goroutine did from one wake-up to the next: ``end_ns`` is when it was woken again."""

    goid: int
    start_ns: int
    end_ns: int


class Grouped:
    """Rows of numbers by wake-up, in the order in which they were told. Asked once all are told."""

    def __init__(self, count: int, width: int) -> None:
        self._count = count
        self._wakeups = array("i")
        self._told = [array("Q") for _ in range(width)]

    def add(self, wakeup: int, *row: int) -> None:
        """One more of that wake-up."""
        self._wakeups.append(wakeup)
        for column, value in zip(self._told, row, strict=True):
            column.append(value)

    @cached_property
    def columns(self) -> list[Rows]:
        """All rows, those of a wake-up together."""
        order = np.argsort(np.array(self._wakeups), kind="stable")
        found = [np.array(column)[order] for column in self._told]
        self._told.clear()
        return found

    @cached_property
    def _ends(self) -> Rows:
        counts = np.bincount(np.array(self._wakeups), minlength=self._count)
        found: Rows = np.r_[0, np.cumsum(counts)].astype(np.int32)
        return found

    def get(self, wakeup: int) -> list[tuple[int, ...]]:
        """The rows of one wake-up."""
        first, end = self._ends.item(wakeup), self._ends.item(wakeup + 1)
        if first == end:
            return []
        columns = (column[first:end].tolist() for column in self.columns)
        return list(zip(*columns, strict=True))


class Activations:
    """The activation that each wake-up began, if it began one, by its number.

    ``readied`` has stack, start function and id of the goroutines that it made runnable.
    """

    def __init__(self, count: int = 0) -> None:
        self._goids = array("Q", bytes(8 * count))
        self._starts = array("q", bytes(8 * count))
        self._ends = array("q", [NONE]) * count
        self.readied = Grouped(count, width=3)

    def start(self, wakeup: int, goid: int, ts_ns: int) -> None:
        """A wake-up has this goroutine go on."""
        self._goids[wakeup], self._starts[wakeup] = goid, min(ts_ns, LATEST_NS)
        self._ends[wakeup] = LATEST_NS

    def end(self, wakeup: int, ts_ns: int) -> None:
        """Its goroutine is woken again."""
        self._ends[wakeup] = min(ts_ns, LATEST_NS)

    def get(self, wakeup: int) -> Activation | None:
        """What a wake-up began."""
        if self._ends[wakeup] == NONE:
            return None
        return Activation(self._goids[wakeup], self._starts[wakeup], self._ends[wakeup])


class Steps:
    """Steps of goroutines while they are told, in the order of time."""

    def __init__(self) -> None:
        self._goids = array("Q")
        self._times = array("q")
        self._causes = array("i")
        self._streams = array("Q")
        self._last_ns: dict[int, int] = {}

    def add(self, goid: int, ts_ns: int, cause: int | None, stream: int) -> None:
        """A goroutine goes on for that cause from here."""
        self._goids.append(goid)
        self._times.append(min(ts_ns, LATEST_NS))
        self._causes.append(NONE if cause is None else cause)
        self._streams.append(stream)
        self._last_ns[goid] = self._times[-1]

    def last_ns(self, goid: int) -> int:
        """When it made its last step, 0 for never."""
        return self._last_ns.get(goid, 0)

    def history(self) -> "History":
        """All that was told."""
        columns = (self._goids, self._times, self._causes, self._streams)
        return History(*map(np.array, columns))


class History:
    """Steps of goroutines: a cause, and the stream it came through.

    Causes are numbers, None is unknown; streams are goroutines, 0 is none. The steps of a goroutine
    lie together, in the order of time; ``first`` is where those of each begin.
    """

    def __init__(self, goids: Rows, times: Rows, causes: Rows, streams: Rows) -> None:
        order = np.argsort(goids, kind="stable")
        goids = goids[order]
        self._first = np.flatnonzero(np.r_[True, goids[1:] != goids[:-1]][: len(goids)])
        self._told = np.argsort(order[self._first], kind="stable")
        self._causes, self._streams = causes[order], streams[order]
        # Looked up one by one, which is faster in a memoryview.
        self._goids, self._times = goids[self._first].data, times[order].data
        self._ends = np.r_[self._first, len(goids)].data

    def _span(self, goid: int) -> tuple[int, int]:
        """Where the steps of a goroutine lie."""
        index = bisect_left(self._goids, goid)
        if index == len(self._goids) or self._goids[index] != goid:
            return 0, 0
        return self._ends[index], self._ends[index + 1]

    def _step(self, goid: int, ts_ns: int) -> int:
        """Its last one by then, -1 for none."""
        first, end = self._span(goid)
        index = bisect_right(self._times, ts_ns, first, end) - 1
        return index if index >= first else NONE

    def epoch(self, goid: int, ts_ns: int) -> int:
        """How many steps it had made by then, less one."""
        first, end = self._span(goid)
        return bisect_right(self._times, ts_ns, first, end) - first - 1

    def cause(self, goid: int, ts_ns: int) -> int | None:
        """For what it went on at that time."""
        index = self._step(goid, ts_ns)
        found = self._causes.item(index) if index >= 0 else NONE
        return None if found == NONE else found

    def stream(self, goid: int, ts_ns: int) -> int:
        """Through which stream its cause at that time came."""
        index = self._step(goid, ts_ns)
        return self._streams.item(index) if index >= 0 else 0

    def streams(self) -> Iterator[tuple[int, set[int]]]:
        """Each goroutine with all streams through which its causes came, as they were told of."""
        for index in self._told.tolist():
            steps = slice(self._ends[index], self._ends[index + 1])
            yield self._goids[index], set(self._streams[steps].tolist())

    def goroutines(self, cause: int) -> list[int]:
        """Those that went on for that cause, as they were told of."""
        steps = np.flatnonzero(self._causes == cause)
        found = set((np.searchsorted(self._first, steps, side="right") - 1).tolist())
        return [self._goids[index] for index in self._told.tolist() if index in found]
