"""Wake-ups and reconciles counted by cause: the table ``causes``."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.origins.attribution import Attribution
from whowoke.analysis.rules.causes import CAUSE_FIELDS, UNKNOWN, Cause, Shared, distinct
from whowoke.analysis.tables.nullable import integers
from whowoke.analysis.verdicts.reasons import Evidence, Reasoned
from whowoke.analysis.verdicts.series import gaps_by_cause, schedule
from whowoke.analysis.waking.history import LATEST_NS

# Wake-ups of which each has one cause, not what came with it.
ALONE = ("timer", "signal")
HOUR_NS = 3600 * 10**9
DAY_HOURS = 24


@dataclass
class Named:
    """The causes of every wake-up and reconcile, by row number.

    ``begun`` are the causes of a wake-up that began something; it is empty for a continuation,
    whose causes are in ``wakeups`` only. ``continues`` is the wake-up that it answers. Single
    objects are told in ``wakeups`` only.
    """

    wakeups: list[list[Cause]]
    begun: list[list[Cause]]
    continues: list[int | None]
    reconciles: list[list[Cause]]

    def is_continuation(self, number: int) -> bool:
        """Whether a wake-up only brought the answer to the process's own request."""
        return not self.begun[number]


class _Naming:
    """Adds to each wake-up's causes the controllers whose queues it led to."""

    def __init__(self, attribution: Attribution, kinds: list[str]) -> None:
        self._attribution = attribution
        self._kinds = kinds
        self._shared = Shared()
        self._led_to: dict[int, list[Cause]] = {}
        for add in attribution.operations.queues.adds:
            number = attribution.chains.cause(add.goid, add.ts_ns)
            if number is not None:
                causes = attribution.of_add(add)
                before = self._led_to.get(number, causes)
                self._led_to[number] = (
                    causes if before is causes else self._shared.row([*before, *causes])
                )
        self._controllers: dict[Cause, set[str]] = {}

    def begun(self) -> list[list[Cause]]:
        """Causes of each wake-up that began something.

        A timer that led to one controller's queue belongs to it also when it found nothing to add.
        """
        rows = [self._with_controllers(number) for number in range(len(self._kinds))]
        return [
            self._shared.row(map(self._fold, row)) if kind in ALONE else row
            for row, kind in zip(rows, self._kinds, strict=True)
        ]

    def _with_controllers(self, number: int) -> list[Cause]:
        named: list[Cause] = []
        led_to = self._led_to.get(number, [])
        for cause in self._attribution.seen(number).begun:
            found = [c for c in led_to if c.controller and c._replace(controller="") == cause]
            for item in found:
                self._controllers.setdefault(cause, set()).add(item.controller)
            named += found or [cause]
        return self._shared.row(named)

    def _fold(self, cause: Cause) -> Cause:
        controllers = self._controllers.get(cause, set())
        if len(controllers) != 1:
            return cause
        return cause._replace(controller=next(iter(controllers)))


def name_all(attribution: Attribution, wakeups: pd.DataFrame) -> Named:
    """Causes of every wake-up and reconcile."""
    begun = _Naming(attribution, wakeups["kind"].tolist()).begun()
    named: list[list[Cause]] = []
    shared = Shared()
    continues: list[int | None] = []
    for number, causes in enumerate(begun):
        answered = attribution.seen(number).answered
        # An answered wake-up came earlier: its row is there.
        given = [c for a in answered for c in _given(a, begun, named)]
        named.append(shared.row([*causes, *given]) if given else causes)
        asked = [a for a in answered if a is not None]
        continues.append(asked[0] if asked and not causes else None)
    reconciles = [attribution.of_reconcile(r) for r in attribution.operations.reconciles]
    return Named(named, _general(begun), continues, _general(reconciles))


def _given(asked: int | None, begun: list[list[Cause]], named: list[list[Cause]]) -> list[Cause]:
    """Causes of who asked: what its wake-up began, not what that answered besides."""
    return [UNKNOWN] if asked is None else begun[asked] or named[asked]


