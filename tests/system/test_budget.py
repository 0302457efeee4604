"""Probes that cost too much are taken off, told, and the target is as fast as before."""

import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pytest

from tests import fixtures
from tests.bench.targets import loops
from tests.system.conftest import Recorder
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.model import Analysis
from whowoke.tracer import tiers

SETTLE_S = 4.0
# 1 % of a CPU may be saved up for 10 s: 100 ms, at no less than 0.5 µs a hit.
MAX_RECORDED = 200_000
MAX_SPENT_NS = 100_000_000
SECOND_NS = 1_000_000_000


def test_the_worst_case_is_over_after_the_budget_is_spent(record: Recorder) -> None:
    with subprocess.Popen(
        [fixtures.PROGRAMS / "pingpong"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        try:
            assert program.stdout.readline() == f"ready {program.pid}\n"
            before = median(int(program.stdout.readline()) for _ in range(10))
            with record(program.pid) as recording:
                deadline = time.monotonic() + SETTLE_S
                while time.monotonic() < deadline:
                    program.stdout.readline()
                after = median(int(program.stdout.readline()) for _ in range(10))
        finally:
            program.stdin.close()
            program.wait(10)
    capture = recording.capture
    told = capture.losses.groupby("kind")["count"].sum()
    assert "over budget: on_goroutine_ready taken off" in told, told
    # The kernel had stopped it before: what was recorded cost no more than may be spent at once,
    # and all else is told.
    hits = capture.metadata["hits"]
    sites = [site["probe"] for site in capture.metadata["sites"]]
    recorded = len(capture.records("goroutine_ready"))
    stopped = int(told["over budget: on_goroutine_ready stopped"])
    assert (
        recorded + int(told.get("goroutine_ready", 0)) + stopped
        == hits[sites.index("goroutine_ready")]
    )
    assert recorded < MAX_RECORDED
    # Not a benchmark: probes that stayed would leave it a tenth.
    assert after > before / 3, (before, after)
    # Lines are wrapped.
    text = " ".join(recording.explain().text().split())
    assert re.search(
        r"not seen: [\w, ]*goroutine_ready[\w, ]* from [\d.]+ m?s on: over the budget", text
    )


@pytest.mark.parametrize(
    ("what", "calls", "tier", "kinds"),
    [
        ("write", 1500, tiers.CALLS, ("syscall",)),
        ("pipe", 150, tiers.THREADS, ("thread_waking", "thread_on", "thread_off")),
    ],
)
def test_calls_and_switches_are_limited_as_well(
    what: str, calls: int, tier: int, kinds: tuple[str, ...], tmp_path: Path, record: Recorder
) -> None:
    with loops(tmp_path, what, calls, "10ms") as program:
        alone = median(ns for _, ns in program.bursts(1))
        with record(program.pid) as recording:
            recorded = median(ns for _, ns in program.bursts(2))
            end_ns = time.monotonic_ns()
    capture, expected = recording.capture, tiers.TRACEPOINTS[tier]
    told = capture.losses.groupby("kind")["count"].sum()
    for program_name in expected.programs:
        assert told[f"over budget: {program_name} taken off"] == 1, told
    records = sum(len(capture.records(kind)) for kind in kinds)
    assert records > 1000
    assert records * expected.cost_ns < 2 * MAX_SPENT_NS
    # The probes stay on, and what they say is recorded to the end.
    fires = capture.records("timer_fire")["ts_ns"]
    assert (fires > end_ns - SECOND_NS).sum() > 50
    assert not {f"over budget: on_timer_{what} taken off" for what in ("fire", "arm")} & {
        *told.index
    }
    assert recorded < 3 * alone, "not a benchmark"
    if tier == tiers.THREADS:
        woke = recording.tables["wakeups"].set_index("ts_ns")["woke_process"]
        assert woke[woke.index > end_ns - SECOND_NS].isna().all()
        assert recording.tables["ideals"]["asleep_ns"].isna().all()


def test_a_recording_ends_when_timers_cost_too_much(tmp_path: Path, whowoke: Sequence[str]) -> None:
    path = tmp_path / "busy.whowoke"
    with loops(tmp_path, "reset", 300, "10ms") as program:
        done = subprocess.run(
            [*whowoke, "record", "-p", str(program.pid), "-d", "60s", "-o", path],
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
        )
        assert program.bursts(0.5), "it goes on"
    assert "timers and reconciles cost more than the budget: for a longer recording" in done.stderr
    assert "until it was over the budget" in done.stderr
    (capture,) = Capture.open(path).processes
    assert capture.metadata["ended"] == "over budget"
    arms = capture.records("timer_arm")["ts_ns"]
    assert len(arms) > 1000
    # Counted is the time in which they were recorded.
    counted_ns = Analysis(capture).duration_ns
    assert abs(counted_ns - (int(arms.max()) - capture.metadata["start_ns"])) < SECOND_NS
