"""One recording in one append-only file, readable up to its last whole chunk after any crash.

The format is in ``chunks.py``, the recorder's side in ``writer.py``. A capture may come from
anyone, so what doesn't add up is skipped with a note, and sizes are checked before memory is taken.
"""

import os
import re
import stat
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from whowoke.analysis.capture import chunks, schema
from whowoke.analysis.capture.chunks import ChunkError, ChunkHeader, Frame, Kind, Loss
from whowoke.analysis.capture.writer import CaptureWriter, PartWriter, sudo_owner
from whowoke.analysis.errors import (
    PermissionDeniedError,
    UnsupportedError,
    UsageError,
    WhowokeError,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Capture", "CaptureWriter", "Frame", "Loss", "PartWriter", "sudo_owner"]

MAX_TEXT_BYTES = 64 << 20
MAX_RECORD_BYTES = 2 << 30
MAX_LOG_BYTES = 128 << 20
MAX_NOTES = 20


class Capture:
    """A capture that was opened. Rows are read from the file when they are asked for.

    ``metadata``, ``strings``, ``stacks`` and ``symbols`` are what the recorder wrote; ``complete``
    says whether it ended in order, ``truncated_bytes`` how much of the file could not be read,
    ``notes`` why, in sentences for the user. ``log_files`` are logs to read beside those that were
    followed; what the analysis then has to say of all these goes into ``log_notes``.

    A recording of several processes has a part for each, ``processes``. A capture is its own first
    one, so that one of a single process is just that; ``number`` counts them from 1.
    """

    def __init__(self, path: Path, descriptor: "_Descriptor", number: int = 1) -> None:
        self.path = path
        self.number = number
        self.metadata: dict[str, Any] = {}
        self.strings: dict[int, str] = {}
        self.stacks: dict[int, list[Frame]] = {}
        self.symbols: dict[int, Frame] = {}
        self.complete = False
        self.notes: list[str] = []
        self.log_files: Sequence[Path] = ()
        self.log_notes: list[str] = []
        self.log_chunks: list[tuple[int, ChunkHeader]] = []
        self._losses: list[Loss] = []
        self._chunks: dict[int, list[tuple[int, ChunkHeader]]] = {}
        self._others: list[Self] = []
        self._descriptor, self._fd, self.close = descriptor, descriptor.fd, descriptor.close
        self.format_version = descriptor.format_version
        self.size = os.fstat(self._fd).st_size
        self.truncated_bytes = 0

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a capture, or with ``FILE#N`` one part of it.

        UsageError if it isn't one, or has no such part; UnsupportedError if it is a newer one.
        """
        path, number = _split_part(Path(path))
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as err:
            raise _open_error(path, err) from None
        try:
            version = _check_header(path, fd)
        except BaseException:
            os.close(fd)
            raise
        whole = cls(path, _Descriptor(fd, version))
        whole._read_all()
        return whole if number is None else whole.only(number)

    @property
    def processes(self) -> list[Self]:
        """One view for each process that was recorded, in the order of their attaching."""
        return [self, *self._others]

    def only(self, number: int) -> Self:
        """One of its processes as if it were the whole recording; UsageError if there is none."""
        parts = self.processes
        if not 0 < number <= len(parts):
            raise UsageError(f"{self.path} has no process {number}", f"it has 1 to {len(parts)}")
        self._others = []
        return parts[number - 1]

    @property
    def losses(self) -> "pd.DataFrame":
        """``ts_ns`` (CLOCK_MONOTONIC), ``kind`` (text), ``count``."""
        import pandas as pd

        rows = [(loss.ts_ns, loss.kind, loss.count) for loss in self._losses]
        return pd.DataFrame(rows, columns=["ts_ns", "kind", "count"]).astype(
            {"ts_ns": "int64", "kind": "str", "count": "int64"}
        )

    def lost(self) -> dict[str, int]:
        """Lost records by what was lost."""
        total: dict[str, int] = {}
        for loss in self._losses:
            total[loss.kind] = total.get(loss.kind, 0) + loss.count
        return total

    def counts(self) -> dict[str, int]:
        """Rows of each kind of record, without those of damaged chunks."""
        names = [schema.RECORD_BY_KIND[kind].name for kind in sorted(self._chunks)]
        return {name: len(self.records(name)) for name in names}

    def records(self, name: str) -> np.ndarray:
        """All rows of a record kind by its name, with its named fields, sorted by ``ts_ns``.

        Empty if there are none. WhowokeError where they need more than ``MAX_RECORD_BYTES``.
        """
        record = schema.RECORD_BY_NAME[name]
        found = self._chunks.get(record.kind, [])
        if sum(header.raw_length for _, header in found) > MAX_RECORD_BYTES:
            raise WhowokeError(
                f"{self.path} has more than {MAX_RECORD_BYTES >> 30} GiB of {name} records",
                "record for a shorter time",
            )
        parts = [np.zeros(0, chunks.stored_dtype(record))]
        for offset, header in found:
            try:
                parts.append(chunks.decode_rows(record, self._read(offset, header)))
            except ChunkError as err:
                self._note(f"{name} records at byte {offset} are skipped: {err}")
        rows = np.concatenate(parts)
        times = rows["ts_ns"]
        if np.any(times[1:] < times[:-1]):
            rows = rows[np.argsort(times, kind="stable")]
        return rows

    def logs(self) -> Iterator[bytes]:
        """Whole lines of the logs that were followed, a part at a time."""
        total = 0
        for offset, header in self.log_chunks:
            total += header.raw_length
            try:
                if total > MAX_LOG_BYTES:
                    raise ChunkError(f"more than {MAX_LOG_BYTES >> 20} MiB of logs")
                yield self._read(offset, header)
            except ChunkError as err:
                self._note(f"log lines at byte {offset} are skipped: {err}")

    def _read_all(self) -> None:
        """Find all chunks, and whose each is."""
        truncated_bytes = self.size - self._scan()
        # A file may end where a part begins.
        self._others = [part for part in self._others if part.metadata]
        for part in self.processes:
            part.complete, part.truncated_bytes = self.complete, truncated_bytes
            # Whose lines they are shows when they are joined.
            part.log_chunks = self.log_chunks

    def _scan(self) -> int:
        """Index the chunks and read the small ones; return the end of the last whole one."""
        offset, text_bytes, part = chunks.FILE_HEADER.size, 0, self
        while not self.complete:
            header = self._header(offset)
            if header is None:
                break
            payload_offset = offset + chunks.CHUNK_HEADER.size
            payload = os.pread(self._fd, header.length, payload_offset)
            if len(payload) < header.length:
                break
            if not chunks.is_intact(header, payload):
                self._note(f"damaged at byte {offset}: nothing behind it is read")
                break
            if header.kind == Kind.PART:
                found = self._part(header.detail)
                if found is None:
                    self._note(f"damaged at byte {offset}: nothing behind it is read")
                    break
                part = found
            elif header.kind == Kind.RECORDS:
                part.take_records(offset, payload_offset, header)
            elif header.kind == Kind.LOGS:
                self.log_chunks.append((payload_offset, header))
            else:
                text_bytes += header.raw_length
                part.take(offset, header, payload, text_bytes)
                self.complete |= part.complete
            offset = payload_offset + header.length
        return offset

    def _part(self, number: int) -> Self | None:
        """A part that is there or the next one; None for any other."""
        if number == len(self.processes) < chunks.MAX_PARTS:
            other = type(self)(self.path, self._descriptor, number + 1)
            other.notes = self.notes
            self._others.append(other)
        return self.processes[number] if number < len(self.processes) else None

    def _header(self, offset: int) -> ChunkHeader | None:
        data = os.pread(self._fd, chunks.CHUNK_HEADER.size, offset)
        if len(data) < chunks.CHUNK_HEADER.size:
            return None
        header = ChunkHeader._make(chunks.CHUNK_HEADER.unpack(data))
        # zstd adds a little to what it cannot make smaller.
        if header.raw_length > chunks.MAX_PAYLOAD or header.length > chunks.MAX_PAYLOAD + 65536:
            self._note(f"damaged at byte {offset}: nothing behind it is read")
            return None
        return header

    def take_records(self, offset: int, payload_offset: int, header: ChunkHeader) -> None:
        """Note where a chunk of records lies."""
        if header.detail in schema.RECORD_BY_KIND:
            self._chunks.setdefault(header.detail, []).append((payload_offset, header))
        else:
            self._note(f"records of an unknown kind {header.detail} at byte {offset} are skipped")

    def take(self, offset: int, header: ChunkHeader, payload: bytes, text_bytes: int) -> None:
        """Read a chunk of anything else but records and logs."""
        try:
            if header.kind == Kind.END:
                self.complete = True
                return
            if text_bytes > MAX_TEXT_BYTES:
                raise ChunkError(f"more than {MAX_TEXT_BYTES >> 20} MiB of texts")
            raw = chunks.unpack(header, payload)
            if header.kind == Kind.METADATA:
                self.metadata.update(chunks.decode_object(raw))
            elif header.kind == Kind.STRINGS:
                self.strings.update(chunks.decode_strings(raw))
            elif header.kind == Kind.STACKS:
                self.stacks.update(chunks.decode_stacks(raw))
            elif header.kind == Kind.SYMBOLS:
                self.symbols.update(chunks.decode_symbols(raw))
            elif header.kind == Kind.LOSSES:
                self._losses.extend(chunks.decode_losses(raw))
            else:
                raise ChunkError(f"unknown kind {header.kind}")
        except ChunkError as err:
            self._note(f"chunk at byte {offset} is skipped: {err}")

    def _read(self, offset: int, header: ChunkHeader) -> bytes:
        payload = os.pread(self._fd, header.length, offset)
        if len(payload) < header.length or not chunks.is_intact(header, payload):
            raise ChunkError("the file has changed since it was opened")
        return chunks.unpack(header, payload)

    def _note(self, text: str) -> None:
        if len(self.notes) < MAX_NOTES and text not in self.notes:
            self.notes.append(text)


class _Descriptor:
    """An open file that is closed with the last of those who have it."""

    def __init__(self, fd: int, format_version: int) -> None:
        self.fd, self.format_version = fd, format_version
        self.close = weakref.finalize(self, os.close, fd)


def _split_part(path: Path) -> tuple[Path, int | None]:
    """``FILE#N`` in two, unless a file has that name."""
    found = re.fullmatch(r"(.+)#(\d{1,9})", path.name, re.DOTALL)
    if found is None or os.path.lexists(path):
        return path, None
    return path.with_name(found[1]), int(found[2])


def _check_header(path: Path, fd: int) -> int:
    """The file's format; an error if it isn't one that is known."""
    status = os.fstat(fd)
    data = os.pread(fd, chunks.FILE_HEADER.size, 0) if stat.S_ISREG(status.st_mode) else b""
    if len(data) < chunks.FILE_HEADER.size or not data.startswith(chunks.MAGIC):
        raise UsageError(f"{path} is not a whowoke capture", "make one with: whowoke record")
    version = chunks.FILE_HEADER.unpack(data)[1]
    if version > chunks.FORMAT_VERSION:
        raise UnsupportedError(
            f"{path} has capture format {version}, this whowoke reads up to "
            f"{chunks.FORMAT_VERSION}",
            "use the whowoke that recorded it, or a newer one",
        )
    return int(version)


def _open_error(path: Path, err: OSError) -> WhowokeError:
    if isinstance(err, PermissionError):
        return PermissionDeniedError(
            f"no permission to read {path}", "a capture belongs to the user who recorded it"
        )
    return UsageError(f"cannot read {path}: {err.strerror}", "give the path of a capture")
