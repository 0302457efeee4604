"""The target lives, whatever happens to the recorder, to the target or to its file.

Its own checks decide (operators/survivor). A thousand rounds: ``python -m tests.stress``.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest

from tests import fixtures, survival
from tests.system.conftest import Recorder
from tests.system.test_endings import start
from whowoke.analysis.capture.reader import Capture
from whowoke.tracer import uprobes
from whowoke.tracer.program import Program
from whowoke.tracer.target import Target

ROUNDS = {"uprobe_multi": 8, "perf": 1}
KILLS = {"uprobe_multi": 4, "perf": 1}
LATEST_KILL_S = 3.0
CALM = ("--pause=50ms",)


@pytest.fixture(params=["uprobe_multi", "perf"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both ways of the kernel; the choice of this process is made anew."""
    if request.param == "perf":
        monkeypatch.setenv(uprobes.WITHOUT, "uprobe_multi")
    uprobes.way.cache_clear()
    yield str(request.param)
    uprobes.way.cache_clear()


def site_addresses(pid: int) -> list[int]:
    with Target.open(pid) as target:
        program = Program(target)
        return [planned.site.address + program.bias for planned in program.plan.sites]


def test_probes_come_and_go_on_a_busy_operator(way: str, tmp_path: Path) -> None:
    with survival.survivor(tmp_path) as running:
        hits = survival.attach_and_detach(running, ROUNDS[way])
    assert hits > 100 * ROUNDS[way], "it was busy"


def test_recorders_that_are_killed_at_random_moments(
    way: str, tmp_path: Path, whowoke: Sequence[str]
) -> None:
    draw = random.Random(20261128)
    with survival.survivor(tmp_path, "--children") as running:
        sites = site_addresses(running.pid)
        for number in range(KILLS[way]):
            before = running.done()
            process = start(whowoke, running.pid, tmp_path / f"{number}.whowoke")
            time.sleep(draw.uniform(0, LATEST_KILL_S))
            process.kill()
            process.communicate(timeout=60)
            fixtures.wait_until(
                lambda: survival.BREAKPOINT not in running.probed_bytes(sites), 60, "no probe"
            )
            running.assert_works(before, (*survival.KINDS, "children"))


def test_a_recording_of_a_busy_operator_whose_children_come_and_go(
    way: str, tmp_path: Path, record: Recorder
) -> None:
    with survival.survivor(tmp_path, "--children") as running:
        before = running.done()
        with record(running.pid) as recording:
            running.assert_works(before, (*survival.KINDS, "children"))
    assert recording.capture.metadata["uprobes"] == way
    assert recording.capture.complete


@pytest.mark.parametrize("successor", ["the same", "another"])
def test_a_target_that_becomes_another_program(
    successor: str, tmp_path: Path, whowoke: Sequence[str]
) -> None:
    program = fixtures.program_path("survivor" if successor == "the same" else "timers")
    path, ready = tmp_path / "exec.whowoke", tmp_path / "ready"
    with survival.survivor(tmp_path, *CALM, "--", program, stress=False) as running:
        process = start(whowoke, running.pid, path, "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        running.done()
        running.popen.send_signal(signal.SIGUSR1)
        _, messages = process.communicate(timeout=60)
        assert process.returncode == 0, messages
        assert "the target became another program" in messages
        assert running.output.read_text().count("ready ") == 2
        if successor == "the same":
            running.assert_works(running.done())
            assert survival.BREAKPOINT not in running.probed_bytes(site_addresses(running.pid))
    capture = Capture.open(path)
    assert capture.complete
    assert capture.metadata["ended"] == "target replaced"
    assert "informers" not in capture.metadata


def test_several_recorders_of_which_one_is_killed(
    tmp_path: Path, record: Recorder, whowoke: Sequence[str]
) -> None:
    """Those that stay see every expiry, once."""
    ready = tmp_path / "ready"
    with fixtures.timers(tmp_path, "--ticker=97") as program, record(program.pid) as first:
        killed = start(whowoke, program.pid, tmp_path / "3.whowoke", "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", killed)
        with record(program.pid) as second:
            program.start()
            killed.kill()
            killed.communicate(timeout=60)
            truth = program.done()["ticker"]
    for recording in (first, second):
        recording.assert_nothing_lost()
        assert_each_expiry(recording.tables, truth)


def test_a_binary_that_was_replaced_on_disk(tmp_path: Path, record: Recorder) -> None:
    """What runs is a file that has no name any more; its name leads to something else."""
    program = tmp_path / "operator"
    shutil.copy(fixtures.PROGRAMS / "timers", program)
    with fixtures.timers(tmp_path / "run", "--ticker=53", program=str(program)) as running:
        successor = tmp_path / "successor"
        shutil.copy("/bin/true", successor)
        os.replace(successor, program)
        with record(running.pid) as recording:
            running.start()
            truth = running.done()["ticker"]
        assert running.popen.poll() is None
    recording.assert_nothing_lost()
    assert recording.capture.metadata["executable"].endswith("operator (deleted)")
    assert_each_expiry(recording.tables, truth)


def test_a_recorder_that_is_stopped_and_killed_leaves_no_probe(
    tmp_path: Path, whowoke: Sequence[str]
) -> None:
    ready = tmp_path / "ready"
    with survival.survivor(tmp_path) as running:
        sites = site_addresses(running.pid)
        process = start(
            whowoke, running.pid, tmp_path / "x.whowoke", "--ready-file", str(ready), "--force"
        )
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        before = running.done()
        process.send_signal(signal.SIGSTOP)
        running.assert_works(before)
        process.kill()
        process.communicate(timeout=60)
        fixtures.wait_until(
            lambda: survival.BREAKPOINT not in running.probed_bytes(sites), 60, "no probe"
        )
        running.assert_works(running.done())


def assert_each_expiry(tables: dict[str, pd.DataFrame], truth: dict[str, int]) -> None:
    """Each expiry of the ticker was seen, once."""
    line = fixtures.timers_line("ticker")
    found = tables["wakeups"].location.str.endswith(f"kinds.go:{line}")
    assert found.fillna(False).sum() in fixtures.woken(truth)
