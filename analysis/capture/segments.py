"""Recordings without an end: only the last part is kept, or a new file is begun every so often.

In both cases the file that goes on begins with all that its records need from before: metadata,
texts, stacks, symbols, and the kinds of records that say something once. It is written beside the
other one and takes its place at once. So whatever ends the recorder, what is there is a whole
capture. A part begins where all rows gathered were written.
"""

import os
import time
import weakref
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from whowoke.analysis.capture import chunks, schema
from whowoke.analysis.capture.chunks import Block, ChunkHeader, Frame, Kind
from whowoke.analysis.capture.gathering import PartWriter, flush_age_s
from whowoke.analysis.capture.rows import decode_rows
from whowoke.analysis.capture.writer import CaptureWriter, write_error
from whowoke.analysis.durations import Span
from whowoke.analysis.errors import WhowokeError

# By then so much more than asked is in the file, it is cut: 1.25 times are written for each byte.
SLACK = 1.25
LASTING = (Kind.METADATA, *chunks.TEXTS)
# Said once: of which kind a cache is, who is at the other end of a descriptor. The last one counts.
LASTING_RECORDS = {"cache_reader": "reader", "socket_address": "fd"}
LASTING_KINDS = tuple(schema.RECORD_BY_NAME[name].kind for name in LASTING_RECORDS)
ADDRESS = schema.RECORD_BY_NAME["socket_address"]
# Linux on amd64.
CLOSE = 3
NS = 1_000_000_000


class Boundary(NamedTuple):
    """All that was drained before ``ts_ns`` lies before ``offset`` in the file."""

    ts_ns: int
    offset: int


class SegmentWriter(CaptureWriter):
    """A writer that can begin its file anew with a part of it."""

    def __init__(
        self, path: Path, *, force: bool = False, owner: tuple[int, int] | None = None
    ) -> None:
        super().__init__(path, force=force, owner=owner)
        self._owner = owner
        self._boundaries = [Boundary(time.monotonic_ns(), self._end)]
        self._lasting = array("Q")

    def records(self, record: schema.Record, rows: np.ndarray) -> None:
        """Rows of one kind; what was closed has no peer any more, that lasts as well."""
        super().records(record, rows)
        closed = rows[rows["number"] == CLOSE] if record.name == "syscall" else rows[:0]
        if len(closed):
            gone = np.zeros(len(closed), schema.record_dtype(ADDRESS))
            gone["kind"], gone["number"], gone["fd"] = ADDRESS.kind, CLOSE, closed["first"]
            gone["ts_ns"], gone["tid"] = closed["ts_ns"], closed["tid"]
            super().records(ADDRESS, gone)

    def flush(self) -> None:
        """Write the rows gathered so far."""
        super().flush()
        self._boundaries.append(Boundary(time.monotonic_ns(), self._end))

    def part(self) -> PartWriter:
        """Raise WhowokeError: what lasts is told of one process."""
        raise WhowokeError(
            f"{self.path} takes one process: it is kept in part, or in several files",
            "record several without --keep and --rotate",
        )

    def append(self, part: int, kind: int, raw: bytes, detail: int) -> None:
        """Write one chunk, and note what lasts."""
        offset = self._end
        super().append(part, kind, raw, detail)
        if any(_lasts(block) for block in chunks.blocks_of(kind, detail, raw)):
            self._lasting.append(offset)

    def _begin_anew(self, path: Path, since: Boundary, words: Mapping[str, object]) -> None:
        """Go on in a file with what lasts, with all that came since then and these metadata."""
        partial = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
        new = SegmentWriter(partial, owner=self._owner)
        try:
            self._tell_lasting(new, since)
            moved = new._end - since.offset
            _copy_range(self._fd, new._fd, since.offset, self._end)
            new._end = self._end + moved
            new._lasting.extend(at + moved for at in self._lasting if at >= since.offset)
            new.metadata(words)
            partial.replace(path)
        except OSError as err:
            raise write_error(path, err) from None
        finally:
            partial.unlink(missing_ok=True)
        later = [b for b in self._boundaries if b.offset > since.offset]
        self._boundaries = [Boundary(b.ts_ns, b.offset + moved) for b in (since, *later)]
        self._close()
        new._close.detach()
        self._fd, self._end, self._lasting = new._fd, new._end, new._lasting
        self._file = self.path = path
        self._close = weakref.finalize(self, os.close, self._fd)

    def _tell_lasting(self, new: CaptureWriter, since: Boundary) -> None:
        """Write what was said before and still holds, each once."""
        metadata: dict[str, object] = {}
        strings, stacks, symbols = dict[int, str](), dict[int, list[Frame]](), dict[int, Frame]()
        rows: dict[int, list[np.ndarray]] = {}
        for offset in self._lasting:
            if offset >= since.offset:
                break
            for kind, detail, raw in filter(_lasts, self._read(offset)):
                if kind == Kind.METADATA:
                    metadata |= chunks.decode_object(raw)
                elif kind == Kind.STRINGS:
                    strings |= chunks.decode_strings(raw)
                elif kind == Kind.STACKS:
                    stacks |= chunks.decode_stacks(raw)
                elif kind == Kind.SYMBOLS:
                    symbols |= chunks.decode_symbols(raw)
                else:
                    found = decode_rows(schema.RECORD_BY_KIND[detail], raw)
                    rows.setdefault(detail, []).append(found)
        new.metadata(metadata)
        new.strings(strings)
        new.stacks(stacks)
        new.symbols(symbols)
        for number, parts in rows.items():
            record = schema.RECORD_BY_KIND[number]
            new.records(record, _latest(np.concatenate(parts), LASTING_RECORDS[record.name]))
        new.flush()

    def _read(self, offset: int) -> list[Block]:
        data = os.pread(self._fd, chunks.CHUNK_HEADER.size, offset)
        header = ChunkHeader._make(chunks.CHUNK_HEADER.unpack(data))
        payload = os.pread(self._fd, header.length, offset + chunks.CHUNK_HEADER.size)
        return chunks.blocks_of(header.kind, header.detail, chunks.unpack(header, payload))


