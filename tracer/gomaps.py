"""The entries of a Go map in the memory of a running process.

src/runtime/map.go of Go 1.18 to 1.23, and from Go 1.24 on src/internal/runtime/maps. A map's type
names the type of its buckets or groups: that tells which of the two it is, and where its keys lie.
"""

import struct
from collections.abc import Iterator

from whowoke.tracer.memory import Changed
from whowoke.tracer.reflection import MAP, MAX_ELEMENTS, Type, Types, Value

# src/runtime/map.go: a slot whose top byte of the hash is smaller is empty or was moved.
_MIN_TOP_HASH = 5
_SAME_SIZE_GROW = 8
_MAX_BUCKETS = 1 << 14
_SLOTS = 8
_CONTROL_EMPTY = 0x80


def entries(value: Value) -> list[tuple[Value, Value]]:
    """Keys and elements of a map, in no order; Changed if it has not as many as it says."""
    value.expect(MAP)
    key, elem, group = value.type.parts
    header, types = value.word(), value.types
    count = types.words(header, 1)[0] if header else 0
    if not count:
        return []
    if count > MAX_ELEMENTS:
        raise Changed(f"a map of {count} entries")
    walk = _groups if "ctrl" in group.fields else _buckets
    found = [
        (_stored(slot_key, key), _stored(slot_elem, elem))
        for place, used in walk(types, group, header)
        for slot_key, slot_elem in _pairs(place, used)
    ]
    if not len(found) == count == types.words(header, 1)[0]:
        raise Changed(f"{len(found)} entries in a map of {count}")
    return found


def _pairs(place: Value, used: list[int]) -> list[tuple[Value, Value]]:
    """Those of the eight slots of a bucket or a group that are used."""
    if not used:
        return []
    if "slots" in place.type.fields:
        slots = place.field("slots").elements()
        pairs = [(slot.field("key"), slot.field("elem")) for slot in slots]
    else:
        keys, elems = (place.field(name).elements() for name in ("keys", "elems"))
        pairs = list(zip(keys, elems, strict=False))
    if len(pairs) != _SLOTS:
        raise Changed(f"a map with {len(pairs)} slots")
    return [pairs[slot] for slot in used]


def _stored(slot: Value, wanted: Type) -> Value:
    """The key or element of a slot: what is larger than 128 bytes lies behind a pointer."""
    if slot.type.address == wanted.address:
        return slot
    return Value(slot.types, wanted, slot.word())


def _buckets(types: Types, bucket: Type, header: int) -> Iterator[tuple[Value, list[int]]]:
    """Buckets of runtime.hmap and their used slots; while it grows, those not moved yet as well."""
    _, flags, shift, _, _, new, old = struct.unpack("<QBBHIQQ", types.read(header, 32))
    if 1 << shift > _MAX_BUCKETS:
        raise Changed(f"a map of 2**{shift} buckets")
    before = 1 << shift if flags & _SAME_SIZE_GROW else 1 << shift >> 1
    seen = 0
    for start, count in ((new, 1 << shift), (old, before)):
        for index in range(count if start else 0):
            address = start + index * bucket.size
            while address:
                seen += 1
                if seen > 2 * _MAX_BUCKETS:
                    raise Changed("a map whose buckets don't end")
                place = Value(types, bucket, address)
                tops = types.read(place.field("topbits").address, _SLOTS)
                yield place, [slot for slot, top in enumerate(tops) if top >= _MIN_TOP_HASH]
                address = place.field("overflow").word()


def _groups(types: Types, group: Type, header: int) -> Iterator[tuple[Value, list[int]]]:
    """Groups of internal/runtime/maps.Map and their used slots."""
    _, _, directory, length = types.words(header, 4)
    starts = [(directory, 1)]
    if length:
        if length > MAX_ELEMENTS:
            raise Changed(f"a map of {length} tables")
        # A table may be in several places of the directory.
        tables = dict.fromkeys(types.words(directory, length))
        # maps.table: four small fields, index, and the groups with their number less one.
        starts = [(data, mask + 1) for data, mask in (types.words(t + 16, 2) for t in tables)]
    if sum(count for _, count in starts) > _MAX_BUCKETS:
        raise Changed("a map of too many groups")
    for start, count in starts:
        for index in range(count):
            place = Value(types, group, start + index * group.size)
            control = types.read(place.field("ctrl").address, _SLOTS)
            yield place, [slot for slot, c in enumerate(control) if not c & _CONTROL_EMPTY]
