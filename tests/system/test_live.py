"""`whowoke live` in a terminal: what it shows of running programs, how it ends, what it leaves."""

import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import api, containers, fixtures
from tests.system.conftest import Recorder
from tests.terminal import terminal
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.output.outputs import analyse

KEYS = "q quit"
SIXTEEN = re.compile(r"\x1b\[(\d+;)*(3[0-7]|9[0-7])[;m]")
MORE_COLOURS = re.compile(r"\x1b\[(\d+;)*[34]8[;:]")


def test_it_shows_a_ticker_reads_its_chain_keeps_and_quits(
    tmp_path: Path, whowoke: Sequence[str]
) -> None:
    kept, scratch = tmp_path / "kept.whowoke", tmp_path / "scratch"
    scratch.mkdir()
    with (
        fixtures.timers(tmp_path, "--ticker=2000") as program,
        terminal(
            tmp_path,
            [*whowoke, "live", "-p", str(program.pid), "-o", str(kept)],
            {"TMPDIR": str(scratch)},
        ) as view,
    ):
        view.wait_for(KEYS)
        program.start()
        view.wait_for(r"^O>? +[\d.]+ +8[0-9](\.\d)? ms .*operator\.ticker: main\.runTicker")
        screen = view.wait_for(r"\d wake-ups, 0 lost; 0 unknown")
        assert f"kinds.go:{fixtures.timers_line('ticker')}" in screen
        view.wait_for("O    now operator.ticker")
        view.wait_for(r"probes \d\.\d+%, recorder \d+\.\d%, view \d")
        view.press("/", *"runTicker", "Enter")
        view.wait_for("only “runTicker”")
        view.press("Enter")
        screen = view.wait_for("the timer fires")
        assert "FROZEN: operator.ticker" in screen
        view.press("Escape")
        view.wait_for("per min")
        view.press("q")
        assert view.wait_end() == 0
        assert "wrote " in view.screen()
        assert program.popen.poll() is None, "the target runs on"
    capture = Capture.open(kept)
    assert capture.complete
    assert len(analyse(capture)["wakeups"]) > 5
    assert list(scratch.iterdir()) == [], "nothing is left"


def test_an_operator_is_shown_without_colours_and_followed_from_its_capture(
    cluster: fixtures.Cluster, record: Recorder, tmp_path: Path, whowoke: Sequence[str]
) -> None:
    """What another recorder writes is followed, with letters where there are no colours."""
    with (
        fixtures.operator("requeue", cluster, period="2s", namespace="live") as running,
        record(running.pid) as recording,
        terminal(tmp_path, [*whowoke, "live", str(recording.path)], {"NO_COLOR": "1"}) as view,
    ):
        view.wait_for(r"^R>? +[\d.]+ +[12](\.\d+)? s .*requeue\.after, greeting")
        view.wait_for(r"greeting: \d+ requeued")
        view.wait_for("leader_election")
        screen = view.screen("-e")
        assert not SIXTEEN.search(screen)
        assert not MORE_COLOURS.search(screen)
        recording.finish()
        view.wait_for("the recording has ended")
        view.press("C-c")
        assert view.wait_end() == 0


