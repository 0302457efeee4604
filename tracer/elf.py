"""An ELF file, read by address: segments, sections, build id, relocations.

The file belongs to the process under study, so it is hostile input to a root process. Every read is
bounded by the file's size and by a limit below, tables have a largest length, and whatever doesn't
add up is refused with UnsupportedError. Nothing is mapped: a file that shrinks while it is read
then gives a short read instead of SIGBUS.
"""

import os
import stat
import struct
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from whowoke.analysis.errors import PermissionDeniedError, WhowokeError
from whowoke.analysis.texts import printable
from whowoke.tracer.elfheaders import (
    HEADER_SIZE,
    MAX_SECTION_NAMES,
    MAX_SECTIONS,
    PT_DYNAMIC,
    PT_LOAD,
    PT_NOTE,
    SECTION_SIZE,
    SHT_NOTE,
    Section,
    Segment,
    parse_header,
    parse_notes,
    parse_sections,
    parse_segments,
    refuse,
)
from whowoke.tracer.privileges import how_to_read

MAX_READ = 128 << 20
MAX_SCAN = 256 << 20
MAX_RELOCATIONS = 32 << 20
MAX_NOTES = 1 << 16
MAX_DYNAMIC = 1 << 16

_DT_RELA, _DT_RELASZ, _DT_RELAENT = 7, 8, 9
_NT_GNU_BUILD_ID, _NT_GO_BUILD_ID = 3, 4
_RELA = np.dtype([("offset", "<u8"), ("info", "<u8"), ("addend", "<u8")])


