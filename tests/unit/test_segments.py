"""Recordings of which only the end is kept, or that go into one file after the other."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.unit.captures import FIRE, SYSCALL, rows_of
from whowoke.analysis.capture import segments
from whowoke.analysis.capture.reader import Capture, Frame, Loss
from whowoke.analysis.capture.schema import RECORD_BY_NAME, RECORDS, record_dtype
from whowoke.analysis.capture.segments import KeepingWriter, RotatingWriter
from whowoke.analysis.durations import Span, parse_span
from whowoke.analysis.errors import UsageError, WhowokeError
from whowoke.analysis.telling.explain import explain
from whowoke.analysis.waking.peers import Peers

SECOND = 10**9
READER = RECORD_BY_NAME["cache_reader"]
ADDRESS = RECORD_BY_NAME["socket_address"]


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; what it shows is in its list."""
    now = [1000 * SECOND]
    monkeypatch.setattr("time.monotonic_ns", lambda: now[0])
    monkeypatch.setattr("time.monotonic", lambda: now[0] / SECOND)
    return now


def at(rows, ts_ns):
    rows["ts_ns"] = ts_ns
    return rows


def fill(writer, clock, seconds, count=20):
    """A second of records at a time, each with a text of its own that only it needs."""
    for _ in range(seconds):
        number = clock[0] // SECOND
        writer.strings({number: f"text {number}"})
        fires = at(rows_of(FIRE, count), clock[0] + np.arange(count))
        fires["timer"] = number
        writer.records(FIRE, fires)
        clock[0] += SECOND
        writer.flush_old()


def begin(writer, clock):
    writer.metadata({"pid": 7, "start_ns": clock[0]})
    writer.stacks({1: [Frame("main.f", "main.go", 1)]})
    writer.symbols({2: Frame("main.g", "main.go", 2)})
    writer.records(READER, at(np.zeros(1, record_dtype(READER)), clock[0]))


