"""Decisions read from a fuzzer's bytes: the same bytes make the same mutation, none make none."""

import struct
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

WORDS = (
    *(0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000),
    *(0xFFFF_FFFF, 1 << 32, 1 << 40, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63),
    (1 << 64) - 1,
)
MAX_PATCHES = 24


class Choices:
    """Takes decisions off the front of some bytes; what is missing is 0, the first choice."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        """So many bytes."""
        found = self._data[self._at : self._at + size]
        self._at += size
        return found.ljust(size, b"\0")

    def rest(self) -> bytes:
        """All that are left."""
        return self.take(max(0, len(self._data) - self._at))

    def below(self, count: int) -> int:
        """A number from 0 to ``count`` less one."""
        return int.from_bytes(self.take(1 if count <= 256 else 2), "little") % max(count, 1)

    def pick(self, options: Sequence[T]) -> T:
        """One of some options."""
        return options[self.below(len(options))]

    def word(self, *near: int) -> int:
        """A word of 64 bits: one that is often wrong, one near another, a small one, any."""
        kind = self.below(4)
        if kind == 0:
            return self.pick(WORDS)
        if kind == 1 and near:
            return (self.pick(near) + int.from_bytes(self.take(1), signed=True)) % (1 << 64)
        if kind == 2:
            return int.from_bytes(self.take(2), "little")
        value: int = struct.unpack("<Q", self.take(8))[0]
        return value


def patched(image: bytes, choices: Choices, fields: Sequence[tuple[int, int]]) -> bytearray:
    """An image with some of its bytes changed.

    ``fields`` are the offsets and sizes of what its reader relies on; other bytes are changed, too.
    Now and then the end is cut off.
    """
    out = bytearray(image)
    for _ in range(MAX_PATCHES):
        if not choices or not out:
            break
        kind = choices.below(8)
        if kind < 5:
            offset, size = choices.pick(fields)
            old = int.from_bytes(image[offset : offset + size], "little")
            value = choices.word(old, offset, len(image)).to_bytes(8, "little")[:size]
        elif kind < 7:
            offset = choices.below(len(out))
            value = choices.take(1 + choices.below(8))
        else:
            del out[choices.below(len(out)) :]
            continue
        value = value[: max(0, len(out) - offset)]
        out[offset : offset + len(value)] = value
    return out
