"""What each controller's reconciles read, and whether an event for it exists: table ``checks``."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from whowoke.analysis.askers import load_known
from whowoke.analysis.columns import CHECKS
from whowoke.analysis.listeners import Kind, Listeners, resource_of
from whowoke.analysis.tables import conform, empty

READING = ("get", "list")
# API groups whose objects are made for each question: metrics-server and its kin offer no watch.
NO_WATCH = ("metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io")
UNNAMED = {
    "cache": "an unknown kind",
    "api": "an unknown path",
    "http": "an unknown host",
    "connection": "an unknown peer",
    "file": "a file",
}
# Parts of an object that are kept in it; the others (log, exec, proxy) have no version.
KEPT = ("status", "scale")
TIMES = {1: "once", 2: "twice"}


class Verdict(NamedTuple):
    """Whether an event exists, and what that rests on."""

    event: str
    evidence: str
    handlers: int | None = None
    own: int | None = None


class Request(NamedTuple):
    """One row of the table ``requests``, as far as it is looked at; None is not known."""

    reconcile_id: int | None
    goroutine_id: int | None
    ts_ns: int
    namespace: str | None
    name: str | None
    found: bool | None
    same: bool | None
    changed: bool | None
    event_ns: int | None
    function: str | None
    location: str | None
    # From here on: what is asked for.
    kind: str
    verb: str | None
    group: str | None
    version: str | None
    resource: str | None
    subresource: str | None
    object_kind: str | None
    host: str | None
    path: str | None


_FIRST = Request._fields.index("kind")


def _what(row: Request) -> tuple[object, ...]:
    """What is asked for, whoever asks."""
    return tuple(row)[_FIRST:]


def load(requests: pd.DataFrame) -> list[Request]:
    """Rows of the table ``requests``."""
    columns = (_plain(requests[name]) for name in Request._fields)
    return list(map(Request._make, zip(*columns, strict=True)))


def _plain(column: "pd.Series[Any]") -> list[Any]:
    return column.to_numpy(object, na_value=None).tolist()  # type: ignore[call-overload,no-any-return]


class Thing(NamedTuple):
    """What is counted together; ``host`` is who is asked, outside of Kubernetes.

    ``controller`` is None for what was asked outside of reconciles.
    """

    controller: str | None
    kind: str
    group: str = ""
    version: str = ""
    name: str = ""
    subresource: str = ""
    host: str = ""


def told_name(asked: Thing) -> str:
    """A kind or peer as it is told."""
    name = f"{asked.name}/{asked.subresource}" if asked.subresource else asked.name
    return name or asked.host or UNNAMED[asked.kind]


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
    ``controllers`` names them by reconcile.
    """

    requests: list[Request]
    controllers: Mapping[int, str]
    listeners: Listeners

    def __post_init__(self) -> None:
        _learn(self.listeners, self.requests)

    @cached_property
    def asked(self) -> list[Thing | None]:
        """What each request is counted under, None for what asks for nothing."""
        known: dict[tuple[object, ...], Thing | None] = {}
        found = []
        for row in self.requests:
            about = (self._controller(row), *_what(row))
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
            for row in self.requests
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
    for row in {_what(row): row for row in requests}.values():
        group, version = row.group or "", row.version or ""
        if row.kind == "cache" and version and row.object_kind:
            listeners.known.add(Kind(group, version, row.object_kind))
        elif row.kind == "api" and row.verb == "watch":
            listeners.watches.add((group, row.resource or ""))
        elif row.kind == "api" and resource_of(row.object_kind or "") == row.resource:
            listeners.known.add(Kind(group, version, row.object_kind or ""))


def is_read(row: Request) -> bool:
    """Whether a request asks for something: all but writes to the API server, and watches."""
    if row.kind != "api":
        return True
    return row.verb in READING or _is_review(row.resource, row.subresource)


def _is_review(resource: str | None, subresource: str | None) -> bool:
    """Whether a request is a question that is sent as an object and answered in it."""
    about = f"{resource}/{subresource}" if subresource else resource
    return about in load_known().reviews


def is_write(row: Request) -> bool:
    """Whether a request is to change something that an operator looks after."""
    if row.kind != "api" or not row.resource or is_read(row):
        return False
    return row.verb != "watch" and row.resource not in load_known().notes


