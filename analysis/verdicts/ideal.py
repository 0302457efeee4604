"""How long the process could have slept, if only some of its wake-ups had come: table ``ideals``.

An episode stays if one of its wake-ups is left, if one of them is unknown, or if no wake-up at all
explains it. Times without work are the recorded ones: pauses under 20 ms count as work.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from operator import itemgetter

import numpy as np
import pandas as pd

from whowoke.analysis.origins.attribution import Attribution
from whowoke.analysis.queueing.queues import Add, Get, Ready, Reconcile
from whowoke.analysis.rules.causes import Cause
from whowoke.analysis.rules.frames import Rows
from whowoke.analysis.verdicts.tallies import Named

SCENARIOS = ("recorded", "without_plumbing", "without_redundant", "writing_events")
EVENT = "watch.event"
FOREVER = 1 << 62
AWAKE, ASLEEP = "█", "·"


@dataclass
class Ideal:
    """One scenario: ``awake`` are start and end of the times with work, None where not known."""

    scenario: str
    wakeups: int | None
    awake: Rows | None
    start_ns: int
    end_ns: int

    @property
    def asleep_ns(self) -> int | None:
        """Time without any work."""
        gaps = self._gaps()
        return None if gaps is None else int(gaps.sum())

    @property
    def longest_sleep_ns(self) -> int | None:
        """Longest time without any work."""
        gaps = self._gaps()
        return None if gaps is None else int(gaps.max(initial=0))

    def longest_sleep(self) -> tuple[int, int] | None:
        """Start and end of the longest time without any work."""
        gaps = self._gaps()
        if gaps is None or self.awake is None:
            return None
        start, end = self._edges(self.awake)[int(gaps.argmax())].tolist()
        return start, max(start, end)

    def _gaps(self) -> Rows | None:
        if self.awake is None:
            return None
        edges = self._edges(self.awake)
        gaps: Rows = np.maximum(edges[:, 1] - edges[:, 0], 0)
        return gaps

    def _edges(self, awake: Rows) -> Rows:
        edges: Rows = np.r_[self.start_ns, awake.ravel(), self.end_ns].reshape(-1, 2)
        return edges

    def bar(self, columns: int) -> str:
        """The recorded time from left to right: awake where there was any work."""
        length = self.end_ns - self.start_ns
        if self.awake is None or length <= 0:
            return ""
        first, last = ((self.awake - self.start_ns) * columns // length).clip(0, columns - 1).T
        marks = np.zeros(columns + 1, np.int64)
        np.add.at(marks, first, 1)
        np.add.at(marks, last + 1, -1)
        return "".join(AWAKE if count else ASLEEP for count in np.cumsum(marks)[:-1])


def led_to(attribution: Attribution) -> dict[int, tuple[int, ...]]:
    """The reconciles, by their place in the list, that each wake-up led to."""
    operations, chains = attribution.operations, attribution.chains
    numbers = {id(reconcile): n for n, reconcile in enumerate(operations.reconciles)}
    # Wake-up and reconcile as one number: a day has hundreds of thousands of such pairs.
    count, found = max(1, len(numbers)), array("q")

    def note(wakeup: int | None, reconcile: Reconcile | None) -> None:
        if wakeup is not None and reconcile is not None:
            found.append(wakeup * count + numbers[id(reconcile)])

    def consumer(get: Get | None) -> Reconcile | None:
        return get.reconcile if get else None

    queues = operations.queues
    adds: list[Add] = [a for a in queues.adds if not a.after_ns and not a.rate_limited]
    for add in adds:
        note(chains.cause(add.goid, add.ts_ns), consumer(add.get))
    readies: list[Ready] = [*queues.readies, *queues.dues]
    for ready in readies:
        wakeup = chains.cause(ready.goid, ready.ts_ns)
        for add in ready.adds:
            note(wakeup, consumer(add.get))
    for reconcile in operations.reconciles:
        # A worker that goes on with the next item wasn't woken for it: its adds tell, if known.
        if not reconcile.triggers():
            note(chains.cause(reconcile.goid, reconcile.start_ns), reconcile)
    pairs = map(divmod, np.unique(np.array(found)).data, repeat(count))
    return {
        wakeup: tuple([row for _, row in rows]) for wakeup, rows in groupby(pairs, itemgetter(0))
    }


def set_by(attribution: Attribution) -> dict[int, int]:
    """The reconcile, by its place in the list, that itself set each timer: a timeout, a sleep."""
    spans: dict[int, list[tuple[int, int, int]]] = {}
    for number, reconcile in enumerate(attribution.operations.reconciles):
        end_ns = FOREVER if reconcile.end_ns is None else reconcile.end_ns
        spans.setdefault(reconcile.goid, []).append((reconcile.start_ns, end_ns, number))
    columns = attribution.sightings.rows.columns
    seen = np.array([goid for goid in spans if goid >= 0], np.uint64)
    # A sleep's timer is set for the goroutine that it wakes.
    owner = np.where(columns["armed_goid"] != 0, columns["armed_goid"], columns["goid"])
    timers = (columns["kind"] == "timer") & np.isin(owner, seen)
    found = {}
    for wakeup in np.flatnonzero(timers).tolist():
        runs, armed_ns = spans[owner.item(wakeup)], columns["armed_ns"].item(wakeup)
        last = bisect_right(runs, (armed_ns, FOREVER)) - 1
        if last >= 0 and armed_ns <= runs[last][1]:
            found[wakeup] = runs[last][2]
    return found


@dataclass
class Wakeups:
    """What decides which wake-ups are left.

    ``led_to`` and ``set_by`` are reconciles by their place in the list, so are ``redundant`` and
    ``wrote``: those that changed nothing, and those with a write that changed something or may
    have. ``sees_writes`` says that no write can have been missed.
    """

    named: Named
    answered: Callable[[int], Sequence[int | None]]
    is_plumbing: Callable[[Cause], bool]
    led_to: dict[int, tuple[int, ...]]
    set_by: dict[int, int]
    redundant: Collection[int]
    wrote: Collection[int]
    sees_writes: bool = True

    def left(self, scenario: str) -> Rows:
        """Which wake-ups are left: an answer is, if the request was made by one that is."""
        count = len(self.named.wakeups)
        stays = np.ones(count, bool)
        if scenario == SCENARIOS[0]:
            return stays
        keeps = self._only_events if scenario == "writing_events" else self._needed
        begun_by = self._begun_by()
        for number in range(count):
            answered = self.answered(number)
            asked = [a for a in (*answered, *begun_by.get(number, ())) if a is not None]
            stays[number] = any(stays[a] for a in asked if a < number) or (
                bool(self.named.begun[number] or not answered)
                and number not in begun_by
                and keeps(number, scenario == "without_redundant")
            )
        return stays

    def _begun_by(self) -> dict[int, list[int]]:
        """The wake-ups that led to the reconcile which set a timer."""
        leading: dict[int, list[int]] = {}
        for wakeup, reconciles in self.led_to.items():
            for reconcile in reconciles:
                leading.setdefault(reconcile, []).append(wakeup)
        return {
            wakeup: leading[reconcile]
            for wakeup, reconcile in self.set_by.items()
            if reconcile in leading and wakeup not in self.led_to
        }

    def _causes(self, number: int) -> list[Cause]:
        return self.named.begun[number] or self.named.wakeups[number]

    def _needed(self, number: int, sorts_redundant: bool) -> bool:
        causes, reconciles = self._causes(number), self.led_to.get(number, ())
        if not causes or any(cause.is_unknown for cause in causes):
            return True
        if not reconciles:
            return not all(map(self.is_plumbing, causes))
        return not (sorts_redundant and all(r in self.redundant for r in reconciles))

    def _only_events(self, number: int, _: bool) -> bool:
        causes = self._causes(number)
        if not causes or any(cause.is_unknown for cause in causes):
            return True
        wrote = any(reconcile in self.wrote for reconcile in self.led_to.get(number, ()))
        return wrote and any(cause.cause == EVENT for cause in causes)


def ideals(
    wakeups: Wakeups,
    episode_of: Rows,
    spans: pd.DataFrame,
    window: tuple[int, int],
    counted: Rows,
) -> list[Ideal]:
    """Each scenario, between two times.

    ``episode_of`` is the row of each wake-up's episode in ``spans`` (``start_ns``, ``end_ns``), -1
    for none; ``counted`` says which wake-ups are counted. Without episodes the times are not known;
    where writes may have been missed it isn't known which events led to some.
    """
    start_ns, end_ns = window
    times = spans[["start_ns", "end_ns"]].to_numpy(np.int64)
    inside = (times[:, 1] >= start_ns) & (times[:, 0] < end_ns)
    explained = np.zeros(len(times), bool)
    explained[episode_of[episode_of >= 0]] = True
    found = []
    for scenario in SCENARIOS:
        if scenario == "writing_events" and not wakeups.sees_writes:
            found.append(Ideal(scenario, None, None, start_ns, end_ns))
            continue
        left = wakeups.left(scenario)
        stays = ~explained
        stays[episode_of[left & (episode_of >= 0)]] = True
        awake = times[stays & inside].clip(start_ns, end_ns) if len(times) else None
        found.append(Ideal(scenario, int((left & counted).sum()), awake, start_ns, end_ns))
    return found


def ideal_table(found: Sequence[Ideal]) -> pd.DataFrame:
    """The table ``ideals``; columns as in ``columns.IDEALS``."""
    rows = []
    for ideal in found:
        length, asleep = ideal.end_ns - ideal.start_ns, ideal.asleep_ns
        rows.append(
            {
                "scenario": ideal.scenario,
                "wakeups": ideal.wakeups,
                "asleep_ns": asleep,
                "asleep_share": None if asleep is None or length <= 0 else asleep / length,
                "longest_sleep_ns": ideal.longest_sleep_ns,
            }
        )
    return pd.DataFrame(rows)
