"""From addresses to functions and lines: the target's own, and the kernel's.

User addresses are those of the running process; the load bias is taken off here. Kernel addresses
are looked up in /proc/kallsyms, which only root sees.
"""

import struct
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whowoke.analysis.capture import schema
from whowoke.analysis.capture.reader import Frame
from whowoke.tracer.apart import Child
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.gotypes import type_name
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.ring import distinct
from whowoke.tracer.sockets import socket_address

KALLSYMS = Path("/proc/kallsyms")
FIRST_BYTES = 65536
UNKNOWN = Frame("", "", 0)
KEPT_FRAMES = 8192
# Bytes; no function of the kernel is as long. Behind its text are JIT-compiled BPF programs.
MAX_FUNCTION = 1 << 16
_DIGITS, _TYPE_AT, _NAME_AT = 16, 17, 19
_FUNCTIONS = np.frombuffer(b"tTwW", "u1")
_TAB, _NEWLINE = b"\t\n"


class KernelSymbols:
    """Functions of /proc/kallsyms: lines of 16 hex digits, a type, a name, maybe a module.

    Only addresses and names are kept, a third of the text. All digits are 0 for those from whom
    the kernel hides them: then nothing is known.
    """

    def __init__(self, text: bytes) -> None:
        characters = np.frombuffer(text, "u1")
        ends = np.flatnonzero(characters == _NEWLINE)
        starts = np.concatenate(([0], ends + 1))[:-1]
        is_function = ends - starts > _NAME_AT
        is_function[is_function] = np.isin(characters[starts[is_function] + _TYPE_AT], _FUNCTIONS)
        starts, ends = starts[is_function], ends[is_function]
        digits = characters[starts[:, None] + np.arange(_DIGITS)].tobytes().decode()
        addresses = np.frombuffer(bytes.fromhex(digits), ">u8").astype("<u8")
        # The module's name is behind a tab.
        tabs = np.append(np.flatnonzero(characters == _TAB), len(text))
        ends = np.minimum(ends, tabs[np.searchsorted(tabs, starts)])
        order = np.argsort(addresses, kind="stable")
        order = order[addresses[order] > 0]
        self._addresses = addresses[order]
        starts, lengths = starts[order] + _NAME_AT, (ends - starts)[order] - _NAME_AT
        self._ends = np.cumsum(lengths, dtype="<u4")
        places = np.repeat((starts + lengths - self._ends).astype("<i4"), lengths)
        places += np.arange(len(places), dtype="<i4")
        self._names: bytes = characters[places].tobytes()

    def name_at(self, address: int) -> str:
        """The function at an address, empty where none is known."""
        index = int(np.searchsorted(self._addresses, np.uint64(address), "right")) - 1
        if index < 0 or address - int(self._addresses[index]) >= MAX_FUNCTION:
            return ""
        start = int(self._ends[index - 1]) if index else 0
        return self._names[start : int(self._ends[index])].decode("utf-8", "replace")


def _kernel_symbols() -> KernelSymbols:
    return KernelSymbols(b"" if kernel_symbols_are_hidden() else KALLSYMS.read_bytes())


def kernel_symbols_are_hidden() -> bool:
    """Whether the kernel hides where its functions are: kallsyms_show_value, kernel/ksyms_common.c.

    That is so without CAP_SYSLOG, unless kptr_restrict and perf_event_paranoid are low.
    """
    try:
        with KALLSYMS.open("rb") as file:
            # The first ones may lie at 0 for everybody: those of each CPU.
            return not any(line[:16].strip(b"0") for line in file.readlines(FIRST_BYTES))
    except OSError:
        return True


