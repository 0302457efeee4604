"""What the live view shows, made of an analysis: plain rows, nothing of a terminal.

Counts, causes and losses are those of ``whowoke explain`` for the same time, from the same code.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from whowoke.analysis.model import Analysis
from whowoke.analysis.rules.causes import CAUSE_FIELDS, Cause
from whowoke.analysis.telling.verdict import Facts
from whowoke.analysis.window import EVERYTHING, Limits, Moment

MINUTE_NS = 60 * 10**9
DAY_MINUTES = 24 * 60
# Of one cause so many wake-ups can be looked at, the last ones.
MANY_RECENT = 200
COST = ("ts_ns", "probes_ns", "recorder_cpu_ns")


@dataclass(frozen=True, slots=True)
class CauseRow:
    """One cause at one place, as a row of the table ``causes``.

    ``cpu_ns`` is for a minute. ``recent_ns`` are its last wake-ups, ``last_ns`` its last wake-up or
    reconcile; all CLOCK_MONOTONIC.
    """

    origin: str
    cause: str
    subject: str
    controller: str
    function: str
    location: str
    location_kind: str
    explanation: str
    wakeups: int
    answers: int
    reconciles: int
    per_minute: float
    gap_ns: int | None
    cpu_ns: float | None
    last_ns: int | None
    recent_ns: tuple[int, ...]

    @property
    def place(self) -> tuple[str, ...]:
        """What tells it from other causes, also in the next view."""
        named = (self.origin, self.cause, self.subject, self.controller)
        return (*named, self.function, self.location, self.location_kind)


@dataclass(frozen=True, slots=True)
class ControllerRow:
    """The reconciles of one controller: how many, what they returned, whether they were needed."""

    controller: str
    reconciles: int
    per_minute: float
    results: dict[str, int]
    redundant: dict[str, int]
    last_ns: int


@dataclass(frozen=True, slots=True)
class Mark:
    """One wake-up on the strip: its origins, and the rows of its causes."""

    ts_ns: int
    origins: tuple[str, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What recording costs, as shares of one CPU; None is not known."""

    probes: float | None = None
    recorder: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """All that is shown of one moment. ``opened_ns`` is when the capture was read.

    ``facts`` are those of ``explain --json`` that are single values; ``complete`` says that the
    recording has ended. ``took_ns`` is what the analysis took.
    """

    opened_ns: int
    end_ns: int
    complete: bool
    facts: dict[str, Any]
    causes: list[CauseRow] = field(default_factory=list)
    controllers: list[ControllerRow] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    cost: Cost = Cost()
    took_ns: int = 0


def last_part(analysis: Analysis, window_ns: int) -> Limits:
    """The limits that leave the last ``window_ns`` of a recording."""
    start_ns, end_ns = analysis.recorded
    recorded_ns = end_ns - start_ns
    if recorded_ns <= window_ns:
        return EVERYTHING
    return Limits(start=Moment(recorded_ns - window_ns, is_realtime=False))


def view_of(analysis: Analysis, opened_ns: int) -> View:
    """What is shown of a capture that was read at ``opened_ns``."""
    data = Facts(analysis, None).data()
    numbers = {Cause(*(row[n] for n in CAUSE_FIELDS)): i for i, row in enumerate(data["causes"])}
    marks = list(_marks(analysis, numbers))
    times, last = _times(analysis, numbers)
    rows = [
        _cause(row, times.get(number, []), last.get(number), analysis.duration_ns)
        for number, row in enumerate(data["causes"])
    ]
    return View(
        opened_ns=opened_ns,
        end_ns=analysis.window.end_ns,
        complete=analysis.capture.complete,
        facts={name: value for name, value in data.items() if not isinstance(value, list)},
        causes=rows,
        controllers=list(_controllers(analysis)),
        marks=marks,
        cost=_cost(analysis.capture.metadata),
    )


def _cause(
    row: dict[str, Any], times_ns: list[int], last_ns: int | None, duration_ns: int
) -> CauseRow:
    cpu = row["cpu_ns_per_day"]
    names = (*CAUSE_FIELDS, "explanation", "wakeups", "reconciles")
    return CauseRow(
        **{name: row[name] for name in names},
        answers=row["continuations"],
        per_minute=row["wakeups"] * MINUTE_NS / duration_ns if duration_ns else 0.0,
        gap_ns=row["median_gap_ns"],
        cpu_ns=None if cpu is None else cpu / DAY_MINUTES,
        last_ns=last_ns,
        recent_ns=tuple(times_ns[-MANY_RECENT:]),
    )


def _marks(analysis: Analysis, numbers: dict[Cause, int]) -> Iterable[Mark]:
    """Each wake-up that is counted; an answer has the causes of who asked."""
    times = analysis.base["ts_ns"].tolist()
    for ts_ns, causes in compress(
        zip(times, analysis.named.wakeups, strict=True), analysis.wakeups_inside.tolist()
    ):
        general = dict.fromkeys(cause.general() for cause in causes)
        rows = tuple(numbers[cause] for cause in general if cause in numbers)
        yield Mark(ts_ns, tuple(dict.fromkeys(cause.origin for cause in general)), rows)


def _times(
    analysis: Analysis, numbers: dict[Cause, int]
) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Of each row the wake-ups that it began, and when it last woke or reconciled."""
    times: dict[int, list[int]] = {}
    last: dict[int, int] = {}
    for ts_ns, causes in zip(analysis.base["ts_ns"].tolist(), analysis.counted.begun, strict=True):
        for number in (numbers[cause] for cause in causes if cause in numbers):
            times.setdefault(number, []).append(ts_ns)
            last[number] = ts_ns
    pairs = zip(analysis.operations.reconciles, analysis.counted.reconciles, strict=True)
    for reconcile, causes in pairs:
        for number in (numbers[cause] for cause in causes if cause in numbers):
            last[number] = max(last.get(number, 0), reconcile.start_ns)
    return times, last


def _controllers(analysis: Analysis) -> Iterable[ControllerRow]:
    found: dict[str, list[int]] = {}
    reconciles = analysis.operations.reconciles
    for number, inside in enumerate(analysis.reconciles_inside.tolist()):
        if inside:
            found.setdefault(reconciles[number].controller or "", []).append(number)
    minutes = analysis.duration_ns / MINUTE_NS
    for controller, runs in sorted(found.items(), key=lambda item: -len(item[1])):
        yield ControllerRow(
            controller=controller,
            reconciles=len(runs),
            per_minute=len(runs) / minutes if minutes else 0.0,
            results=dict(Counter(reconciles[n].result for n in runs).most_common()),
            redundant=dict(Counter(analysis.redundancy[n][0] for n in runs)),
            last_ns=max(reconciles[n].start_ns for n in runs),
        )


def _cost(metadata: dict[str, Any]) -> Cost:
    """From what the recorder says of itself every few seconds, its start left out."""
    since, said = metadata.get("cost_since"), metadata.get("cost")
    if not isinstance(since, dict) or not isinstance(said, dict):
        return Cost()
    try:
        spent = [int(said[name]) - int(since[name]) for name in COST]
    except (KeyError, TypeError, ValueError):
        return Cost()
    elapsed_ns, probes_ns, recorder_ns = spent
    return Cost(probes_ns / elapsed_ns, recorder_ns / elapsed_ns) if elapsed_ns > 0 else Cost()
