"""Recordings that keep only their end, go into several files, or end by themselves."""

import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import fixtures
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.telling.explain import explain

SECOND = 10**9
# Of the ticker in tests/operators/timers/kinds.go.
PERIOD = "83ms"
TICKER = ("--ticker=100000", "--timer=0", "--sleep=0", "--deadline=0")


def run(
    whowoke: Sequence[str], folder: Path, options: Sequence[str], seconds: float, end: int
) -> str:
    """Record a ticker for so long, then send a signal (0: wait for the end); the messages."""
    ready = folder / "ready"
    with fixtures.timers(folder, *TICKER) as program:
        argv = [*whowoke, "record", "-p", str(program.pid), "-o", str(folder / "op.whowoke")]
        argv += ["--ready-file", str(ready), *options]
        with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
            fixtures.wait_until(ready.exists, 60, "all probes attached", process)
            program.start()
            time.sleep(seconds)
            if end:
                process.send_signal(end)
            _, messages = process.communicate(timeout=120)
        assert process.returncode == (-end if end == signal.SIGKILL else 0), messages
    return messages


def ticks(capture: Capture) -> list[int]:
    """When the ticker woke its goroutine, by the line that set it or that waits for it."""
    wakeups = analyse(capture)["wakeups"]
    ours = wakeups[wakeups.location.fillna("").str.contains("timers/kinds.go:")]
    assert set(ours.cause) == {"operator.ticker"}
    found: list[int] = ours.ts_ns.tolist()
    return found


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_only_the_end_is_kept(end: int, tmp_path: Path, whowoke: Sequence[str]) -> None:
    run(whowoke, tmp_path, ["--keep", "3s"], 9, end)
    capture = Capture.open(tmp_path / "op.whowoke")
    assert not capture.notes
    assert capture.complete == (end == signal.SIGINT)
    assert capture.metadata["kept_only"]
    found = ticks(capture)
    assert found[-1] - found[0] >= 2 * SECOND
    if end == signal.SIGINT:
        start_ns, end_ns = capture.metadata["start_ns"], capture.metadata["end_ns"]
        assert 3 * SECOND <= end_ns - start_ns < 6 * SECOND
        assert start_ns <= found[0]
    assert explain(capture).json()["target"]["name"] == "timers"


def test_each_file_of_a_rotation_tells_its_part(tmp_path: Path, whowoke: Sequence[str]) -> None:
    run(whowoke, tmp_path, ["--rotate", "2s"], 7, signal.SIGINT)
    paths = sorted(tmp_path.glob("op.*.whowoke"))
    assert len(paths) >= 3
    captures = [Capture.open(path) for path in paths]
    assert all(capture.complete for capture in captures)
    assert all("informers" in capture.metadata for capture in captures)
    found = [ts for capture in captures for ts in ticks(capture)]
    assert len(found) > 40
    assert found == sorted(set(found))
    ends = [capture.metadata["end_ns"] for capture in captures[:-1]]
    assert ends == [capture.metadata["start_ns"] for capture in captures[1:]]
    fires = [capture.records("timer_fire")["ts_ns"] for capture in captures]
    assert sum(map(len, fires)) == len({ts for part in fires for ts in part.tolist()})


def test_a_recording_ends_once_it_came_back_often_enough(
    tmp_path: Path, whowoke: Sequence[str]
) -> None:
    messages = run(whowoke, tmp_path, ["--periods", "7", "--period", PERIOD], 0, 0)
    assert "it came back often enough" in messages
    capture = Capture.open(tmp_path / "op.whowoke")
    assert capture.metadata["ended"] == "periods"
    assert len(ticks(capture)) >= 8
