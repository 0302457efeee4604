"""The capture file: what is written is read back, however the file was cut or damaged."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.unit.captures import FIRE, STACK, SYSCALL, contents, rows_of, write_small
from whowoke.analysis.capture import chunks, schema
from whowoke.analysis.capture.gathering import ROWS_PER_CHUNK, flush_age_s
from whowoke.analysis.capture.reader import Capture, CaptureWriter, Frame
from whowoke.analysis.capture.rows import encode_rows, stored_dtype
from whowoke.analysis.errors import UnsupportedError, UsageError, WhowokeError


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.whowoke"
    write_small(path)
    return path


def is_looked_into(position, ends):
    """All that is read is compared at some bytes, and at those beside a chunk's end."""
    return position % 16 == 0 or any(abs(position - end) < 3 for end in ends)


def chunk_ends(data):
    ends = [chunks.FILE_HEADER.size]
    while ends[-1] < len(data):
        length = chunks.CHUNK_HEADER.unpack_from(data, ends[-1])[2]
        ends.append(ends[-1] + chunks.CHUNK_HEADER.size + length)
    return ends


def test_what_is_written_is_read_back(small):
    capture = Capture.open(small)
    assert capture.complete
    assert capture.truncated_bytes == 0
    assert capture.notes == []
    assert capture.metadata == {"pid": 42, "command": ["op", "--x"], "go": "1.27", "end": True}
    assert capture.strings == {1: "default", 2**64 - 1: "näme\ufffd\ufffd"}
    assert capture.stacks == {7: STACK, 8: STACK[:1], 9: []}
    assert capture.symbols == {0x401000: STACK[0]}
    assert capture.losses.to_dict("list") == {
        "ts_ns": [10**15], "kind": ["threads"], "count": [3], "since_ns": [10**15 - 7],
    }  # fmt: skip
    assert capture.counts() == {"syscall": 3, "timer_fire": 5}


@pytest.mark.parametrize("record", schema.RECORDS, ids=lambda record: record.name)
def test_every_kind_of_record_comes_back_in_order_of_time(tmp_path, record):
    path = tmp_path / "rows.whowoke"
    rows = rows_of(record, 1009)
    with CaptureWriter(path) as writer:
        for start in range(0, len(rows), 100):
            writer.records(record, rows[start : start + 100])
    read = Capture.open(path).records(record.name)
    expected = rows[np.argsort(rows["ts_ns"], kind="stable")]
    assert read.dtype.names == rows.dtype.names
    assert read.dtype.itemsize == sum(rows.dtype[n].itemsize for n in rows.dtype.names)
    for name in rows.dtype.names:
        np.testing.assert_array_equal(read[name], expected[name])


@pytest.mark.parametrize("value", [0, 1, 2**64 - 1])
def test_what_all_rows_have_is_stored_once(tmp_path, value):
    path = tmp_path / "constant.whowoke"
    rows = rows_of(FIRE, 100)
    rows["timer"] = value
    with CaptureWriter(path) as writer:
        writer.records(FIRE, rows)
    assert set(Capture.open(path).records("timer_fire")["timer"].tolist()) == {value}
    changed = rows.copy()
    changed["timer"][50] ^= 1
    sizes = [len(encode_rows(FIRE, [some])) for some in (rows, changed)]
    assert sizes[1] - sizes[0] == 99 * 8


def test_no_rows_of_a_kind_are_an_empty_array(small):
    rows = Capture.open(small).records("queue_add")
    assert len(rows) == 0
    assert rows.dtype == stored_dtype(schema.RECORD_BY_NAME["queue_add"])


def test_a_large_batch_becomes_bounded_chunks(tmp_path):
    path = tmp_path / "large.whowoke"
    count = 3 * ROWS_PER_CHUNK // 2 + 1
    with CaptureWriter(path) as writer:
        writer.records(FIRE, rows_of(FIRE, count))
        assert len(writer._pending[FIRE.kind]) == 1
    assert len(Capture.open(path).records("timer_fire")) == count


def test_many_texts_become_several_chunks(tmp_path, monkeypatch):
    path = tmp_path / "texts.whowoke"
    monkeypatch.setattr(chunks, "MAX_PAYLOAD", 4096)
    texts = {number: f"text {number}" for number in range(1000)}
    with CaptureWriter(path) as writer:
        writer.strings(texts)
        writer.strings({})
        writer.losses([])
    assert Capture.open(path).strings == texts


def test_old_rows_are_written_without_waiting_for_more(tmp_path, monkeypatch):
    path = tmp_path / "age.whowoke"
    now = 100.0
    monkeypatch.setattr("whowoke.analysis.capture.gathering.time.monotonic", lambda: now)
    with CaptureWriter(path) as writer:
        writer.records(FIRE, rows_of(FIRE, 1))
        now += flush_age_s(0) / 2
        writer.records(FIRE, rows_of(FIRE, 1))
        assert len(Capture.open(path).records("timer_fire")) == 0
        now += flush_age_s(0) / 2
        writer.records(SYSCALL, rows_of(SYSCALL, 1))
        assert Capture.open(path).counts() == {"syscall": 1, "timer_fire": 2}


