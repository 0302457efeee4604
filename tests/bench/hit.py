"""What one hit of a probe costs the target, measured by the target."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from statistics import median

from tests.bench.observers import bpftrace_at, entry_offset, fresh
from tests.bench.rounds import Spread
from tests.bench.rows import Row, keyed, measured
from tests.bench.stage import Stage
from tests.bench.targets import Loops, UnavailableError, loops
from tests.recording import Recording, recording
from whowoke.tracer.plan import PlannedSite
from whowoke.tracer.program import Program
from whowoke.tracer.target import Target

ROUNDS = 5
SECONDS = 1.0
CALLS = 1000
EVERY = "50ms"
# 20,000 hits a second are 3 % of a CPU: more than the default budget.
BUDGET = "50%"
PROBE = "timer_arm"

ALONE, OURS, ENTRY = "alone", "whowoke", "bpftrace on the entry"
PLACE = "bpftrace on our place"
Watch = Callable[[], AbstractContextManager[object]]


def measure(stage: Stage) -> list[Row]:
    """Rounds of a call alone, under whowoke, and under bpftrace at two places."""
    with loops(stage.folder, "reset", CALLS, EVERY) as target:
        path, planned = _place(target.pid)
        entry, place = entry_offset(planned), planned.site.file_offset
        watches: dict[str, Watch] = {
            ALONE: nullcontext,
            OURS: lambda: _recorded(target, stage.folder),
            ENTRY: lambda: bpftrace_at(target.pid, stage.folder, path, [entry]),
            PLACE: lambda: bpftrace_at(target.pid, stage.folder, path, [place]),
        }
        calls_ns: dict[str, list[float]] = {name: [] for name in watches}
        missing: dict[str, str] = {}
        checked = 0
        for _ in range(stage.rounds(ROUNDS)):
            for name, watch in watches.items():
                if name in missing:
                    continue
                try:
                    with ExitStack() as stack:
                        watched = stack.enter_context(watch())
                        bursts = target.bursts(SECONDS)
                except UnavailableError as err:
                    missing[name] = str(err)
                    continue
                calls_ns[name].append(median(call_ns for _, call_ns in bursts))
                if isinstance(watched, Recording):
                    checked += _all_recorded(watched, target, bursts)
    return _rows(calls_ns, missing.get(ENTRY, ""), checked)


def _rows(calls_ns: dict[str, list[float]], missing: str, checked: int) -> list[Row]:
    alone = calls_ns.pop(ALONE)
    rows = [measured("hit", "the call itself", Spread.of(alone), "ns")]
    costs = {
        name: [call - base for call, base in zip(calls, alone, strict=True)]
        for name, calls in calls_ns.items()
        if calls
    }
    notes = {OURS: f"a record with a user stack; all {checked:,} hits are in the captures"}
    rows += [
        measured(
            "hit", f"a hit, {name}", Spread.of(cost), "ns", note=notes.get(name, "only counts")
        )
        for name, cost in costs.items()
    ]
    if ENTRY not in costs:
        return [*rows, keyed("hit_cost_ratio", None, note=missing)]
    ratios = [ours / theirs for ours, theirs in zip(costs[OURS], costs[ENTRY], strict=True)]
    return [*rows, keyed("hit_cost_ratio", Spread.of(ratios))]


def _recorded(target: Loops, folder: Path) -> AbstractContextManager[Recording]:
    return recording(target.pid, fresh(folder / "hit.whowoke"), "--budget", BUDGET)


def _place(pid: int) -> tuple[str, PlannedSite]:
    """The program's file and the place of our probe."""
    with Target.open(pid) as target:
        sites = Program(target).plan.sites
        return target.executable, next(site for site in sites if site.probe.name == PROBE)


def _all_recorded(running: Recording, target: Loops, bursts: list[tuple[int, float]]) -> int:
    """How many calls there were in the bursts; ValueError if not each has a record."""
    (first_ns, first_call_ns), last_ns = bursts[0], bursts[-1][0]
    times = running.capture.records(PROBE)["ts_ns"]
    seen = int(((times >= first_ns - first_call_ns * target.calls) & (times <= last_ns)).sum())
    expected = len(bursts) * target.calls
    # The pause behind a burst arms a timer, too.
    if not expected <= seen <= expected + len(bursts):
        raise ValueError(f"{seen} records of {expected} calls")
    return expected
