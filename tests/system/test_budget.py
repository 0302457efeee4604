"""Probes that cost too much are taken off, told, and the target is as fast as before."""

import subprocess
import time
from statistics import median

from tests import fixtures
from tests.system.conftest import Recorder

SETTLE_S = 4.0


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
    told = set(recording.capture.losses.kind)
    assert "over budget: on_goroutine_ready taken off" in told, told
    # Not a benchmark: probes that stayed would leave it a tenth.
    assert after > before / 3, (before, after)
    # Lines are wrapped.
    assert "over budget" in " ".join(recording.explain().text().split())
