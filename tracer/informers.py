"""The informers of a running operator and the event handlers of each, read from its memory.

controller-runtime keeps ``struct { Informer cache.SharedIndexInformer; Reader CacheReader; … }``
for each kind that it caches, ``MapEntry`` in pkg/cache/internal of 0.11 to 0.14 and ``Cache`` since
0.15; recordings have the addresses of the readers. From there ``Types`` tells the way:
informer.processor.listeners, each listener's handler, and of controller-runtime's handler the queue
that it adds to. client-go's names: tools/cache/shared_informer.go of 0.23 to 0.37; of
controller-runtime: pkg/internal/source/event_handler.go (pkg/source/internal before 0.15).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, TypeVar

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer.caches import caches_near, held, readers_of
from whowoke.tracer.gomaps import entries
from whowoke.tracer.memory import Changed, Layout, Memory
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.program import Program
from whowoke.tracer.reflection import MAP, POINTER, STRUCT, Types, Value, read_text

MAX_READERS, MAX_CONTROLLERS = 1024, 256
TRIES = 3

_CACHE = "k8s.io/client-go/tools/cache"
_QUEUES = "k8s.io/client-go/util/workqueue"
_INFORMER = f"*{_CACHE}.sharedIndexInformer"
_HANDLER = f"{_CACHE}.ResourceEventHandler"
_SOURCES = ("sigs.k8s.io/controller-runtime/pkg/internal/source",
            "sigs.k8s.io/controller-runtime/pkg/source/internal")  # fmt: skip
_OWN_HANDLERS = tuple(f"{package}.EventHandler" for package in _SOURCES)
_FORMS = {
    "*k8s.io/apimachinery/pkg/apis/meta/v1/unstructured.Unstructured": "unstructured",
    "*k8s.io/apimachinery/pkg/apis/meta/v1.PartialObjectMetadata": "metadata",
}
_MAX_WRAPPERS = 4
_WORD, _INTERFACE_SIZE = 8, 16
_HANDLER_WORDS = 6  # ctx, handler and queue of EventHandler, all interfaces

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Handler:
    """One event handler: its type or function, and the address of the queue that it adds to.

    ``queue`` is as in reconcile_start, None where it isn't known.
    """

    type: str
    queue: int | None


@dataclass(frozen=True, slots=True)
class Informer:
    """One informer by the address of its CacheReader.

    ``form`` is typed, unstructured or metadata. ``form`` and ``handlers`` are None if not known.
    """

    reader: int
    group: str
    version: str
    kind: str
    form: str | None
    handlers: tuple[Handler, ...] | None


class InformerReader:
    """Reads the informers of one process."""

    def __init__(self, types: Types, table: FunctionTable, bias: int) -> None:
        """``bias`` is what the loader added to the addresses of ``table``."""
        self._types = types
        self._table = table
        self._bias = bias

    def read(self, reader: int) -> Informer | None:
        """The informer of a CacheReader, None if there is none of that.

        Raises WhowokeError where the process has ended or may not be read.
        """
        kind = _settled(lambda: self._kind(reader))
        if kind is None:
            return None
        form = _settled(lambda: self._form(reader))
        return Informer(reader, *kind, form or None, _settled(lambda: self._handlers(reader)))

    def readers(self, reconcilers: Sequence[int]) -> frozenset[int] | None:
        """All readers of the caches that reconcilers read from, None where that can't be told.

        ``reconcilers`` are addresses of interfaces: the field ``Do`` of controllers.
        """
        return _settled(lambda: self._readers(reconcilers))

    def _readers(self, reconcilers: Iterable[int]) -> frozenset[int] | None:
        starts = filter(None, (held(self._types, address) for address in reconcilers))
        caches = caches_near(starts)
        return frozenset(r for cache in caches for r in readers_of(cache)) if caches else None

    def _kind(self, reader: int) -> tuple[str, str, str]:
        """Group, version and kind: the strings behind ``indexer``, the reader's first field."""
        if self._demanded(reader) != f"{_CACHE}.Indexer":
            raise Changed(f"no CacheReader at {reader:#x}")
        group, version, kind = (read_text(self._types, reader + at) for at in (16, 32, 48))
        if not version or not kind:
            raise Changed(f"no kind at {reader:#x}")
        return group, version, kind

    def _informer(self, reader: int) -> Value:
        """The informer that lies before its reader."""
        itab, _ = self._types.words(reader - _INTERFACE_SIZE, 2)
        demands, held = map(self._types.at, self._types.words(itab, 2))
        if demands.path != f"{_CACHE}.SharedIndexInformer" or held.path != _INFORMER:
            raise Changed(f"no shared informer before {reader:#x}")
        return Value(self._types, held, reader - _INTERFACE_SIZE + _WORD)

    def _form(self, reader: int) -> str:
        held = self._informer(reader).field("objectType").content()
        return _FORMS.get(held.type.path, "typed") if held else ""

    def _handlers(self, reader: int) -> tuple[Handler, ...]:
        listeners = self._informer(reader).field("processor").field("listeners")
        is_map = listeners.type.kind == MAP  # since client-go 0.26
        found = [key for key, _ in entries(listeners)] if is_map else listeners.elements()
        handlers = (self._handler(listener.field("handler")) for listener in found)
        return tuple(sorted(handlers, key=lambda handler: (handler.type, handler.queue or 0)))

    def _handler(self, interface: Value, depth: int = 0) -> Handler:
        """What an interface holds; of what only hands on to another handler, that one."""
        held = interface.content()
        if held is None or depth > _MAX_WRAPPERS:
            raise Changed("a listener without a handler")
        own = held.target() if held.type.kind == POINTER else held
        if own.type.path in _OWN_HANDLERS:
            name = "Queue" if "Queue" in own.type.fields else "queue"  # before and since 0.15
            return Handler(own.type.path, own.field(name).data())
        if own.type.kind == STRUCT:
            fields = {name: own.field(name) for name in own.type.fields}
            if own.type.package == _CACHE and "AddFunc" in fields:
                return self._functions(own)
            inner = [f for f in fields.values() if f.type.path == _HANDLER]
            if len(inner) == 1:
                return self._handler(inner[0], depth + 1)
        return Handler(held.type.path, None)

    def _functions(self, functions: Value) -> Handler:
        """The handler that client-go makes of up to three functions.

        controller-runtime 0.15 to 0.20 has made them of the methods of its EventHandler.
        """
        fields = [functions.field(name) for name in ("AddFunc", "UpdateFunc", "DeleteFunc")]
        closure = next(filter(None, (field.closure() for field in fields)), 0)
        if not closure:
            return Handler(functions.type.path, None)
        (code,) = self._types.words(closure, 1)
        function = self._table.function_at(code - self._bias)
        if function is None:
            raise Changed(f"no function at {code:#x}")
        package = next((p for p in _SOURCES if function.name.startswith(f"{p}.")), None)
        if package is None:
            return Handler(function.name, None)
        return Handler(f"{package}.EventHandler", self._captured_queue(closure))

    def _captured_queue(self, closure: int) -> int:
        """The queue of the EventHandler whose method a closure calls: it captured that first.

        Nothing describes what a closure has captured, but an interface describes itself.
        """
        (receiver,) = self._types.words(closure + _WORD, 1)
        words = pairwise(self._types.words(receiver, _HANDLER_WORDS))
        found = [data for tab, data in words if self._demanded_by(tab).startswith(f"{_QUEUES}.")]
        if len(found) != 1:
            raise Changed(f"an EventHandler with {len(found)} queues")
        return found[0]

    def _demanded(self, interface: int) -> str:
        """The interface type of a value, by the address of that value."""
        return self._demanded_by(self._types.words(interface, 1)[0])

    def _demanded_by(self, itab: int) -> str:
        try:
            return self._types.at(self._types.words(itab, 1)[0]).path
        except Changed:
            return ""


