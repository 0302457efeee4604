"""How long the steps of a recording's start and end take: ``record --timing``."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_TICKS = 19  # field 22 of /proc/PID/stat, counted behind the command's name


class Timing:
    """Steps by name, in nanoseconds, in the order in which they ended."""

    def __init__(self) -> None:
        self.steps: dict[str, int] = {"start whowoke": since_process_start_ns()}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is done within."""
        before_ns = time.monotonic_ns()
        try:
            yield
        finally:
            self.add(name, time.monotonic_ns() - before_ns)

    def add(self, name: str, ns: int) -> None:
        """Note what a step took; of several processes all together."""
        self.steps[name] = self.steps.get(name, 0) + ns

    def first_record(self) -> None:
        """Note the time from the start of the process until now, the first time."""
        self.steps.setdefault("until the first record", since_process_start_ns())


def since_process_start_ns() -> int:
    """Time since this process began, to some 10 ms; 0 if it can't be told."""
    try:
        text = Path("/proc/self/stat").read_text()
        ticks = int(text.rpartition(")")[2].split()[_START_TICKS])
    except (OSError, ValueError, IndexError):
        return 0
    start_ns = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return max(0, time.clock_gettime_ns(time.CLOCK_BOOTTIME) - start_ns)


def table(steps: dict[str, int]) -> list[str]:
    """Lines of a small table: milliseconds and step."""
    return [f"{ns / 1e6:9.1f} ms  {name}" for name, ns in steps.items()]
