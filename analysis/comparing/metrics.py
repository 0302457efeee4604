"""What two captures are compared by, each once, with unit and meaning."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from whowoke.analysis.durations import format_duration
from whowoke.analysis.model import Analysis

Facts = Mapping[str, Any]
HOUR_NS = 3600 * 10**9


@dataclass(frozen=True)
class Metric:
    """One number of a capture; ``of`` takes the analysis and the verdict, None is not known.

    The unit is ``1/h``, ``ns/h``, ``ns`` or ``%``.
    """

    name: str
    title: str
    unit: str
    meaning: str
    of: Callable[[Analysis, Facts], float | None]

    @property
    def is_time(self) -> bool:
        """Whether its values are written as durations."""
        return self.unit.startswith("ns")

    def told(self, value: float | None, signed: bool = False) -> str:
        """A value in words."""
        if value is None:
            return "not known"
        sign = "+" if signed and value > 0 else ""
        if self.is_time:
            return sign + (format_duration(value) if value else "0")
        if self.unit == "%" and not signed and value < 100:
            value = min(value, 99.99)  # never a round 100 % that isn't one
        digits = 2 if self.unit == "%" else 0 if abs(value) >= 100 else 1
        return f"{sign}{value:,.{digits}f}{' %' if self.unit == '%' else ''}"


def _hourly(count: float | None, analysis: Analysis) -> float | None:
    length = analysis.duration_ns
    return None if count is None or not length else count * HOUR_NS / length


def _counted(name: str) -> Callable[[Analysis, Facts], float | None]:
    return lambda analysis, facts: _hourly(facts[name], analysis)


def _thread_wakeups(analysis: Analysis, facts: Facts) -> float | None:
    return _hourly(facts["thread_wakeups"], analysis) if analysis.sees_threads else None


def _process_wakeups(analysis: Analysis, _: Facts) -> float | None:
    spans = analysis.spans
    if not analysis.sees_threads:
        return None
    inside = analysis.window.holds(spans["start_ns"])
    return _hourly(int(spans["idle_before_ns"].notna()[inside].sum()), analysis)


def _redundant(analysis: Analysis, facts: Facts) -> float | None:
    redundancy = facts["redundancy"]
    is_known = redundancy["yes"] or redundancy["no"] or not redundancy["reconciles"]
    return _hourly(redundancy["yes"], analysis) if is_known else None


def _api_requests(analysis: Analysis, facts: Facts) -> float | None:
    if any("API server" in what for what in facts["unanswered"]):
        return None
    return _hourly(sum(row.kind == "api" for row in analysis.checks.requests), analysis)


def _cpu(analysis: Analysis, _: Facts) -> float | None:
    if not analysis.sees_threads:
        return None
    window, threads = analysis.window, analysis.threads
    first, last = threads.cpu_until(np.array([window.start_ns, window.end_ns]))
    return _hourly(int(last - first), analysis)


def _ideal(scenario: str, column: str) -> Callable[[Analysis, Facts], float | None]:
    def of(_: Analysis, facts: Facts) -> float | None:
        found = {row["scenario"]: row[column] for row in facts["ideals"]}
        value: float | None = found.get(scenario)
        return value if value is None or column.endswith("_ns") else value * 100

    return of


METRICS = (
    Metric("wakeups", "wake-ups an hour", "1/h", "wake-ups", _counted("wakeups")),
    Metric("process_wakeups", "ended an idle time", "1/h",
           "idle times of the process that ended", _process_wakeups),
    Metric("thread_wakeups", "thread wake-ups", "1/h",
           "threads made runnable", _thread_wakeups),
    Metric("reconciles", "reconciles", "1/h", "reconciles", _counted("reconciles")),
    Metric("redundant", "redundant ones", "1/h",
           "reconciles that changed nothing that they could know", _redundant),
    Metric("api_requests", "API requests", "1/h", "requests to the API server", _api_requests),
    Metric("cpu", "CPU time an hour", "ns/h", "CPU time of all threads", _cpu),
    Metric("unknown", "unknown wake-ups", "1/h",
           "wake-ups with an unknown cause", _counted("unknown")),
    Metric("asleep", "asleep", "%", "time without any work, of the recorded time",
           _ideal("recorded", "asleep_share")),
    Metric("longest_sleep", "longest sleep", "ns", "longest time without any work",
           _ideal("recorded", "longest_sleep_ns")),
    Metric("ideal_asleep", "asleep, ideally", "%",
           "the same, if only events had woken it that led to a write",
           _ideal("writing_events", "asleep_share")),
    Metric("ideal_sleep", "longest, ideally", "ns",
           "the longest, if only events had woken it that led to a write",
           _ideal("writing_events", "longest_sleep_ns")),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in METRICS}