def read_informers(
    program: Program, controllers: Iterable[int], readers: Iterable[int]
) -> dict[str, Any]:
    """What the capture's metadata has of informers, by addresses of Controllers and CacheReaders.

    ``informers`` is a list of the fields of ``Informer``, None where nothing is known; it has those
    of the recorded readers, and all others of the caches that the reconcilers read from.
    ``informers_complete`` is True if these caches were found and have all recorded readers.
    """
    nothing = {"informers": None, "informers_complete": False}
    if program.table is None:
        return nothing
    types = Types(Memory(program.target, Layout({})), program.table.module, program.bias)
    informers = InformerReader(types, program.table, program.bias)
    offset = int(program.plan.macros.get("CONTROLLER_DO", "0"), 16)
    reconcilers = [address + offset for address in sorted(controllers) if offset]
    recorded = frozenset(sorted(readers)[:MAX_READERS])
    try:
        cached = informers.readers(reconcilers) if len(reconcilers) <= MAX_CONTROLLERS else None
        wanted = sorted(recorded | (cached or frozenset()))[:MAX_READERS]
        found = [asdict(row) for row in map(informers.read, wanted) if row]
    except WhowokeError:
        return nothing
    if types.is_exhausted or not wanted:
        return nothing
    is_complete = cached is not None and recorded <= cached and len(found) == len(cached)
    return {"informers": found, "informers_complete": is_complete}


def _settled(read: Callable[[], T]) -> T | None:
    """What was read twice alike, None if that can't be had."""
    before = None
    for _ in range(TRIES + 1):
        try:
            found = read()
        except Changed:
            continue
        if found == before:
            return found
        before = found
    return None
