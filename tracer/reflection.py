"""Values of Go in the memory of a running process, read by Go's own descriptions of their types.

Every executable has them, a stripped one too, with the names and offsets of all fields: so no table
of versions is needed. ``abi.Type`` and what follows it by kind: src/internal/abi/type.go of Go 1.26
(src/runtime/type.go before 1.21), the same since Go 1.18 but for ``structField.offsetEmbed``, which
Go 1.19 made the offset itself.

The memory is hostile and goes on while it is read: every length and the number of all reads are
bounded, and what doesn't fit together raises ``Changed``.
"""

import struct
from dataclasses import dataclass
from functools import cached_property

from whowoke.tracer.memory import Changed, Memory
from whowoke.tracer.moduledata import ModuleData

MAX_READS = 200_000  # of one process; a read is some 2 µs, and counts once more per 512 bytes
MAX_ELEMENTS = 4096  # of a slice or a map
MAX_TEXT = 4096
_MAX_FIELDS = 1024
_MAX_NAME = 2048
_MAX_STARS = 8

_DESCRIPTOR = 48
_BEHIND = 24  # what of a kind's own part is read with it
_STRUCT_SIZE = _INTERFACE_SIZE = 80
_EXTRA_STAR, _UNCOMMON, _FLAG_DIRECT, _KIND_DIRECT = 1 << 1, 1 << 0, 1 << 5, 1 << 5
_KIND_MASK = 31
FUNC, INTERFACE, MAP, POINTER, SLICE, STRUCT = 19, 20, 21, 22, 23, 25
_ARRAY = 17