def times(capture):
    return sorted(set((capture.records("timer_fire")["ts_ns"] // SECOND).tolist()))


def test_only_the_last_seconds_are_kept_with_all_that_they_need(tmp_path, clock):
    path = tmp_path / "kept.whowoke"
    with KeepingWriter(path, Span(10 * SECOND, 0)) as writer:
        begin(writer, clock)
        writer.losses([Loss(clock[0], "ring", 3)])
        fill(writer, clock, 95)
        writer.losses([Loss(clock[0], "ring", 5)])
        writer.metadata({"end_ns": clock[0]})
    capture = Capture.open(path)
    assert capture.complete
    assert not capture.notes
    assert times(capture) == list(range(1085, 1095))
    assert capture.metadata == {
        "pid": 7, "start_ns": 1085 * SECOND, "end_ns": 1095 * SECOND, "kept_only": True
    }  # fmt: skip
    assert capture.strings[1090] == "text 1090"
    assert (len(capture.stacks), len(capture.symbols)) == (1, 1)
    assert len(capture.records("cache_reader")) == 1
    assert capture.lost() == {"ring": 5}
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.whowoke"]


def test_nothing_is_cut_that_is_short_enough(tmp_path, clock):
    path = tmp_path / "short.whowoke"
    with KeepingWriter(path, Span(60 * SECOND, 0)) as writer:
        begin(writer, clock)
        fill(writer, clock, 30)
    capture = Capture.open(path)
    assert times(capture) == list(range(1000, 1030))
    assert capture.metadata["start_ns"] == 1000 * SECOND
    assert "kept_only" not in capture.metadata


def test_the_file_never_grows_much_beyond_what_is_kept(tmp_path, clock):
    path = tmp_path / "size.whowoke"
    size = 200_000
    with KeepingWriter(path, Span(0, size)) as writer:
        begin(writer, clock)
        most = 0
        random = np.random.default_rng(1)
        for _ in range(60):
            fires = at(rows_of(FIRE, 500), clock[0] + np.arange(500))
            fires["timer"] = random.integers(0, 1 << 63, 500)
            writer.records(FIRE, fires)
            clock[0] += SECOND
            writer.flush_old()
            most = max(most, path.stat().st_size)
    one = 500 * 90
    assert size < most < size * segments.SLACK + one
    assert size - one < path.stat().st_size < size + 1000
    capture = Capture.open(path)
    assert times(capture)[-1] == 1059
    assert times(capture)[0] == capture.metadata["start_ns"] // SECOND > 1000


def test_what_is_there_can_be_read_at_any_moment(tmp_path, clock):
    path = tmp_path / "always.whowoke"
    with KeepingWriter(path, Span(10 * SECOND, 0)) as writer:
        begin(writer, clock)
        for _ in range(40):
            fill(writer, clock, 1)
            capture = Capture.open(path)
            since = max(1000, clock[0] // SECOND - 10)
            assert times(capture)
            assert set(range(since, clock[0] // SECOND)) <= set(times(capture))
            assert min(times(capture)) >= capture.metadata["start_ns"] // SECOND
            assert not capture.truncated_bytes


KILLED = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from tests.unit.captures import FIRE, SYSCALL, rows_of
from whowoke.analysis.capture import segments
from whowoke.analysis.durations import Span
writer = segments.KeepingWriter(Path(sys.argv[1]), Span(0, 20_000))
writer.metadata({"pid": 7, "start_ns": 0})
writer.strings({5: "needed"})
print("ready", flush=True)
while True:
    rows = rows_of(FIRE, 200)
    rows["timer"] = np.random.default_rng().integers(0, 1 << 63, 200)
    writer.records(FIRE, rows)
    writer.flush()
    writer.flush_old()
"""


@pytest.mark.parametrize("delay_ms", [3, 17, 53])
def test_a_kill_leaves_a_capture(tmp_path, delay_ms):
    path = tmp_path / "killed.whowoke"
    argv = [sys.executable, "-c", KILLED, str(path)]
    root = Path(__file__).resolve().parent.parent.parent
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=root) as child:
        assert child.stdout.readline() == b"ready\n"
        while not path.stat().st_size > 20_000:
            pass
        signal.sigtimedwait([], delay_ms / 1000)
        child.send_signal(signal.SIGKILL)
    capture = Capture.open(path)
    assert len(capture.records("timer_fire")) >= 200
    assert (capture.metadata["pid"], capture.strings) == (7, {5: "needed"})
    assert not capture.notes


def test_what_was_closed_before_has_no_peer(tmp_path, clock):
    path = tmp_path / "peers.whowoke"
    with KeepingWriter(path, Span(10 * SECOND, 0)) as writer:
        begin(writer, clock)
        for fd in (8, 8, 9):
            address = at(np.zeros(1, record_dtype(ADDRESS)), clock[0])
            address["fd"], address["address"], address["number"] = fd, 77, 42
            writer.strings({77: "10.0.0.1:443"})
            writer.records(ADDRESS, address)
        fill(writer, clock, 1)
        close = at(np.zeros(1, record_dtype(SYSCALL)), clock[0])
        close["number"], close["first"] = 3, 9
        writer.records(SYSCALL, close)
        fill(writer, clock, 60)
    capture = Capture.open(path)
    assert len(capture.records("syscall")) == 0
    assert len(capture.records("socket_address")) == 2
    peers = Peers(capture)
    assert [peers.address(fd, clock[0]) for fd in (8, 9)] == ["10.0.0.1:443", ""]


def test_what_lasts_is_put_together(tmp_path, clock):
    path = tmp_path / "texts.whowoke"
    with KeepingWriter(path, Span(10 * SECOND, 0)) as writer:
        begin(writer, clock)
        fill(writer, clock, 300, count=1)
        assert len(writer._lasting) < 40
    assert len(Capture.open(path).strings) == 300


def test_a_full_disk_leaves_what_was_there(tmp_path, clock, monkeypatch):
    path = tmp_path / "full.whowoke"
    writer = KeepingWriter(path, Span(10 * SECOND, 0))
    begin(writer, clock)
    fill(writer, clock, 12)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "sendfile", full)
    with pytest.raises(WhowokeError, match="No space left"):
        fill(writer, clock, 3)
    assert times(Capture.open(path)) == list(range(1000, 1013))
    assert [entry.name for entry in tmp_path.iterdir()] == ["full.whowoke"]


def test_a_new_file_is_begun_every_so_often_and_each_can_be_read_alone(tmp_path, clock):
    with RotatingWriter(tmp_path / "op.whowoke", Span(10 * SECOND, 0)) as writer:
        writer.last_words = lambda: {"informers": []}
        begin(writer, clock)
        fill(writer, clock, 25)
        writer.metadata({"end_ns": clock[0], "ended": "duration"})
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == ["op.1.whowoke", "op.2.whowoke", "op.3.whowoke"]
    seen = []
    for name in names:
        capture = Capture.open(tmp_path / name)
        assert capture.complete
        assert not capture.notes
        assert capture.metadata["pid"] == 7
        assert (len(capture.stacks), len(capture.symbols)) == (1, 1)
        assert len(capture.records("cache_reader")) == 1
        found = times(capture)
        assert capture.metadata["start_ns"] // SECOND == found[0]
        assert capture.metadata["end_ns"] // SECOND == found[-1] + 1
        assert all(capture.strings[number] == f"text {number}" for number in found)
        seen += found
    assert seen == list(range(1000, 1025))
    first = Capture.open(tmp_path / "op.1.whowoke").metadata
    assert (first["ended"], first["informers"]) == ("rotated", [])


def test_rotation_by_size(tmp_path, clock):
    with RotatingWriter(tmp_path / "op.whowoke", Span(0, 4000)) as writer:
        begin(writer, clock)
        fill(writer, clock, 40)
    sizes = [entry.stat().st_size for entry in tmp_path.iterdir()]
    assert len(sizes) > 2
    assert max(sizes) < 8000


def test_no_file_is_overwritten_by_a_rotation(tmp_path, clock):
    (tmp_path / "op.2.whowoke").write_text("mine")
    with RotatingWriter(tmp_path / "op.whowoke", Span(10 * SECOND, 0)) as writer:
        begin(writer, clock)
        fill(writer, clock, 15)
    assert (tmp_path / "op.2.whowoke").read_text() == "mine"
    assert times(Capture.open(tmp_path / "op.3.whowoke"))[-1] == 1014
    with pytest.raises(UsageError, match="exists"):
        RotatingWriter(tmp_path / "op.whowoke", Span(SECOND, 0))


def test_spans_are_times_or_sizes():
    assert parse_span("10m") == Span(600 * SECOND, 0)
    assert parse_span("100MB") == Span(0, 100_000_000)
    assert parse_span("1.5 GB") == Span(0, 1_500_000_000)
    for wrong in ("100", "0.1MB", "10kB", "-5MB", ""):
        with pytest.raises(UsageError):
            parse_span(wrong)


def test_what_is_kept_of_a_real_recording_is_explained(tmp_path, clock):
    source = Capture.open(Path(__file__).resolve().parent.parent / "golden" / "requeue.whowoke")
    start, end = source.metadata["start_ns"], source.metadata["end_ns"]
    path, clock[0] = tmp_path / "real.whowoke", start
    with KeepingWriter(path, Span(6 * SECOND, 0)) as writer:
        writer.metadata({k: v for k, v in source.metadata.items() if k != "end_ns"})
        writer.strings(source.strings)
        writer.stacks(source.stacks)
        writer.symbols(source.symbols)
        while clock[0] < end:
            for record in RECORDS:
                rows = source.records(record.name)
                inside = (rows["ts_ns"] >= clock[0]) & (rows["ts_ns"] < clock[0] + SECOND)
                writer.records(record, rows[inside])
            clock[0] += SECOND
            writer.flush_old()
        writer.metadata({"end_ns": end})
        clock[0] += 20 * SECOND
    found, whole = explain(Capture.open(path)).json(), explain(source).json()
    assert 6 * SECOND <= found["duration_ns"] <= 8 * SECOND
    named = ("requeue.after", "workqueue.metrics", "leader_election.renew", "workqueue.log_state")
    for data in (found, whole):
        assert {row["cause"] for row in data["causes"]} >= set(named[:3])
    share = found["duration_ns"] / whole["duration_ns"]
    assert abs(found["wakeups"] - share * whole["wakeups"]) <= 4
    assert abs(found["reconciles"] - share * whole["reconciles"]) <= 3
    # At most one for each object, and what was set before the part that is left.
    assert found["reconciles_unknown"] <= 3
    assert found["unknown"] <= whole["unknown"] + 3
