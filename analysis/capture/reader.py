"""One recording in one append-only file, readable up to its last whole chunk after any crash.

The format is in ``chunks.py``, the recorder's side in ``writer.py``. A capture may come from
anyone, so what doesn't add up is skipped with a note, and sizes are checked before memory is taken.
"""

import heapq
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from whowoke.analysis.capture import chunks, schema
from whowoke.analysis.capture.chunks import Block, ChunkError, ChunkHeader, Frame, Kind, Loss
from whowoke.analysis.capture.gathering import PartWriter
from whowoke.analysis.capture.opening import (
    HEADER_BYTES,
    Descriptor,
    check_header,
    open_error,
    split_part,
)
from whowoke.analysis.capture.rows import decode_rows, stored_dtype
from whowoke.analysis.capture.writer import CaptureWriter, sudo_owner
from whowoke.analysis.errors import UsageError, WhowokeError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Capture", "CaptureWriter", "Frame", "Loss", "PartWriter", "sudo_owner"]

MAX_TEXT_BYTES = 64 << 20
MAX_RECORD_BYTES = 2 << 30
MAX_LOG_BYTES = 128 << 20
MAX_NOTES = 20
# Several steps ask for the same records: results up to this size are remembered.
REMEMBERED_BYTES = 4 << 20
BLOCK_BYTES = 1 << 20
# Of the number that says where records lie; above these bits is where their chunk begins.
POSITION_BITS = 24
MAX_POSITION = (1 << POSITION_BITS) - 1

Keep = Callable[[np.ndarray], np.ndarray]


class Capture:
    """A capture that was opened. Rows are read from the file when they are asked for.

    ``metadata``, ``strings``, ``stacks`` and ``symbols`` are what the recorder wrote; ``complete``
    says whether it ended in order, ``truncated_bytes`` how much of the file could not be read,
    ``notes`` why, in sentences for the user. ``log_files`` are logs to read beside those that were
    followed; what the analysis then has to say of all these goes into ``log_notes``.

    A recording of several processes has a part for each, ``processes``. A capture is its own first
    one, so that one of a single process is just that; ``number`` counts them from 1.
    """

    def __init__(self, path: Path, descriptor: Descriptor, number: int = 1) -> None:
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
        # Where chunks begin; of records by kind, with the place in a batch.
        self.log_chunks = array("Q")
        self._losses: list[Loss] = []
        self._chunks: dict[int, array[int]] = {}
        self._remembered: dict[tuple[str, Keep | None], np.ndarray] = {}
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
        path, number = split_part(Path(path))
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as err:
            raise open_error(path, err) from None
        try:
            version = check_header(path, fd)
        except BaseException:
            os.close(fd)
            raise
        whole = cls(path, Descriptor(fd, version))
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
        dtype = stored_dtype(schema.RECORD_BY_NAME[name])
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
        found = ([(place, kind) for place in self._chunks.get(kind, ())] for kind in kinds)
        for place, kind in heapq.merge(*found):
            record = schema.RECORD_BY_KIND[kind]
            offset, position = place >> POSITION_BITS, place & MAX_POSITION
            try:
                rows = decode_rows(record, self._descriptor.block(offset, position))
            except ChunkError as err:
                self._note(f"{record.name} records at byte {offset} are skipped: {err}")
                continue
            yield record.name, rows

    def logs(self) -> Iterator[bytes]:
        """Whole lines of the logs that were followed, a part at a time."""
        total = 0
        for offset in self.log_chunks:
            try:
                lines = self._descriptor.block(offset)
                total += len(lines)
                if total > MAX_LOG_BYTES:
                    raise ChunkError(f"more than {MAX_LOG_BYTES >> 20} MiB of logs")
                yield lines
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
            try:
                header = self._descriptor.header(offset)
                payload = self._descriptor.payload(offset, header) if header else None
            except ChunkError:
                self._note(f"damaged at byte {offset}: nothing behind it is read")
                break
            if header is None or payload is None:
                break
            if header.kind == Kind.PART:
                found = self._part(header.detail)
                if found is None:
                    self._note(f"damaged at byte {offset}: nothing behind it is read")
                    break
                part = found
            elif header.kind == Kind.RECORDS:
                part.take_records(offset, 0, header.detail)
            elif header.kind == Kind.LOGS:
                self.log_chunks.append(offset)
            else:
                text_bytes = part.take(offset, header, payload, text_bytes)
                self.complete |= part.complete
            offset += HEADER_BYTES + header.length
        return offset

    def _part(self, number: int) -> Self | None:
        """A part that is there or the next one; None for any other."""
        if number == len(self.processes) < chunks.MAX_PARTS:
            other = type(self)(self.path, self._descriptor, number + 1)
            other.notes = self.notes
            self._others.append(other)
        return self.processes[number] if number < len(self.processes) else None

    def take_records(self, offset: int, position: int, kind: int) -> None:
        """Note where such records lie: in which chunk, and where in it if that is a batch."""
        if kind in schema.RECORD_BY_KIND:
            places = self._chunks.setdefault(kind, array("Q"))
            places.append(offset << POSITION_BITS | position)
        else:
            self._note(f"records of an unknown kind {kind} at byte {offset} are skipped")

    def take(self, offset: int, header: ChunkHeader, payload: bytes, text_bytes: int) -> int:
        """Read a chunk of anything else but records and logs.

        ``text_bytes`` is how many bytes of texts there were; returns how many there are with it.
        """
        if header.kind == Kind.END:
            self.complete = True
            return text_bytes
        try:
            raw = chunks.unpack(header, payload)
            blocks = chunks.blocks_of(header.kind, header.detail, raw)
        except ChunkError as err:
            self._note(f"chunk at byte {offset} is skipped: {err}")
            return text_bytes
        position = 0
        for block in blocks:
            if block.kind == Kind.RECORDS:
                self.take_records(offset, position, block.detail)
            else:
                text_bytes += len(block.raw)
                self._take_text(offset, block, text_bytes)
            position += chunks.BLOCK_HEADER.size + len(block.raw)
        return text_bytes

    def _take_text(self, offset: int, block: Block, text_bytes: int) -> None:
        try:
            if text_bytes > MAX_TEXT_BYTES:
                raise ChunkError(f"more than {MAX_TEXT_BYTES >> 20} MiB of texts")
            if block.kind == Kind.METADATA:
                self.metadata.update(chunks.decode_metadata(block.raw))
            elif block.kind == Kind.STRINGS:
                self.strings.update(chunks.decode_strings(block.raw))
            elif block.kind == Kind.STACKS:
                self.stacks.update(chunks.decode_stacks(block.raw))
            elif block.kind == Kind.SYMBOLS:
                self.symbols.update(chunks.decode_symbols(block.raw))
            elif block.kind == Kind.LOSSES:
                self._losses.extend(chunks.decode_losses(block.raw))
            else:
                raise ChunkError(f"unknown kind {block.kind}")
        except ChunkError as err:
            self._note(f"chunk at byte {offset} is skipped: {err}")

    def _note(self, text: str) -> None:
        if len(self.notes) < MAX_NOTES and text not in self.notes:
            self.notes.append(text)
