"""Runs operators of the truth table side by side and records each; keeps what really happened.

A folder of build/accuracy has capture.whowoke, and beside it what `verdict` needs to judge it again
after a rule has changed: facts.json, operator.log (the diary) and audit.log.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import pandas as pd

from tests import fixtures
from tests.accuracy import actors, diary, judge, queue
from tests.accuracy.judge import Lines, Moment, Tally
from tests.accuracy.truth import Source, Wakes
from tests.recording import Recording, quiet_edge, recording
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.output.outputs import analyse

SETTLE_S = 0.5
LONG_S = 60
# Reconciles that begin later than this before the end may still run then.
TAIL_NS = 400_000_000


@dataclass
class Facts:
    """What the files don't tell: times are CLOCK_MONOTONIC."""

    namespace: str
    start_ns: int
    wall_ns: int = 0
    window: Moment = (0, 0)
    moments: list[Moment] = field(default_factory=list)
    peer: str = ""
    reconciles: int = 0
    attached_ns: int = 0


@dataclass
class Run:
    """One operator while it is recorded."""

    source: Source
    operator: fixtures.Operator
    actor: actors.Actor
    recording: Recording
    facts: Facts
    folder: Path
    stack: ExitStack

    def missing_s(self) -> float:
        """How long it has to be recorded still."""
        return self.source.duration_s - (time.monotonic_ns() - self.facts.window[0]) / 1e9


def record(
    sources: Sequence[Source], cluster: fixtures.Cluster, folder: Path, at_once: int
) -> None:
    """Record so many at the same time, each for as long as it needs, below a folder.

    The long ones go on beside all the others. One that fails is told and has no facts.json.
    """
    short = [source for source in sources if source.duration_s <= LONG_S]
    with ExitStack() as stack:
        long_runs = _start_all(stack, [s for s in sources if s not in short], cluster, folder)
        for first in range(0, len(short), at_once):
            _finish(_start_all(stack, short[first : first + at_once], cluster, folder), cluster)
            over = [run for run in long_runs if run.missing_s() <= 0]
            long_runs = [run for run in long_runs if run not in over]
            _finish(over, cluster)
        _finish(long_runs, cluster)


def verdict(source: Source, folder: Path) -> Tally:
    """Open the truth about a recording and compare."""
    facts = Facts(**json.loads((folder / "facts.json").read_text()))
    capture = Capture.open(folder / "capture.whowoke")
    tables = analyse(capture)
    window = (facts.window[0], facts.window[1])
    notes = diary.read(folder / "operator.log")
    lines = Lines(dict(source.lines) or diary.marks(source.program))
    tally = Tally()
    for wakes in source.wakes:
        expected = replace(wakes, subject=wakes.subject.format(peer=facts.peer))
        if expected.at.startswith(("every", "about")):
            told = judge.counted(tables["wakeups"], expected, lines, window)
        else:
            moments = _moments(expected, facts, folder, notes)
            told = judge.wakeups(tables["wakeups"], expected, moments, lines, window)
        if not told.judged:
            told.add(judge.UNKNOWN, f"never provoked ({expected.cause}, {expected.at})")
        tally += told
    if source.reconciles:
        truths = _truths(source, notes, tables["reconciles"])
        tally += judge.reconciles(
            tables["reconciles"],
            truths,
            source,
            lines,
            (window[0], window[1] - TAIL_NS),
            facts.attached_ns,
        )
        if not source.diary:
            tally += judge.number(tables["reconciles"], facts.reconciles, window)
    for loss in capture.losses.groupby("kind")["count"].sum().items():
        tally.said["lost: {} {}".format(*loss)] += 1
    return tally


def _start_all(
    stack: ExitStack, sources: Sequence[Source], cluster: fixtures.Cluster, folder: Path
) -> list[Run]:
    if sources:
        print(f"recording {' '.join(source.name for source in sources)}", file=sys.stderr)
    runs = []
    for source in sources:
        own = stack.enter_context(ExitStack())
        try:
            runs.append(_start(own, source, cluster, folder / source.name))
        except (fixtures.FixtureError, AssertionError) as error:
            print(f"{source.name}: {error}", file=sys.stderr)
            own.close()
    return runs


