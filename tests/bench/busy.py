"""What a recording costs an operator that works as fast as it can against the API server."""

from tests.bench.observers import fresh
from tests.bench.rounds import Sample, Spread, differences, losses_pct, window
from tests.bench.rows import Row, keyed, measured
from tests.bench.stage import Stage
from tests.bench.targets import operator
from tests.recording import recording

ROUNDS = 8
FIRST_S = 2.0
SECONDS = 4.0
# Shorter than a reconcile takes: there is always something to do.
PERIOD = "1ms"
LEAST_PER_S = 300


def measure(stage: Stage) -> list[Row]:
    """Windows alone and recorded with the default budget, in turn.

    The first seconds of a recording are a window of their own: what costs too much goes off then.
    """
    alone: list[Sample] = []
    first: list[Sample] = []
    later: list[Sample] = []
    taken_off: set[str] = set()
    ended: set[str] = set()
    with operator("loaded", stage.cluster, "bench-busy", "--workers=2", period=PERIOD) as target:
        for _ in range(stage.rounds(ROUNDS)):
            alone.append(window(target.pid, SECONDS, target.work))
            with recording(target.pid, fresh(stage.folder / "busy.whowoke")) as running:
                first.append(window(target.pid, FIRST_S, target.work))
                later.append(window(target.pid, SECONDS, target.work))
            kinds = [str(kind) for kind in running.capture.losses.kind]
            taken_off |= {kind for kind in kinds if kind.endswith("taken off")}
            ended.add(str(running.capture.metadata.get("ended")))
        alone.append(window(target.pid, SECONDS, target.work))
    rates, first_rates, later_rates = ([s.rate for s in found] for found in (alone, first, later))
    cpus, later_cpus = [s.cpu_us for s in alone], [s.cpu_us for s in later]
    added = Spread.of(differences(cpus, later_cpus))
    rows = [
        measured("busy", "reconciles a second alone", Spread.of(rates), "1/s"),
        measured("busy", "reconciles a second recorded", Spread.of(later_rates), "1/s"),
        measured("busy", "target CPU of a reconcile alone", Spread.of(cpus), "µs"),
        measured("busy", "target CPU added to it", added, "µs"),
        measured(
            "busy",
            f"reconciles lost in the first {FIRST_S:g} s",
            Spread.of(losses_pct(rates, first_rates)),
            "%",
            note=f"programs that were taken off: {len(taken_off)}",
        ),
    ]
    if Spread.of(rates).median < LEAST_PER_S:
        slow = f"the machine makes less than {LEAST_PER_S} reconciles a second now"
        return [*rows, keyed("busy_loss_pct", None, note=slow)]
    note = f"after the first {FIRST_S:g} s; the recordings ended by {', '.join(sorted(ended))}"
    return [*rows, keyed("busy_loss_pct", Spread.of(losses_pct(rates, later_rates)), note=note)]
