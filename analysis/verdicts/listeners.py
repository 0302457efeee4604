"""Who hears of changes: informers with their handlers, and the watches that were seen.

From the capture's metadata ``informers`` (what the recorder read in the target's memory), and from
what happened: handlers that added to queues, events and requests of watches.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from whowoke.analysis.origins.attribution import Attribution
from whowoke.analysis.queueing.queues import Add
from whowoke.analysis.rules.frames import CaptureLike, matches_any

_GVK = re.compile(r"(?:([^/,]*)/)?([^/,]+), Kind=(\w+)")
_GO_TYPE = re.compile(r"\*?(?:[\w./-]*[./])?(\w+)\.(\w+)")
_VERSION = re.compile(r"v\d+((alpha|beta)\d+)?")
BY_INFORMER = ("informer.resync", "informer.relist")
# Objects whose Go type doesn't tell their kind.
GENERAL = ("Unstructured", "UnstructuredList", "PartialObjectMetadata", "PartialObjectMetadataList")


class Kind(NamedTuple):
    """An API kind. None is not known: a Go type tells neither group nor, for sure, version."""

    group: str | None
    version: str | None
    name: str


@dataclass
class Informer:
    """An informer and where its handlers lead: queues, None for one that isn't known.

    ``queues`` is None where the handlers themselves aren't known.
    """

    kind: Kind
    queues: list[int | None] | None


class Listening(NamedTuple):
    """Who hears of changes of one kind. None is not known.

    ``watched``: whether a watch of it is open; ``handlers``: at its informers; ``own``: those of
    them that lead to the controller; ``led``: whether a handler was seen to; ``is_told`` says that
    the capture tells all informers and their handlers.
    """

    watched: bool | None
    handlers: int | None
    own: int | None
    led: bool
    is_told: bool


def kind_of_type(type_name: str) -> Kind | None:
    """The kind of a Go type, ``*v1.Pod``, or of a Reflector's ``apps/v1, Kind=Deployment``."""
    if found := _GVK.fullmatch(type_name):
        return Kind(found[1] or "", found[2], found[3])
    found = _GO_TYPE.fullmatch(type_name)
    if found is None or found[2] in GENERAL:
        return None
    version = found[1] if _VERSION.fullmatch(found[1]) else None
    return Kind(None, version, found[2])


def resource_of(kind: str) -> str:
    """The resource that a kind has unless its definition says otherwise.

    As apimachinery's meta.UnsafeGuessKindToResource, version 0.36.
    """
    name = kind.lower()
    if name.endswith("endpoints"):
        return name
    if name.endswith("s"):
        return name + "es"
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


def informers_of(metadata: dict[str, Any]) -> list[Informer] | None:
    """The informers that the recorder found, None where it doesn't say; what makes no sense not."""
    rows = metadata.get("informers")
    if not isinstance(rows, list):
        return None
    found = []
    for row in rows:
        if not isinstance(row, dict):
            continue
        kind = Kind(*(str(row.get(name) or "") for name in ("group", "version", "kind")))
        handlers = row.get("handlers")
        queues = None
        if isinstance(handlers, list):
            queues = [_queue(handler) for handler in handlers]
        found.append(Informer(kind, queues))
    return found


def _queue(handler: object) -> int | None:
    queue = handler.get("queue") if isinstance(handler, dict) else None
    return queue if isinstance(queue, int) and queue else None


