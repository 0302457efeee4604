"""What the parts of one run share: a folder, a cluster that starts when it is first asked for."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests import fixtures
from tests.bench.observers import fresh
from tests.bench.rounds import cpu_ns, status_kb
from tests.bench.targets import operator
from tests.recording import Recording, recording

IDLE_PERIOD = "15s"
LONG_S = 60.0
SAMPLED_S = 0.5
MOST_ROUNDS = 100


@dataclass(frozen=True)
class LongRecording:
    """A recording of an idle operator; memory of the recorder by seconds since all was attached."""

    recording: Recording
    rss_kb: list[tuple[float, int]]
    peak_kb: int
    recorder_cpu_pct: float


@dataclass(eq=False)
class Stage:
    """One run of the benchmark; what it starts ends with ``stack``."""

    folder: Path
    stack: ExitStack
    most_rounds: int = MOST_ROUNDS

    def rounds(self, wanted: int) -> int:
        """How many rounds a part makes that wants so many."""
        return max(1, min(wanted, self.most_rounds))

    @cached_property
    def cluster(self) -> fixtures.Cluster:
        """The test cluster."""
        return self.stack.enter_context(fixtures.cluster(self.folder / "cluster"))

    @cached_property
    def long_recording(self) -> LongRecording:
        """A minute of an idle operator."""
        path = fresh(self.folder / "idle-minute.whowoke")
        with (
            operator("requeue", self.cluster, "bench-minute", period=IDLE_PERIOD) as target,
            recording(target.pid, path) as running,
        ):
            pid, rows = running.process.pid, []
            start, cpu_before_ns = time.monotonic(), cpu_ns(running.process.pid)
            while (passed := time.monotonic() - start) < LONG_S:
                rows.append((passed, status_kb(pid, "VmRSS")))
                time.sleep(SAMPLED_S)
            cpu_pct = (cpu_ns(pid) - cpu_before_ns) / 1e7 / passed
            peak_kb = status_kb(pid, "VmHWM")
        return LongRecording(running, rows, peak_kb, cpu_pct)