class ElfFile:
    """An open ELF file. Addresses are as linked, without the load bias of the running process.

    ``type`` is ``EXEC`` or ``DYN`` (position independent), ``machine`` the processor, ``entry``
    the start address, ``segments`` the loaded ones by address, ``sections`` by name. Use it as a
    context manager or call ``close``.
    """

    def __init__(self, descriptor: int, size: int, name: str) -> None:
        """Take over a descriptor of a file of ``size`` bytes; ``open`` is the usual way in."""
        self._descriptor = descriptor
        self.size = size
        self.name = name
        header = parse_header(self.read_file(0, min(size, HEADER_SIZE)), name)
        self.type = header.type
        self.machine = header.machine
        self.entry = header.entry
        offset, entry, count = header.segments
        self._all_segments = parse_segments(self.read_file(offset, entry * count), name, size)
        self.segments = [s for s in self._all_segments if s.kind == PT_LOAD]
        self.sections = {s.name: s for s in self._read_sections(*header.sections)}

    @classmethod
    def open(cls, path: Path | str) -> "ElfFile":
        """Open ``path``.

        Raises WhowokeError where it can't be read, UnsupportedError where it isn't an ELF file that
        whowoke understands.
        """
        try:
            # O_NONBLOCK: a FIFO in the place of the file must not block.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError:
            raise PermissionDeniedError(
                f"{path}: not permitted to read it", how_to_read()
            ) from None
        except (OSError, ValueError) as error:
            raise WhowokeError(
                f"{path}: can't be opened ({error})", "check the path and that it still exists"
            ) from None
        try:
            status = os.fstat(descriptor)
            # Anything but a regular file has no size that counts: the header check refuses it.
            size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            return cls(descriptor, size, str(path))
        except BaseException:
            os.close(descriptor)
            raise

    def __enter__(self) -> "ElfFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def read_file(self, offset: int, size: int) -> bytes:
        """Return exactly ``size`` bytes from file offset ``offset``; UnsupportedError otherwise."""
        if offset < 0 or size < 0 or size > MAX_READ or offset + size > self.size:
            raise refuse(self.name, f"{size} bytes at offset {offset:#x} are outside of the file")
        parts = []
        while size:
            try:
                part = os.pread(self._descriptor, size, offset)
            except OSError as error:
                raise WhowokeError(
                    f"{self.name}: read failed ({error.strerror})", "check the disk and the file"
                ) from None
            if not part:
                raise refuse(self.name, "the file shrank while it was read")
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def segment_at(self, vaddr: int) -> Segment | None:
        """Return the loaded segment whose bytes in the file hold ``vaddr``."""
        for segment in self.segments:
            if segment.vaddr <= vaddr < segment.vaddr + segment.file_size:
                return segment
        return None

    def file_offset(self, vaddr: int) -> int:
        """Return where ``vaddr`` lies in the file; UnsupportedError where it isn't in the file."""
        segment = self.segment_at(vaddr)
        if segment is None:
            raise refuse(self.name, f"address {vaddr:#x} isn't in the file")
        return vaddr - segment.vaddr + segment.file_offset

    def read_virtual(self, vaddr: int, size: int) -> bytes:
        """Return ``size`` bytes at ``vaddr``, unrelocated, from within one segment."""
        segment = self.segment_at(vaddr)
        if segment is None or vaddr + size > segment.vaddr + segment.file_size:
            raise refuse(self.name, f"{size} bytes at address {vaddr:#x} aren't in the file")
        return self.read_file(vaddr - segment.vaddr + segment.file_offset, size)

    def read_words(self, vaddr: int, count: int) -> list[int]:
        """Return ``count`` words of 8 bytes at ``vaddr``, relocated for a load bias of 0.

        A linker other than Go's leaves the pointers of a position independent executable zero in
        the file and has their values only in the relocation table.
        """
        words = list(struct.unpack(f"<{count}Q", self.read_virtual(vaddr, 8 * count)))
        table = self._relocations
        bounds = np.array([vaddr, vaddr + 8 * count], dtype="<u8")
        low, high = np.searchsorted(table["offset"], bounds)
        # The table is the file's: many entries may claim one word, the last one counts.
        for offset, _, addend in table[low : min(high, low + count)].tolist():
            if (offset - vaddr) % 8 == 0:
                words[(offset - vaddr) // 8] = addend
        return words

    def find(
        self, pattern: bytes, *, writable: bool | None = None, align: int = 8, limit: int = 64
    ) -> Iterator[int]:
        """Yield the addresses of ``pattern`` in the loaded segments that aren't code.

        Only multiples of ``align`` bytes, ``limit`` of them at most; ``writable`` chooses segments.
        """
        tries = 64 * limit
        budget = MAX_SCAN
        for segment in self.segments:
            size = min(segment.file_size, MAX_READ, budget)
            if segment.executable or (writable is not None and segment.writable != writable):
                continue
            budget -= size
            data = self.read_file(segment.file_offset, size)
            at = data.find(pattern)
            while at >= 0 and limit > 0 and tries > 0:
                if (segment.vaddr + at) % align == 0:
                    limit -= 1
                    yield segment.vaddr + at
                tries -= 1
                at = data.find(pattern, at + 1)

    def pointers_to(self, vaddr: int) -> Iterator[int]:
        """Yield where data holds the address ``vaddr``: by relocation, then by its bytes."""
        table = self._relocations
        yield from table["offset"][table["addend"] == np.uint64(vaddr)][:64].tolist()
        for writable in (True, False):
            yield from self.find(struct.pack("<Q", vaddr), writable=writable)

    @cached_property
    def build_id(self) -> str:
        """The GNU build id in hexadecimal, else Go's build id, else an empty string.

        Go's has slashes, and may be any text: it names no file.
        """
        found = {}
        # Go's own linker puts the GNU note into a section, but not into the note segment.
        places = [(s.file_offset, s.file_size) for s in self._all_segments if s.kind == PT_NOTE]
        places += [(s.file_offset, s.size) for s in self.sections.values() if s.kind == SHT_NOTE]
        for offset, size in places:
            if size <= MAX_NOTES and offset + size <= self.size:
                for owner, kind, content in parse_notes(self.read_file(offset, size)):
                    found[owner, kind] = content
        if gnu := found.get((b"GNU\0", _NT_GNU_BUILD_ID)):
            return gnu[:64].hex()
        go_id = found.get((b"Go\0\0", _NT_GO_BUILD_ID), b"")[:256]
        return printable(go_id.decode("ascii", "replace"))

    @cached_property
    def _relocations(self) -> npt.NDArray[np.void]:
        """The relative relocations, by address. DT_RELR isn't read: its values are in the file."""
        entries = dict(self._dynamic())
        size = entries.get(_DT_RELASZ, 0)
        if not size or size > MAX_RELOCATIONS or size % 24 or entries.get(_DT_RELAENT, 24) != 24:
            return np.empty(0, _RELA)
        table = np.frombuffer(self.read_virtual(entries.get(_DT_RELA, 0), size), _RELA)
        table = table[table["info"] == np.uint64(self.machine.relative)]
        by_address: npt.NDArray[np.void] = table[np.argsort(table["offset"], kind="stable")]
        return by_address

    def _dynamic(self) -> Iterator[tuple[int, int]]:
        for segment in self._all_segments:
            if segment.kind == PT_DYNAMIC:
                data = self.read_file(
                    segment.file_offset, min(segment.file_size, MAX_DYNAMIC) // 16 * 16
                )
                for tag, value in struct.iter_unpack("<QQ", data):
                    if tag == 0:
                        return
                    yield tag, value

    def _read_sections(self, offset: int, entry: int, count: int, names: int) -> list[Section]:
        """Return the sections; none where the table is missing or odd, since loading needs none."""
        table_size = count * SECTION_SIZE
        if entry != SECTION_SIZE or not names < count <= MAX_SECTIONS:
            return []
        if offset + table_size > self.size:
            return []
        raw = self.read_file(offset, table_size)
        at, size = struct.unpack_from("<QQ", raw, names * SECTION_SIZE + 24)
        if size > MAX_SECTION_NAMES or at + size > self.size:
            return []
        return parse_sections(raw, self.read_file(at, size), self.size)