def _general(rows: list[list[Cause]]) -> list[list[Cause]]:
    shared, known = Shared(), dict[int, list[Cause]]()
    for row in rows:
        if id(row) not in known:
            known[id(row)] = shared.row(cause.general() for cause in row)
    return [known[id(row)] for row in rows]


def _series(wakeups: pd.DataFrame) -> Iterator[tuple[str, int]]:
    """What a wake-up's gaps are measured in: one timer, goroutine or descriptor."""
    came_back = set(wakeups.loc[wakeups["again"].astype(bool), "timer"].tolist())
    columns = ("kind", "timer", "goid", "function", "fd")
    for kind, timer, goid, function, fd in wakeups[list(columns)].itertuples(index=False):
        if kind == "descriptor":
            yield "descriptor", fd
        elif timer in came_back and kind == "timer":
            yield "timer", timer
        else:
            yield ("goroutine", goid) if goid else ("function", function or timer)


def cause_table(
    attribution: Attribution,
    named: Named,
    wakeups: pd.DataFrame,
    cpu_ns: list[int | None],
    duration_ns: int,
    evidence: Mapping[Cause, Evidence],
    reasoned: Mapping[Cause, Reasoned],
) -> pd.DataFrame:
    """The table ``causes``: one row for each cause at one place, wake-ups apart from reconciles.

    Returns ``origin``, ``cause``, ``subject``, ``controller``, ``function``, ``location``,
    ``location_kind``; ``wakeups`` (that began something, without continuations); ``per_hour``;
    ``median_gap_ns`` and ``jitter_ns`` (median distance from it), of one object's reconciles where
    the cause leads to some; ``schedule``; ``cpu_ns`` (of the wake-ups that were alone in their
    episode); ``reconciles``; ``redundant_reconciles``; ``reasons``; what it costs a day
    (``wakeups_per_day`` with continuations; ``cpu_ns_per_day`` if all wake-ups cost as much as
    those that were alone; ``api_requests_per_day``); ``avoidable``; ``advice``.
    """
    wakeup_counts = Counter(cause for row in named.begun for cause in row)
    reconcile_counts = Counter(cause for row in named.reconciles for cause in row)
    numbers = {c: n for n, c in enumerate(dict.fromkeys([*wakeup_counts, *reconcile_counts]))}
    points = series_points(attribution, named, wakeups, numbers, reconcile_counts)
    gaps = {row[0]: row[1:] for row in gaps_by_cause(points).itertuples(name=None)}
    facts = _facts(named, wakeups, cpu_ns)
    answers = answer_counts(named)
    rows = []
    for cause, number in numbers.items():
        fact = facts.get(cause, _Fact())
        row = dict(cause._asdict()) | {
            "wakeups": wakeup_counts[cause],
            "per_hour": wakeup_counts[cause] * HOUR_NS / duration_ns if duration_ns else None,
            "cpu_ns": fact.cpu_ns,
            "reconciles": reconcile_counts[cause],
            "schedule": "",
        }
        if number in gaps:
            count, median, jitter, growing = gaps[number]
            timed = bool(fact.fired) or cause.origin == "requeue"
            row |= {"median_gap_ns": median, "jitter_ns": jitter}
            row["schedule"] = schedule(count, median, jitter, growing, fact.comes_back, timed)
        row |= _costs(fact, answers[cause], row, evidence[cause], duration_ns)
        row |= _judgement(reasoned[cause], evidence[cause])
        rows.append(row)
    columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in CAUSE_COLUMNS}
    for name in WHOLE:
        columns[name] = integers(columns[name])
    frame = pd.DataFrame(columns)
    order = ["reconciles", "wakeups"]
    return frame.sort_values(order, ascending=False, kind="stable", ignore_index=True)


WHOLE = ("wakeups", "reconciles", "redundant_reconciles", "median_gap_ns", "jitter_ns", "cpu_ns")
CAUSE_COLUMNS = [
    *CAUSE_FIELDS,
    "wakeups",
    "per_hour",
    "median_gap_ns",
    "jitter_ns",
    "schedule",
    "cpu_ns",
    "reconciles",
    "redundant_reconciles",
    "reasons",
    "wakeups_per_day",
    "cpu_ns_per_day",
    "api_requests_per_day",
    "avoidable",
    "advice",
]


