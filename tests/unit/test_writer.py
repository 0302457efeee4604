"""The recorder's side: owner, mode, names that exist, full disks, kills."""

import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.captures import FIRE, SYSCALL, rows_of, write_small
from whowoke.analysis.capture import chunks
from whowoke.analysis.capture.chunks import ChunkHeader, Frame, Kind
from whowoke.analysis.capture.gathering import ROWS_IN_BATCH, ROWS_PER_CHUNK
from whowoke.analysis.capture.reader import Capture, CaptureWriter, sudo_owner
from whowoke.analysis.capture.schema import RECORDS
from whowoke.analysis.errors import UsageError, WhowokeError


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.whowoke"
    write_small(path)
    return path


def test_it_is_for_its_owner_only(small):
    assert stat.S_IMODE(small.stat().st_mode) == 0o600


@pytest.mark.root
def test_it_belongs_to_the_user_who_called_sudo(tmp_path, monkeypatch):
    monkeypatch.setenv("SUDO_UID", "1234")
    monkeypatch.setenv("SUDO_GID", "2345")
    for force in (False, True):
        CaptureWriter(tmp_path / "c", owner=sudo_owner(), force=force).close()
        status = (tmp_path / "c").stat()
        assert (status.st_uid, status.st_gid) == (1234, 2345)
    monkeypatch.setenv("SUDO_UID", "x")
    assert sudo_owner() is None


def test_nothing_is_overwritten_unless_forced(small):
    before = small.read_bytes()
    with pytest.raises(UsageError, match="exists") as caught:
        CaptureWriter(small)
    assert "--force" in caught.value.hint
    assert small.read_bytes() == before
    with CaptureWriter(small, force=True) as writer:
        writer.metadata({"new": 1})
        assert small.read_bytes() == before
        writer.records(FIRE, rows_of(FIRE, 1))
        writer.flush()
        assert (Capture.open(small).metadata, Capture.open(small).complete) == ({"new": 1}, False)
    assert Capture.open(small).metadata == {"new": 1}
    assert [path.name for path in small.parent.iterdir()] == [small.name]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    other = tmp_path / "other"
    other.write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(other)
    with pytest.raises(UsageError):
        CaptureWriter(link)
    CaptureWriter(link, force=True).close()
    assert other.read_text() == "precious"
    assert not link.is_symlink()


@pytest.mark.parametrize("force", [False, True])
def test_places_where_no_file_can_be_made(tmp_path, force):
    for path in (tmp_path, tmp_path / "no" / "file", Path("/dev/null"), Path("/proc/x")):
        with pytest.raises(WhowokeError) as caught:
            CaptureWriter(path, force=force)
        assert caught.value.hint
    assert list(tmp_path.iterdir()) == []
    assert Path("/dev/null").is_char_device()


def test_an_exception_leaves_out_the_end_mark(tmp_path):
    path = tmp_path / "broken.whowoke"
    with pytest.raises(ZeroDivisionError), CaptureWriter(path) as writer:
        writer.metadata({"pid": 1})
        writer.records(FIRE, rows_of(FIRE, 1))
        writer.flush()
        raise ZeroDivisionError
    capture = Capture.open(path)
    assert (capture.complete, capture.metadata) == (False, {"pid": 1})


@pytest.mark.parametrize("force", [False, True])
def test_a_recording_that_never_began_leaves_what_was_there(small, force):
    before = small.read_bytes()
    path = small if force else small.with_name("new.whowoke")
    with pytest.raises(ZeroDivisionError), CaptureWriter(path, force=force) as writer:
        writer.metadata({"pid": 1})
        raise ZeroDivisionError
    assert [file.name for file in small.parent.iterdir()] == [small.name]
    assert small.read_bytes() == before


FULL = """
import resource, signal, sys
import numpy as np
from whowoke.analysis.capture import schema
from whowoke.analysis.capture.reader import CaptureWriter
from whowoke.analysis.errors import WhowokeError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
record = schema.RECORD_BY_NAME["timer_fire"]
writer = CaptureWriter(sys.argv[1])
rows = np.zeros(100, schema.record_dtype(record))
rows["timer"] = np.random.default_rng(1).integers(0, 2**63, 100)
for number in range(1000):
    try:
        writer.records(record, rows)
        writer.flush()
    except WhowokeError as err:
        print(number, err, err.hint)
        break
writer.close()
"""


def test_a_full_disk_leaves_whole_chunks(tmp_path):
    path = tmp_path / "full.whowoke"
    run = subprocess.run([sys.executable, "-c", FULL, path], text=True, capture_output=True)
    assert (run.returncode, run.stderr) == (0, "")
    number, message = run.stdout.split(" ", 1)
    assert message.startswith(f"cannot write {path}: ")
    capture = Capture.open(path)
    assert len(capture.records("timer_fire")) == int(number) * 100 > 0
    assert (capture.complete, capture.truncated_bytes) == (False, 0)
    with pytest.raises(OSError, match="File too large"):
        limited_write(tmp_path / "oracle")


