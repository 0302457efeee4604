"""A capture comes from anyone: right checksums around anything at all."""

import struct

import numpy as np
import pytest
import zstandard

from tests.fuzz.recorded import operator
from tests.unit.captures import FIRE, SYSCALL, contents, rows_of
from whowoke.analysis.capture import chunks, compression, schema
from whowoke.analysis.capture import reader as capture_module
from whowoke.analysis.capture.chunks import Kind
from whowoke.analysis.capture.reader import Capture, CaptureWriter
from whowoke.analysis.capture.rows import encode_rows
from whowoke.analysis.errors import WhowokeError
from whowoke.analysis.telling.explain import explain


def forge(path, *parts):
    """A capture whose CRCs are right, with any payload: (kind, detail, payload, raw length)."""
    data = chunks.FILE_HEADER.pack(chunks.MAGIC, chunks.FORMAT_VERSION)
    for kind, detail, payload, raw_length in parts:
        crc = chunks.checksum(kind, detail, len(payload), raw_length, payload)
        data += chunks.CHUNK_HEADER.pack(kind, detail, len(payload), raw_length, crc) + payload
    path.write_bytes(data)
    return Capture.open(path)


def packed(raw):
    return zstandard.compress(raw), len(raw)


HOSTILE = {
    "no zstd": (Kind.STRINGS, 0, b"nonsense", 8),
    "size differs": (Kind.STRINGS, 0, zstandard.compress(b"{}" * 100), 100),
    "bomb": (Kind.STRINGS, 0, zstandard.compress(b"\0" * (64 << 20)), 1000),
    "bomb without size": (
        Kind.STRINGS,
        0,
        zstandard.ZstdCompressor(write_content_size=False).compress(b"\0" * (64 << 20)),
        1000,
    ),
    "deep": (Kind.METADATA, 0, *packed(b'{"a":' + b"[" * 100_000)),
    "no object": (Kind.METADATA, 0, *packed(b"[1]")),
    "long number": (Kind.METADATA, 0, *packed(b'{"a":' + b"9" * 10_000 + b"}")),
    "no text": (Kind.STRINGS, 0, *packed(b'{"1":2}')),
    "no hash": (Kind.STRINGS, 0, *packed(b'{"x":"y"}')),
    "large hash": (Kind.STRINGS, 0, *packed(b'{"11111111111111111":"y"}')),
    "no such frame": (Kind.STACKS, 0, *packed(b'{"frames":[],"stacks":{"1":[0]}}')),
    "frame before": (Kind.STACKS, 0, *packed(b'{"frames":[["a","b",1]],"stacks":{"1":[-1]}}')),
    "no frames": (Kind.STACKS, 0, *packed(b'{"frames":7,"stacks":[]}')),
    "short frame": (Kind.SYMBOLS, 0, *packed(b'{"1":["a"]}')),
    "line is text": (Kind.SYMBOLS, 0, *packed(b'{"1":["a","b","c"]}')),
    "no loss": (Kind.LOSSES, 0, *packed(b'{"losses":[[1,2,3]]}')),
    "loss too large": (Kind.LOSSES, 0, *packed(b'{"losses":[[1,"a",9223372036854775808]]}')),
    "unknown chunk": (99, 0, *packed(b"")),
    "unknown record": (Kind.RECORDS, 9999, *packed(b"")),
    "no count": (Kind.RECORDS, FIRE.kind, *packed(b"")),
    "many rows": (Kind.RECORDS, FIRE.kind, *packed(b"\xff\xff\xff\xff\1\0\0\0" + b"\3\0\1a")),
    "many columns": (Kind.RECORDS, FIRE.kind, *packed(b"\1\0\0\0\xff\xff\xff\xff" + b"\0" * 99)),
    "no rows": (Kind.RECORDS, FIRE.kind, *packed(b"\0" * 8)),
    "no columns": (Kind.RECORDS, FIRE.kind, *packed(b"\1\0\0\0\0\0\0\0" + b"\0" * 9)),
    "cut column": (Kind.RECORDS, FIRE.kind, *packed(b"\1\0\0\0\1\0\0\0\3\0\5ts_ns1234567")),
    "no time": (Kind.RECORDS, FIRE.kind, *packed(b"\1\0\0\0\1\0\0\0\3\0\1a12345678")),
    "no such time": (
        Kind.RECORDS,
        FIRE.kind,
        *packed(b"\1\0\0\0\1\0\0\0\3\0\5ts_ns" + b"\xff" * 8),
    ),
    "column type": (Kind.RECORDS, FIRE.kind, *packed(b"\1\0\0\0\1\0\0\0\x63\0\1a12345678")),
    "encoding": (Kind.RECORDS, FIRE.kind, *packed(b"\1\0\0\0\1\0\0\0\3\x63\1a12345678")),
    "constant, no room for times": (
        Kind.RECORDS,
        FIRE.kind,
        *packed(b"\xff\xff\xff\0\1\0\0\0\3\3\5ts_ns12345678"),
    ),
    "constant that is cut": (Kind.RECORDS, FIRE.kind, *packed(b"\1\0\0\0\1\0\0\0\3\3\5ts_ns1234")),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_chunk_is_skipped_with_a_note(tmp_path, case):
    good = (Kind.STRINGS, 0, *packed(b'{"5":"five"}'))
    capture = forge(tmp_path / "forged", HOSTILE[case], good, (Kind.END, 0, *packed(b"")))
    contents(capture)
    assert len(capture.notes) == 1
    assert capture.strings == {5: "five"}
    assert capture.complete


def block(kind, detail, raw):
    return struct.pack("<HHI", kind, detail, len(raw)) + raw


def test_a_batch_that_is_none_is_skipped_as_a_whole(tmp_path):
    text = block(Kind.STRINGS, 0, b'{"6":"six"}')
    good = (Kind.STRINGS, 0, *packed(b'{"5":"five"}'))
    for bad in (
        *(b"\1", block(Kind.STRINGS, 0, b"{}")[:-1], block(Kind.BATCH, 0, text)),
        *(block(Kind.METADATA, 0, b"{}"), block(Kind.END, 0, b""), block(99, 0, b"")),
        block(Kind.STRINGS, 0, b"") * chunks.MAX_BLOCKS,
    ):
        batch, end = (Kind.BATCH, 0, *packed(text + bad)), (Kind.END, 0, *packed(b""))
        capture = forge(tmp_path / "forged", batch, good, end)
        assert len(capture.notes) == 1
        assert capture.strings == {5: "five"}
        assert capture.complete


def test_one_bad_block_leaves_the_others(tmp_path):
    raw = encode_rows(FIRE, [rows_of(FIRE, 3)])
    batch = block(Kind.STRINGS, 0, b'{"x":"y"}') + block(Kind.STACKS, 0, b"no") + text_of(5, "five")
    batch += block(Kind.RECORDS, 9999, raw) + block(Kind.RECORDS, FIRE.kind, raw)
    batch += block(Kind.RECORDS, SYSCALL.kind, b"no rows")
    capture = forge(tmp_path / "forged", (Kind.BATCH, 0, *packed(batch)))
    assert capture.strings == {5: "five"}
    assert capture.counts() == {"syscall": 0, "timer_fire": 3}
    assert len(capture.notes) == 4


def text_of(number, text):
    return block(Kind.STRINGS, 0, chunks.encode_strings({number: text}))


def test_a_kind_that_is_there_twice_is_read_twice(tmp_path):
    """Not four times."""
    raw = block(Kind.RECORDS, FIRE.kind, encode_rows(FIRE, [rows_of(FIRE, 3)]))
    capture = forge(tmp_path / "forged", (Kind.BATCH, 0, *packed(raw + raw)))
    assert len(capture.records("timer_fire")) == 6


def test_texts_beyond_the_limit_leave_the_records_of_their_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(capture_module, "MAX_TEXT_BYTES", 10)
    path = tmp_path / "limits.whowoke"
    with CaptureWriter(path) as writer:
        writer.strings({1: "x" * 20})
        writer.records(FIRE, rows_of(FIRE, 2))
    capture = Capture.open(path)
    assert (capture.strings, len(capture.notes)) == ({}, 1)
    assert len(capture.records("timer_fire")) == 2


def test_a_dictionary_that_is_not_known_is_told(tmp_path):
    texts = [chunks.encode_strings({n: f"text {n} of many" for n in range(k)}) for k in range(99)]
    other = zstandard.train_dictionary(4096, texts, dict_id=compression.DICTIONARY_ID + 1)
    raw = b'{"5":"five"}'
    frame = zstandard.ZstdCompressor(dict_data=other).compress(raw)
    capture = forge(tmp_path / "forged", (Kind.STRINGS, 0, frame, len(raw)))
    assert f"dictionary {compression.DICTIONARY_ID + 1}" in capture.notes[0]


def test_a_chunk_that_says_it_is_huge_ends_the_reading(tmp_path):
    capture = forge(tmp_path / "forged", (Kind.STRINGS, 0, b"", chunks.MAX_PAYLOAD + 1))
    assert capture.notes
    assert capture.truncated_bytes == chunks.CHUNK_HEADER.size


def test_texts_and_records_are_limited_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(capture_module, "MAX_TEXT_BYTES", 40)
    monkeypatch.setattr(capture_module, "MAX_RECORD_BYTES", 100)
    path = tmp_path / "limits.whowoke"
    with CaptureWriter(path) as writer:
        writer.strings({1: "x" * 20})
        writer.flush()
        writer.strings({2: "y" * 20})
        writer.records(FIRE, rows_of(FIRE, 100))
    capture = Capture.open(path)
    assert list(capture.strings) == [1]
    assert "texts" in capture.notes[0]
    with pytest.raises(WhowokeError, match="timer_fire records"):
        capture.records("timer_fire")


def test_columns_of_another_version_are_added_and_left_out(tmp_path, monkeypatch):
    path = tmp_path / "other.whowoke"
    record = schema.RECORD_BY_NAME["gc_start"]
    extra = schema.Field("later", "<u8", "ns", "of a later version")
    other = schema.Record(record.kind, record.name, record.ring, "", (extra,))
    rows = np.zeros(2, schema.record_dtype(other))
    rows["ts_ns"], rows["goid"] = (1, 2), (3, 4)
    with CaptureWriter(path) as writer:
        monkeypatch.setitem(schema.RECORD_BY_KIND, record.kind, other)
        writer.records(other, rows)
    monkeypatch.undo()
    read = Capture.open(path).records("gc_start")
    assert read["goid"].tolist() == [3, 4]
    assert read["trigger"].tolist() == [0, 0]
    assert "later" not in read.dtype.names


@pytest.mark.parametrize("probe", [[], {}, [[]], None, 7, "\n"], ids=repr)
def test_probe_sites_that_are_none(probe):
    c = operator()
    c.metadata["sites"] = [{"probe": probe, "function": probe, "file": probe, "line": probe}, probe]
    assert "wake-ups" in explain(c).text()
