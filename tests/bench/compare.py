"""whowoke beside other tools, on the same program in the same minutes."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.bench.observers import OBSERVERS
from tests.bench.rounds import Sample, Spread, window
from tests.bench.rows import Row, measured
from tests.bench.stage import IDLE_PERIOD, Stage
from tests.bench.targets import UnavailableError, Watched, nothing, operator, pingpong

ALONE = "alone"
# What each tool does first isn't compared: we measure ourselves and may take probes off.
SETTLE_S = 2.0


@dataclass(frozen=True)
class Scene:
    """A program that all tools watch in turn, ``rounds`` times ``seconds`` each.

    ``unit`` is its work, empty where nobody counts that.
    """

    part: str
    what: str
    start: Callable[[Stage], AbstractContextManager[Watched]]
    rounds: int
    seconds: float
    unit: str


def _worst(stage: Stage) -> AbstractContextManager[Watched]:
    return pingpong(stage.folder)


def _idle(stage: Stage) -> AbstractContextManager[Watched]:
    return operator("requeue", stage.cluster, "bench-compared", period=IDLE_PERIOD)


def _steady(stage: Stage) -> AbstractContextManager[Watched]:
    """The load at which the prototypes were measured: 185 objects ten times a second each."""
    objects = ("--count=182", "--asks=false")
    return operator("loaded", stage.cluster, "bench-steady", *objects, period="100ms")


def _fastest(stage: Stage) -> AbstractContextManager[Watched]:
    """As many reconciles as two workers can make, each with a request."""
    return operator("loaded", stage.cluster, "bench-fastest", "--workers=2", period="1ms")


SCENES = (
    Scene("compare_worst", "two goroutines that wake each other", _worst, 3, 3.0, "exchanges"),
    Scene("compare_idle", "an idle manager", _idle, 3, 10.0, ""),
    Scene("compare_steady", "1,850 reconciles a second", _steady, 3, 4.0, "reconciles"),
    Scene("compare_busy", "all reconciles that fit, with requests", _fastest, 3, 4.0, "reconciles"),
)


def measure(scene: Scene, stage: Stage) -> list[Row]:
    """Rounds of all tools; two rows for each: CPU of the target, and work lost."""
    samples: dict[str, list[Sample]] = {name: [] for name in OBSERVERS}
    missing: dict[str, str] = {}
    with scene.start(stage) as target:
        work = target.work if scene.unit else nothing
        for _ in range(stage.rounds(scene.rounds)):
            for name, observer in OBSERVERS.items():
                if name in missing:
                    continue
                try:
                    with observer(target, stage.folder, SETTLE_S + scene.seconds):
                        time.sleep(SETTLE_S)
                        samples[name].append(window(target.pid, scene.seconds, work))
                except UnavailableError as err:
                    missing[name] = str(err)
    return [
        row
        for name, found in samples.items()
        for row in _rows(scene, name, found, samples[ALONE], missing.get(name, ""))
    ]


def _rows(
    scene: Scene, name: str, found: list[Sample], alone: list[Sample], missing: str
) -> list[Row]:
    """CPU as percent of a core; work as a rate alone, else as a loss in the same round."""
    if missing:
        return [Row(scene.part, f"{name}: target CPU", None, "% of a core", note=missing)]
    cpu = Spread.of(sample.cpu_pct for sample in found)
    rows = [measured(scene.part, f"{name}: target CPU", cpu, "% of a core")]
    if not scene.unit:
        return rows
    each = Spread.of(sample.cpu_us for sample in found)
    rows.append(measured(scene.part, f"{name}: target CPU for one of its {scene.unit}", each, "µs"))
    if name == ALONE:
        rates = Spread.of(sample.rate for sample in found)
        return [*rows, measured(scene.part, f"{name}: {scene.unit}", rates, "1/s")]
    lost = Spread.of(
        100 * (1 - sample.rate / base.rate) for sample, base in zip(found, alone, strict=True)
    )
    return [*rows, measured(scene.part, f"{name}: {scene.unit} lost", lost, "%")]
