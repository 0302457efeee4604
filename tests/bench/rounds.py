"""Runs side by side: A B A B …, so that what the machine does meanwhile hits all alike."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

SCHED_CLOCK = 2  # CPUCLOCK_SCHED, kernel/time/posix-cpu-timers.c


@dataclass(frozen=True)
class Spread:
    """Median and extremes of ``count`` measurements."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, numbers: Iterable[float]) -> "Spread":
        """Of at least one number."""
        found = list(numbers)
        return cls(median(found), min(found), max(found), len(found))


@dataclass(frozen=True)
class Sample:
    """A window: its length, CPU time of the target in it, and what it did, in its own count."""

    seconds: float
    cpu_s: float
    work: float

    @property
    def cpu_pct(self) -> float:
        """Percent of one core."""
        return 100 * self.cpu_s / self.seconds

    @property
    def rate(self) -> float:
        """Work a second."""
        return self.work / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU for each piece of work."""
        return 1e6 * self.cpu_s / self.work if self.work else float("nan")


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process, ended ones too: the kernel's clock of that process."""
    return time.clock_gettime_ns(~pid << 3 | SCHED_CLOCK)


def window(pid: int, seconds: float, work: Callable[[], float]) -> Sample:
    """Watch a process for some seconds."""
    work_before, cpu_before_ns, start_ns = work(), cpu_ns(pid), time.monotonic_ns()
    time.sleep(seconds)
    cpu_after_ns, end_ns, work_after = cpu_ns(pid), time.monotonic_ns(), work()
    spent_s = (cpu_after_ns - cpu_before_ns) / 1e9
    return Sample((end_ns - start_ns) / 1e9, spent_s, work_after - work_before)


def losses_pct(alone: Sequence[float], watched: Sequence[float]) -> list[float]:
    """Percent that each watched window did less than those alone before and after it."""
    return [
        100 * (1 - with_it / ((before + after) / 2))
        for before, with_it, after in zip(alone, watched, alone[1:], strict=False)
    ]


def differences(alone: Sequence[float], watched: Sequence[float]) -> list[float]:
    """How much more each watched window has than those alone before and after it."""
    return [
        with_it - (before + after) / 2
        for before, with_it, after in zip(alone, watched, alone[1:], strict=False)
    ]


def status_kb(pid: int, field: str) -> int:
    """A line such as VmRSS or VmHWM of /proc/PID/status, in KiB; 0 once it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in text.splitlines() if line.startswith(f"{field}:")]
    return int(found[0]) if found else 0
