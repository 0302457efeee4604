"""Makes the dictionary of small payloads from captures:

    python -m tests.dictionary NUMBER OUTPUT CAPTURE ...

Each second of them is packed as the recorder does it. Hashes and addresses are drawn anew for each,
so that the dictionary has names, layouts and how often which byte comes, but nothing of one process
or one boot. ``analysis/capture/payloads.zdict`` is number 40001, of tests/golden and
docs/captures.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zstandard

from whowoke.analysis.capture import chunks, schema
from whowoke.analysis.capture.chunks import Block, ChunkHeader, Kind
from whowoke.analysis.capture.compression import SMALL_BYTES, SMALL_LEVEL
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.capture.rows import encode_rows

SIZE = 64 << 10
SECOND_NS = 10**9
DRAWN = ("hash", "address")
# Of an address so many bits are drawn: the others are those of its memory area.
DRAWN_BITS = {"hash": 64, "address": 24}


def samples(path: Path, random: np.random.Generator) -> Iterator[bytes]:
    """Texts and metadata as they are, records second by second."""
    data, offset = path.read_bytes(), chunks.FILE_HEADER.size
    while offset < len(data):
        header = ChunkHeader(*chunks.CHUNK_HEADER.unpack_from(data, offset))
        start, offset = offset + chunks.CHUNK_HEADER.size, offset + chunks.CHUNK_HEADER.size
        offset += header.length
        raw = chunks.unpack(header, data[start:offset])
        for block in chunks.blocks_of(header.kind, header.detail, raw):
            if block.kind in (Kind.METADATA, *chunks.TEXTS):
                yield block.raw
    for capture in Capture.open(path).processes:
        yield from _seconds(capture, random)


def _seconds(capture: Capture, random: np.random.Generator) -> Iterator[bytes]:
    rows = {record: capture.records(record.name) for record in schema.RECORDS}
    times = np.concatenate([part["ts_ns"] for part in rows.values()])
    for start_ns in range(int(times.min()), int(times.max()), SECOND_NS):
        drawn: dict[int, int] = {}
        blocks = []
        for record, part in rows.items():
            first, end = np.searchsorted(part["ts_ns"], (start_ns, start_ns + SECOND_NS))
            if first < end:
                raw = encode_rows(record, [_drawn(record, part[first:end], drawn, random)])
                blocks.append(Block(Kind.RECORDS, record.kind, raw))
        yield chunks.encode_batch(blocks)


def _drawn(
    record: schema.Record, rows: np.ndarray, drawn: dict[int, int], random: np.random.Generator
) -> np.ndarray:
    """The rows with other hashes and addresses, the same for the same."""
    rows = rows.copy()
    for field in schema.HEADERS[record.ring] + record.fields:
        if field.unit in DRAWN:
            kept = -1 << DRAWN_BITS[field.unit]
            for value in set(rows[field.name].tolist()) - set(drawn):
                bits = int(random.integers(0, 1 << 63)) & ~kept
                drawn[value] = value & kept | bits if value else 0
            rows[field.name] = [drawn[value] for value in rows[field.name].tolist()]
    return rows


def main() -> None:
    """Write the dictionary."""
    number, output, *paths = sys.argv[1:]
    random = np.random.default_rng(1)
    found = [raw for path in sorted(paths) for raw in samples(Path(path), random)]
    small = [raw for raw in found if 0 < len(raw) <= SMALL_BYTES]
    made = zstandard.train_dictionary(SIZE, small, dict_id=int(number), level=SMALL_LEVEL)
    Path(output).write_bytes(made.as_bytes())
    print(f"wrote {output}: {len(made)} bytes of {len(small)} payloads")


if __name__ == "__main__":
    main()
