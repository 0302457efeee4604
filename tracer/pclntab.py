"""Functions, files, lines and inlined calls of a stripped Go executable.

Formats: ``functab``, ``_func`` and ``inlinedCall`` in src/runtime/runtime2.go, symtab.go and
symtabinl.go of Go 1.26.8 (same in 1.21 to 1.27), of 1.18 and 1.19 where they differ. The values by
program counter are pairs of varints (``runtime.step``).

The table is hostile input: each offset is checked where it is used. A table that doesn't hold
together is refused when it is opened; a single entry that doesn't gives an empty name or file or
line 0, which mean not known.
"""

import re
import struct
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from whowoke.analysis.errors import UnsupportedError, WhowokeError
from whowoke.tracer.buildinfo import build_info
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.elfheaders import refuse
from whowoke.tracer.moduledata import ModuleData, Table, find_module_data
from whowoke.tracer.patterns import alternatives, required_text
from whowoke.tracer.pcvalues import MAX_TEXT, PcValues, text_at

MAX_INLINE_DEPTH = 128
MAX_NAMES = 1 << 19
MAX_FOUND = 1 << 14

_PCDATA_INLINE_INDEX = 2
_FUNCDATA_INLINE_TREE = 3
_NO_FUNCDATA = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class FuncLayout:
    """Byte offsets in ``runtime._func`` and ``runtime.inlinedCall``; None: absent."""

    size: int
    start_line: int | None
    inline_size: int
    inline_name: int
    inline_parent: int


_LAYOUT_120 = FuncLayout(44, 36, 16, 4, 8)
# No startLine; inlinedCall {parent int16, funcID, _ byte, file, line, func_, parentPc int32}.
_LAYOUT_118 = FuncLayout(40, None, 20, 12, 16)


