"""Puts rules, chains and queues together: the causes of each wake-up, add and reconcile."""

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from whowoke.analysis.origins.sightings import Sightings, declared
from whowoke.analysis.queueing.delays import Delays
from whowoke.analysis.queueing.queues import Add, Ready, Reconcile
from whowoke.analysis.queueing.reconciles import Operations
from whowoke.analysis.queueing.served import Served
from whowoke.analysis.queueing.watches import Watches
from whowoke.analysis.rules.causes import BEFORE, UNKNOWN, Cause, Rule, Rules, Shared, distinct
from whowoke.analysis.rules.frames import NOWHERE, CaptureLike, Code, Place, place
from whowoke.analysis.rules.lookup import MISSING
from whowoke.analysis.waking.chains import Chains
from whowoke.analysis.waking.peers import Peers

# From a resync's timer to the last handler call that it leads to.
RESYNC_NS = 1_000_000_000
LISTING, RESYNC = "informer.relist", "informer.resync"
# Rules whose wake-ups have the line of what they are about.
BY_OTHERS = ("queue", "served")


@dataclass(slots=True)
class Seen:
    """One wake-up as the rules see it: ``begun`` are its causes, ``answered`` whose requests.

    Wake-ups that are alike share one: it isn't changed once it is decided.
    """

    rule: Rule | None
    place: Place
    begun: list[Cause] = field(default_factory=list)
    answered: list[int | None] = field(default_factory=list)
    evidence: str = "none"

    @property
    def key(self) -> tuple[object, ...]:
        """All of it."""
        return id(self.rule), self.place, tuple(self.begun), tuple(self.answered), self.evidence

    @property
    def has_own_place(self) -> bool:
        """Whether the line is its own, not that of the item or request that it is about."""
        return bool(self.begun) and not (self.rule and self.rule.decided_by in BY_OTHERS)


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
        peers: Peers,
    ) -> None:
        self.code, self.rules, self.chains, self.operations = code, rules, chains, operations
        self.declared = declared(capture)
        self.watches = Watches(capture, code, rules, chains, operations.resync_types)
        self.served = Served(capture, rules, chains, wakeups)
        self.sightings = Sightings(wakeups, code, rules, self.watches.type_of, peers)
        self._delays = Delays(operations.queues.adds)
        self._seen: list[Seen | None] = [None] * len(wakeups)
        self._alike: dict[tuple[object, ...], Seen] = {}
        self._shared = Shared()
        self._resync_by_goid: dict[int, Cause] = {}

    # ------------------------------------------------------------ wake-ups

    def seen(self, number: int) -> Seen:
        """What one wake-up is, without the controllers that it led to."""
        seen = self._seen[number]
        if seen is None:
            seen = Seen(*self.sightings.classify(number))
            seen.answered = self._answered(number)
            # Records that make no sense may ask for this one again: they find it undecided.
            self._seen[number] = seen
            self._decide(number, seen)
            self._before(number, seen)
            seen.begun = self._shared.row(seen.begun)
            # An answer is hardly ever to the same as another one.
            if not seen.answered:
                self._seen[number] = seen = self._alike.setdefault(seen.key, seen)
        return seen

    def _answered(self, number: int) -> list[int | None]:
        """Whose requests a wake-up answers; the end of a request alone, if it is not a watch's."""
        answered = self.chains.answers.get(number, [])
        if None in answered and (asked := self._asked_in_reconciles(number)):
            return [*(wakeup for wakeup in answered if wakeup is not None), *asked]
        if answered or self.watches.streams(number):
            return answered
        ended = self.chains.ended.get(number, [])
        return [wakeup for wakeup in ended if wakeup is not None]

    def _asked_in_reconciles(self, number: int) -> list[int]:
        """The wake-ups behind the reconciles that an answer lets go on.

        A worker that always finds a next item isn't woken: why it works is known by its item alone.
        """
        ts_ns, found = self.sightings.rows[number]["ts_ns"], []
        for goid in self.chains.askers.get(number, []):
            reconcile = self.operations.running(goid, ts_ns)
            for add in reconcile.triggers() if reconcile else ():
                by = self._released.get(id(add), add)
                found.append(self.chains.cause(by.goid, by.ts_ns))
        return list(dict.fromkeys(n for n in found if n is not None and n < number))

    @cached_property
    def _released(self) -> dict[int, Ready]:
        """What made each delayed add ready, by the add's identity."""
        queues = self.operations.queues
        return {id(add): r for r in (*queues.dues, *queues.readies) for add in r.delayed}

    def _decide(self, number: int, seen: Seen) -> None:
        by = seen.rule.decided_by if seen.rule else ""
        if by == "queue":
            seen.begun = self._due_items(number)
            seen.evidence = "none" if all(c.is_unknown for c in seen.begun) else "probe"
        elif by == "readied" and (streams := self.watches.streams(number)):
            seen.begun = self.watches.brought(number, streams)
            seen.evidence = "stack"
        elif seen.answered:
            asked = any(a is not None for a in seen.answered)
            seen.evidence = "stack" if asked or not self._is_blind(number) else "none"
        elif by == "served" and (served := self.served.causes(number)):
            seen.begun, seen.evidence = served, "probe"
        elif seen.rule is not None and not (by == "readied" and self._is_blind(number)):
            seen.begun = [self._by_rule(number, seen.rule)]
            called = seen.place.function and seen.place.kind not in ("armed", "waiting")
            seen.evidence = "probe" if called or seen.rule.kind == "gc" else "stack"
            if seen.rule.kind == "signal":
                seen.evidence = "kernel"
        else:
            released = self._of_readied(number)
            if released and (self.sightings.is_relay(number) or not seen.place.location):
                own = released[0]
                seen.place = Place(own.function, own.location, own.location_kind)
            seen.begun = self._of_armer(number) or released
            seen.evidence = "none" if all(c.is_unknown for c in seen.begun) else "stack"
            seen.begun = seen.begun or [Cause("unknown", "unknown", "", "", *seen.place)]

    def _by_rule(self, number: int, rule: Rule) -> Cause:
        subject = self.sightings.subject(number)
        where = self.sightings.usual_place(number)
        if rule.kind == "signal":
            where = self._waiting(number)
        return Cause(rule.origin, rule.cause, subject, "", *where)

    def _waiting(self, number: int) -> Place:
        """Where the operator's goroutine waited that a wake-up made runnable in the end."""
        for stack, start, _ in self.chains.readied(number):
            if own := self.code.owned_by("operator", self.code.stack(stack, start)):
                return place(own, "waiting")
        return NOWHERE

    def _before(self, number: int, seen: Seen) -> None:
        """Of an answer to a request from before the recording only the peer is known."""
        if None in seen.answered and not self._is_blind(number):
            rule = self.rules.event("answer_before")
            subject = self.sightings.peer(number)
            seen.begun = [*seen.begun, Cause(rule.origin, rule.cause, subject, "", *seen.place)]
            seen.answered = [a for a in seen.answered if a is not None]

    def _of_armer(self, number: int) -> list[Cause]:
        """The causes of the goroutine that set a timer about which nothing else is known."""
        row = self.sightings.rows[number]
        if not row["armed_goid"] or self.sightings.is_relay(number):
            return []
        armer = self.chains.cause(row["armed_goid"], row["armed_ns"])
        return self._handed_on(armer) if armer is not None else []

    def _of_readied(self, number: int) -> list[Cause]:
        """What a timer is about whose function or goroutine only lets others go on, by these."""
        own_function = self.sightings.rows[number]["function"]
        if self._is_blind(number) or not (own_function or self.sightings.is_relay(number)):
            return []
        stacks = {self.code.stack(*key[:2]) for key in self.chains.readied(number)}
        # A connection's own goroutines hear of every deadline and tell nothing of whose it was.
        told = [stack for stack in stacks if self.code.outside_std(stack)]
        found = {self.sightings.by_stack(number, stack) for stack in told}
        rules = {rule for rule, _ in found}
        rule = rules.pop() if len(rules) == 1 else None
        if rule is None or rule.decided_by:
            return []
        where = next(where for _, where in found) if len(found) == 1 else NOWHERE
        return [Cause(rule.origin, rule.cause, "", "", *where)]

    def _is_blind(self, number: int) -> bool:
        activation = self.chains.direct.get(number)
        return activation is not None and self.chains.is_blind(activation)

    # ------------------------------------------------------------ delayed items

    def _due_items(self, number: int) -> list[Cause]:
        activation = self.chains.direct.get(number)
        readies = self.operations.readied_by(*activation[:3]) if activation else []
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

    def _absorbed(self, number: int) -> list[Cause]:
        """A delay ran out for an item that was not waiting any more."""
        row = self.sightings.rows[number]
        queue = self.operations.queue_of(row["goid"])
        if queue is None and self._delays.queues > 1:
            return [UNKNOWN]
        if add := self._delays.due(queue, row["due_ns"]):
            return self.of_add(add)
        controller = self.operations.controllers.get(queue or 0, "")
        unknown = BEFORE if row["armed_ns"] == MISSING else UNKNOWN
        return [unknown._replace(controller=controller)]

    # ------------------------------------------------------------ adds and reconciles

    def of_add(self, add: Add) -> list[Cause]:
        """Why an item was added."""
        if add.causes is None:
            # Records that make no sense may ask for this one again: they find it unknown.
            add.causes = [UNKNOWN]
            add.causes = self._shared.row(self._of_add(add))
        return add.causes

    def _of_add(self, add: Add) -> list[Cause]:
        controller = self.operations.controllers.get(add.key[0], "")
        if add.event == "informer_resync":
            return [self._resync(add)._replace(controller=controller)]
        if add.event == "result_unknown":
            return [UNKNOWN._replace(controller=controller)]
        if add.event in ("informer_change", "informer_initial"):
            return [c._replace(controller=controller) for c in self._of_change(add)]
        if add.event:
            rule = self.rules.event(add.event)
            return [Cause(rule.origin, rule.cause, "", controller, *self._place_of_add(add))]
        if add.reconcile is not None:
            causes = self.of_reconcile(add.reconcile)
        else:
            number = self.chains.cause(add.goid, add.ts_ns)
            causes = [UNKNOWN] if number is None else self._handed_on(number)
        return distinct(cause._replace(controller=controller) for cause in causes)

    def _of_change(self, add: Add) -> list[Cause]:
        """Behind a change is a watch event, unless the informer listed or somebody made it up."""
        number = self.chains.cause(add.goid, add.ts_ns)
        if number is not None and not self.chains.stream(add.goid, add.ts_ns):
            handed = self._handed_on(number)
            # The handler may still have been at work for a resync.
            changed = add.event == "informer_change" and all(c.cause != RESYNC for c in handed)
            if changed or any(c.cause == LISTING for c in handed):
                return handed
        if add.event == "informer_change":
            return self.watches.behind(add)
        rule = self.rules.event(add.event)
        return [Cause(rule.origin, rule.cause, self.watches.type_of(add.goid))]

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
            if frame:
                return place(frame, "returned")
            # Without controller-runtime the operator's own code puts the item back.
            own = self.code.owned_by("operator", self.code.stack(add.stack))
            return place(own, "armed") if own else self.declared
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
        for number in self.sightings.of_cause(rule.origin, rule.cause):
            times.append(self.sightings.rows[number]["ts_ns"])
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
