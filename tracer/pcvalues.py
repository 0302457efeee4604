"""The parts of a pclntab that are decoded byte by byte: texts and values by program counter.

A value table is a list of pairs of varints, change of the value (zigzag) and advance of the program
counter, ended by a change of 0 that isn't the first (``step`` and ``readvarint`` in
src/runtime/symtab.go of Go 1.26.8). The bytes are hostile input: nothing here raises on them.
"""

from array import array
from bisect import bisect_right

from whowoke.analysis.texts import printable

MAX_TEXT = 1 << 14
MAX_STEPS = 1 << 17
MAX_CACHED_STEPS = 1 << 19

_Steps = tuple["array[int]", "array[int]"]


class PcValues:
    """The value tables of an executable; decoded ones are kept, up to a number of steps."""

    def __init__(self, data: bytes, quantum: int) -> None:
        """Read from ``data`` (``moduledata.pctab``); ``quantum`` is the smallest instruction."""
        self._data = data
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
        ends = array("q")
        values = array("q")
        value = -1
        for step in range(MAX_STEPS):
            change, offset = _varint(self._data, offset)
            if change == 0 and step:
                break
            value += -(change >> 1) - 1 if change & 1 else change >> 1
            advance, offset = _varint(self._data, offset)
            if advance == 0 or offset > len(self._data):
                break
            pc += advance * self._quantum
            ends.append(pc)
            values.append(value)
        return ends, values


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