def _lasts(block: Block) -> bool:
    is_told_once = block.kind == Kind.RECORDS and block.detail in LASTING_KINDS
    return block.kind in LASTING or is_told_once


def _latest(rows: np.ndarray, name: str) -> np.ndarray:
    """The last row for each value of a column, in the order of time."""
    rows = rows[np.argsort(rows["ts_ns"], kind="stable")]
    _, last = np.unique(rows[name][::-1], return_index=True)
    return rows[np.sort(len(rows) - 1 - last)]


class KeepingWriter(SegmentWriter):
    """Keeps what was recorded last: so long, or so many bytes."""

    def __init__(
        self,
        path: Path,
        keep: Span,
        *,
        force: bool = False,
        owner: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(path, force=force, owner=owner)
        self._keep = keep
        self._end_ns: int | None = None

    def metadata(self, values: Mapping[str, object]) -> None:
        """A JSON object; its ``end_ns`` is the end of what is kept: to detach may take long."""
        super().metadata(values)
        end_ns = values.get("end_ns", self._end_ns)
        self._end_ns = end_ns if isinstance(end_ns, int) else None

    def flush_old(self) -> None:
        """Write the rows gathered so far if they were long enough; cut the file if it is."""
        super().flush_old()
        if since := self._excess(SLACK):
            self._cut(since)

    def close(self) -> None:
        """Write what is left, keep what was asked for, and write the end mark."""
        if self._close.alive and not self._failed:
            self.flush()
            if since := self._excess(1):
                self._cut(since)
        super().close()

    def _flush_age_s(self, recorded_s: float) -> float:
        kept_s = self._keep.ns / NS if self._keep.ns else recorded_s
        return flush_age_s(min(kept_s, recorded_s))

    def _cut(self, since: Boundary) -> None:
        self._begin_anew(self.path, since, {"start_ns": since.ts_ns, "kept_only": True})

    def _excess(self, slack: float) -> Boundary | None:
        """From where on to keep the file where more than ``slack`` times of what is asked is in it.

        Of a length of time at least that much is kept, of a size at most that, what lasts apart.
        """
        if not self._has_rows:
            return None
        first, end_ns = self._boundaries[0], self._end_ns or time.monotonic_ns()
        if self._keep.ns:
            if end_ns - first.ts_ns <= slack * self._keep.ns:
                return None
            since_ns = end_ns - self._keep.ns
            old = [b for b in self._boundaries if b.ts_ns <= since_ns]
            return old[-1] if len(old) > 1 else None
        if self._end - first.offset <= slack * self._keep.size:
            return None
        kept = (b for b in self._boundaries if self._end - b.offset <= self._keep.size)
        return next(kept, self._boundaries[-1])


class RotatingWriter(SegmentWriter):
    """Begins a new file every so often: ``NAME.1.whowoke``, ``NAME.2.whowoke`` and so on.

    ``last_words`` are metadata for the end of each file but the last.
    """

    def __init__(
        self,
        path: Path,
        every: Span,
        *,
        force: bool = False,
        owner: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(numbered(path, 1), force=force, owner=owner)
        self._first, self._force = path, force
        self._every, self._began_ns = every, time.monotonic_ns()
        self.number = 1
        self.last_words: Callable[[], Mapping[str, object]] = dict

    def flush_old(self) -> None:
        """Write the rows gathered so far if they were long enough; then begin a new file if due."""
        super().flush_old()
        if self._has_rows and self._is_due():
            self._rotate()

    def _is_due(self) -> bool:
        if self._every.ns:
            return time.monotonic_ns() - self._began_ns >= self._every.ns
        return self._end - self._boundaries[0].offset >= self._every.size

    def _rotate(self) -> None:
        self.flush()
        since, compressor = self._boundaries[-1], self._compressor
        end = {"end_ns": since.ts_ns, "ended": "rotated", **self.last_words()}
        before = os.dup(self._fd)
        try:
            self._begin_anew(self._next(), since, {"start_ns": since.ts_ns})
            last = chunks.pack(Kind.METADATA, 0, chunks.encode_object(end), compressor)
            os.write(before, last + chunks.pack(Kind.END, 0, b"", compressor))
        finally:
            os.close(before)
        self._began_ns = since.ts_ns

    def _next(self) -> Path:
        """The next name that is free: a recording doesn't end because one is taken."""
        self.number += 1
        while not self._force and os.path.lexists(numbered(self._first, self.number)):
            self.number += 1
        return numbered(self._first, self.number)


def numbered(path: Path, number: int) -> Path:
    """``op.2.whowoke`` of ``op.whowoke``."""
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        copied = os.sendfile(target, source, start, end - start)
        if not copied:
            raise OSError(0, "the file was cut while it was written")
        start += copied
