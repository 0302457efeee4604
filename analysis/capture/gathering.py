"""What is recorded of a process, gathered until it is worth a chunk."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from whowoke.analysis.capture import chunks, schema
from whowoke.analysis.capture.chunks import Block, Frame, Kind, Loss
from whowoke.analysis.capture.rows import encode_rows

ROWS_PER_CHUNK = 32768
# What has more is a chunk of its own: together they would be 4 % smaller, but whoever asks for one
# kind of record of a day would read all.
ROWS_IN_BATCH, TEXT_BYTES_IN_BATCH = 128, 64 << 10
# A long recording of a quiet process would be millions of chunks of a few rows: of 24 hours 1.0 M,
# and 346 MB. What a crash loses at most is a hundredth of the recording, and never more than 10 s.
MIN_AGE_S, MAX_AGE_S, AGE_SHARE = 1.0, 10.0, 0.01


def flush_age_s(recorded_s: float) -> float:
    """How long rows may be gathered, by how long the recording lasts already."""
    return min(max(MIN_AGE_S, AGE_SHARE * recorded_s), MAX_AGE_S)


class PartWriter:
    """Writes what is recorded of one process.

    Rows, strings, stacks and symbols are gathered for ``flush_age_s`` or ``ROWS_PER_CHUNK`` rows a
    kind, whichever comes first; all else is written at once. Texts are written before the rows: so
    say them before the rows that need them.
    """

    def __init__(self) -> None:
        self._texts: dict[Kind, dict[int, Any]] = {}
        self._pending: dict[int, list[np.ndarray]] = {}
        self._began = time.monotonic()
        self._oldest: float | None = None

    def metadata(self, values: Mapping[str, object]) -> None:
        """A JSON object, merged over what was written before, key by key."""
        self._append(Kind.METADATA, chunks.encode_object(values), 0)

    def strings(self, texts: Mapping[int, str]) -> None:
        """What hashes stand for."""
        self._gather(Kind.STRINGS, texts)

    def stacks(self, stacks: Mapping[int, list[Frame]]) -> None:
        """Frames of stacks by hash, innermost first, inlined ones expanded."""
        self._gather(Kind.STACKS, stacks)

    def symbols(self, symbols: Mapping[int, Frame]) -> None:
        """Function, file and line of addresses."""
        self._gather(Kind.SYMBOLS, symbols)

    def losses(self, rows: list[Loss]) -> None:
        """What was lost, with its time."""
        if rows:
            self._append(Kind.LOSSES, chunks.encode_losses(rows), 0)

    def logs(self, number: int, lines: bytes) -> None:
        """Whole lines of a followed log; ``number`` is its row in the metadata ``log_files``."""
        self._append(Kind.LOGS, lines, number)

    def records(self, record: schema.Record, rows: np.ndarray) -> None:
        """Rows of one kind, with ``schema.record_dtype(record)``; kept: don't change them."""
        for start in range(0, len(rows), ROWS_PER_CHUNK):
            pending = self._pending.setdefault(record.kind, [])
            pending.append(rows[start : start + ROWS_PER_CHUNK])
            if sum(len(part) for part in pending) >= ROWS_PER_CHUNK:
                self._write(self._take_texts(), [])
                self._write([], [self._take_rows(record.kind)])
        self._begin_waiting()
        self.flush_old()

    def flush_old(self) -> None:
        """Write what was gathered so far if that was long enough."""
        now = time.monotonic()
        if self._oldest is not None and now - self._oldest >= self._flush_age_s(now - self._began):
            self.flush()

    def _flush_age_s(self, recorded_s: float) -> float:
        return flush_age_s(recorded_s)

    def flush(self) -> None:
        """Write what was gathered so far."""
        self._oldest = None
        counts = {kind: sum(map(len, parts)) for kind, parts in self._pending.items()}
        few = [kind for kind, count in counts.items() if count <= ROWS_IN_BATCH]
        self._write(self._take_texts(), [self._take_rows(kind) for kind in few])
        for kind in list(self._pending):
            self._write([], [self._take_rows(kind)])

    def _gather(self, kind: Kind, texts: Mapping[int, Any]) -> None:
        if texts:
            self._texts.setdefault(kind, {}).update(texts)
            self._begin_waiting()

    def _begin_waiting(self) -> None:
        self._oldest = time.monotonic() if self._oldest is None else self._oldest

    def _take_texts(self) -> list[Block]:
        texts, self._texts = self._texts, {}
        return [block for kind, values in texts.items() for block in _text_blocks(kind, values)]

    def _take_rows(self, kind: int) -> Block:
        parts = self._pending.pop(kind)
        return Block(Kind.RECORDS, kind, encode_rows(schema.RECORD_BY_KIND[kind], parts))

    def _write(self, texts: list[Block], rows: list[Block]) -> None:
        """Write texts, then rows, or both at once; a batch has always rows."""
        small = [block for block in texts if len(block.raw) <= TEXT_BYTES_IN_BATCH]
        blocks = [*texts, *rows]
        if rows and len(small) + len(rows) > 1:
            batch = Block(Kind.BATCH, 0, chunks.encode_batch([*small, *rows]))
            blocks = [*(block for block in texts if block not in small), batch]
        for block in blocks:
            self._append(block.kind, block.raw, block.detail)

    def _append(self, kind: int, raw: bytes, detail: int) -> None:
        raise NotImplementedError


_ENCODE: dict[Kind, Callable[[Mapping[int, Any]], bytes]] = {
    Kind.STRINGS: chunks.encode_strings,
    Kind.STACKS: chunks.encode_stacks,
    Kind.SYMBOLS: chunks.encode_symbols,
}


def _text_blocks(kind: Kind, texts: Mapping[int, Any]) -> list[Block]:
    """One block, or as many as it takes that a reader takes each."""
    raw = _ENCODE[kind](texts)
    if len(raw) <= chunks.MAX_PAYLOAD or len(texts) == 1:
        return [Block(kind, 0, raw)]
    items = list(texts.items())
    halves = items[: len(items) // 2], items[len(items) // 2 :]
    return [block for half in halves for block in _text_blocks(kind, dict(half))]