def all_causes(named: Named) -> list[Cause]:
    """Each cause that began a wake-up or led to a reconcile, in the order of appearance."""
    return distinct(
        cause for rows in (named.begun, named.reconciles) for row in rows for cause in row
    )


def answer_counts(named: Named) -> Counter[Cause]:
    """How many wake-ups by each cause only brought the answer to its own request."""
    return Counter(
        cause
        for number, causes in enumerate(named.wakeups)
        if named.is_continuation(number)
        for cause in {c.general() for c in causes}
    )


def _costs(
    fact: "_Fact", answers: int, row: Mapping[str, Any], known: Evidence, duration_ns: int
) -> dict[str, float | None]:
    if duration_ns <= 0:
        return {}
    days = duration_ns / (DAY_HOURS * HOUR_NS)
    cpu = fact.cpu_ns / fact.alone * row["wakeups"] / days if fact.cpu_ns is not None else None
    requests = None if known.api_requests is None else known.api_requests / days
    return {
        "wakeups_per_day": (row["wakeups"] + answers) / days,
        "cpu_ns_per_day": cpu,
        "api_requests_per_day": requests,
    }


def _judgement(reasoned: Reasoned, known: Evidence) -> dict[str, Any]:
    is_known = known.redundant["yes"] or known.redundant["no"]
    return {
        "redundant_reconciles": known.redundant["yes"] if is_known else None,
        "reasons": ";".join(reasoned.reasons),
        "avoidable": reasoned.avoidable,
        "advice": reasoned.advice,
    }


@dataclass
class _Fact:
    fired: int = 0
    again: int = 0
    cpu_ns: int | None = None
    alone: int = 0

    @property
    def comes_back(self) -> bool:
        """Whether timers fire without being armed: a queue's one-shot ticker may tick once more."""
        return 0 < self.fired <= 2 * self.again


def _facts(named: Named, wakeups: pd.DataFrame, cpu_ns: list[int | None]) -> dict[Cause, _Fact]:
    facts: dict[Cause, _Fact] = {}
    kinds, again = wakeups["kind"].tolist(), wakeups["again"].tolist()
    for row, kind, back, cpu in zip(named.begun, kinds, again, cpu_ns, strict=True):
        for cause in row:
            fact = facts.setdefault(cause, _Fact())
            fact.fired += kind == "timer"
            fact.again += bool(back)
            if cpu is not None:
                fact.cpu_ns = (fact.cpu_ns or 0) + cpu
                fact.alone += 1
    return facts


def series_points(
    attribution: Attribution,
    named: Named,
    wakeups: pd.DataFrame,
    numbers: Mapping[Cause, int],
    reconcile_counts: Mapping[Cause, int],
) -> pd.DataFrame:
    """What gaps are measured between: reconciles of one object, or wake-ups of one series.

    Returns ``cause`` (its number), ``series``, ``ts_ns`` and ``row``: the number of the reconcile,
    where the cause leads to some, else of the wake-up, from 1.
    """
    columns = {name: array("q") for name in ("cause", "series", "ts_ns", "row")}
    ids: dict[object, int] = {}

    def add(row: int, causes: Iterable[Cause], series: object, ts_ns: int) -> None:
        for cause in causes:
            columns["cause"].append(numbers[cause])
            columns["series"].append(ids.setdefault(series, len(ids)))
            columns["ts_ns"].append(min(ts_ns, LATEST_NS))
            columns["row"].append(row)

    reconciles = attribution.operations.reconciles
    pairs = zip(reconciles, named.reconciles, strict=True)
    for row, (reconcile, causes) in enumerate(pairs, 1):
        add(row, causes, reconcile.key, reconcile.start_ns)
    times = wakeups["ts_ns"].tolist()
    found = zip(_series(wakeups), times, named.begun, strict=True)
    for row, (name, ts, causes) in enumerate(found, 1):
        add(row, (c for c in causes if not reconcile_counts[c]), name, ts)
    return pd.DataFrame({name: np.array(column) for name, column in columns.items()})
