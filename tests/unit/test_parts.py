"""Several processes in one capture: each part has what was recorded of it, and nothing else."""

import pytest

from tests.unit.captures import FIRE, STACK, SYSCALL, rows_of, write_small
from whowoke.analysis.capture import chunks
from whowoke.analysis.capture.reader import Capture, CaptureWriter, Loss
from whowoke.analysis.errors import UsageError, WhowokeError


def write_three(path):
    """Rows of three processes, drained in turns."""
    with CaptureWriter(path) as writer:
        parts = [writer, writer.part(), writer.part()]
        for number, part in enumerate(parts, 1):
            part.metadata({"pid": number})
        for turn in range(3):
            for number, part in enumerate(parts, 1):
                part.strings({turn: f"{number}.{turn}"})
                part.records(FIRE, rows_of(FIRE, number))
        parts[1].losses([Loss(5, "threads", 2)])
        parts[2].stacks({1: STACK})
        parts[2].symbols({2: STACK[0]})
        parts[2].logs(0, b"line\n")


@pytest.fixture
def three(tmp_path):
    write_three(tmp_path / "three.whowoke")
    return tmp_path / "three.whowoke"


def test_a_capture_of_one_process_is_its_own_part(tmp_path):
    write_small(tmp_path / "one.whowoke")
    capture = Capture.open(tmp_path / "one.whowoke")
    assert capture.processes == [capture]


def test_each_part_has_its_own(three):
    parts = Capture.open(three).processes
    assert [part.metadata for part in parts] == [{"pid": 1}, {"pid": 2}, {"pid": 3}]
    assert [part.counts() for part in parts] == [{"timer_fire": 3 * n} for n in (1, 2, 3)]
    assert [part.strings[2] for part in parts] == ["1.2", "2.2", "3.2"]
    assert [part.lost() for part in parts] == [{}, {"threads": 2}, {}]
    assert [part.stacks for part in parts] == [{}, {}, {1: STACK}]
    assert [list(part.logs()) for part in parts] == [[b"line\n"]] * 3, "joined by what they say"
    assert all(part.complete for part in parts)
    assert [part.number for part in parts] == [1, 2, 3]


def test_rows_of_parts_in_turns_are_gathered(three, tmp_path):
    """Not a chunk for each change of the part."""
    writer = CaptureWriter(tmp_path / "turns.whowoke")
    other = writer.part()
    before = writer.size
    for _ in range(50):
        writer.records(SYSCALL, rows_of(SYSCALL, 1))
        other.records(SYSCALL, rows_of(SYSCALL, 1))
    assert writer.size == before
    writer.close()


def test_one_part_is_opened_by_its_number(three):
    part = Capture.open(f"{three}#2")
    assert part.metadata == {"pid": 2}
    assert part.processes == [part]
    assert Capture.open(f"{three}#1").metadata == {"pid": 1}
    assert len(Capture.open(f"{three}#1").processes) == 1
    for number in (0, 4):
        with pytest.raises(UsageError, match=f"no process {number}"):
            Capture.open(f"{three}#{number}")


def test_a_file_with_such_a_name_is_that_file(tmp_path):
    write_small(tmp_path / "x#2")
    assert Capture.open(tmp_path / "x#2").metadata["pid"] == 42


def test_cut_at_every_byte_no_part_has_what_is_not_its_own(three, tmp_path):
    data, cut = three.read_bytes(), tmp_path / "cut.whowoke"
    whole = Capture.open(three).processes
    for size in range(chunks.FILE_HEADER.size, len(data), 7):
        cut.write_bytes(data[:size])
        parts = Capture.open(cut).processes
        assert all(part.metadata for part in parts[1:])
        for part, expected in zip(parts, whole, strict=False):
            assert part.metadata.items() <= expected.metadata.items()
            assert part.strings.items() <= expected.strings.items()
            assert not part.complete


@pytest.mark.parametrize("number", [2, 7, 65535])
def test_a_part_that_was_not_begun_ends_the_reading(three, number):
    import zstandard

    strange = chunks.pack(chunks.Kind.PART, number, b"", zstandard.ZstdCompressor())
    header = chunks.FILE_HEADER.pack(chunks.MAGIC, chunks.FORMAT_VERSION)
    three.write_bytes(header + strange)
    capture = Capture.open(three)
    assert len(capture.processes) == 1
    assert "damaged" in capture.notes[0]


def test_a_capture_has_room_for_so_many_parts(tmp_path):
    with CaptureWriter(tmp_path / "many.whowoke") as writer:
        for _ in range(chunks.MAX_PARTS - 1):
            writer.part().metadata({"pid": 1})
        with pytest.raises(WhowokeError, match="takes no more"):
            writer.part()
    assert len(Capture.open(tmp_path / "many.whowoke").processes) == chunks.MAX_PARTS
