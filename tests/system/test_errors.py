"""Bad input of every kind: two lines, the right exit code, nothing lost, never a traceback."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import fixtures
from whowoke.tracer.buildinfo import build_info
from whowoke.tracer.elf import ElfFile

NO_SUCH_PID = 4_194_303


def fail(argv: Sequence[str], code: int, *words: str, **options: object) -> None:
    """Run a command that must fail with these words in two lines."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert lines[0].startswith("whowoke: ")
    assert lines[1].startswith("  hint: ")
    for word in words:
        assert word in done.stderr


def test_no_such_pid(whowoke: Sequence[str], tmp_path: Path) -> None:
    output = tmp_path / "x.whowoke"
    fail([*whowoke, "record", "-p", str(NO_SUCH_PID), "-o", str(output)], 1, str(NO_SUCH_PID))
    assert not output.exists()


def test_not_go(whowoke: Sequence[str], tmp_path: Path) -> None:
    output = tmp_path / "x.whowoke"
    argv = [*whowoke, "record", "-p", str(os.getpid()), "-o", str(output)]
    fail(argv, 3, "Go")
    assert not output.exists()


def test_not_permitted(whowoke: Sequence[str], tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with fixtures.timers(tmp_path / "run") as program:
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *whowoke]
        fail([*argv, "record", "-p", str(program.pid)], 3, "sudo", cwd="/tmp")


def test_output_exists(whowoke: Sequence[str], tmp_path: Path) -> None:
    output = tmp_path / "x.whowoke"
    output.write_text("mine")
    with fixtures.timers(tmp_path / "run") as program:
        fail(
            [*whowoke, "record", "-p", str(program.pid), "-o", str(output)], 2, "exists", "--force"
        )
    assert output.read_text() == "mine"


def test_unknown_go_version_degrades(whowoke: Sequence[str], tmp_path: Path) -> None:
    """What says it was built with Go 1.99 is recorded without Go probes, and says so."""
    program = tmp_path / "timers"
    data = fixtures.PROGRAMS.joinpath("timers").read_bytes()
    with ElfFile.open(fixtures.PROGRAMS / "timers") as elf:
        version = build_info(elf).go_version
    _, minor, patch = version.split(".")
    program.write_bytes(data.replace(version.encode(), f"go1.{'9' * len(minor)}.{patch}".encode()))
    program.chmod(0o755)
    output = tmp_path / "x.whowoke"
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        argv = [*whowoke, "record", "-p", str(process.pid), "-d", "2s", "-o", str(output)]
        recorded = subprocess.run(argv, capture_output=True, text=True, check=False)
        process.stdin.write(b"start\n")
        process.stdin.close()
    assert recorded.returncode == 0, recorded.stderr
    assert "Go 1.99 isn't supported: only threads and system calls" in recorded.stderr
    explained = subprocess.run(
        [*whowoke, "explain", str(output)], capture_output=True, text=True, check=False
    )
    assert explained.returncode == 0, explained.stderr
    assert "Go 1.99 isn't supported" in explained.stdout


def test_full_disk(whowoke: Sequence[str], tmp_path: Path) -> None:
    """A file system of 64 KiB in a mount namespace of its own."""
    with fixtures.timers(tmp_path, "--ticker=2000", "--timer=2000") as program:
        program.start()
        record = " ".join([*whowoke, "record", "-p", str(program.pid), "-o", "full/x.whowoke"])
        mount = "mkdir full && mount -t tmpfs -o size=16k tmpfs full"
        script = f"{mount} && {record}; code=$?; cp full/x.whowoke kept; exit $code"
        fail(["unshare", "--mount", "sh", "-c", script], 1, "No space left", cwd=tmp_path)
        assert program.popen.poll() is None
    done = subprocess.run(
        [*whowoke, "info", str(tmp_path / "kept")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    explained = subprocess.run(
        [*whowoke, "explain", str(tmp_path / "kept")], capture_output=True, text=True, check=False
    )
    assert explained.returncode == 4, "what it says is a lower bound"
    assert "the recording has no end" in explained.stdout


def test_a_capture_that_disappears(whowoke: Sequence[str], tmp_path: Path) -> None:
    path, ready = tmp_path / "x.whowoke", tmp_path / "ready"
    with fixtures.timers(tmp_path / "run", "--ticker=2000") as program:
        argv = [*whowoke, "record", "-p", str(program.pid), "-o", str(path), "-d", "1m"]
        process = subprocess.Popen(
            [*argv, "--ready-file", str(ready)], stderr=subprocess.PIPE, text=True
        )
        fixtures.wait_until(ready.exists, 60, "all probes attached")
        path.unlink()
        process.terminate()
        _, messages = process.communicate(timeout=60)
        assert program.popen.poll() is None
    assert process.returncode == 1
    assert messages.splitlines() == [
        f"whowoke: {path} was removed while it was recorded",
        "  hint: record again, and leave it there",
    ]


def test_a_ready_file_that_cannot_be_made(whowoke: Sequence[str], tmp_path: Path) -> None:
    output = tmp_path / "x.whowoke"
    with fixtures.timers(tmp_path / "run") as program:
        argv = [*whowoke, "record", "-p", str(program.pid), "-o", str(output)]
        fail([*argv, "--ready-file", str(tmp_path / "none" / "ready")], 1, "ready file", "No such")
        assert program.popen.poll() is None
    assert not output.exists()


@pytest.mark.parametrize("verb", [["explain"], ["info"], ["export", "-o", "tables"]])
def test_not_a_capture(verb: list[str], whowoke: Sequence[str], tmp_path: Path) -> None:
    path = tmp_path / "x"
    shutil.copy(sys.executable, path)
    fail([*whowoke, *verb, str(path)], 2, "capture", cwd=tmp_path)


def test_doctor_finds_this_machine_fit(whowoke: Sequence[str]) -> None:
    done = subprocess.run([*whowoke, "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
