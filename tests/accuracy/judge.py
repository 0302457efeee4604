"""Compares what whowoke says about a recording with the truth, wake-up by wake-up."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

import pandas as pd

from tests.accuracy.queue import Truth
from tests.accuracy.truth import Source, Wakes

BEFORE_NS = 60_000_000  # a diary line is written at most this long after the wake-up
AFTER_NS = 2_000_000
NOTICED_NS = 60_000_000  # what an actor did is noticed at most this long after it
# What wakes every operator of the tests, whatever its reason.
BACKGROUND = (
    *("workqueue.metrics", "workqueue.log_state", "workqueue.heartbeat", "leader_election.renew"),
    *("http2.ping", "runtime.gc", "runtime.scavenger", "transport.other", "watch.bookmark"),
)
RIGHT, WRONG, UNKNOWN = "right", "wrong", "unknown"
Moment = tuple[int, int]


@dataclass
class Tally:
    """How often whowoke was right, and what it said where it wasn't."""

    right: int = 0
    wrong: int = 0
    unknown: int = 0
    said: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: str, said: str = "", count: int = 1) -> None:
        setattr(self, verdict, getattr(self, verdict) + count)
        if verdict != RIGHT and count:
            self.said[f"{verdict}: {said}"] += count

    def __iadd__(self, other: "Tally") -> "Tally":
        self.right += other.right
        self.wrong += other.wrong
        self.unknown += other.unknown
        self.said += other.said
        return self

    @property
    def judged(self) -> int:
        return self.right + self.wrong + self.unknown


@dataclass(frozen=True)
class Lines:
    """file:line of each mark in an operator's sources."""

    marks: dict[str, tuple[str, ...]]

    def of(self, location_kind: str) -> tuple[str, ...]:
        """The right lines for a kind of location."""
        arms = self.marks.get("arms", ())
        if location_kind == "returned":
            return self.marks.get("asks", ())
        if location_kind == "callback":
            return self.marks.get("calls", arms)
        return self.marks.get("waits", arms) if location_kind == "waiting" else arms


def wakeups(
    frame: pd.DataFrame, expected: Wakes, moments: Iterable[Moment], lines: Lines, window: Moment
) -> Tally:
    """Judge the wake-up at each moment, and every wake-up that claims the cause at another time."""
    own = frame[frame.kind.astype(str) == expected.kind]
    moments = list(moments)
    within = [moment for moment in moments if window[0] <= moment[0] < window[1] - BEFORE_NS]
    tally = at_moments(own, expected, within, lines)
    claimed: set[int] = set()
    for first_ns, last_ns in moments:
        claimed |= set(own[own.ts_ns.between(first_ns, last_ns)].wakeup_id)
    elsewhere = own[
        (own.cause == expected.cause)
        & own.continuation_of.isna()
        & ~own.wakeup_id.isin(claimed)
        & own.ts_ns.between(window[0], window[1] - 4 * BEFORE_NS)
    ]
    if not expected.continues and expected.cause not in BACKGROUND:
        tally.add(WRONG, f"{expected.cause} at a moment without", len(elsewhere))
    return tally


def at_moments(
    frame: pd.DataFrame, expected: Wakes, moments: Iterable[Moment], lines: Lines
) -> Tally:
    """Judge the wake-up at each moment."""
    tally = Tally()
    for first_ns, last_ns in moments:
        near = frame[frame.ts_ns.between(first_ns, last_ns)]
        row = _best(near, expected, lines)
        if row is None:
            tally.add(UNKNOWN, f"nothing ({expected.cause})")
        else:
            tally.add(*_wakeup(row, expected, lines))
    return tally


def counted(frame: pd.DataFrame, expected: Wakes, lines: Lines, window: Moment) -> Tally:
    """Judge wake-ups of which only the period is known: "every 2s", or "about 2s"."""
    tally = Tally()
    own = frame[(frame.ts_ns >= window[0]) & (frame.ts_ns < window[1])]
    own = own[(own.kind.astype(str) == expected.kind) & (own.cause == expected.cause)]
    own = own[own.continuation_of.isna()] if expected.kind == "timer" else own
    word, period = expected.at.split()
    slack = {"every": 0.02, "about": 0.12}[word]
    count = (window[1] - window[0]) / 1e9 / float(period.removesuffix("s"))
    for row in own.head(int(count * (1 + slack)) + 1).itertuples():
        tally.add(*_wakeup(row, expected, lines))
    missing = int(count * (1 - slack)) - 1 - len(own)
    extra = len(own) - int(count * (1 + slack)) - 1
    tally.add(UNKNOWN, f"nothing ({expected.cause})", max(0, missing))
    tally.add(WRONG, f"{expected.cause} too often", max(0, extra))
    return tally


