"""Programs as bcc compiled them, to be loaded any number of times: by this run or a later one.

Instructions name maps by their place in the list of maps, and hold marks for what differs from one
target to the next (``WW_PARAMETER`` in bpf/maps.h); ``linked`` puts descriptors and values in. The
kernel's verifier checks what comes out of it, whether it was compiled now or was kept.
"""

import base64
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

# Where the marks of parameters begin: no address and no constant of ours is near.
PARAMETER_BASE = 0x5757_5041_0000_0000
MAX_PARAMETERS = 64

_INSTRUCTION = struct.Struct("<BBhi")
_SIZE = _INSTRUCTION.size
_LOAD_64 = 0x18
_PLAIN, _MAP = 0, 1
_MASK_32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class MapShape:
    """What a map is made with; ``kind`` and ``flags`` as in include/uapi/linux/bpf.h."""

    name: str
    kind: int
    key_size: int
    value_size: int
    entries: int
    flags: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """All maps and programs of one source."""

    maps: tuple[MapShape, ...]
    programs: dict[str, bytes]

    @classmethod
    def of(cls, maps: Mapping[int, MapShape], programs: Mapping[str, bytes]) -> "Compiled":
        """From instructions that hold descriptors of maps; ValueError for what isn't understood."""
        places = {descriptor: place for place, descriptor in enumerate(maps)}

        def place(kind: int, value: int) -> tuple[int, int]:
            if kind == _PLAIN:
                return kind, value
            if kind != _MAP or value not in places:
                raise ValueError(f"a load of kind {kind} of {value:#x}")
            return kind, places[value]

        moved = {name: _rewritten(code, place) for name, code in programs.items()}
        return cls(tuple(maps.values()), moved)

    @classmethod
    def decoded(cls, data: bytes) -> "Compiled":
        """What ``encoded`` made; ValueError, KeyError or TypeError for anything else."""
        value = json.loads(data)
        programs = {name: base64.b64decode(code) for name, code in value["programs"].items()}
        return cls(tuple(MapShape(**shape) for shape in value["maps"]), programs)

    def encoded(self) -> bytes:
        """As bytes to be sent or kept."""
        programs = {name: base64.b64encode(code).decode() for name, code in self.programs.items()}
        maps = [asdict(shape) for shape in self.maps]
        return json.dumps({"maps": maps, "programs": programs}).encode()

    def linked(self, program: str, descriptors: Sequence[int], parameters: Sequence[int]) -> bytes:
        """A program's instructions with the descriptors of its maps and the parameters' values."""

        def value(kind: int, old: int) -> tuple[int, int]:
            if kind == _MAP:
                return kind, descriptors[old]
            number = old - PARAMETER_BASE
            return kind, parameters[number] if 0 <= number < MAX_PARAMETERS else old

        return _rewritten(self.programs[program], value)


def _rewritten(code: bytes, change: Callable[[int, int], tuple[int, int]]) -> bytes:
    """The instructions with each 64-bit load changed: ``change(kind, value)`` gives both anew."""
    if len(code) % _SIZE:
        raise ValueError(f"{len(code)} bytes are no instructions")
    out = bytearray(code)
    position = 0
    while position < len(out):
        opcode, registers, offset, low = _INSTRUCTION.unpack_from(out, position)
        if opcode != _LOAD_64:
            position += _SIZE
            continue
        high = _INSTRUCTION.unpack_from(out, position + _SIZE)[3]
        old = (low & _MASK_32) | (high & _MASK_32) << 32
        kind, new = change(registers >> 4, old)
        low, high = struct.unpack("<ii", struct.pack("<Q", new))
        registers = registers & 15 | kind << 4
        _INSTRUCTION.pack_into(out, position, opcode, registers, offset, low)
        _INSTRUCTION.pack_into(out, position + _SIZE, 0, 0, 0, high)
        position += 2 * _SIZE
    return bytes(out)
