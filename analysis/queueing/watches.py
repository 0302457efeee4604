"""Events on watch streams: what each wake-up brought, and which one is behind a queue's add."""

from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import NamedTuple

import numpy as np

from whowoke.analysis.queueing.queues import Add
from whowoke.analysis.rules.causes import Cause, Rules, distinct
from whowoke.analysis.rules.frames import NOWHERE, CaptureLike, Code, Place, matches_any, place
from whowoke.analysis.waking.chains import Chains

CHANGES = ("ADDED", "MODIFIED", "DELETED")
RULES = {"BOOKMARK": "watch_bookmark", "ERROR": "watch_error", "": "watch_end"}
# Without a chain: an informer's handlers are called so soon after the stream had the event.
HANDLED_NS = 1_000_000_000


class Event(NamedTuple):
    """One result of a stream's decoder; without a kind the stream is over."""

    ts_ns: int
    goid: int
    kind: str
    type_name: str
    key: tuple[int, int]
    wakeup: int | None


class Watches:
    """The events of all watch streams."""

    def __init__(
        self,
        capture: CaptureLike,
        code: Code,
        rules: Rules,
        chains: Chains,
        resync_types: dict[int, str],
    ) -> None:
        self._rules, self._chains, self._strings = rules, chains, capture.strings
        self._code, self._resync_types = code, resync_types
        self._is_of_stream: dict[tuple[int, int], bool] = {}
        self._of_wakeup: dict[int, list[Event]] = {}
        self._of_stream: dict[int, list[Event]] = {}
        self._of_key: dict[tuple[int, int], list[Event]] = {}
        names = ["ts_ns", "goid", "event_type", "object_type", "namespace", "object_name"]
        for row in capture.records("watch_event")[names].tolist():
            self._read(*row)

    def _read(self, ts: int, goid: int, kind: int, type_: int, namespace: int, name: int) -> None:
        text = self._strings.get(kind, "unknown") if kind else ""
        wakeup = self._chains.cause(goid, ts) if self._chains.stream(goid, ts) == goid else None
        type_name = self._strings.get(type_, "")
        event = Event(ts, goid, text, type_name, (namespace, name), wakeup)
        self._of_stream.setdefault(goid, []).append(event)
        self._of_key.setdefault(event.key, []).append(event)
        if wakeup is not None:
            self._of_wakeup.setdefault(wakeup, []).append(event)

    # ------------------------------------------------------------ streams

    def streams(self, wakeup: int) -> list[int]:
        """The goroutines of watch streams that a wake-up made runnable."""
        return [
            goid
            for stack, start, goid in self._chains.readied(wakeup)
            if self._is_stream(stack, start)
        ]

    def _is_stream(self, stack: int, start: int) -> bool:
        if (stack, start) not in self._is_of_stream:
            wait = self._rules.waits_for(self._code.stack(stack, start))
            self._is_of_stream[stack, start] = wait == "stream"
        return self._is_of_stream[stack, start]

    @cached_property
    def _place(self) -> Place:
        """Where watch streams wait."""
        chains = self._chains
        stacks = np.unique(np.stack(chains.direct.readied.columns[:2], axis=1), axis=0)
        frames = [frame for key in stacks.tolist() for frame in self._code.stack(*key)]
        for pattern in self._rules.waits["stream"]:
            for frame in frames:
                if matches_any((pattern,), frame.function):
                    return place(frame, "waiting")
        return NOWHERE

    # ------------------------------------------------------------ types

    @cached_property
    def _types(self) -> dict[int, str]:
        """The type of objects that each goroutine of an informer is about."""
        found: dict[int, set[str]] = {}
        for goid, events in self._of_stream.items():
            found[goid] = {e.type_name for e in events if e.kind in (*CHANGES, "BOOKMARK")} - {""}
        streams = dict(found)
        for goid, followed in self._chains.history.streams():
            for stream in followed - {0, goid}:
                found.setdefault(goid, set()).update(streams.get(stream, set()))
        return {goid: next(iter(types)) for goid, types in found.items() if len(types) == 1}

    def type_of(self, goid: int) -> str:
        """The type that an informer's goroutine is about, empty where it isn't known."""
        return self._resync_types.get(goid) or self._types.get(goid, "")

    # ------------------------------------------------------------ causes

    def brought(self, wakeup: int, streams: list[int]) -> list[Cause]:
        """What came with a wake-up on these streams; a part of a message is of the watch, too."""
        events = self._of_wakeup.get(wakeup, [])
        kinds: dict[int, set[str]] = {}
        for event in events:
            kinds.setdefault(event.goid, set()).add(event.kind)
        # After an error the stream ends, that says nothing more.
        told = [e for e in events if e.kind or "ERROR" not in kinds[e.goid]]
        silent = [goid for goid in streams if goid not in kinds]
        causes = [self._cause(event) for event in told]
        causes += [self._plain(self.type_of(goid)) for goid in silent]
        return distinct(causes)

    def behind(self, add: Add) -> list[Cause]:
        """The events behind an add that an informer's handler made of a change."""
        number = self._chains.cause(add.goid, add.ts_ns)
        key = add.key[1:]
        if number is None:
            near = self._changes(self._of_key.get(key, []), add.ts_ns - HANDLED_NS, add.ts_ns)
            return [self._cause(near[-1])] if near else [self._plain(self.type_of(add.goid))]
        stream = self._chains.stream(add.goid, add.ts_ns)
        brought = self._of_wakeup.get(number, [])
        first = min((e.ts_ns for e in brought if e.goid == stream), default=add.ts_ns)
        events = self._changes(self._of_stream.get(stream, []), first, add.ts_ns)
        same = [event for event in events if event.key == key]
        # An object's owner, or what a function made of it: all that came at once.
        found = same[-1:] or [event for event in events if event.wakeup == number]
        if not found:  # the handler was at work already when it came
            since_ns = add.ts_ns - HANDLED_NS
            found = self._changes(self._of_stream.get(stream, []), since_ns, add.ts_ns)[-1:]
        return distinct(map(self._cause, found)) or [self._plain(self.type_of(stream))]

    @staticmethod
    def _changes(events: list[Event], start_ns: int, end_ns: int) -> list[Event]:
        first = bisect_left(events, start_ns, key=lambda event: event.ts_ns)
        last = bisect_right(events, end_ns, key=lambda event: event.ts_ns)
        return [event for event in events[first:last] if event.kind in CHANGES]

    @cached_property
    def _listed_ns(self) -> dict[int, int]:
        """When the list was complete with which a stream began: at its first bookmark."""
        ends: dict[int, int] = {}
        for goid in self._chains.listing:
            events = self._of_stream.get(goid, [])
            marks = [event.ts_ns for event in events if event.kind == "BOOKMARK"]
            ends[goid] = min(marks, default=events[-1].ts_ns if events else 0)
        return ends

    def _plain(self, type_name: str) -> Cause:
        rule = self._rules.event("informer_change")
        return Cause(rule.origin, rule.cause, type_name, "", *self._place)

    def _cause(self, event: Event) -> Cause:
        rule = self._rules.event(RULES.get(event.kind, "informer_change"))
        subject, detail = self._types.get(event.goid, event.type_name), ""
        if event.kind in (*CHANGES, "BOOKMARK") and event.ts_ns <= self._listed_ns.get(
            event.goid, 0
        ):
            listed = self._rules.event("informer_initial")
            return Cause(listed.origin, listed.cause, subject, "", *self._place)
        if event.kind in CHANGES:
            subject = f"{event.type_name} {event.kind}".strip()
            names = (self._strings.get(part, "") for part in event.key)
            detail = "/".join(filter(None, names))
        return Cause(rule.origin, rule.cause, subject, "", *self._place, detail)
