"""How recordings end: killed, interrupted, with the target; the capture reads, the target lives."""

import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import fixtures
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.output.outputs import analyse

# From before the first chunk to well into the recording.
KILL_AFTER_S = (0.05, 0.3, 0.7, 1.1, 1.7, 2.9)


def start(whowoke: Sequence[str], pid: int, path: Path, *options: str) -> "subprocess.Popen[str]":
    argv = [*whowoke, "record", "-p", str(pid), "-d", "60s", "-o", str(path), *options]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("seconds", KILL_AFTER_S)
def test_a_killed_recorder_leaves_a_capture_that_reads(
    seconds: float, tmp_path: Path, whowoke: Sequence[str]
) -> None:
    path = tmp_path / "killed.whowoke"
    with fixtures.timers(tmp_path, "--ticker=50") as program:
        program.start()
        process = start(whowoke, program.pid, path)
        time.sleep(seconds)
        process.kill()
        process.communicate()
        time.sleep(0.3)
        assert program.popen.poll() is None, "the target runs on"
        shown = subprocess.run(
            [*whowoke, "explain", str(path)], capture_output=True, text=True, check=False
        )
    if not path.exists():
        return
    if shown.returncode == 4:
        assert "has no end" in shown.stderr or "before anything was recorded" in shown.stderr
    else:
        pytest.fail(f"exit {shown.returncode}: {shown.stderr}")
    capture = Capture.open(path)
    assert not capture.complete
    if "start_ns" in capture.metadata:
        assert (analyse(capture)["wakeups"].ts_ns > 0).all()


def test_all_probes_are_gone_after_a_kill(tmp_path: Path, whowoke: Sequence[str]) -> None:
    """A second recording of the same target sees each wake-up once."""
    ready = tmp_path / "ready"
    with fixtures.timers(tmp_path, "--ticker=31") as program:
        process = start(whowoke, program.pid, tmp_path / "1.whowoke", "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached")
        process.kill()
        process.communicate()
        ready.unlink()
        path = tmp_path / "2.whowoke"
        process = start(whowoke, program.pid, path, "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        program.start()
        truth = program.done()["ticker"]
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 0, messages
    wakeups = analyse(Capture.open(path))["wakeups"]
    line = fixtures.timers_line("ticker")
    found = wakeups.location.str.endswith(f"kinds.go:{line}").fillna(False)
    assert found.sum() in fixtures.woken(truth)


def test_a_target_that_exits_ends_the_recording_well(
    tmp_path: Path, whowoke: Sequence[str]
) -> None:
    path, ready = tmp_path / "exit.whowoke", tmp_path / "ready"
    with fixtures.timers(tmp_path, "--ticker=1000", "--exit-after=1500ms") as program:
        process = start(whowoke, program.pid, path, "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        program.start()
        _, messages = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "the target exited" in messages
    capture = Capture.open(path)
    assert capture.complete
    assert capture.metadata["ended"] == "target exited"
    assert len(analyse(capture)["wakeups"]) >= 10


def test_a_command_is_recorded_from_its_first_line(tmp_path: Path, whowoke: Sequence[str]) -> None:
    path = tmp_path / "command.whowoke"
    program = str(fixtures.PROGRAMS / "timers")
    argv = [*whowoke, "record", "-d", "3s", "-o", str(path), "--", program, "--early=1"]
    # timers runs as long as its standard input is open.
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.wait(60) == 0
    tables = analyse(Capture.open(path))
    armed = tables["wakeups"].location.str.endswith(f"kinds.go:{fixtures.timers_line('early')}")
    assert armed.fillna(False).sum() >= 5, "armed at the start of the program, and seen"


def test_the_recorder_is_quiet_on_stdout_and_says_what_it_wrote(
    tmp_path: Path, whowoke: Sequence[str]
) -> None:
    path, ready = tmp_path / "quiet.whowoke", tmp_path / "ready"
    with fixtures.timers(tmp_path) as program:
        process = start(whowoke, program.pid, path, "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        process.send_signal(signal.SIGINT)
        output, messages = process.communicate(timeout=30)
    assert output == ""
    assert "interrupted" in messages
    assert f"wrote {path}" in messages
    assert path.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_after_its_end_changes_nothing(tmp_path: Path, whowoke: Sequence[str]) -> None:
    """Who presses it as the recording ends by itself has a whole one, and an exit code of 0."""
    with fixtures.timers(tmp_path) as program:
        for number in range(3):
            path = tmp_path / f"{number}.whowoke"
            with start(whowoke, program.pid, path, "-d", "100ms") as process:
                assert process.stderr is not None
                assert any(line.startswith("wrote ") for line in process.stderr)
                while process.poll() is None:
                    process.send_signal(signal.SIGINT)
            assert process.returncode == 0