@dataclass
class Listeners:
    """All informers, and what was seen of handlers and watches.

    ``queues`` are a controller's, by its name; ``led`` the Go types whose events a controller's
    handlers added for; ``types`` the Go types of objects that came on watches; ``watches`` group
    and resource of watch requests; ``known`` all kinds that are known by their group;
    ``is_complete`` says that there are no other informers.
    """

    informers: list[Informer] | None
    queues: dict[str, set[int]] = field(default_factory=dict)
    led: dict[str, set[str]] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)
    watches: set[tuple[str, str]] = field(default_factory=set)
    known: set[Kind] = field(default_factory=set)
    is_complete: bool = False

    def __post_init__(self) -> None:
        self.known |= {informer.kind for informer in self.informers or ()}

    def kind_name(self, group: str, resource: str) -> str:
        """The kind of an API resource; the resource itself where no kind of it is known."""
        names = {
            kind.name
            for kind in self.known
            if kind.group == group and resource_of(kind.name) == resource
        }
        return names.pop() if len(names) == 1 else resource

    def of(self, controller: str, kind: Kind) -> Listening:
        """Who hears of a kind's changes, for this controller."""
        informers = [i for i in self.informers or () if is_same(i.kind, kind)]
        led = self._any(self.led.get(controller, ()), kind)
        seen = led or self._any(self.types, kind) or self._is_requested(kind)
        watched = True if informers or seen else None
        if not informers:
            return Listening(watched, None, None, led, self.is_complete)
        if any(informer.queues is None for informer in informers):
            return Listening(True, None, None, led, is_told=False)
        queues = [queue for informer in informers for queue in informer.queues or ()]
        own = sum(queue in self.queues.get(controller, ()) for queue in queues)
        known = own if own or None not in queues else None
        return Listening(True, len(queues), known, led, is_told=True)

    def _is_requested(self, kind: Kind) -> bool:
        return any(
            is_named(kind.name, resource) and kind.group in (None, group)
            for group, resource in self.watches
        )

    def _any(self, types: Iterable[str], kind: Kind) -> bool:
        """Whether one of the types is the kind's. A Go type fits kinds of several groups."""
        groups = {known.group for known in self.known if is_named(known.name, kind.name)}
        found = (kind_of_type(type_name) for type_name in types)
        return any(
            other is not None and is_same(other, kind)
            for other in found
            if other is None or other.group is not None or len(groups) < 2
        )


def is_named(kind: str, other: str) -> bool:
    """Whether two names mean one kind, either as kind or as resource."""
    return kind == other or resource_of(kind) == other or kind == resource_of(other)


def is_same(one: Kind, other: Kind) -> bool:
    """Whether two may be one kind: versions are views of one object, a Go type has no group."""
    if not is_named(one.name, other.name):
        return False
    if one.group is None or other.group is None:
        # The last part of a package's path is mostly the API version.
        return one.version == other.version or None in (one.version, other.version)
    return one.group == other.group


def listeners(capture: CaptureLike, attribution: Attribution) -> Listeners:
    """What a capture tells of who hears of changes."""
    found = Listeners(informers_of(capture.metadata))
    found.is_complete = capture.metadata.get("informers_complete") is True
    operations = attribution.operations
    for queue, name in operations.controllers.items():
        found.queues.setdefault(name, set()).add(queue)
    # A controller may hold a wrapper of its queue, and its handlers too.
    for queue, name in capture.records("reconcile_start")[["queue", "controller"]].tolist():
        found.queues.setdefault(capture.strings.get(name, ""), set()).add(queue)
    handlers = _Handlers(attribution)
    for add in operations.queues.adds:
        if type_name := handlers.type_of(add):
            controller = operations.controllers.get(add.key[0], "")
            found.led.setdefault(controller, set()).add(type_name)
    found.types = set(operations.resync_types.values()) - {""}
    numbers = set(capture.records("watch_event")["object_type"].tolist())
    found.types |= {capture.strings.get(number, "") for number in numbers} - {""}
    return found


class _Handlers:
    """Which adds informers' event handlers made, and for which type of objects."""

    def __init__(self, attribution: Attribution) -> None:
        self._attribution = attribution
        self._stacks: dict[int, bool] = {}

    def type_of(self, add: Add) -> str:
        """The Go type whose event a handler added for, empty where none did or it isn't known."""
        if not self._is_handler(add.stack):
            return ""
        chains, watches = self._attribution.chains, self._attribution.watches
        if stream := chains.stream(add.goid, add.ts_ns):
            return watches.type_of(stream)
        number = chains.cause(add.goid, add.ts_ns)
        begun = [] if number is None else self._attribution.seen(number).begun
        # The timer of a resync, and the list that failed before, are of one informer.
        if len(begun) == 1 and begun[0].cause in BY_INFORMER:
            return begun[0].subject
        return watches.type_of(add.goid)

    def _is_handler(self, stack: int) -> bool:
        if stack not in self._stacks:
            patterns = self._attribution.rules.requeue["handlers"]
            frames = self._attribution.code.stack(stack)
            self._stacks[stack] = any(matches_any(patterns, f.function) for f in frames)
        return self._stacks[stack]
