"""One recording in one append-only file, readable up to its last whole chunk after any crash.

The format is in ``chunks.py``, the recorder's side in ``writer.py``. A capture may come from
anyone, so what doesn't add up is skipped with a note, and sizes are checked before memory is taken.
"""

import os
import stat
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from whowoke.analysis.capture import chunks, schema
from whowoke.analysis.capture.chunks import ChunkError, ChunkHeader, Frame, Kind, Loss
from whowoke.analysis.capture.writer import CaptureWriter, sudo_owner
from whowoke.analysis.errors import (
    PermissionDeniedError,
    UnsupportedError,
    UsageError,
    WhowokeError,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Capture", "CaptureWriter", "Frame", "Loss", "sudo_owner"]

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
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.metadata: dict[str, Any] = {}
        self.strings: dict[int, str] = {}
        self.stacks: dict[int, list[Frame]] = {}
        self.symbols: dict[int, Frame] = {}
        self.complete = False
        self.notes: list[str] = []
        self.log_files: Sequence[Path] = ()
        self.log_notes: list[str] = []
        self._logs: list[tuple[int, ChunkHeader]] = []
        self._losses: list[Loss] = []
        self._chunks: dict[int, list[tuple[int, ChunkHeader]]] = {}
        self._fd = fd
        self.close = weakref.finalize(self, os.close, fd)
        self.size = os.fstat(fd).st_size
        self.truncated_bytes = self.size - self._scan()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a capture. UsageError if it isn't one, UnsupportedError if it is a newer one."""
        path = Path(path)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as err:
            raise _open_error(path, err) from None
        try:
            _check_header(path, fd)
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd)

    @property
    def losses(self) -> "pd.DataFrame":
        """``ts_ns`` and ``since_ns`` (CLOCK_MONOTONIC), ``kind`` (text), ``count``."""
        import pandas as pd

        rows = [(loss.ts_ns, loss.kind, loss.count, loss.since_ns) for loss in self._losses]
        return pd.DataFrame(rows, columns=["ts_ns", "kind", "count", "since_ns"]).astype(
            {"ts_ns": "int64", "kind": "str", "count": "int64", "since_ns": "Int64"}
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
        for offset, header in self._logs:
            total += header.raw_length
            try:
                if total > MAX_LOG_BYTES:
                    raise ChunkError(f"more than {MAX_LOG_BYTES >> 20} MiB of logs")
                yield self._read(offset, header)
            except ChunkError as err:
                self._note(f"log lines at byte {offset} are skipped: {err}")

    def _scan(self) -> int:
        """Index the chunks and read the small ones; return the end of the last whole one."""
        offset, text_bytes = chunks.FILE_HEADER.size, 0
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
            if header.kind == Kind.RECORDS:
                self._index(offset, payload_offset, header)
            elif header.kind == Kind.LOGS:
                self._logs.append((payload_offset, header))
            else:
                text_bytes += header.raw_length
                self._take(offset, header, payload, text_bytes)
            offset = payload_offset + header.length
        return offset

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

    def _index(self, offset: int, payload_offset: int, header: ChunkHeader) -> None:
        if header.detail in schema.RECORD_BY_KIND:
            self._chunks.setdefault(header.detail, []).append((payload_offset, header))
        else:
            self._note(f"records of an unknown kind {header.detail} at byte {offset} are skipped")

    def _take(self, offset: int, header: ChunkHeader, payload: bytes, text_bytes: int) -> None:
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


def _check_header(path: Path, fd: int) -> None:
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


def _open_error(path: Path, err: OSError) -> WhowokeError:
    if isinstance(err, PermissionError):
        return PermissionDeniedError(
            f"no permission to read {path}", "a capture belongs to the user who recorded it"
        )
    return UsageError(f"cannot read {path}: {err.strerror}", "give the path of a capture")
