"""The caches that the reconcilers of an operator read from, and all informers of these.

A reconciler is a struct of the operator's own, known by nothing but Go's description of its type.
Some of its fields, or of what they point to, is the client that it was given, and that has the
cache: what lies nearest to the reconciler is looked at first, up to a bound. controller-runtime's
types: pkg/cache of 0.11 to 0.25, where a cache may be made of others, for namespaces and for kinds.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress

from whowoke.tracer.gomaps import entries
from whowoke.tracer.memory import Changed
from whowoke.tracer.reflection import INTERFACE, MAP, POINTER, STRUCT, Types, Value

_PACKAGE = "sigs.k8s.io/controller-runtime/pkg/cache"
_CACHES = tuple(
    f"{_PACKAGE}.{name}"
    for name in ("informerCache", "delegatingByGVKCache", "multiNamespaceCache")
)
_ENTRIES = (f"{_PACKAGE}/internal.Cache", f"{_PACKAGE}/internal.MapEntry")
_MAX_VALUES = 20_000
_DEPTH = 32
_LEADING = (INTERFACE, POINTER, STRUCT)


def held(types: Types, address: int) -> Value | None:
    """What an interface with methods holds, by its address alone; None for nil."""
    itab, data = types.words(address, 2)
    if not itab:
        return None
    dynamic = types.at(types.words(itab, 2)[1])
    return Value(types, dynamic, address + 8 if dynamic.is_direct else data)


def caches_near(starts: Iterable[Value]) -> list[Value]:
    """The caches that some values lead to, nearest first. Raises Changed if these are too many."""
    found: list[Value] = []
    waiting, seen = deque(starts), set[tuple[int, int]]()
    while waiting:
        if len(seen) >= _MAX_VALUES:
            raise Changed(f"more than {_MAX_VALUES} values")
        value = waiting.popleft()
        key = value.type.address, value.address
        if key in seen:
            continue
        seen.add(key)
        if value.type.path in _CACHES:
            found.append(value)
            continue
        with suppress(Changed):
            waiting += (inner for inner in _inside(value) if inner.type.kind in _LEADING)
    return found


def readers_of(cache: Value, depth: int = 0) -> Iterator[int]:
    """Addresses of the CacheReaders of a cache and of those that it is made of. Raises Changed."""
    if depth > _DEPTH:
        raise Changed("a cache without an end")
    if cache.type.kind == MAP:
        elem = cache.type.parts[1]
        is_last = elem.kind == POINTER and elem.elem.path in _ENTRIES
        for _, entry in entries(cache) if is_last or _is_cache(elem.path) else ():
            if is_last:
                yield entry.field("Reader").address
            else:
                yield from readers_of(entry, depth + 1)
        return
    for inner in _inside(cache):
        path = inner.type.path
        if inner.type.kind in (MAP, STRUCT) or _is_cache(path):
            yield from readers_of(inner, depth + 1)


def _is_cache(path: str) -> bool:
    return path.removeprefix("*").startswith((f"{_PACKAGE}.", f"{_PACKAGE}/"))


def _inside(value: Value) -> list[Value]:
    """The fields of a struct, what a pointer points to or an interface holds."""
    if value.type.kind == STRUCT:
        return [value.field(name) for name in value.type.fields]
    if value.type.kind == POINTER and value.word():
        return [value.target()]
    content = value.content() if value.type.kind == INTERFACE else None
    return [content] if content else []
