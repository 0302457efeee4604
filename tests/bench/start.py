"""How long a recording takes to begin and to end, on a large program."""

import compileall
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests import fixtures
from tests.bench.observers import fresh
from tests.bench.rounds import Spread
from tests.bench.rows import Row, keyed, measured
from tests.bench.stage import Stage
from tests.bench.targets import operator
from tests.recording import MARGIN_S, recording

PROGRAM = "requeue-unstripped"
ROUNDS = 6
SECONDS = 1.5
# Steps that the recorder tells in its capture: all but compiling and loading.
ATTACH_STEPS = ("open target", "read binary and plan", "attach")


@dataclass(frozen=True)
class Start:
    """One recording: seconds until attached, the first record, taken off, ended; its own steps."""

    attached_s: float
    first_s: float
    detach_s: float
    ended_s: float
    steps_ns: dict[str, int]


def start(stage: Stage) -> list[Row]:
    """From the start of the process."""
    cold, warm = _starts(stage)[0], _starts(stage)[1:]
    steps = [
        measured("start", f"step: {name}", Spread.of(s.steps_ns[name] / 1e9 for s in warm), "s")
        for name in warm[0].steps_ns
        if not name.startswith("until") and all(name in one.steps_ns for one in warm)
    ]
    first = Spread.of(one.first_s for one in warm)
    note = "the first one may have found a cache of earlier runs"
    return [
        Row("start", "the first time, until all is attached", cold.attached_s, "s", note=note),
        *steps,
        measured("start", "until the first record", first, "s"),
        keyed("start_s", Spread.of(one.attached_s for one in warm)),
    ]


def attach(stage: Stage) -> list[Row]:
    """What of that the target's binary takes."""
    size_mb = Path(fixtures.program_path(PROGRAM)).stat().st_size / 1e6
    size = Row("attach", "the operator's binary", size_mb, "MB")
    warm = _starts(stage)[1:]
    if any(name not in warm[0].steps_ns for name in ATTACH_STEPS):
        told = f"the capture doesn't tell these steps: {', '.join(ATTACH_STEPS)}"
        return [size, keyed("attach_s", None, note=told)]
    sums = Spread.of(sum(one.steps_ns[name] for name in ATTACH_STEPS) / 1e9 for one in warm)
    return [size, keyed("attach_s", sums, note=" + ".join(ATTACH_STEPS))]


def detach(stage: Stage) -> list[Row]:
    """How long the probes take to come off."""
    all_s = [one.detach_s for one in _starts(stage)]
    ended = Spread.of(one.ended_s for one in _starts(stage))
    return [
        measured("detach", "from Ctrl-C until it has ended", ended, "s"),
        keyed("detach_s", Spread.of(all_s)),
    ]


@lru_cache(maxsize=1)
def _starts(stage: Stage) -> list[Start]:
    path = stage.folder / "start.whowoke"
    # As an installation does: here nothing might be kept, and each start would compile all modules.
    for package in ("analysis", "bpf", "tracer"):
        compileall.compile_dir(fixtures.ROOT / package, quiet=1)
    with operator(PROGRAM, stage.cluster, "bench-start", period="1s") as target:
        return [_once(target.pid, path) for _ in range(max(2, stage.rounds(ROUNDS)))]


def _once(pid: int, path: Path) -> Start:
    before_ns = time.monotonic_ns()
    with recording(pid, fresh(path)) as running:
        time.sleep(SECONDS)
        asked = time.monotonic()
    ended_s = time.monotonic() - asked - MARGIN_S
    metadata = running.capture.metadata
    names = running.capture.counts()
    first_ns = min(int(running.capture.records(name)["ts_ns"].min()) for name in names)
    return Start(
        attached_s=(int(metadata["start_ns"]) - before_ns) / 1e9,
        first_s=(first_ns - before_ns) / 1e9,
        detach_s=int(metadata["detach_ns"]) / 1e9,
        ended_s=ended_s,
        steps_ns=dict(metadata.get("timing_ns", {})),
    )
