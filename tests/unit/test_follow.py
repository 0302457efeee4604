"""Logs that grow, are rotated, emptied, or say too much while they are followed."""

import os
import time
from pathlib import Path

import pytest

from tests.unit.captures import write_small
from tests.unit.commands import invoke, is_two_lines
from whowoke.analysis.capture.reader import Capture, CaptureWriter
from whowoke.analysis.errors import UsageError
from whowoke.tracer import follow
from whowoke.tracer.follow import Followed, clock_reading, identity


def line(number: object) -> str:
    return f'{{"reconcileID":"{number}"}}\n'


class Following:
    """Logs that are followed into a capture."""

    def __init__(self, folder: Path, *logs: Path) -> None:
        self.path = folder / "c.whowoke"
        self._writer = CaptureWriter(self.path)
        self.followed = Followed(logs, self._writer)

    def end(self) -> Capture:
        self.followed.finish()
        self.followed.close()
        self._writer.close()
        return Capture.open(self.path)


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def said(capture: Capture) -> str:
    return b"".join(capture.logs()).decode()


def test_only_telling_lines_that_were_appended_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(line("before"))
    following = Following(tmp_path, log)
    append(log, line(1) + "password: secret\n" + line(2)[:7])
    following.followed.step()
    append(log, line(2)[7:])
    following.followed.step()
    append(log, line(3) + line("cut")[:-1])
    capture = following.end()
    assert said(capture) == line(1) + line(2) + line(3)
    assert capture.metadata["log_files"] == [{"name": str(log), "lines": 4, "kept": 3}]
    assert capture.lost() == {}


def test_a_log_that_is_rotated_is_followed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    following = Following(tmp_path, log)
    append(log, line(1))
    following.followed.step()
    append(log, line(2))
    log.rename(tmp_path / "log.1")
    append(log, line(3))
    for _ in range(3):
        following.followed.step()
    append(log, line(4))
    assert said(following.end()) == "".join(map(line, (1, 2, 3, 4)))


def test_a_log_that_is_emptied_is_followed_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    following = Following(tmp_path, log)
    append(log, line(1) * 5)
    following.followed.step()
    os.truncate(log, 0)
    following.followed.step()
    append(log, line(2))
    assert said(following.end()) == line(1) * 5 + line(2)


def test_a_log_that_goes_away_or_becomes_a_pipe_does_no_harm(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    following = Following(tmp_path, log)
    append(log, line(1))
    following.followed.step()
    log.unlink()
    following.followed.step()
    os.mkfifo(log)
    following.followed.step()
    assert said(following.end()) == line(1)


def test_two_logs(tmp_path: Path) -> None:
    logs = [tmp_path / "a", tmp_path / "b"]
    for log in logs:
        log.touch()
    following = Following(tmp_path, *logs)
    for number, log in enumerate(logs):
        append(log, line(number))
    capture = following.end()
    assert said(capture) == line(0) + line(1)
    assert [row["name"] for row in capture.metadata["log_files"]] == [str(log) for log in logs]


def test_what_is_too_much_is_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MAX_KEPT_BYTES", 100)
    log = tmp_path / "log"
    log.touch()
    following = Following(tmp_path, log)
    append(log, line(1) * 3)
    following.followed.step()
    append(log, line(2) * 7)
    following.followed.step()
    assert following.followed.lost == 7
    capture = following.end()
    assert (said(capture), capture.lost()) == (line(1) * 3, {"log lines": 7})


def test_a_line_without_end_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "READ_BYTES", 1000)
    log = tmp_path / "log"
    log.touch()
    following = Following(tmp_path, log)
    append(log, "x" * 50_000 + "\n" + line(1))
    assert said(following.end()) == line(1)


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        Following(tmp_path, tmp_path / "none")
    write_small(tmp_path / "small.whowoke")
    for verb in (["explain"], ["export", "-o", tmp_path / "tables"], ["show"]):
        number = [1] if verb == ["show"] else []
        result = invoke(*verb, tmp_path / "small.whowoke", *number, "--spans", tmp_path / "none")
        assert result.exit_code == 2, verb
        assert is_two_lines(result.stderr)


def test_the_clocks_of_one_moment() -> None:
    before = time.time_ns() - time.monotonic_ns()
    monotonic, wall, error_ns = clock_reading()
    assert 0 <= error_ns < 10_000_000
    assert abs(wall - monotonic - before) < 50_000_000


def test_who_a_process_is() -> None:
    own = identity(os.getpid())
    assert own["namespace_pids"][-1] == os.getpid()
    assert os.uname().nodename.partition(".")[0].lower() in own["hosts"]
    assert identity(1 << 30)["namespace_pids"] == [1 << 30]
