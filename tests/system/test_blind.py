"""Operators that nobody has seen: whowoke gets a pid, the truth is opened after the verdict.

Names, lines, period and mechanism come from a seed. WHOWOKE_SEED repeats a run. `make accuracy`
draws more of them.
"""

import os
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import blind, fixtures
from tests.accuracy import blind_sources, session
from tests.system.conftest import Edge, Recorder, Recording, quiet_edge

PERIODS = 21
SEED = int(os.environ.get("WHOWOKE_SEED") or random.SystemRandom().randrange(10**6))
EXPECTED = {
    "requeue": ("requeue", "requeue.after", "returned"),
    "resync": ("client-go", "informer.resync", ""),
    "ticker": ("operator", "operator.ticker", "waiting"),
}
# The same names once with each mechanism.
CASES = [(SEED, mechanism) for mechanism in EXPECTED]
# Mechanisms are drawn from these seeds.
DRAWN = range(SEED + 1, SEED + 6)


@dataclass(frozen=True)
class Case:
    truth: blind.Truth
    recording: Recording
    first: Edge
    last: Edge


@pytest.fixture(scope="module")
def cases(
    cluster: fixtures.Cluster, tmp_path_factory: pytest.TempPathFactory, record: Recorder
) -> list[Case]:
    """All cases at the same time: each is recorded for at least 20 of its periods."""
    print(f"seed {SEED}")
    below = tmp_path_factory.mktemp("blind")
    truths = [blind.generate(seed, mechanism, below=below) for seed, mechanism in CASES]
    with ExitStack() as stack:
        operators = [
            stack.enter_context(
                fixtures.operator(
                    truth.binary,
                    cluster,
                    objects=len(truth.objects),
                    namespace=f"blind-{index}",
                )
            )
            for index, truth in enumerate(truths)
        ]
        recordings = [stack.enter_context(record(op.pid)) for op in operators]
        firsts = [quiet_edge(op.metrics_url) for op in operators]
        time.sleep(PERIODS * max(truth.period_ns for truth in truths) * 1.1 / 1e9)
        lasts = [quiet_edge(op.metrics_url) for op in operators]
        return [Case(*parts) for parts in zip(truths, recordings, firsts, lasts, strict=True)]


@pytest.mark.parametrize("index", range(len(CASES)))
def test_every_reconcile_has_its_cause(cases: list[Case], index: int) -> None:
    case = cases[index]
    truth, recording = case.truth, case.recording
    print(f"seed {truth.seed}: {truth.mechanism}, {truth.style}")
    recording.assert_nothing_lost()
    _, cause, _ = EXPECTED[truth.mechanism]
    reconciles = recording.tables["reconciles"]
    within = reconciles[
        (reconciles.end_ns >= case.first.ts_ns) & (reconciles.end_ns < case.last.ts_ns)
    ]
    name = "controller_runtime_reconcile_total"
    assert len(within) == case.last.count(name) - case.first.count(name), "none missed or invented"
    assert set(reconciles.name) == set(truth.objects)
    assert set(reconciles.controller) == {truth.controller}
    unjudged = reconciles[reconciles.causes == "unknown"]
    assert (unjudged.groupby("name").size() <= 1).all(), "one add before the attach per object"
    judged = reconciles[reconciles.causes != "unknown"]
    assert set(judged.causes) == {cause}
    assert (judged.groupby("name").size() >= PERIODS - 2).all()
    print(f"{len(judged)} reconciles judged, {len(unjudged)} added before the attach")


@pytest.mark.parametrize("index", range(len(CASES)))
def test_the_verdict_names_mechanism_function_line_and_period(
    cases: list[Case], index: int
) -> None:
    truth, recording = cases[index].truth, cases[index].recording
    print(f"seed {truth.seed}: {truth.mechanism}, {truth.style}")
    origin, cause, location_kind = EXPECTED[truth.mechanism]
    verdict = next(
        row for row in recording.explain(truth.period_ns).json()["causes"] if row["reconciles"]
    )
    assert (verdict["origin"], verdict["cause"]) == (origin, cause)
    assert verdict["controller"] == truth.controller
    assert abs(verdict["median_gap_ns"] / truth.period_ns - 1) < 0.12
    if truth.mechanism == "resync":
        assert verdict["function"] == "k8s.io/client-go/tools/cache.(*Reflector).startResync"
        return
    assert verdict["location_kind"] == location_kind
    assert verdict["function"] == truth.function
    assert verdict["location"] in truth.lines["asks" if truth.mechanism == "requeue" else "waits"]


def test_every_wakeup_of_a_drawn_mechanism_is_named(
    cluster: fixtures.Cluster, tmp_path: Path
) -> None:
    """Wake-up by wake-up and reconcile by reconcile, against the operator's own diary."""
    print(f"seeds {DRAWN}")
    truths = [blind.generate(seed, below=tmp_path / "sources") for seed in DRAWN]
    sources = [blind_sources.source(truth) for truth in truths]
    session.record(sources, cluster, tmp_path, len(sources))
    for source in sources:
        tally = session.verdict(source, tmp_path / source.name)
        print(f"{source.name}: {tally.right} of {tally.judged} are right")
        assert tally.right == tally.judged >= 10, (source.name, tally.said)