def test_a_long_recording_is_written_less_often(tmp_path, monkeypatch):
    path = tmp_path / "long.whowoke"
    now = 100.0
    monkeypatch.setattr("whowoke.analysis.capture.gathering.time.monotonic", lambda: now)
    with CaptureWriter(path) as writer:
        now += 500
        writer.records(FIRE, rows_of(FIRE, 1))
        now += 4
        writer.flush_old()
        assert len(Capture.open(path).records("timer_fire")) == 0
        now += 2
        writer.flush_old()
        assert len(Capture.open(path).records("timer_fire")) == 1
    assert [flush_age_s(seconds) for seconds in (0, 70, 500, 86400)] == [1, 1, 5, 10]


def test_only_the_rows_that_are_wanted_are_kept(tmp_path):
    path = tmp_path / "some.whowoke"
    with CaptureWriter(path) as writer:
        for first in (0, 10):
            rows = rows_of(FIRE, 10)
            rows["timer"] = np.arange(first, first + 10)
            writer.records(FIRE, rows)
            writer.flush()
    capture = Capture.open(path)
    even = capture.records("timer_fire", lambda rows: rows["timer"] % 2 == 0)
    assert sorted(even["timer"].tolist()) == list(range(0, 20, 2))
    assert [len(rows) for _, rows in capture.parts("timer_fire")] == [10, 10]


def test_it_can_be_read_while_it_is_written(tmp_path):
    path = tmp_path / "open.whowoke"
    with CaptureWriter(path) as writer:
        writer.metadata({"pid": 1})
        writer.records(FIRE, rows_of(FIRE, 2))
        writer.flush()
        capture = Capture.open(path)
        assert (capture.complete, capture.truncated_bytes) == (False, 0)
        writer.records(FIRE, rows_of(FIRE, 2))
        writer.flush()
        assert len(capture.records("timer_fire")) == 2
    assert len(Capture.open(path).records("timer_fire")) == 4


def test_cut_at_every_byte_it_reads_up_to_the_last_whole_chunk(small, tmp_path):
    data = small.read_bytes()
    ends = chunk_ends(data)
    cut = tmp_path / "cut.whowoke"
    whole = {}
    for end in ends:
        cut.write_bytes(data[:end])
        capture = Capture.open(cut)
        assert (capture.truncated_bytes, capture.complete) == (0, end == len(data))
        whole[end] = contents(capture)
    for size in range(ends[0], len(data)):
        cut.write_bytes(data[:size])
        capture = Capture.open(cut)
        last = max(end for end in ends if end <= size)
        assert capture.truncated_bytes == size - last
        assert not capture.complete
        if is_looked_into(size, ends):
            assert contents(capture) == whole[last]
    for size in range(ends[0]):
        cut.write_bytes(data[:size])
        with pytest.raises(UsageError, match="not a whowoke capture"):
            Capture.open(cut)


def test_with_any_byte_changed_it_reads_up_to_there(small, tmp_path):
    data = small.read_bytes()
    ends = chunk_ends(data)
    bad = tmp_path / "bad.whowoke"
    for position in range(ends[0], len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << position % 8
        bad.write_bytes(changed)
        capture = Capture.open(bad)
        last = max(end for end in ends if end <= position)
        assert capture.truncated_bytes == len(data) - last
        assert not capture.complete
        if is_looked_into(position, ends):
            contents(capture)
    for position in range(ends[0]):
        changed = bytearray(data)
        changed[position] ^= 128
        bad.write_bytes(changed)
        with pytest.raises(WhowokeError):
            Capture.open(bad)


def test_damage_is_told(small):
    data = bytearray(small.read_bytes())
    data[chunks.FILE_HEADER.size + chunks.CHUNK_HEADER.size] ^= 1
    small.write_bytes(data)
    assert Capture.open(small).notes == [
        f"damaged at byte {chunks.FILE_HEADER.size}: nothing behind it is read"
    ]


def test_a_file_that_changes_under_the_reader_is_told(small):
    capture = Capture.open(small)
    os.truncate(small, small.stat().st_size // 2)
    assert len(capture.records("syscall")) == 0
    assert "changed since it was opened" in capture.notes[0]


def test_a_newer_format_is_refused_naming_both(small):
    data = small.read_bytes()
    small.write_bytes(chunks.FILE_HEADER.pack(chunks.MAGIC, 99) + data[chunks.FILE_HEADER.size :])
    with pytest.raises(UnsupportedError, match="format 99.* up to 3") as caught:
        Capture.open(small)
    assert caught.value.hint


@pytest.mark.parametrize("make", ["text", "empty", "folder", "fifo", "missing"])
def test_what_is_no_capture_is_refused(tmp_path, make):
    path = tmp_path / "x"
    if make in ("text", "empty"):
        path.write_text("hello, world, hello" if make == "text" else "")
    elif make == "folder":
        path.mkdir()
    elif make == "fifo":
        os.mkfifo(path)
    with pytest.raises(UsageError) as caught:
        Capture.open(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_the_writer_needs_no_pandas():
    code = "import sys, whowoke.analysis.capture.reader; print('pandas' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert run.stdout.strip() == "False"


def test_numbers_of_numpy_are_plain_in_the_file(tmp_path):
    path = tmp_path / "numpy.whowoke"
    with CaptureWriter(path) as writer:
        writer.metadata({"hits": np.uint64(5)})
        writer.symbols({np.uint64(9): Frame("f", "g", np.int64(3))})
        with pytest.raises(TypeError):
            writer.metadata({"path": path})
    capture = Capture.open(path)
    assert json.dumps(capture.metadata) == '{"hits": 5}'
    assert capture.symbols == {9: Frame("f", "g", 3)}
