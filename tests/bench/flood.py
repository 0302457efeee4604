"""A flood of events: what the recorder takes for it, and what is lost.

The events are real: a Go program arms a timer and makes a system call, again and again. Our BPF
programs write a record of each into the rings, and the recorder drains these into its file.
"""

import time
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tests.bench.observers import fresh
from tests.bench.rounds import Spread, cpu_ns
from tests.bench.rows import Row, keyed, measured
from tests.bench.stage import Stage
from tests.bench.targets import loops
from tests.recording import Recording, recording
from whowoke.analysis.capture.schema import RECORDS

EVENTS_PER_S = 200_000
EVENTS_PER_CALL = 2
EVERY_MS = 10
SETTLE_S = 1.5
WINDOW_S = 1.0
WINDOWS = 6
BUDGET = "100%"


@dataclass(frozen=True)
class Flood:
    """One recording of a flood: windows of (start, end, CPU seconds of the recorder)."""

    recording: Recording
    windows: list[tuple[int, int, float]]
    rates: list[float]
    records: int
    lost: int


def drain(stage: Stage) -> list[Row]:
    """Records for each CPU second of the recorder."""
    flood = _flood(stage)
    times = _times(flood.recording)
    counts = [int(((times >= start) & (times < end)).sum()) for start, end, _ in flood.windows]
    each = [count / cpu_s for count, (_, _, cpu_s) in zip(counts, flood.windows, strict=True)]
    shares = [100 * cpu_s / (end - start) * 1e9 for start, end, cpu_s in flood.windows]
    note = "rings written by BPF, the recorder's whole CPU time: drain, compress, write"
    return [
        keyed("drain_per_cpu_s", Spread.of(each), note=note),
        measured("drain", "the recorder meanwhile", Spread.of(shares), "% of a core"),
    ]


def lost(stage: Stage) -> list[Row]:
    """What was lost of how many events a second."""
    flood = _flood(stage)
    rates = Spread.of(flood.rates)
    total = f"{len(flood.rates)} windows of {WINDOW_S:g} s"
    kinds = flood.recording.capture.losses.kind
    note = "; ".join(sorted({str(kind) for kind in kinds}))
    rows = [
        measured("lost", "events a second, by the program's own count", rates, "1/s", note=total),
        Row("lost", "records lost at that rate", flood.lost, f"beside {flood.records:,}"),
    ]
    if rates.median < 0.95 * EVENTS_PER_S:
        why = f"only {rates.median:,.0f} events a second could be made: {note or 'a busy machine'}"
        return [*rows, keyed("lost_at_200k", None, note=why)]
    return [*rows, keyed("lost_at_200k", flood.lost, note=note)]


@lru_cache(maxsize=1)
def _flood(stage: Stage) -> Flood:
    calls = EVENTS_PER_S // EVENTS_PER_CALL * EVERY_MS // 1000
    path = fresh(stage.folder / "flood.whowoke")
    with (
        loops(stage.folder, "mixed", calls, f"{EVERY_MS}ms") as target,
        recording(target.pid, path, "--budget", BUDGET) as running,
    ):
        time.sleep(SETTLE_S)
        windows = [_window(running.process.pid) for _ in range(WINDOWS)]
    ends = np.array([end_ns for end_ns, _ in target.all_bursts()])
    made = calls * EVENTS_PER_CALL
    rates = [
        made * float(((ends >= start) & (ends < end)).sum()) / (end - start) * 1e9
        for start, end, _ in windows
    ]
    losses = running.capture.losses
    records = losses[~losses.kind.str.startswith("over budget")]
    return Flood(running, windows, rates, len(_times(running)), int(records["count"].sum()))


def _window(recorder_pid: int) -> tuple[int, int, float]:
    start_ns, before_ns = time.monotonic_ns(), cpu_ns(recorder_pid)
    time.sleep(WINDOW_S)
    end_ns, after_ns = time.monotonic_ns(), cpu_ns(recorder_pid)
    return start_ns, end_ns, (after_ns - before_ns) / 1e9


def _times(running: Recording) -> np.ndarray:
    """Times of all records."""
    return np.concatenate([running.capture.records(record.name)["ts_ns"] for record in RECORDS])
