"""One recording in one append-only file, readable up to its last whole chunk after any crash.

The format is in ``chunks.py``, the recorder's side in ``writer.py``. A capture may come from
anyone, so what doesn't add up is skipped with a note, and sizes are checked before memory is taken.
"""

import heapq
import os
import stat
import weakref
from array import array
from collections.abc import Callable, Iterator, Sequence
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
# Several steps ask for the same records: results up to this size are remembered.
REMEMBERED_BYTES = 4 << 20
BLOCK_BYTES = 1 << 20
HEADER_BYTES = chunks.CHUNK_HEADER.size

Keep = Callable[[np.ndarray], np.ndarray]


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
        self._logs = array("Q")
        self._losses: list[Loss] = []
        # Where chunks begin, of records by kind.
        self._chunks: dict[int, array[int]] = {}
        self._remembered: dict[tuple[str, Keep | None], np.ndarray] = {}
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

    def records(self, name: str, keep: Keep | None = None) -> np.ndarray:
        """All rows of a record kind by its name, with its named fields, sorted by ``ts_ns``.

        With ``keep``, which says of rows which are wanted, only those; a part of the file is in
        memory at a time then. Empty if there are none. WhowokeError where they need more than
        ``MAX_RECORD_BYTES``.
        """
        if (name, keep) in self._remembered:
            return self._remembered[name, keep]
        found = np.concatenate(self._blocks(name, keep))
        times = found["ts_ns"]
        if np.any(times[1:] < times[:-1]):
            found = found[np.argsort(times, kind="stable")]
        if found.nbytes <= REMEMBERED_BYTES:
            found.flags.writeable = False
            self._remembered[name, keep] = found
        return found

    def _blocks(self, name: str, keep: Keep | None) -> list[np.ndarray]:
        """The rows in a few large parts: many small ones would tear holes into the memory."""
        dtype = chunks.stored_dtype(schema.RECORD_BY_NAME[name])
        parts = [np.zeros(0, dtype)]
        blocks, size, pending = [], 0, 0
        for _, rows in self.parts(name):
            parts.append(rows if keep is None else rows[keep(rows)])
            size, pending = size + parts[-1].nbytes, pending + parts[-1].nbytes
            if pending > BLOCK_BYTES:
                blocks.append(np.concatenate(parts, dtype=dtype))
                parts, pending = [], 0
            if size > MAX_RECORD_BYTES:
                raise WhowokeError(
                    f"{self.path} has more than {MAX_RECORD_BYTES >> 30} GiB of {name} records",
                    "record for a shorter time",
                )
        return [*blocks, np.concatenate([np.zeros(0, dtype), *parts], dtype=dtype)]

    def parts(self, *names: str) -> Iterator[tuple[str, np.ndarray]]:
        """Rows of record kinds, a chunk at a time, in the order of the file: nearly that of time.

        Each part comes with its kind's name.
        """
        kinds = [schema.RECORD_BY_NAME[name].kind for name in names]
        found = ([(at, kind) for at in self._chunks.get(kind, ())] for kind in kinds)
        for offset, kind in heapq.merge(*found):
            record = schema.RECORD_BY_KIND[kind]
            try:
                rows = chunks.decode_rows(record, self._read(offset))
            except ChunkError as err:
                self._note(f"{record.name} records at byte {offset} are skipped: {err}")
                continue
            yield record.name, rows

    def logs(self) -> Iterator[bytes]:
        """Whole lines of the logs that were followed, a part at a time."""
        total = 0
        for offset in self._logs:
            try:
                lines = self._read(offset)
                total += len(lines)
                if total > MAX_LOG_BYTES:
                    raise ChunkError(f"more than {MAX_LOG_BYTES >> 20} MiB of logs")
                yield lines
            except ChunkError as err:
                self._note(f"log lines at byte {offset} are skipped: {err}")

    def _scan(self) -> int:
        """Index the chunks and read the small ones; return the end of the last whole one."""
        offset, text_bytes = chunks.FILE_HEADER.size, 0
        while not self.complete:
            header = self._header(offset)
            if header is None:
                break
            payload_offset = offset + HEADER_BYTES
            payload = os.pread(self._fd, header.length, payload_offset)
            if len(payload) < header.length:
                break
            if not chunks.is_intact(header, payload):
                self._note(f"damaged at byte {offset}: nothing behind it is read")
                break
            if header.kind == Kind.RECORDS:
                self._index(offset, header)
            elif header.kind == Kind.LOGS:
                self._logs.append(offset)
            else:
                text_bytes += header.raw_length
                self._take(offset, header, payload, text_bytes)
            offset = payload_offset + header.length
        return offset

    def _header(self, offset: int) -> ChunkHeader | None:
        data = os.pread(self._fd, HEADER_BYTES, offset)
        if len(data) < HEADER_BYTES:
            return None
        header = ChunkHeader._make(chunks.CHUNK_HEADER.unpack(data))
        # zstd adds a little to what it cannot make smaller.
        if header.raw_length > chunks.MAX_PAYLOAD or header.length > chunks.MAX_PAYLOAD + 65536:
            self._note(f"damaged at byte {offset}: nothing behind it is read")
            return None
        return header

    def _index(self, offset: int, header: ChunkHeader) -> None:
        if header.detail in schema.RECORD_BY_KIND:
            self._chunks.setdefault(header.detail, array("Q")).append(offset)
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
                self.metadata.update(chunks.decode_metadata(raw))
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

    def _read(self, offset: int) -> bytes:
        """What the chunk holds that begins there."""
        header = self._header(offset)
        payload = os.pread(self._fd, header.length, offset + HEADER_BYTES) if header else b""
        if not header or len(payload) < header.length or not chunks.is_intact(header, payload):
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
