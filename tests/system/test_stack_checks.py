"""Probes sit on the branch of a stack check: taken, and seen again, where a stack must grow."""

from pathlib import Path

import numpy as np
import pytest

from tests.bench.observers import bpftrace_counts
from tests.bench.targets import loops
from tests.system.conftest import Recorder
from whowoke.tracer import uprobes
from whowoke.tracer.program import Program
from whowoke.tracer.target import Target

PROBE = "timer_arm"
CALLS = 128
SECONDS = 1.0
# CF and ZF, with which JBE is taken.
TAKEN = 0x41


@pytest.mark.parametrize("way", ["uprobe_multi", "perf"])
def test_a_call_counts_once_where_its_stack_grows(
    way: str, tmp_path: Path, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "perf":
        monkeypatch.setenv(uprobes.WITHOUT, "uprobe_multi")
    with loops(tmp_path, "grow", CALLS, "50ms") as program:
        with Target.open(program.pid) as target:
            planned = Program(target).plan.sites
            (site,) = (one.site for one in planned if one.probe.name == PROBE)
            place = f"uprobe:{target.executable}:{site.file_offset:#x}"
        assert site.kind == "check"
        # Entered once it has seen one: the stack does grow there.
        grown = f'{place} /reg("flags") & {TAKEN:#x}/'
        with (
            record(program.pid, "--budget", "100%") as recording,
            bpftrace_counts(grown, tmp_path, "--unsafe", "-p", str(program.pid)),
        ):
            bursts = program.bursts(SECONDS)
    assert recording.capture.metadata["uprobes"] == way
    rows = recording.capture.records(PROBE)
    timers, counts = np.unique(rows["timer"], return_counts=True)
    times = rows["ts_ns"][rows["timer"] == timers[np.argmax(counts)]]
    ends = np.array([end_ns for end_ns, _ in bursts])
    seen = np.histogram(times, ends)[0]
    assert len(seen) > 10
    assert set(seen.tolist()) == {CALLS}
    recording.assert_nothing_lost()