def _start(stack: ExitStack, source: Source, cluster: fixtures.Cluster, folder: Path) -> Run:
    port = fixtures.free_ports(1)[0]
    namespace = f"accuracy-{source.name}".replace(".", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    actor = stack.enter_context(actors.peer(source))
    places = {"port": port, "folder": folder, "peer": actor.peer}
    arguments = [argument.format(**places) for argument in source.arguments]
    arguments += ["--classic"] if source.classic else []
    period = None if source.lines else f"{source.period_s}s"
    start = partial(fixtures.operator, period=period, namespace=namespace)
    if source.actor == "leader":
        ahead = start(source.program, cluster, log_name=f"{namespace}-leader")
        stack.enter_context(ahead)
    operator = stack.enter_context(
        start(
            source.binary or source.program,
            cluster,
            objects=source.objects,
            arguments=arguments,
            environment=dict(source.environment),
        )
    )
    warm_ns = time.monotonic_ns() + int(source.warm_up_s * 1e9)
    facts = Facts(namespace, diary.process_start_ns(operator.pid), peer=actor.peer)
    stack.enter_context(actors.provoke(source, actor, operator, cluster, port, folder))
    running = stack.enter_context(recording(operator.pid, folder / "capture.whowoke"))
    facts.attached_ns = time.monotonic_ns()
    facts.window = (max(warm_ns, time.monotonic_ns() + int(SETTLE_S * 1e9)), 0)
    if not source.diary:
        edge = quiet_edge(operator.metrics_url)
        facts.window, facts.reconciles = (edge.ts_ns, 0), -edge.count(fixtures.COUNTERS[0])
    return Run(source, operator, actor, running, facts, folder, stack)


def _finish(runs: Sequence[Run], cluster: fixtures.Cluster) -> None:
    """Wait until each has what it needs, end it and keep the facts."""
    for run in sorted(runs, key=Run.missing_s):
        time.sleep(max(0, run.missing_s()))
        run.facts.window = (run.facts.window[0], time.monotonic_ns())
        if not run.source.diary:
            edge = quiet_edge(run.operator.metrics_url)
            run.facts.window = (run.facts.window[0], edge.ts_ns)
            run.facts.reconciles += edge.count(fixtures.COUNTERS[0])
        try:
            run.stack.close()
        except AssertionError as error:
            print(f"{run.source.name}: {error}", file=sys.stderr)
            continue
        _keep(run, cluster, run.folder)


def _keep(run: Run, cluster: fixtures.Cluster, folder: Path) -> None:
    run.facts.wall_ns = time.time_ns() - time.monotonic_ns()
    run.facts.moments = run.actor.moments
    (folder / "facts.json").write_text(json.dumps(asdict(run.facts)))
    shutil.copy(run.operator.log, folder / "operator.log")
    about = f'"namespace":"{run.facts.namespace}"'
    requests = cluster.audit_log.read_text().splitlines(keepends=True)
    (folder / "audit.log").write_text("".join(line for line in requests if about in line))


def _moments(
    expected: Wakes, facts: Facts, folder: Path, notes: Sequence[diary.Note]
) -> list[Moment]:
    kind, *rest = expected.at.split()
    if kind == "actor":
        return [(first - judge.AFTER_NS, last + judge.NOTICED_NS) for first, last in facts.moments]
    if kind == "gctrace":
        forced = diary.collections(folder / "operator.log", facts.start_ns)
        return [(at - 200_000_000, at + 200_000_000) for at in forced]
    after_ns = judge.AFTER_NS
    if kind == "audit":
        verb, stage, resource, *said = rest
        found = diary.audited(folder / "audit.log", facts.wall_ns, verb, stage, resource)
        seen = [at for at, uri in found if all(text in uri for text in said)]
        if stage == "complete":
            after_ns = judge.BEFORE_NS
    else:
        seen = [note.ts_ns for note in notes if note.word == rest[0]]
    return [(at - judge.BEFORE_NS, at + after_ns) for at in seen]


def _truths(
    source: Source, notes: Sequence[diary.Note], reconciles: pd.DataFrame
) -> Iterator[queue.Truth]:
    if source.reconciles == "replay":
        return queue.replay(notes, source.classic)
    if source.diary:
        starts = [(note.ts_ns, note.about) for note in notes if note.word == "reconcile"]
    else:
        ordered = reconciles.sort_values("start_ns")
        starts = [(int(row[0]), str(row[1])) for row in ordered[["start_ns", "name"]].to_numpy()]
    return queue.constant(starts, source.reconciles)