@dataclass(frozen=True, slots=True)
class Function:
    """One function: full name (with ``[go.shape...]``), addresses as linked, declaration.

    ``entry`` to ``end`` includes the padding behind it. ``file`` and ``line`` are those of the
    ``func`` keyword; line 0 (not known) before Go 1.20.
    """

    name: str
    entry: int
    end: int
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One call: function (full name), file and line where it is; "" and 0 mean not known."""

    function: str
    file: str
    line: int
    inlined: bool = False


class FunctionTable:
    """All functions of an executable, by address and by name.

    ``entries`` (uint64, addresses as linked, ascending) and ``name_offsets`` (int64, into the table
    of names) have one element for each function. The ElfFile must stay open: inline trees are read
    from it when they are asked for.
    """

    def __init__(self, elf: ElfFile, module: ModuleData) -> None:
        """Read the tables that ``module`` describes; UnsupportedError where they don't hold."""
        self._elf = elf
        self.module = module
        self._layout = _LAYOUT_120 if module.minor >= 20 else _LAYOUT_118
        self._names = self._read(module.names)
        self._files = self._read(module.files)
        self._values = PcValues(partial(self._part, module.values), elf.machine.pc_quantum)
        self._units = np.frombuffer(self._read(module.units), "<u4")
        # Megabytes that are needed once; what is asked for later is read again.
        functions = self._read(module.functions)
        self.entries, self._ends, self._func_offsets = self._read_index(functions)
        self.name_offsets = self._gather(functions, 4).astype(np.int64)
        self._by_name = np.argsort(self.name_offsets, kind="stable")
        self._sorted_names = self.name_offsets[self._by_name]
        self._frames_at = lru_cache(16384)(self._expand)

    @classmethod
    def open(cls, elf: ElfFile) -> "FunctionTable":
        """Find the table of ``elf``; UnsupportedError where it isn't Go 1.18 to 1.27."""
        info = build_info(elf)
        release = info.go_release
        if release is None or release[0] != 1:
            raise refuse(elf.name, f"Go version {info.go_version!r} isn't supported")
        return cls(elf, find_module_data(elf, release[1]))

    def __len__(self) -> int:
        return len(self.entries)

    def find(self, name: str) -> list[Function]:
        """Return the functions with exactly this full name, by address: none, one or several."""
        wanted = name.encode("utf-8", "surrogateescape") + b"\0"
        found = [0] if self._names.startswith(wanted) else []
        at = self._names.find(b"\0" + wanted)
        while at >= 0:
            found.append(at + 1)
            if len(found) > MAX_NAMES:
                raise self._too_many_names()
            at = self._names.find(b"\0" + wanted, at + 1)
        return self._named(found)

    def matching(self, pattern: str | re.Pattern[str]) -> list[Function]:
        """Return the functions whose full name contains ``pattern``, by address."""
        text = pattern if isinstance(pattern, str) else pattern.pattern
        found = {start for part in alternatives(text) for start in self._matching(part)}
        return self._named(sorted(found))

    def _matching(self, pattern: str) -> list[int]:
        """Offsets of the names that contain a pattern without alternatives."""
        scan, wanted = re.compile(pattern.encode()), required_text(pattern).encode()
        names, found, at = self._names, list[int](), 0
        for _ in range(MAX_NAMES):
            # The whole table is searched for plain text only: a pattern that isn't found may take
            # the square of what it is searched in.
            at = names.find(wanted, at)
            if not 0 <= at < len(names):
                return found
            start = names.rfind(b"\0", 0, at) + 1
            end = names.find(b"\0", at)
            end = len(names) if end < 0 else end
            if start < end <= start + MAX_TEXT and scan.search(names[start:end]):
                found.append(start)
            at = end + 1
        raise self._too_many_names()

    def function_at(self, pc: int) -> Function | None:
        """Return the function whose code holds ``pc``, None outside of Go's code."""
        index = self._index_at(pc)
        return None if index is None else self._function(index)

    def frames(self, pc: int, *, is_return_address: bool) -> list[Frame]:
        """Return the calls that ``pc`` stands for, innermost first, inlined calls expanded.

        A return address belongs to the call before it. Empty outside of Go's code.
        """
        return list(self._frames_at(pc - 1 if is_return_address else pc))

    def _read(self, table: Table) -> bytes:
        return self._elf.read_virtual(table.address, table.size)

    def _part(self, table: Table, offset: int, size: int) -> bytes:
        """Bytes of a table, fewer at its end, none where the file isn't what it was."""
        size = min(size, table.size - offset)
        if offset < 0 or size <= 0:
            return b""
        try:
            return self._elf.read_virtual(table.address + offset, size)
        except WhowokeError:
            return b""

    def _read_index(
        self, functions: bytes
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """Return entries, ends and the offset of each ``_func``, checked."""
        count = self.module.function_count
        index = np.frombuffer(functions, "<u4", 2 * count + 1).astype(np.int64)
        starts = index[0::2]
        offsets = index[1::2]
        low, high = self.module.min_pc - self.module.text, self.module.max_pc - self.module.text
        if starts[0] != low or starts[-1] != high or np.any(np.diff(starts) < 0):
            raise refuse(self._elf.name, "the function table isn't in order")
        if np.any(offsets + self._layout.size > len(functions)):
            raise refuse(self._elf.name, "the function table points outside of itself")
        absolute = starts.astype(np.uint64) + np.uint64(self.module.text)
        return absolute[:-1], absolute[1:], offsets

    def _gather(self, functions: bytes, at: int) -> npt.NDArray[np.int32]:
        """Return the 4 bytes at ``at`` of every ``_func`` as int32."""
        raw = np.frombuffer(functions, np.uint8)
        columns = self._func_offsets[:, None] + np.arange(at, at + 4)
        return np.ascontiguousarray(raw[columns]).view("<i4")[:, 0]

    def _too_many_names(self) -> UnsupportedError:
        return refuse(self._elf.name, "too many functions have such a name")

    def _named(self, offsets: list[int]) -> list[Function]:
        wanted = np.array(offsets, dtype=np.int64)
        low = np.searchsorted(self._sorted_names, wanted, "left")
        high = np.searchsorted(self._sorted_names, wanted, "right")
        # The table is the file's: all functions may have one name.
        if int((high - low).sum()) > MAX_FOUND:
            raise self._too_many_names()
        rows = [i for a, b in zip(low, high, strict=True) for i in self._by_name[a:b].tolist()]
        return [self._function(index) for index in sorted(rows)]

    def _index_at(self, pc: int) -> int | None:
        if not self.module.min_pc <= pc < self.module.max_pc:
            return None
        return int(np.searchsorted(self.entries, np.uint64(pc), "right")) - 1

    def _function(self, index: int) -> Function:
        entry, end = int(self.entries[index]), int(self._ends[index])
        line = 0
        if self._layout.start_line is not None:
            line = self._field(index, self._layout.start_line, "<i")
        name = self._name(int(self.name_offsets[index]))
        # The first instruction may belong to an inlined call: the outermost frame has our file.
        frames = self._frames_at(entry)
        return Function(name, entry, end, frames[-1].file if frames else "", max(line, 0))

    def _field(self, index: int, at: int, kind: str = "<I") -> int:
        """Return one field of a ``_func``; 0 beyond the end of the table."""
        offset = int(self._func_offsets[index]) + at
        size = struct.calcsize(kind)
        data = self._part(self.module.functions, offset, size)
        return int(struct.unpack(kind, data)[0]) if len(data) == size else 0

    def _name(self, offset: int) -> str:
        return text_at(self._names, offset)

    def _file(self, index: int, pc: int) -> str:
        number = self._value(index, 20, pc)
        slot = self._field(index, 32) + number
        if number < 0 or slot >= len(self._units):
            return ""
        return text_at(self._files, int(self._units[slot]))

    def _line(self, index: int, pc: int) -> int:
        return max(self._value(index, 24, pc), 0)

    def _value(self, index: int, at: int, pc: int) -> int:
        """Return the value at ``pc`` of the table that field ``at`` of the ``_func`` names."""
        return self._values.at(self._field(index, at), int(self.entries[index]), pc)

    def _expand(self, pc: int) -> tuple[Frame, ...]:
        """Walk up the inline tree as ``runtime.inlineUnwinder`` does."""
        index = self._index_at(pc)
        if index is None:
            return ()
        frames: list[Frame] = []
        for _ in range(MAX_INLINE_DEPTH):
            file, line = self._file(index, pc), self._line(index, pc)
            call = self._inlined_call(index, pc)
            if call is None:
                name = self._name(int(self.name_offsets[index]))
                frames.append(Frame(name, file, line))
                break
            frames.append(Frame(self._name(call[0]), file, line, inlined=True))
            pc = int(self.entries[index]) + call[1]
        return tuple(frames)

    def _inlined_call(self, index: int, pc: int) -> tuple[int, int] | None:
        """Return (name offset, offset of the call in its caller) of what is inlined at ``pc``."""
        pcdata_count = self._field(index, 28)
        funcdata_count = self._field(index, self._layout.size - 1, "<B")
        if pcdata_count <= _PCDATA_INLINE_INDEX or funcdata_count <= _FUNCDATA_INLINE_TREE:
            return None
        arrays = self._layout.size
        number = self._value(index, arrays + 4 * _PCDATA_INLINE_INDEX, pc)
        tree = self._field(index, arrays + 4 * (pcdata_count + _FUNCDATA_INLINE_TREE))
        if number < 0 or tree == _NO_FUNCDATA:
            return None
        layout = self._layout
        try:
            call = self._elf.read_virtual(
                self.module.gofunc + tree + number * layout.inline_size, layout.inline_size
            )
        except UnsupportedError:
            return None
        name: int = struct.unpack_from("<i", call, layout.inline_name)[0]
        parent: int = struct.unpack_from("<i", call, layout.inline_parent)[0]
        return name, parent