def reconciles(
    frame: pd.DataFrame,
    truths: Iterable[Truth],
    source: Source,
    lines: Lines,
    window: Moment,
    attached_ns: int,
) -> Tally:
    """Judge each reconcile; one that was asked for before the attach may be unknown."""
    tally = Tally()
    # A plain client-go controller's keys are strings: namespace/name.
    names = frame.name.str.rpartition("/")[2] if len(frame) else frame.name
    known = {name: frame[names == name] for name in set(names)}
    own = frame[(frame.start_ns >= window[0]) & (frame.start_ns < window[1])]
    seen: set[int] = set()
    for truth in truths:
        at_ns = truth.start_ns
        if not window[0] <= at_ns < window[1]:
            continue
        rows = known.get(truth.name, frame.head(0))
        rows = rows[(rows.start_ns <= at_ns) & (rows.end_ns.fillna(at_ns) >= at_ns)]
        seen |= set(rows.reconcile_id)
        if not truth.causes:
            continue
        if rows.empty:
            tally.add(UNKNOWN, "no reconcile")
            continue
        row = next(rows.itertuples())
        if truth.since_ns < attached_ns and "unknown" in _text(row.causes):
            continue
        tally.add(*_reconcile(row, truth.causes, source, lines))
    invented = own[~own.reconcile_id.isin(seen)]
    tally.add(WRONG, "a reconcile that wasn't", len(invented))
    return tally


def number(frame: pd.DataFrame, count: int, window: Moment) -> Tally:
    """Compare the number of reconciles with what the operator counted itself."""
    tally = Tally()
    found = int(frame.end_ns.between(window[0], window[1]).sum())
    tally.add(UNKNOWN, "no reconcile", max(0, count - found))
    tally.add(WRONG, "a reconcile that wasn't", max(0, found - count))
    return tally


def _best(near: pd.DataFrame, expected: Wakes, lines: Lines) -> Any:
    """The wake-up that was meant, among those near a moment."""
    if expected.at != "actor":
        near = near[~near.cause.isin(BACKGROUND) | (near.cause == expected.cause)]
    rows: list[Any] = list(near.itertuples())
    if not expected.continues:
        rows = [row for row in rows if pd.isna(row.continuation_of)]
    order = {RIGHT: 0, UNKNOWN: 1, WRONG: 2}
    rows.sort(key=lambda row: (order[_wakeup(row, expected, lines)[0]], -row.ts_ns))
    return rows[0] if rows else None


def _wakeup(row: Any, expected: Wakes, lines: Lines) -> tuple[str, str]:
    said = f"{row.origin} {row.cause} {row.subject} {row.function} {row.location}"
    if row.cause == "unknown":
        return UNKNOWN, said
    told = set(zip(row.origin.split(";"), row.cause.split(";"), strict=True))
    meant = (expected.origin, expected.cause)
    # One wake-up may bring several answers on a connection: all are told.
    if meant not in told or any(cause not in BACKGROUND for _, cause in told - {meant}):
        return WRONG, said
    if expected.continues:
        return (UNKNOWN if pd.isna(row.continuation_of) else RIGHT), f"no continuation: {said}"
    if not fnmatch(_text(row.subject), expected.subject):
        return UNKNOWN if pd.isna(row.subject) else WRONG, f"subject {row.subject}"
    if not fnmatch(_text(row.function), expected.function):
        return UNKNOWN if pd.isna(row.function) else WRONG, f"function {row.function}"
    if expected.marks:
        return _line(row.location, lines.of(_text(row.location_kind)), said)
    return RIGHT, ""


def _reconcile(row: Any, causes: frozenset[str], source: Source, lines: Lines) -> tuple[str, str]:
    told = frozenset(_text(row.causes).split(";"))
    said = f"{'+'.join(sorted(told))} instead of {'+'.join(sorted(causes))}"
    if told != causes:
        return (UNKNOWN if "unknown" in told else WRONG), said
    if source.asks and _text(row.result) not in ("success", "unknown"):
        return _line(row.location, lines.of("returned"), f"{row.result} at {row.location}")
    return RIGHT, ""


def _line(location: Any, right: tuple[str, ...], said: str) -> tuple[str, str]:
    if pd.isna(location):
        return UNKNOWN, f"no line: {said}"
    if any(str(location).endswith(line) for line in right):
        return RIGHT, ""
    return WRONG, f"line: {said}"


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