def limited_write(path):
    """That the limit used above is a real one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        path.write_bytes(b"x" * 10)
        with path.open("ab", buffering=0) as file:
            file.write(b"x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)


KILLED = """
import os, sys
import numpy as np
from whowoke.analysis.capture import schema
from whowoke.analysis.capture.reader import CaptureWriter
record = schema.RECORD_BY_NAME["timer_fire"]
writer = CaptureWriter(sys.argv[1])
rows = np.zeros(50, schema.record_dtype(record))
rows["timer"] = np.random.default_rng(1).integers(0, 2**63, 50)
print(flush=True)
while True:
    writer.records(record, rows)
    writer.flush()
"""


def test_killed_at_any_moment_it_has_whole_chunks(tmp_path):
    for attempt in range(7):
        path = tmp_path / f"{attempt}.whowoke"
        with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE) as run:
            assert run.stdout is not None
            run.stdout.readline()
            while path.stat().st_size < 10_000 * (attempt + 1):
                pass
            run.kill()
        capture = Capture.open(path)
        rows = capture.records("timer_fire")
        assert len(rows) >= 50
        assert len(rows) % 50 == 0
        assert (capture.complete, capture.notes) == (False, [])


def kinds(path):
    """What chunks a file has, and what blocks those have that are batches."""
    data, offset, found = path.read_bytes(), chunks.FILE_HEADER.size, []
    while offset < len(data):
        header = ChunkHeader(*chunks.CHUNK_HEADER.unpack_from(data, offset))
        start, offset = offset + chunks.CHUNK_HEADER.size, offset + chunks.CHUNK_HEADER.size
        offset += header.length
        raw = chunks.unpack(header, data[start:offset])
        blocks = chunks.blocks_of(header.kind, header.detail, raw)
        found.append((header.kind, [(block.kind, block.detail) for block in blocks]))
    return found


def test_what_was_gathered_is_one_chunk_texts_first(tmp_path):
    path = tmp_path / "batch.whowoke"
    with CaptureWriter(path) as writer:
        writer.records(FIRE, rows_of(FIRE, 3))
        writer.strings({1: "a"})
        writer.records(SYSCALL, rows_of(SYSCALL, ROWS_IN_BATCH))
        writer.stacks({2: []})
    texts = [(Kind.STRINGS, 0), (Kind.STACKS, 0)]
    rows = [(Kind.RECORDS, FIRE.kind), (Kind.RECORDS, SYSCALL.kind)]
    assert kinds(path) == [(Kind.BATCH, texts + rows), (Kind.END, [(Kind.END, 0)])]
    assert Capture.open(path).format_version == chunks.FORMAT_VERSION == 3


def test_what_is_much_is_a_chunk_of_its_own_behind_the_texts(tmp_path):
    path = tmp_path / "alone.whowoke"
    with CaptureWriter(path) as writer:
        writer.records(SYSCALL, rows_of(SYSCALL, ROWS_IN_BATCH + 1))
        writer.strings({1: "a"})
        writer.stacks({n: [Frame(f"main.f{n}", "main.go", n)] for n in range(5000)})
        writer.records(FIRE, rows_of(FIRE, 3))
    assert [kind for kind, _ in kinds(path)] == [Kind.STACKS, Kind.BATCH, Kind.RECORDS, Kind.END]
    assert Capture.open(path).counts() == {"syscall": ROWS_IN_BATCH + 1, "timer_fire": 3}


def test_at_a_high_rate_the_texts_come_first(tmp_path):
    path = tmp_path / "fast.whowoke"
    with CaptureWriter(path) as writer:
        writer.strings({1: "a"})
        writer.records(FIRE, rows_of(FIRE, ROWS_PER_CHUNK))
        assert [kind for kind, _ in kinds(path)] == [Kind.STRINGS, Kind.RECORDS]


def test_texts_without_records_are_no_recording(tmp_path):
    """The old file stays until there are rows."""
    path = tmp_path / "old.whowoke"
    write_small(path)
    before = path.read_bytes()
    with CaptureWriter(path, force=True) as writer:
        writer.strings({1: "a"})
        writer.stacks({2: []})
        writer.flush()
        assert path.read_bytes() == before


def test_a_quiet_second_is_small(tmp_path):
    """Headers and names of ten columns a kind."""
    path = tmp_path / "quiet.whowoke"
    with CaptureWriter(path) as writer:
        for record in RECORDS:
            rows = rows_of(record, 1)
            for field in rows.dtype.names:
                rows[field] = 7
            writer.records(record, rows)
    assert path.stat().st_size < 20 * len(RECORDS) + 100
