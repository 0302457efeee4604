"""What a recording costs an idle manager."""

from tests.bench.observers import fresh
from tests.bench.rounds import Sample, Spread, cpu_ns, differences, window
from tests.bench.rows import Row, keyed, measured
from tests.bench.stage import IDLE_PERIOD, Stage
from tests.bench.targets import nothing, operator
from tests.recording import recording

ROUNDS = 5
SECONDS = 15.0


def measure(stage: Stage) -> list[Row]:
    """Windows alone and recorded, in turn: each holds one reconcile of each of three objects."""
    alone: list[Sample] = []
    watched: list[Sample] = []
    recorder_pct: list[float] = []
    with operator("requeue", stage.cluster, "bench-idle", period=IDLE_PERIOD) as target:
        path = stage.folder / "idle.whowoke"
        for _ in range(stage.rounds(ROUNDS)):
            alone.append(window(target.pid, SECONDS, nothing))
            with recording(target.pid, fresh(path)) as running:
                before_ns = cpu_ns(running.process.pid)
                watched.append(window(target.pid, SECONDS, nothing))
                spent_ns = cpu_ns(running.process.pid) - before_ns
                recorder_pct.append(spent_ns / 1e7 / SECONDS)
        alone.append(window(target.pid, SECONDS, nothing))
    alone_pct, watched_pct = [s.cpu_pct for s in alone], [s.cpu_pct for s in watched]
    return [
        measured("idle", "target CPU alone", Spread.of(alone_pct), "% of a core"),
        measured("idle", "target CPU recorded", Spread.of(watched_pct), "% of a core"),
        keyed("idle_cpu_pct", Spread.of(differences(alone_pct, watched_pct))),
        measured(
            "idle", "the recorder meanwhile (goal ≤ 1)", Spread.of(recorder_pct), "% of a core"
        ),
    ]
