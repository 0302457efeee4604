"""What each controller's reconciles read, and whether an event for it exists: table ``checks``."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.tables.columns import CHECKS
from whowoke.analysis.tables.shape import conform, empty
from whowoke.analysis.verdicts.hearing import Verdict, judge
from whowoke.analysis.verdicts.listeners import Kind, Listeners, resource_of
from whowoke.analysis.verdicts.things import Request, Thing, is_read, is_write, what


@dataclass
class _Count:
    reads: int = 0
    same: int = 0
    differing: int = 0
    noticed_ns: list[int] = field(default_factory=list)
    places: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass
class Checks:
    """What was asked, by whom: ``asked`` of each request, ``verdicts`` of each thing.

    ``requests`` from outside of reconciles belong to no controller; they also tell what is watched.
    ``controllers`` names them by reconcile. ``everything`` has the requests of the whole capture,
    where ``requests`` are those of a part of it.
    """

    requests: list[Request]
    controllers: Mapping[int, str]
    listeners: Listeners
    everything: list[Request]

    def __post_init__(self) -> None:
        _learn(self.listeners, self.everything)

    @cached_property
    def asked(self) -> list[Thing | None]:
        """What each request is counted under, None for what asks for nothing."""
        known: dict[tuple[object, ...], Thing | None] = {}
        found = []
        for row in self.requests:
            about = (self._controller(row), *what(row))
            if about not in known:
                known[about] = self._asked(row) if is_read(row) else None
            found.append(known[about])
        return found

    def _controller(self, row: Request) -> str | None:
        return None if row.reconcile_id is None else self.controllers.get(row.reconcile_id, "")

    def _asked(self, row: Request) -> Thing:
        group, version, controller = row.group or "", row.version or "", self._controller(row)
        if row.kind == "cache":
            return Thing(controller, row.kind, group, version, row.object_kind or "")
        if row.kind == "api":
            # What discovery answers has a kind too, but is no resource.
            kind = row.object_kind if row.resource and not row.subresource else None
            name = kind or self.listeners.kind_name(group, row.resource or "")
            host = "" if name else row.path or ""
            return Thing(controller, row.kind, group, version, name, row.subresource or "", host)
        return Thing(controller, row.kind, host=row.host or row.path or "")

    @cached_property
    def _counts(self) -> dict[Thing, _Count]:
        counts: dict[Thing, _Count] = {}
        for row, asked in zip(self.requests, self.asked, strict=True):
            if asked is not None:
                _add(counts.setdefault(asked, _Count()), row)
        return counts

    @cached_property
    def verdicts(self) -> dict[Thing, Verdict]:
        """Whether there is an event for each thing that is asked for."""
        return {a: judge(a, count.reads, self.listeners) for a, count in self._counts.items()}

    def for_controller(self, thing: Thing, controller: str) -> Thing:
        """The same, asked outside of reconciles by what leads to a controller's ones."""
        own = thing._replace(controller=controller) if controller else thing
        if own not in self.verdicts:
            self.verdicts[own] = judge(own, self._counts[thing].reads, self.listeners)
        return own

    @cached_property
    def wrote(self) -> set[int]:
        """Reconciles, by their place in the list, whose writes changed something or may have."""
        return {
            row.reconcile_id - 1
            for row in self.everything
            if row.reconcile_id is not None and is_write(row) and row.changed is not False
        }

    @cached_property
    def table(self) -> pd.DataFrame:
        """The table ``checks``; columns as in ``columns.CHECKS``, most read first."""
        rows = [
            _row(asked, count, self.verdicts[asked])
            for asked, count in self._counts.items()
            if asked.controller is not None
        ]
        if not rows:
            return empty(CHECKS)
        order = ["controller", "reads"]
        frame = pd.DataFrame(rows).sort_values(order, ascending=[True, False], kind="stable")
        return conform(CHECKS, frame)


def _learn(listeners: Listeners, requests: list[Request]) -> None:
    """Take the kinds and watches that requests tell of."""
    for row in {what(row): row for row in requests}.values():
        group, version = row.group or "", row.version or ""
        if row.kind == "cache" and version and row.object_kind:
            listeners.known.add(Kind(group, version, row.object_kind))
        elif row.kind == "api" and row.verb == "watch":
            listeners.watches.add((group, row.resource or ""))
        elif row.kind == "api" and resource_of(row.object_kind or "") == row.resource:
            listeners.known.add(Kind(group, version, row.object_kind or ""))


def _add(count: _Count, row: Request) -> None:
    count.reads += 1
    if row.same is not None:
        count.same += bool(row.same)
        count.differing += not row.same
    if row.event_ns is not None and row.ts_ns >= row.event_ns:
        count.noticed_ns.append(row.ts_ns - row.event_ns)
    count.places[row.function or "", row.location or ""] += 1


def _row(thing: Thing, count: _Count, verdict: Verdict) -> dict[str, Any]:
    # Where a goroutine didn't wait its place isn't known; where it did, it is.
    (function, location), _ = max(count.places.items(), key=lambda item: (any(item[0]), item[1]))
    name = f"{thing.name}/{thing.subresource}" if thing.subresource else thing.name
    return {
        "controller": thing.controller,
        "kind": thing.kind,
        "group": thing.group,
        "version": thing.version,
        "object_kind": name,
        "host": thing.host,
        "reads": count.reads,
        "same": count.same,
        "differing": count.differing,
        "event": verdict.event,
        "handlers": verdict.handlers,
        "own_handlers": verdict.own,
        "noticed_after_ns": int(np.median(count.noticed_ns)) if count.noticed_ns else None,
        "evidence": verdict.evidence,
        "function": function,
        "location": location,
    }
