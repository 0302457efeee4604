"""A minute of an idle operator: what a record needs on the disk, and the recorder in memory."""

from tests.bench.rounds import Spread
from tests.bench.rows import Row, keyed, measured
from tests.bench.stage import LONG_S, Stage
from whowoke.analysis.capture import chunks
from whowoke.analysis.capture.chunks import Kind

KB = 1024
SETTLED_S = 10.0


def size(stage: Stage) -> list[Row]:
    """The file's size by its records: as a whole, and without what is written at once.

    Texts that are new come along in the records' batches.
    """
    capture = stage.long_recording.recording.capture
    records = sum(capture.counts().values())
    size = capture.path.stat().st_size
    rows = sum(
        chunks.CHUNK_HEADER.size + header.length
        for header in _headers(capture.path.read_bytes())
        if header.kind in (Kind.BATCH, Kind.RECORDS)
    )
    return [
        Row("size", f"records in {LONG_S:g} s", records),
        Row("size", "of that the records, with texts that are new", rows / records, "bytes"),
        keyed("bytes_per_record", size / records),
    ]


def rss(stage: Stage) -> list[Row]:
    """Memory of the recorder while it records."""
    long = stage.long_recording
    used_mb = [kb * KB / 1e6 for _, kb in long.rss_kb]
    early = [kb for passed, kb in long.rss_kb if passed < SETTLED_S]
    growth = (long.rss_kb[-1][1] - max(early)) * KB / 1e6
    spread = Spread.of(used_mb)
    return [
        measured("rss", "resident, every 0.5 s", spread, "MB"),
        Row("rss", f"growth after the first {SETTLED_S:g} s", growth, "MB"),
        Row("rss", "peak, with its start", long.peak_kb * KB / 1e6, "MB"),
        Row("rss", "the recorder's CPU (goal ≤ 1)", long.recorder_cpu_pct, "% of a core"),
        keyed("recorder_rss_mb", spread.high),
    ]


def _headers(data: bytes) -> list[chunks.ChunkHeader]:
    """All chunks of a whole file."""
    found, offset = [], chunks.FILE_HEADER.size
    while offset < len(data):
        header = chunks.ChunkHeader(*chunks.CHUNK_HEADER.unpack_from(data, offset))
        found.append(header)
        offset += chunks.CHUNK_HEADER.size + header.length
    return found
