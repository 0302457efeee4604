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
from whowoke.tracer.reflection import INTERFACE, MAP, POINTER, STRUCT, Type, Types, Value

_PACKAGE = "sigs.k8s.io/controller-runtime/pkg/cache"
_CACHES = tuple(
    f"{_PACKAGE}.{name}"
    for name in ("informerCache", "delegatingByGVKCache", "multiNamespaceCache")
)
_ENTRIES = (f"{_PACKAGE}/internal.Cache", f"{_PACKAGE}/internal.MapEntry")
_MAX_VALUES, _MAX_WAITING = 20_000, 100_000
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
        _check(len(seen), len(waiting))
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


def readers_of(cache: Value) -> Iterator[int]:
    """Addresses of the CacheReaders of a cache and of those that it is made of. Raises Changed."""
    waiting, seen = [cache], set[tuple[int, int]]()
    while waiting:
        _check(len(seen), len(waiting))
        value = waiting.pop()
        key = value.type.address, value.address
        if key in seen:
            continue
        seen.add(key)
        if value.type.kind != MAP:
            waiting += (
                v for v in _inside(value) if v.type.kind in (MAP, STRUCT) or _is_cache(v.type)
            )
            continue
        elem = value.type.parts[1]
        if elem.kind == POINTER and elem.elem.path in _ENTRIES:
            yield from (entry.field("Reader").address for _, entry in entries(value))
        elif _is_cache(elem):
            waiting += (entry for _, entry in entries(value))


def _check(seen: int, waiting: int) -> None:
    """A type may have many fields of its own kind, so that no other bound is reached."""
    if seen >= _MAX_VALUES or waiting >= _MAX_WAITING:
        raise Changed(f"more than {_MAX_VALUES} values")


def _is_cache(of: Type) -> bool:
    return of.path.removeprefix("*").startswith((f"{_PACKAGE}.", f"{_PACKAGE}/"))


def _inside(value: Value) -> list[Value]:
    """The fields of a struct, what a pointer points to or an interface holds."""
    if value.type.kind == STRUCT:
        return [value.field(name) for name in value.type.fields]
    if value.type.kind == POINTER and value.word():
        return [value.target()]
    content = value.content() if value.type.kind == INTERFACE else None
    return [content] if content else []
