"""Puts rules, chains and queues together: the causes of each wake-up, add and reconcile."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from whowoke.analysis.causes import BEFORE, UNKNOWN, Cause, Rule, Rules
from whowoke.analysis.chains import Chains
from whowoke.analysis.frames import (
    NOWHERE,
    CaptureLike,
    Code,
    Place,
    matches_any,
    place,
    plain_name,
)
from whowoke.analysis.lookup import MISSING
from whowoke.analysis.queues import Add, Ready, Reconcile
from whowoke.analysis.reconciles import Operations
from whowoke.analysis.sightings import Sightings

# From the moment an item is due to the expiry of the timer that was set for it: scheduling only.
TIMER_SLACK_NS = 20_000_000
# From a resync's timer to the last handler call that it leads to.
RESYNC_NS = 1_000_000_000


@dataclass
class Seen:
    """One wake-up as the rules see it: ``begun`` are its causes, ``answered`` whose requests."""

    rule: Rule | None
    place: Place
    begun: list[Cause] = field(default_factory=list)
    answered: list[int | None] = field(default_factory=list)
    evidence: str = "none"

    @property
    def has_own_place(self) -> bool:
        """Whether the line is its own, not that of the item or request that it is about."""
        return bool(self.begun) and not (self.rule and self.rule.decided_by == "queue")


def distinct(causes: Iterable[Cause]) -> list[Cause]:
    """Each cause once, in the order of first appearance."""
    return list(dict.fromkeys(causes))


def _declared(capture: CaptureLike) -> Place:
    """Where the operator's only Reconcile is declared, as far as the probe sites tell."""
    sites = capture.metadata.get("sites")
    functions = {
        (str(site.get("function", "")), str(site.get("file") or ""), str(site.get("line") or ""))
        for site in (sites if isinstance(sites, list) else [])
        if isinstance(site, dict) and site.get("probe") == "reconcile_return"
    }
    if len(functions) != 1:
        return NOWHERE
    function, file, line = functions.pop()
    return Place(plain_name(function), f"{file}:{line}" if file else "", "declared")


