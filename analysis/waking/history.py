"""For which wake-up each goroutine went on, and when: a day has millions of such steps."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator

NONE = -1
# No sound capture has a later time.
LATEST_NS = 1 << 62


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
