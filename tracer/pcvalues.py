"""The parts of a pclntab that are decoded byte by byte: texts and values by program counter.

A value table is a list of pairs of varints, change of the value (zigzag) and advance of the program
counter, ended by a change of 0 that isn't the first (``step`` and ``readvarint`` in
src/runtime/symtab.go of Go 1.26.8). The bytes are hostile input: nothing here raises on them.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable

from whowoke.analysis.texts import printable

MAX_TEXT = 1 << 14
MAX_STEPS = 1 << 17
MAX_CACHED_STEPS = 1 << 17
# Enough for most functions; one whose table is longer is read again.
WINDOW = 4096

_Steps = tuple["array[int]", "array[int]"]


class PcValues:
    """The value tables of an executable; decoded ones are kept, up to a number of steps."""

    def __init__(self, read: Callable[[int, int], bytes], quantum: int) -> None:
        """``quantum`` is the smallest instruction.

        ``read`` gives bytes of ``moduledata.pctab`` by offset and size, fewer at its end.
        """
        self._read = read
        self._quantum = quantum
        self._cache: dict[tuple[int, int], _Steps] = {}
        self._cached_steps = 0

    def at(self, offset: int, entry: int, pc: int) -> int:
        """Return the value at ``pc`` from the table at ``offset`` of the function at ``entry``.

        -1 where there is no table or none that reaches ``pc``.
        """
        if offset == 0:
            return -1
        steps = self._cache.get((offset, entry))
        if steps is None:
            steps = self._decode(offset, entry)
            if self._cached_steps > MAX_CACHED_STEPS:
                self._cache.clear()
                self._cached_steps = 0
            self._cache[offset, entry] = steps
            self._cached_steps += len(steps[0])
        ends, values = steps
        position = bisect_right(ends, pc)
        return values[position] if position < len(values) else -1

    def _decode(self, offset: int, pc: int) -> _Steps:
        """Return where each value ends (address, exclusive, ascending) and the values."""
        size = WINDOW
        while True:
            data = self._read(offset, size)
            steps, is_whole = self._steps(data, pc)
            if is_whole or len(data) < size:
                return steps
            size *= 8

    def _steps(self, data: bytes, pc: int) -> tuple[_Steps, bool]:
        """The values of a table that begins with ``data``, and whether its end was seen."""
        ends = array("q")
        values = array("q")
        value, offset = -1, 0
        for step in range(MAX_STEPS):
            change, offset = _varint(data, offset)
            if change == 0 and step:
                return (ends, values), offset <= len(data)
            value += -(change >> 1) - 1 if change & 1 else change >> 1
            advance, offset = _varint(data, offset)
            if advance == 0 or offset > len(data):
                return (ends, values), offset <= len(data)
            pc += advance * self._quantum
            ends.append(pc)
            values.append(value)
        return (ends, values), True


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """Return a varint of 32 bits and the offset behind it; 0, beyond the end, where it is cut."""
    value = shift = 0
    while offset < len(data) and shift < 35:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
    return 0, len(data) + 1


def text_at(table: bytes, offset: int) -> str:
    """Return the zero-ended text at ``offset``, "" where there is none.

    Characters that a terminal would act on are replaced: names come from the target's file.
    """
    end = table.find(b"\0", offset, offset + MAX_TEXT) if 0 <= offset < len(table) else -1
    if end < 0:
        return ""
    return printable(table[offset:end].decode("utf-8", "replace"))
