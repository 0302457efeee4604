"""For which wake-up each goroutine went on, and when: a day has millions of such steps."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

NONE = -1
# No sound capture has a later time.
LATEST_NS = 1 << 62

# Stack, start function and id of a goroutine that was made runnable.
Readied = tuple[int, int, int]


class Activation(NamedTuple):
    """What a goroutine did from one wake-up to the next: ``end_ns`` is when it was woken again."""

    goid: int
    start_ns: int
    end_ns: int
    readied: tuple[Readied, ...]


class Activations:
    """The activation that each wake-up began, if it began one, by its number.

    ``readied`` has the goroutines that it made runnable, where there are any.
    """

    def __init__(self, count: int = 0) -> None:
        self._goids = array("Q", bytes(8 * count))
        self._starts = array("q", bytes(8 * count))
        self._ends = array("q", [NONE]) * count
        self.readied: dict[int, tuple[Readied, ...]] = {}

    def start(self, wakeup: int, goid: int, ts_ns: int) -> None:
        """A wake-up has this goroutine go on."""
        self._goids[wakeup], self._starts[wakeup] = goid, min(ts_ns, LATEST_NS)
        self._ends[wakeup] = LATEST_NS

    def end(self, wakeup: int, ts_ns: int) -> None:
        """Its goroutine is woken again."""
        self._ends[wakeup] = min(ts_ns, LATEST_NS)

    def add(self, wakeup: int, readied: Readied) -> None:
        """Its goroutine makes another one runnable."""
        self.readied[wakeup] = (*self.readied.get(wakeup, ()), readied)

    def get(self, wakeup: int) -> Activation | None:
        """What a wake-up began."""
        if self._ends[wakeup] == NONE:
            return None
        span = (self._goids[wakeup], self._starts[wakeup], self._ends[wakeup])
        return Activation(*span, self.readied.get(wakeup, ()))


class History:
    """Steps of goroutines, given in the order of time: a cause, and the stream it came through.

    Causes are numbers, None is unknown; streams are goroutines, 0 is none.
    """

    def __init__(self) -> None:
        self._times = array("q")
        self._causes = array("q")
        self._streams = array("Q")
        self._steps: dict[int, array[int]] = {}

    def add(self, goid: int, ts_ns: int, cause: int | None, stream: int) -> None:
        """A goroutine goes on for that cause from here."""
        steps = self._steps.get(goid)
        if steps is None:
            steps = self._steps[goid] = array("q")
        steps.append(len(self._times))
        self._times.append(min(ts_ns, LATEST_NS))
        self._causes.append(NONE if cause is None else cause)
        self._streams.append(stream)

    def epoch(self, goid: int, ts_ns: int) -> int:
        """How many steps it had made by then, less one."""
        steps = self._steps.get(goid)
        return bisect_right(steps, ts_ns, key=self._times.__getitem__) - 1 if steps else NONE

    def cause(self, goid: int, ts_ns: int) -> int | None:
        """For what it went on at that time."""
        index = self.epoch(goid, ts_ns)
        found = self._causes[self._steps[goid][index]] if index >= 0 else NONE
        return None if found == NONE else found

    def stream(self, goid: int, ts_ns: int) -> int:
        """Through which stream its cause at that time came."""
        index = self.epoch(goid, ts_ns)
        return self._streams[self._steps[goid][index]] if index >= 0 else 0

    def last_ns(self, goid: int) -> int:
        """When it made its last step, 0 for never."""
        steps = self._steps.get(goid)
        return self._times[steps[-1]] if steps else 0

    def streams(self) -> Iterator[tuple[int, set[int]]]:
        """Each goroutine with all streams through which its causes came."""
        for goid, steps in self._steps.items():
            yield goid, {self._streams[step] for step in steps}

    def goroutines(self, cause: int) -> Iterator[int]:
        """Those that went on for that cause."""
        for goid, steps in self._steps.items():
            if any(self._causes[step] == cause for step in steps):
                yield goid
