"""From addresses to functions and lines: the target's own, and the kernel's.

User addresses are those of the running process; the load bias is taken off here. Kernel addresses
are looked up in /proc/kallsyms, which only root sees.
"""

import re
import struct
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whowoke.analysis.capture import schema
from whowoke.analysis.capture.reader import Frame
from whowoke.tracer.apart import Child, in_child
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.gotypes import type_name
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.sockets import socket_address

KALLSYMS = Path("/proc/kallsyms")
FIRST_BYTES = 65536
UNKNOWN = Frame("", "", 0)
# Bytes; no function of the kernel is as long. Behind its text are JIT-compiled BPF programs.
MAX_FUNCTION = 1 << 16
_KERNEL_FUNCTION = re.compile(rb"^([0-9a-f]{16}) [tTwW] (\S+)", re.MULTILINE)


class KernelSymbols:
    """Functions of /proc/kallsyms: lines of 16 hex digits, a type, a name, maybe a module.

    Only addresses and names are kept, a third of the text. All digits are 0 for those from whom
    the kernel hides them: then nothing is known.
    """

    def __init__(self, text: bytes) -> None:
        found = _KERNEL_FUNCTION.findall(text)
        digits = b"".join(address for address, _ in found).decode()
        addresses = np.frombuffer(bytes.fromhex(digits), ">u8").astype("<u8")
        order = np.argsort(addresses, kind="stable")
        order = order[addresses[order] > 0]
        self._addresses = addresses[order]
        names = [found[row][1] for row in order.tolist()]
        self._names = b"".join(names)
        self._ends = np.cumsum([len(name) for name in names], dtype="<u4")

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


class Symbols:
    """Resolves what the kernel side sends: texts behind hashes, and single addresses.

    Without a function table only the kernel's addresses are known.
    """

    def __init__(self, elf: ElfFile, table: FunctionTable | None, bias: int) -> None:
        self._elf = elf
        self._table = table
        self._bias = bias
        self._kernel_child: Child[KernelSymbols] | None = None

    def read_kernel(self) -> None:
        """Begin to read the kernel's symbols: it takes longer than the rings have room for."""
        self._kernel_child = Child(_kernel_symbols)

    def wait_for_kernel(self) -> None:
        """Have the kernel's symbols."""
        _ = self._kernel

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

    def kernel_frame(self, address: int) -> Frame:
        """The kernel's function at an address; file and line aren't known."""
        return Frame(self._kernel.name_at(address), "", 0)

    @cached_property
    def _kernel(self) -> KernelSymbols:
        child, self._kernel_child = self._kernel_child, None
        return child.result() if child else in_child(_kernel_symbols)

    def type_name(self, address: int) -> str:
        """Name of a Go type, such as ``*v1.ConfigMap``, by the address of its descriptor."""
        if self._table is None:
            return ""
        return type_name(self._elf, self._table.module, address - self._bias)

    def stack(self, kind: int, data: bytes) -> list[Frame]:
        """All frames of a stack that came as text, innermost first, inlined calls expanded."""
        addresses = struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8])
        if kind == schema.TEXT_KIND["kernel_stack"]:
            return [self.kernel_frame(address) for address in addresses]
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
        for address in np.unique(rows[name]):
            if address:
                yield int(address), CODE_ADDRESSES[name]
