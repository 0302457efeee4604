"""Where a Go executable keeps its tables: the pclntab header and runtime.firstmoduledata.

A stripped executable has no symbols, but the runtime itself needs its function table and finds it
through ``runtime.firstmoduledata``. Both are found by content and accepted only when they confirm
each other as runtime.moduledataverify1 demands.

Layouts: ``pcHeader`` and ``moduledata`` in src/runtime/symtab.go, read in Go 1.21.13, 1.23.12,
1.26.8 and 1.27.3. Go 1.26 stopped to store the start of the text in the header.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from whowoke.analysis.errors import UnsupportedError
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.elfheaders import refuse

MAGICS = {0xFFFFFFF0: (18, 19), 0xFFFFFFF1: (20, 27)}  # first and last minor version of Go
_SECTIONS = (".gopclntab", ".data.rel.ro.gopclntab")
_HEADER_SIZE = 72
_POINTER_SIZE = 8
_MAX_FUNCTIONS = 1 << 20
_MAX_TABLES = 128 << 20
_MAX_HEADERS = 8


@dataclass(frozen=True, slots=True)
class ModuleLayout:
    """Word indexes of the fields in ``runtime.moduledata`` that moved between versions of Go."""

    types: int
    etypes: int
    gofunc: int


def module_layout(minor: int) -> ModuleLayout:
    """Return the layout for Go 1.``minor``, 18 to 27.

    covctrs and ecovctrs came with Go 1.20; typedesclen, itaboffset and itabsize with Go 1.27.
    """
    if minor >= 27:
        return ModuleLayout(types=37, etypes=39, gofunc=43)
    if minor >= 20:
        return ModuleLayout(types=37, etypes=38, gofunc=40)
    return ModuleLayout(types=35, etypes=36, gofunc=38)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the pclntab: its address and its size in bytes."""

    address: int
    size: int


@dataclass(frozen=True, slots=True)
class ModuleData:
    """What ``runtime.firstmoduledata`` says; addresses as linked.

    ``text`` to ``etext`` is the code that entries are relative to, ``min_pc`` to ``max_pc`` what
    the function table covers, ``types`` to ``etypes`` the type descriptors, ``gofunc`` the base of
    function data such as inline trees. ``functions`` holds ``function_count`` entries and an end.
    """

    address: int
    minor: int
    function_count: int
    names: Table
    units: Table
    files: Table
    values: Table
    functions: Table
    min_pc: int
    max_pc: int
    text: int
    etext: int
    types: int
    etypes: int
    gofunc: int


def find_module_data(elf: ElfFile, minor: int) -> ModuleData:
    """Return the module data of an executable built with Go 1.``minor``.

    Raises UnsupportedError where no header and module data confirm each other.
    """
    if not 18 <= minor <= 27:
        raise refuse(elf.name, f"Go 1.{minor} isn't supported")
    for header in _headers(elf, minor):
        for address in elf.pointers_to(header):
            try:
                return _parse(elf, header, address, minor)
            except UnsupportedError:
                continue
    raise refuse(elf.name, "no function table of Go that agrees with its module data")


def _headers(elf: ElfFile, minor: int) -> Iterator[int]:
    """Yield addresses of what begins like a pclntab, named sections first."""
    for name in _SECTIONS:
        section = elf.sections.get(name)
        if section is not None:
            yield section.vaddr
    for magic, (first, last) in MAGICS.items():
        if first <= minor <= last:
            start = struct.pack("<IHBB", magic, 0, elf.machine.pc_quantum, _POINTER_SIZE)
            yield from elf.find(start, limit=_MAX_HEADERS)


def _parse(elf: ElfFile, header: int, address: int, minor: int) -> ModuleData:
    """Return the module data at ``address`` if it belongs to the pclntab at ``header``."""
    start = elf.read_virtual(header, 8)
    magic, pad, quantum, pointer_size = struct.unpack("<IHBB", start)
    first, last = MAGICS.get(magic, (0, 0))
    count, _, text_start, *offsets = elf.read_words(header + 8, (_HEADER_SIZE - 8) // 8)
    layout = module_layout(minor)
    words = elf.read_words(address, layout.gofunc + 1)
    tables = [Table(words[at], words[at + 1]) for at in (1, 4, 7, 10, 13)]
    tables[1] = Table(tables[1].address, tables[1].size * 4)  # counted in uint32
    min_pc, max_pc, text, etext = words[20:24]
    types, etypes = words[layout.types], words[layout.etypes]
    if not (
        first <= minor <= last
        and (pad, quantum, pointer_size) == (0, elf.machine.pc_quantum, _POINTER_SIZE)
        and [t.address for t in tables] == [header + offset for offset in offsets]
        and words[0] == header
        and words[16] == tables[4].address
        and words[17] == count + 1
        and 0 < count <= min((tables[4].size - 4) // 8, _MAX_FUNCTIONS)
        and sum(t.size for t in tables) <= _MAX_TABLES
        and text_start in (0, text)
        and text <= min_pc < max_pc <= etext
        and types <= etypes
    ):
        raise refuse(elf.name, "module data and function table disagree")
    code = elf.segment_at(min_pc)
    if code is None or not code.executable or max_pc > code.vaddr + code.file_size:
        raise refuse(elf.name, "the function table describes something that isn't code")
    names, units, files, values, functions = tables
    return ModuleData(
        address=address,
        minor=minor,
        function_count=count,
        names=names,
        units=units,
        files=files,
        values=values,
        functions=functions,
        min_pc=min_pc,
        max_pc=max_pc,
        text=text,
        etext=etext,
        types=types,
        etypes=etypes,
        gofunc=words[layout.gofunc],
    )
