"""Notices that the machine was suspended, which no other clock of a recording tells.

CLOCK_MONOTONIC, in which everything is recorded, stands still meanwhile, as Go's timers do;
CLOCK_BOOTTIME goes on (clock_gettime(2)). Nothing runs and so nothing is lost, but it is a gap.
"""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

# Two readings are never at one moment; the smallest difference of a few is the nearest.
TRIES = 3
SHORTEST_NS = 10_000_000


def ahead_ns() -> int:
    """How far CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC."""
    return min(
        -time.monotonic_ns() + time.clock_gettime_ns(time.CLOCK_BOOTTIME) for _ in range(TRIES)
    )


class Told(Protocol):
    """A part of a capture, or all that are being written."""

    def metadata(self, values: Mapping[str, object]) -> None:
        """Write a JSON object."""


class Suspends:
    """The suspends of one recording; each goes into the capture as [ts_ns, for how long]."""

    def __init__(self, writer: Told, ahead: Callable[[], int] = ahead_ns) -> None:
        self._writer = writer
        self._ahead = ahead
        self._before_ns = ahead()
        self._found: list[list[int]] = []

    def step(self) -> None:
        """Compare the clocks, and write a suspend that came since the last time."""
        asleep_ns = self._ahead() - self._before_ns
        if asleep_ns >= SHORTEST_NS:
            self._before_ns += asleep_ns
            self._found.append([time.monotonic_ns(), asleep_ns])
            self._writer.metadata({"suspends": self._found})