def test_an_operator_is_found_by_its_pods_labels(
    cluster: fixtures.Cluster, tmp_path: Path, whowoke: Sequence[str]
) -> None:
    """In a cgroup as of a pod that a real API server knows; a second replica makes it a choice."""
    app, ids = f"app-{uuid.uuid4().hex[:8]}", [containers.new_id() for _ in "12"]
    uids = [containers.make_pod(api.Api(cluster), f"{app}-{n}", app, i) for n, i in enumerate(ids)]
    asked = ["--selector", f"app={app}", "-n", "default", "--kubeconfig", str(cluster.kubeconfig)]
    with (
        containers.pods(tmp_path) as pods,
        fixtures.operator("ticker", cluster, period="2s", namespace=app) as running,
    ):
        pods.enter(running.pid, uids[0], ids[0])
        with terminal(make(tmp_path / "1"), [*whowoke, "live", *asked]) as view:
            screen = view.wait_for(r"^O>? +[\d.]+ +[12](\.\d+)? s .*operator\.ticker, stock")
            assert screen.startswith(f"ticker ({running.pid}) go1.")
            assert f"; pod default/{app}-0/manager" in screen.splitlines()[0]
            view.press("q")
            assert view.wait_end() == 0
        with (
            pods.timers(tmp_path / "replica", uids[1], ids[1]) as other,
            terminal(make(tmp_path / "2"), [*whowoke, "live", *asked]) as view,
        ):
            assert view.wait_end() == 2
            screen = view.screen()
        for pid in (running.pid, other.pid):
            assert re.search(rf"^{pid} ", screen, re.MULTILINE)
        assert "2 processes are of pods with app=" in screen
        assert "  hint: choose one with -p PID\n" in screen


def test_sixteen_colours_are_enough(tree: Path, tmp_path: Path, whowoke: Sequence[str]) -> None:
    capture = tree / "tests" / "golden" / "requeue.whowoke"
    with terminal(tmp_path, [*whowoke, "live", str(capture)], {"TERM": "xterm"}) as view:
        view.wait_for("requeue.after")
        screen = view.screen("-e")
    assert SIXTEEN.search(screen)
    assert not MORE_COLOURS.search(screen)


def test_a_killed_view_leaves_no_probe_no_recorder_and_no_file(
    tmp_path: Path, whowoke: Sequence[str]
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with fixtures.timers(tmp_path, "--ticker=31") as program:
        argv = [*whowoke, "live", "-p", str(program.pid)]
        with terminal(tmp_path, argv, {"TMPDIR": str(scratch)}) as view:
            view.wait_for(KEYS)
            children = _children(view.pid)
            assert children
            os.kill(view.pid, signal.SIGKILL)
            view.wait_end()
            fixtures.wait_until(
                lambda: not any(Path(f"/proc/{pid}").exists() for pid in children),
                60,
                "its processes' end",
            )
        assert list(scratch.iterdir()) == []
        path, ready = tmp_path / "later.whowoke", tmp_path / "ready"
        later = subprocess.Popen(
            [*whowoke, "record", "-p", str(program.pid), "-d", "60s", "-o", str(path),
             "--ready-file", str(ready)],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        fixtures.wait_until(ready.exists, 60, "all probes attached", later)
        program.start()
        truth = program.done()["ticker"]
        time.sleep(0.5)
        later.send_signal(signal.SIGINT)
        _, messages = later.communicate(timeout=60)
    assert later.returncode == 0, messages
    wakeups = analyse(Capture.open(path))["wakeups"]
    line = fixtures.timers_line("ticker")
    found = wakeups.location.str.endswith(f"kinds.go:{line}").fillna(False)
    # Whether one that was overdue still woke its goroutine depends on who came first.
    assert truth["expiries"] - truth["overdue"] <= found.sum() <= truth["expiries"]


def test_what_cannot_be_recorded_is_told_in_two_lines(
    tmp_path: Path, whowoke: Sequence[str]
) -> None:
    with terminal(tmp_path, [*whowoke, "live", "--name", "no-such-program"]) as view:
        assert view.wait_end() in (1, 2, 3)
        screen = view.screen()
    assert "whowoke: no process" in screen
    assert "  hint: " in screen
    assert "Traceback" not in screen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_in_order(number: int, tmp_path: Path, whowoke: Sequence[str]) -> None:
    kept = tmp_path / "kept.whowoke"
    with fixtures.timers(tmp_path, "--ticker=500") as program:
        argv = [*whowoke, "live", "-p", str(program.pid), "-o", str(kept)]
        with terminal(tmp_path, argv) as view:
            view.wait_for(KEYS)
            os.kill(view.pid, number)
            assert view.wait_end() == 0
    assert Capture.open(kept).complete


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _children(pid: int) -> list[int]:
    """Processes that a process started, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *_children(child)]
    return found