class Types:
    """The types of one process, each read once."""

    def __init__(self, memory: Memory, module: ModuleData, bias: int) -> None:
        """``bias`` is what the loader added to the addresses of ``module``."""
        self._memory = memory
        self._low, self._high = module.types + bias, module.etypes + bias
        self.shift = 1 if module.minor < 19 else 0
        self._known: dict[int, Type] = {}
        self._reads = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether ``MAX_READS`` was too few."""
        return self._reads > MAX_READS

    def read(self, address: int, size: int) -> bytes:
        """Bytes of the process; Changed where there are none, or after ``MAX_READS``."""
        self._reads += 1 + size // 512
        if self.is_exhausted:
            raise Changed("too much to read")
        return self._memory.read(address, size)

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """``count`` 64-bit words at an address."""
        return struct.unpack(f"<{count}Q", self.read(address, 8 * count))

    def at(self, address: int) -> "Type":
        """The type whose descriptor lies there; Changed where there can be none."""
        found = self._known.get(address)
        if found is None:
            found = self._known[address] = Type(self, address)
        return found

    def described(self, address: int, size: int) -> bytes:
        """At most ``size`` bytes of descriptors and names."""
        if not self._low <= address < self._high:
            raise Changed(f"no type at {address:#x}")
        return self.read(address, min(size, self._high - address))

    def name(self, address: int) -> str:
        """A name: flags, its length as a varint, its text."""
        start = self.described(address, 4).ljust(4, b"\0")
        length, at = start[1] & 0x7F, 2
        if start[1] & 0x80:
            length, at = length | (start[2] & 0x7F) << 7, 3
        if length > _MAX_NAME:
            raise Changed(f"a name of {length} bytes")
        return self.described(address, at + length)[at:].decode("utf-8", "replace")

    def name_at(self, offset: int) -> str:
        """A name by its offset from the start of all types."""
        return self.name(self._low + offset)


class Type:
    """One type: ``address`` of its descriptor, ``kind`` as in reflect, ``size`` in bytes.

    ``name`` is as Go prints it, ``*v1.ConfigMap``. A value of a type that ``is_direct`` lies in the
    data word of an interface, any other one where that word points to.
    """

    def __init__(self, types: Types, address: int) -> None:
        self._types = types
        self.address = address
        raw = types.described(address, _DESCRIPTOR + _BEHIND)
        if len(raw) < _DESCRIPTOR:
            raise Changed(f"no type at {address:#x}")
        self.size, _, _, self._flags, _, _, kind = struct.unpack_from("<QQIBBBB", raw)
        (name_offset,) = struct.unpack_from("<i", raw, 40)
        self._behind = struct.unpack("<3Q", raw[_DESCRIPTOR:].ljust(_BEHIND, b"\0"))
        self.kind = kind & _KIND_MASK
        self.is_direct = bool(kind & _KIND_DIRECT or self._flags & _FLAG_DIRECT)
        name = types.name_at(name_offset)
        self.name = name.removeprefix("*") if self._flags & _EXTRA_STAR else name

    @cached_property
    def package(self) -> str:
        """Import path of a struct's or an interface's package, empty for any other type."""
        if self.kind not in (STRUCT, INTERFACE) or not self._flags & _UNCOMMON:
            return ""
        raw = self._types.described(self.address + _STRUCT_SIZE, 4)
        return self._types.name_at(int.from_bytes(raw, "little", signed=True))

    @property
    def path(self) -> str:
        """Import path and name without type arguments, ``k8s.io/api/core/v1.ConfigMap``.

        ``name`` where the package isn't known.
        """
        stars, base = "", self
        while base.kind == POINTER:
            stars, base = stars + "*", base.elem
            if len(stars) > _MAX_STARS:
                raise Changed("a pointer without an end")
        local = base.name.partition("[")[0].rpartition(".")[2]
        return stars + (f"{base.package}.{local}" if base.package else base.name)

    @property
    def elem(self) -> "Type":
        """What a pointer, a slice or an array is of."""
        if self.kind not in (POINTER, SLICE, _ARRAY):
            raise Changed(f"{self.name} has no elements")
        return self._types.at(self._behind[0])

    @property
    def length(self) -> int:
        """How many elements an array has, or methods an interface."""
        count: int = self._behind[2]
        return count

    @property
    def parts(self) -> "tuple[Type, Type, Type]":
        """Of a map: types of its keys and elements, and of the bucket or group that holds them."""
        if self.kind != MAP:
            raise Changed(f"{self.name} is no map")
        key, elem, group = map(self._types.at, self._behind)
        return key, elem, group

    @property
    def has_methods(self) -> bool:
        """Whether an interface demands methods: its first word then is an itab, else a type."""
        # PkgPath, then the slice of methods.
        return self.kind == INTERFACE and self.length > 0

    @cached_property
    def fields(self) -> "dict[str, tuple[int, int]]":
        """Of a struct: for each field its offset in bytes and the address of its type."""
        if self.kind != STRUCT:
            raise Changed(f"{self.name} is no struct")
        _, start, count = self._behind
        if not count <= _MAX_FIELDS:
            raise Changed(f"a struct of {count} fields")
        raw = self._types.described(start, 24 * count) if count else b""
        found = {}
        for name, type_address, offset in struct.iter_unpack("<3Q", raw[: len(raw) // 24 * 24]):
            found[self._types.name(name)] = offset >> self._types.shift, type_address
        return found


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a type at an address. All methods raise Changed for a value of another kind."""

    types: Types
    type: Type
    address: int

    def field(self, name: str) -> "Value":
        """A field of a struct, or of the struct that a pointer points to."""
        whole = self.target() if self.type.kind == POINTER else self
        if name not in whole.type.fields:
            raise Changed(f"{whole.type.name} has no field {name}")
        offset, type_address = whole.type.fields[name]
        if offset > whole.type.size:
            raise Changed(f"{whole.type.name}.{name} lies outside of it")
        return Value(self.types, self.types.at(type_address), whole.address + offset)

    def word(self) -> int:
        """The first 64 bits."""
        return self.types.words(self.address, 1)[0]

    def target(self) -> "Value":
        """What a pointer points to; Changed for nil."""
        self.expect(POINTER)
        address = self.word()
        if not address:
            raise Changed(f"{self.type.name} is nil")
        return Value(self.types, self.type.elem, address)

    def content(self) -> "Value | None":
        """What an interface holds, None for nil."""
        self.expect(INTERFACE)
        tab, data = self.types.words(self.address, 2)
        if not tab:
            return None
        if self.type.has_methods:
            demands, tab = self.types.words(tab, 2)
            if demands != self.type.address:
                raise Changed(f"no {self.type.name} at {self.address:#x}")
        held = self.types.at(tab)
        return Value(self.types, held, self.address + 8 if held.is_direct else data)

    def data(self) -> int:
        """The data word of an interface: the address of what it holds, or a pointer itself."""
        self.expect(INTERFACE)
        return self.types.words(self.address, 2)[1]

    def closure(self) -> int:
        """Address of a function's closure, whose first word is the code; 0 for nil."""
        self.expect(FUNC)
        return self.word()

    def elements(self) -> "list[Value]":
        """The elements of a slice or an array."""
        start, count = self.address, self.type.length
        if self.type.kind == SLICE:
            start, count, capacity = self.types.words(self.address, 3)
            if count > capacity:
                raise Changed(f"a slice of {count} elements, of {capacity}")
        elem = self.type.elem
        if count > MAX_ELEMENTS:
            raise Changed(f"{count} elements")
        return [Value(self.types, elem, start + index * elem.size) for index in range(count)]

    def expect(self, kind: int) -> None:
        """Raise Changed unless the value is of that kind."""
        if self.type.kind != kind:
            raise Changed(f"{self.type.name} is of kind {self.type.kind}, not {kind}")


def read_text(types: Types, address: int) -> str:
    """A string by the address of its two words; Changed if too long or not UTF-8."""
    start, length = types.words(address, 2)
    if length > MAX_TEXT:
        raise Changed(f"a string of {length} bytes")
    try:
        return types.read(start, length).decode() if length else ""
    except UnicodeDecodeError:
        raise Changed("a string that isn't UTF-8") from None