def _add(count: _Count, row: Request) -> None:
    count.reads += 1
    if row.same is not None:
        count.same += bool(row.same)
        count.differing += not row.same
    if row.event_ns is not None and row.ts_ns >= row.event_ns:
        count.noticed_ns.append(row.ts_ns - row.event_ns)
    count.places[row.function or "", row.location or ""] += 1


def _row(what: Thing, count: _Count, verdict: Verdict) -> dict[str, Any]:
    (function, location), _ = count.places.most_common(1)[0]
    name = f"{what.name}/{what.subresource}" if what.subresource else what.name
    return {
        "controller": what.controller,
        "kind": what.kind,
        "group": what.group,
        "version": what.version,
        "object_kind": name,
        "host": what.host,
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


# ---------------------------------------------------------------- is there an event for it


def judge(what: Thing, reads: int, listeners: Listeners) -> Verdict:
    """Whether an event for it exists and reaches the controller."""
    if what.kind == "file":
        return Verdict("outside", "a file or a child process, not Kubernetes")
    if what.kind != "api" and what.kind != "cache":
        return Verdict("outside", f"{what.host or 'a peer'} isn't Kubernetes")
    if what.kind == "api":
        if reason := _unwatchable(what):
            return Verdict("outside", reason)
        return _judge_live(what, reads, listeners)
    return _judge_cached(what, listeners)


def _unwatchable(what: Thing) -> str:
    if not what.name:
        return f"{what.host or 'the path'} is no object"
    if what.group in NO_WATCH:
        return f"{what.group} is measured when it is asked for, it offers no watch"
    if any(_is_review(name, what.subresource) for name in (what.name, resource_of(what.name))):
        return "a question to the API server, no object"
    if what.subresource and what.subresource not in KEPT:
        return f"{what.subresource} is made when it is asked for, no watch has it"
    return ""


def _kind(what: Thing) -> Kind:
    """Of what a lister of client-go reads only the Go type is known."""
    return (
        Kind(what.group, what.version, what.name) if what.version else Kind(None, None, what.name)
    )


def _judge_cached(what: Thing, listeners: Listeners) -> Verdict:
    heard = listeners.of(what.controller or "", _kind(what))
    if heard.own or heard.led:
        own = max(1, heard.own or 0)
        return Verdict("handled", _handled(heard.own), heard.handlers, own)
    if heard.handlers == 0:
        return Verdict("unhandled", "watched, but its informer has no handler", 0, 0)
    if heard.own == 0:
        return Verdict("unhandled", _others(heard.handlers or 0), heard.handlers, 0)
    if heard.handlers:
        return Verdict("unknown", _somewhere(heard.handlers), heard.handlers)
    return Verdict("unknown", "watched; whether a handler leads here isn't known")


def _judge_live(what: Thing, reads: int, listeners: Listeners) -> Verdict:
    times = TIMES.get(reads, f"{reads:,} times")
    live = f"asked live {times}"
    heard = listeners.of(what.controller or "", Kind(what.group, what.version, what.name))
    if heard.own or heard.led:
        own = max(1, heard.own or 0)
        return Verdict("handled", f"{live}; {_handled(heard.own)}", heard.handlers, own)
    if heard.own == 0:
        why = "its informer has no handler" if not heard.handlers else _others(heard.handlers)
        return Verdict("unhandled", f"{live}; {why}", heard.handlers, 0)
    if heard.handlers:
        return Verdict("unknown", f"{live}; {_somewhere(heard.handlers)}", heard.handlers)
    if heard.watched:
        return Verdict("unknown", f"{live}; watched, whether a handler leads here isn't known")
    if heard.is_told:
        return Verdict("unwatched", f"{live}; nobody watches it")
    return Verdict("unknown", f"{live}; whether anybody watches it isn't known")


def _handled(own: int | None) -> str:
    if own:
        return (
            "a handler leads to this controller"
            if own == 1
            else (f"{own} handlers lead to this controller")
        )
    return "a handler was seen to add to this controller's queue"


def _others(handlers: int) -> str:
    return (
        "watched, but its one handler leads elsewhere"
        if handlers == 1
        else (f"watched, but none of its {handlers} handlers leads here")
    )


def _somewhere(handlers: int) -> str:
    whose = "its handler leads" if handlers == 1 else f"its {handlers} handlers lead"
    return f"watched; where {whose} isn't known"
