"""The tables of an ELF file, parsed from bytes that were read already.

Layouts: System V ABI, 64 bit, little endian (``Elf64_Ehdr``, ``Elf64_Phdr``, ``Elf64_Shdr``,
``Elf64_Nhdr``). Nothing here reads a file; every table has a largest length.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from whowoke.analysis.errors import UnsupportedError

HEADER_SIZE = 64
SEGMENT_SIZE = 56
SECTION_SIZE = 64
MAX_SEGMENTS = 64
MAX_SECTIONS = 4096
MAX_SECTION_NAMES = 1 << 20

PT_LOAD, PT_DYNAMIC, PT_NOTE = 1, 2, 4
PF_X, PF_W = 1, 2
SHT_NOTE, SHT_NOBITS = 7, 8
TYPES = {2: "EXEC", 3: "DYN"}


@dataclass(frozen=True, slots=True)
class Machine:
    """What of an ELF file depends on the processor.

    ``relative`` is the relocation type "load address plus addend" (psABI of the processor),
    ``pc_quantum`` the smallest instruction in bytes (Go: ``sys.PCQuantum``).
    """

    name: str
    relative: int
    pc_quantum: int


MACHINES = {62: Machine("amd64", 8, 1), 183: Machine("arm64", 1027, 4)}


@dataclass(frozen=True, slots=True)
class Header:
    """The file header: type (``EXEC`` or ``DYN``), processor, entry address, where the tables are.

    ``segments`` is (file offset, bytes an entry, entries), ``sections`` the same and the index of
    the section that holds the names.
    """

    type: str
    machine: Machine
    entry: int
    segments: tuple[int, int, int]
    sections: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of the file (``PT_LOAD``, ``PT_NOTE``, ``PT_DYNAMIC``); sizes in bytes."""

    kind: int
    flags: int
    file_offset: int
    vaddr: int
    file_size: int
    memory_size: int

    @property
    def writable(self) -> bool:
        """True for data that the process may write."""
        return bool(self.flags & PF_W)

    @property
    def executable(self) -> bool:
        """True for code."""
        return bool(self.flags & PF_X)


@dataclass(frozen=True, slots=True)
class Section:
    """One named section; a hint only, since loading doesn't need it. Sizes in bytes."""

    name: str
    kind: int
    vaddr: int
    file_offset: int
    size: int


def refuse(name: str, reason: str) -> UnsupportedError:
    """Return the error for a file that isn't understood: two lines, what and what to do."""
    return UnsupportedError(
        f"{name}: {reason}", "whowoke reads 64-bit Linux executables built with Go 1.18 to 1.27"
    )


def parse_header(raw: bytes, name: str) -> Header:
    """Return the file header from the file's first bytes; UnsupportedError names ``name``."""
    if len(raw) < HEADER_SIZE:
        raise refuse(name, "too short for an ELF file")
    if raw[:4] != b"\x7fELF":
        raise refuse(name, "not an ELF file")
    if raw[4] != 2 or raw[5] != 1:
        raise refuse(name, "not a 64-bit little-endian ELF file")
    fields = struct.unpack_from("<HHIQQQIHHHHHH", raw, 16)
    kind, machine, _, start, phoff, shoff, _, _, phentsize, phnum, *sections = fields
    if kind not in TYPES:
        raise refuse(name, f"ELF type {kind} isn't an executable")
    if machine not in MACHINES:
        raise refuse(name, f"processor {machine} isn't supported")
    if phentsize != SEGMENT_SIZE or not 0 < phnum <= MAX_SEGMENTS:
        raise refuse(name, f"odd program header table ({phnum} entries of {phentsize} bytes)")
    return Header(
        TYPES[kind],
        MACHINES[machine],
        start,
        (phoff, phentsize, phnum),
        (shoff, sections[0], sections[1], sections[2]),
    )


def parse_segments(raw: bytes, name: str, file_size: int) -> list[Segment]:
    """Return all segments; the loaded ones are in the file, in order, and don't overlap."""
    segments = [
        Segment(kind, flags, at, vaddr, size, memory_size)
        for kind, flags, at, vaddr, _, size, memory_size, _ in struct.iter_unpack("<IIQQQQQQ", raw)
    ]
    loaded = [s for s in segments if s.kind == PT_LOAD]
    end = 0
    for segment in loaded:
        if segment.file_offset + segment.file_size > file_size:
            raise refuse(name, "a segment reaches beyond the end of the file")
        if segment.vaddr < end or segment.memory_size < segment.file_size:
            raise refuse(name, "the segments overlap or aren't in order")
        end = segment.vaddr + segment.memory_size
        if end >= 1 << 63:
            raise refuse(name, "a segment reaches beyond the address space")
    if not loaded:
        raise refuse(name, "nothing in it is loaded")
    return segments


def parse_sections(raw: bytes, text: bytes, file_size: int) -> list[Section]:
    """Return the sections that have a name within ``text`` and lie within the file."""
    sections = []
    for name, kind, _, vaddr, start, size, *_ in struct.iter_unpack("<IIQQQQIIQQ", raw):
        if kind != SHT_NOBITS and start + size > file_size:
            continue
        end = text.find(b"\0", name, name + 256)
        if end > name:
            label = text[name:end].decode("utf-8", "replace")
            sections.append(Section(label, kind, vaddr, start, size))
    return sections


def parse_notes(raw: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield (owner, type, content) of each note."""
    at = 0
    while at + 12 <= len(raw):
        name_size, size, kind = struct.unpack_from("<III", raw, at)
        content = at + 12 + (name_size + 3) // 4 * 4
        end = content + (size + 3) // 4 * 4
        if content + size > len(raw):
            return
        yield raw[at + 12 : at + 12 + name_size], kind, raw[content : content + size]
        at = end