class Attribution:
    """Causes on demand. Each depends on earlier ones only, so that asking ends."""

    def __init__(
        self,
        capture: CaptureLike,
        code: Code,
        rules: Rules,
        wakeups: pd.DataFrame,
        chains: Chains,
        operations: Operations,
    ) -> None:
        self.code, self.rules, self.chains, self.operations = code, rules, chains, operations
        self.declared = _declared(capture)
        self.sightings = Sightings(wakeups, code, rules, operations.resync_types)
        self._seen: dict[int, Seen] = {}
        self._adds: dict[int, list[Cause]] = {}
        self._resync_by_goid: dict[int, Cause] = {}

    # ------------------------------------------------------------ wake-ups

    def seen(self, number: int) -> Seen:
        """What one wake-up is, without the controllers that it led to."""
        if number not in self._seen:
            seen = Seen(*self.sightings.classify(number))
            seen.answered = self.chains.answers.get(number, [])
            # Records that make no sense may ask for this one again: they find it undecided.
            self._seen[number] = seen
            self._decide(number, seen)
        return self._seen[number]

    def _decide(self, number: int, seen: Seen) -> None:
        rule = seen.rule
        if rule is not None and rule.decided_by == "queue":
            seen.begun = self._due_items(number)
            seen.evidence = "none" if all(c.is_unknown for c in seen.begun) else "probe"
            return
        if rule is not None and rule.decided_by == "readied" and self._is_stream(number):
            watch = self.rules.event("informer_change")
            seen.begun = [Cause(watch.origin, watch.cause, "", "", *self._stream_place)]
            seen.evidence = "stack"
        elif seen.answered:
            seen.evidence = "stack" if any(a is not None for a in seen.answered) else "none"
        elif rule is not None and not (rule.decided_by == "readied" and self._is_blind(number)):
            subject = self.sightings.subject(number)
            where = self.sightings.usual_place(number)
            seen.begun = [Cause(rule.origin, rule.cause, subject, "", *where)]
            called = seen.place.kind == "callback" or rule.kind == "gc"
            seen.evidence = "probe" if called else "stack"
        else:
            seen.begun = [Cause("unknown", "unknown", "", "", *seen.place)]

    def _is_blind(self, number: int) -> bool:
        activation = self.chains.direct.get(number)
        return activation is not None and self.chains.is_blind(activation)

    def _readied(self, number: int) -> list[tuple[int, int]]:
        activation = self.chains.direct.get(number)
        return activation.readied if activation else []

    def _is_stream(self, number: int) -> bool:
        stacks = (self.code.stack(*key) for key in self._readied(number))
        return any(self.rules.waits_for(stack) == "stream" for stack in stacks)

    @cached_property
    def _stream_place(self) -> Place:
        stacks = {key for number in self.chains.direct for key in self._readied(number)}
        frames = [frame for key in sorted(stacks) for frame in self.code.stack(*key)]
        for pattern in self.rules.waits["stream"]:
            for frame in frames:
                if matches_any((pattern,), frame.function):
                    return place(frame, "waiting")
        return NOWHERE

    # ------------------------------------------------------------ delayed items

    def _due_items(self, number: int) -> list[Cause]:
        activation = self.chains.direct.get(number)
        readies: list[Ready] = []
        if activation is not None:
            span = (activation.goid, activation.start_ns, activation.end_ns)
            readies = self.operations.readied_by(*span)
        if not readies:
            return self._absorbed(number)
        causes: list[Cause] = []
        for ready in readies:
            for add in ready.delayed:
                causes += self.of_add(add)
            if not ready.delayed:
                controller = self.operations.controllers.get(ready.key[0], "")
                unknown = BEFORE if ready.before else UNKNOWN
                causes.append(unknown._replace(controller=controller))
        return distinct(causes)

    @cached_property
    def _delays(self) -> dict[int | None, tuple[list[int], list[Add]]]:
        """Delayed adds by the time they are due: of each queue, and for None of all."""
        delayed = [a for a in self.operations.queues.adds if a.after_ns and a.due_ns is not None]
        delayed.sort(key=lambda add: add.due_ns or 0)
        tables: dict[int | None, tuple[list[int], list[Add]]] = {None: ([], [])}
        for add in delayed:
            for queue in (add.key[0], None):
                times, adds = tables.setdefault(queue, ([], []))
                times.append(add.due_ns or 0)
                adds.append(add)
        return tables

    def _absorbed(self, number: int) -> list[Cause]:
        """A delay ran out for an item that was not waiting any more."""
        row = self.sightings.rows[number]
        queue = self.operations.queue_of(row["goid"])
        if queue is None and len(self._delays) > 2:
            return [UNKNOWN]
        times, adds = self._delays.get(queue, ([], []))
        index = bisect_right(times, row["due_ns"]) - 1
        if index >= 0 and row["due_ns"] - times[index] <= TIMER_SLACK_NS:
            return self.of_add(adds[index])
        controller = self.operations.controllers.get(queue or 0, "")
        unknown = BEFORE if row["armed_ns"] == MISSING else UNKNOWN
        return [unknown._replace(controller=controller)]

    # ------------------------------------------------------------ adds and reconciles

    def of_add(self, add: Add) -> list[Cause]:
        """Why an item was added."""
        key = id(add)
        if key not in self._adds:
            self._adds[key] = [UNKNOWN]
            self._adds[key] = self._of_add(add)
        return self._adds[key]

    def _of_add(self, add: Add) -> list[Cause]:
        controller = self.operations.controllers.get(add.key[0], "")
        if add.event == "informer_resync":
            return [self._resync(add)._replace(controller=controller)]
        if add.event == "result_unknown":
            return [UNKNOWN._replace(controller=controller)]
        if add.event:
            rule = self.rules.event(add.event)
            return [Cause(rule.origin, rule.cause, "", controller, *self._place_of_add(add))]
        if add.reconcile is not None:
            causes = self.of_reconcile(add.reconcile)
        else:
            number = self.chains.cause(add.goid, add.ts_ns)
            causes = [UNKNOWN] if number is None else self._handed_on(number)
        return distinct(cause._replace(controller=controller) for cause in causes)

    def _handed_on(self, number: int) -> list[Cause]:
        """Causes that a wake-up gives to those it makes ready: not the requests it answers."""
        seen = self.seen(number)
        if seen.begun:
            return seen.begun
        rule = seen.rule
        return [Cause(rule.origin, rule.cause, "", "", *seen.place)] if rule else [UNKNOWN]

    def _place_of_add(self, add: Add) -> Place:
        if add.event.startswith("result_"):
            frame = self.code.symbol(add.return_pc) if add.return_pc else None
            return place(frame, "returned") if frame else self.declared
        if add.event == "informer_change":
            return self._stream_place
        own = self.code.owned_by("operator", self.code.stack(add.stack))
        return place(own, "armed") if own and add.event == "delayed_add" else NOWHERE

    def _resync(self, add: Add) -> Cause:
        """The resync behind an add: old and new are one object, whatever else came along."""
        rule = self.rules.event("informer_resync")
        number = self.chains.cause(add.goid, add.ts_ns)
        if number is not None:
            for cause in self._handed_on(number):
                if (cause.origin, cause.cause) == (rule.origin, rule.cause):
                    self._resync_by_goid[add.goid] = cause
                    return cause
        known = self._resync_by_goid.get(add.goid) or self._latest_resync(add.ts_ns)
        return known or Cause(rule.origin, rule.cause)

    @cached_property
    def _resyncs(self) -> tuple[list[int], list[Cause]]:
        rule = self.rules.event("informer_resync")
        times, causes = [], []
        for number, row in enumerate(self.sightings.rows):
            found = self.sightings.classify(number)[0]
            if found is not None and (found.origin, found.cause) == (rule.origin, rule.cause):
                times.append(row["ts_ns"])
                causes.append(self.seen(number).begun[0])
        return times, causes

    def _latest_resync(self, ts_ns: int) -> Cause | None:
        times, causes = self._resyncs
        index = bisect_right(times, ts_ns) - 1
        return causes[index] if index >= 0 and ts_ns - times[index] < RESYNC_NS else None

    def of_reconcile(self, reconcile: Reconcile) -> list[Cause]:
        """Why an object was reconciled: the causes of all its triggers."""
        causes = [cause for add in reconcile.triggers() for cause in self.of_add(add)]
        if causes:
            return distinct(causes)
        unknown = BEFORE if reconcile.before else UNKNOWN
        return [unknown._replace(controller=reconcile.controller)]