class Kernel:
    """The kernel's symbols, read once for all processes of a recording: by a child, beforehand."""

    def __init__(self) -> None:
        self._child: Child[KernelSymbols] | None = None
        self._symbols: KernelSymbols | None = None
        # The same places come again in many stacks.
        self.frame = lru_cache(KEPT_FRAMES)(self._frame)

    def begin(self) -> None:
        """Begin to read them: it takes longer than the rings have room for."""
        if self._child is None and self._symbols is None:
            self._child = Child(_kernel_symbols)

    @property
    def symbols(self) -> KernelSymbols:
        """Wait for them."""
        if self._symbols is None:
            child = self._child or Child(_kernel_symbols)
            self._child = None
            self._symbols = child.result()
        return self._symbols

    def _frame(self, address: int) -> Frame:
        """The kernel's function at an address; file and line aren't known."""
        return Frame(self.symbols.name_at(address), "", 0)

    def close(self) -> None:
        """End what still reads."""
        if self._child:
            self._child.end()
            self._child = None


class Symbols:
    """Resolves what the kernel side sends: texts behind hashes, and single addresses.

    Without a function table only the kernel's addresses are known.
    """

    def __init__(
        self, elf: ElfFile, table: FunctionTable | None, bias: int, kernel: Kernel | None = None
    ) -> None:
        self._elf = elf
        self._table = table
        self._bias = bias
        self.kernel = kernel or Kernel()

    def frames(self, address: int, *, is_return_address: bool) -> list[Frame]:
        """Frames at an address of the process, innermost first; empty if it isn't Go code."""
        if self._table is None:
            return []
        found = self._table.frames(address - self._bias, is_return_address=is_return_address)
        return [Frame(frame.function, frame.file, frame.line) for frame in found]

    def symbol(self, address: int, *, is_return_address: bool) -> Frame:
        """The innermost frame at an address, empty if it isn't Go code."""
        return next(iter(self.frames(address, is_return_address=is_return_address)), UNKNOWN)

    def is_entry(self, address: int) -> bool:
        """Whether a function of the target begins there."""
        linked = address - self._bias
        function = self._table.function_at(linked) if self._table and linked > 0 else None
        return function is not None and function.entry == linked

    def type_name(self, address: int) -> str:
        """Name of a Go type, such as ``*v1.ConfigMap``, by the address of its descriptor."""
        if self._table is None:
            return ""
        return type_name(self._elf, self._table.module, address - self._bias)

    def stack(self, kind: int, data: bytes) -> list[Frame]:
        """All frames of a stack that came as text, innermost first, inlined calls expanded."""
        addresses = struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8])
        if kind == schema.TEXT_KIND["kernel_stack"]:
            return [self.kernel.frame(address) for address in addresses]
        first_is_pc = kind == schema.TEXT_KIND["user_stack"]
        frames: list[Frame] = []
        for depth, address in enumerate(addresses):
            is_return_address = depth > 0 or not first_is_pc
            frames += self.frames(address, is_return_address=is_return_address) or [UNKNOWN]
        return frames


def split_texts(
    rows: npt.NDArray[np.void], symbols: Symbols
) -> tuple[dict[int, str], dict[int, list[Frame]]]:
    """Strings and stacks by hash from a batch of text records."""
    strings: dict[int, str] = {}
    stacks: dict[int, list[Frame]] = {}
    for row in rows:
        data = row["data"].tobytes()[: int(row["length"])]
        if row["kind"] == schema.TEXT_KIND["name"]:
            strings[int(row["hash"])] = data.decode("utf-8", "replace")
        elif row["kind"] == schema.TEXT_KIND["address"]:
            strings[int(row["hash"])] = socket_address(data)
        else:
            stacks[int(row["hash"])] = symbols.stack(int(row["kind"]), data)
    return strings, stacks


# Columns that hold addresses of code, and whether these are return addresses.
CODE_ADDRESSES = {
    "callback": False,
    "function": False,
    "woken_start": False,
    "new_start": False,
    "method": False,
    "closure": False,
    "pc": False,
    "caller": True,
}


def code_addresses(rows: npt.NDArray[np.void]) -> Iterable[tuple[int, bool]]:
    """Distinct code addresses in a batch of records of one kind, 0 left out."""
    for name in CODE_ADDRESSES.keys() & set(rows.dtype.names or ()):
        for address in distinct(rows[name]).tolist():
            if address:
                yield address, CODE_ADDRESSES[name]
