"""The Go runtime's structs in the memory of a running process, by the offsets of layouts.toml.

The process goes on while it is read, and its memory is hostile input: every size is bounded, and
what isn't mapped or doesn't fit together raises ``Changed``, on which the caller reads again.
"""

import struct
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from whowoke.analysis.errors import UnsupportedError, WhowokeError
from whowoke.tracer.target import Target

MAX_READS = 2_000_000  # of one process; a read is some 2 µs
# The longest field that is read: an interface or the first words of a slice.
_LONGEST_FIELD = 24


class Changed(Exception):  # noqa: N818
    """The memory isn't what it was a moment ago, or never was what it should be."""


@dataclass(frozen=True)
class Layout:
    """Byte offsets of one version of Go, by ``package.struct.field``."""

    offsets: Mapping[str, int]

    def at(self, struct_name: str, field: str) -> int:
        """Offset of a field, bytes from the start of its struct."""
        return self.offsets[f"{struct_name}.{field}"]

    def has(self, struct_name: str, field: str) -> bool:
        """Whether this version's struct has such a field."""
        return f"{struct_name}.{field}" in self.offsets

    def size(self, struct_name: str) -> int:
        """How many bytes hold all known fields of a struct."""
        prefix = f"{struct_name}."
        found = (v for name, v in self.offsets.items() if name.startswith(prefix))
        return max(found) + _LONGEST_FIELD


@cache
def _tables() -> tuple[dict[str, Any], ...]:
    text = (files(__package__) / "layouts.toml").read_text("utf-8")
    return tuple(tomllib.loads(text)["layout"])


def supported_versions() -> list[str]:
    """Minor versions of Go whose structs are known, ``1.26``, in ascending order."""
    found = {version for table in _tables() for version in table["versions"]}
    return sorted(found, key=lambda version: int(version.split(".")[1]))


def layout_of(version: str) -> Layout:
    """The structs of a minor version such as ``1.26``; UnsupportedError for one not known."""
    offsets: dict[str, int] = {}
    for table in _tables():
        if version in table["versions"]:
            offsets |= table["offsets"]
    if not offsets:
        known = supported_versions()
        raise UnsupportedError(
            f"the timers of Go {version or 'of an unknown version'} can't be read from memory",
            f"this works for Go {known[0]} to {known[-1]}; record the process instead",
        )
    return Layout(offsets)


@dataclass(frozen=True, slots=True)
class Struct:
    """One struct as it was read at once: ``address``, and ``raw`` with its bytes."""

    layout: Layout
    name: str
    address: int
    raw: bytes

    def word(self, field: str, behind: int = 0) -> int:
        """The 64-bit word at a field, or ``behind`` bytes after its start."""
        at = self.layout.at(self.name, field) + behind
        value: int = struct.unpack_from("<Q", self.raw, at)[0]
        return value

    def number(self, field: str, size: int) -> int:
        """The unsigned number of ``size`` bytes at a field."""
        at = self.layout.at(self.name, field)
        return int.from_bytes(self.raw[at : at + size], "little")


class Memory:
    """Bounded reads of a running process. Nothing is ever written."""

    def __init__(self, target: Target, layout: Layout) -> None:
        self.target = target
        self.layout = layout
        self._reads = 0

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes at an address.

        Raises Changed where they aren't mapped and after ``MAX_READS``, WhowokeError where the
        process has ended or may not be read.
        """
        self._reads += 1
        if self._reads > MAX_READS:
            raise Changed("too much to read")
        try:
            return self.target.read_memory(address, size)
        except WhowokeError as error:
            if error.exit_code != WhowokeError.exit_code or not self.target.is_alive():
                raise
            raise Changed(str(error)) from None

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """``count`` 64-bit words at an address; errors as of ``read``."""
        return struct.unpack(f"<{count}Q", self.read(address, 8 * count))

    def word(self, address: int) -> int:
        """The 64-bit word at an address; errors as of ``read``."""
        return self.words(address, 1)[0]

    def struct(self, name: str, address: int) -> Struct:
        """A struct of the layout, ``runtime.g``; errors as of ``read``."""
        return Struct(self.layout, name, address, self.read(address, self.layout.size(name)))

    def field(self, name: str, address: int, field: str) -> int:
        """One 64-bit field of a struct; errors as of ``read``."""
        return self.word(address + self.layout.at(name, field))
