"""Each supported version of controller-runtime and client-go: counts, causes and lines.

Operators of all mechanisms run at the same time; what they say of themselves is the truth.
WHOWOKE_VERSIONS chooses builds as in test_go_versions.py.
"""

import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from tests import facts, fixtures, versions
from tests.facts import Noted
from tests.recording import Recording
from tests.system.conftest import Edge, Recorder, quiet_edge

PERIOD_S = 1.5
PERIODS = 8
RESULTS = ("success", "error", "requeue", "requeue_after")
CAUSE_OF_RESULT = {
    "error": "requeue.error",
    "requeue": "requeue.rate_limited",
    "requeue_after": "requeue.after",
}


@dataclass(frozen=True)
class Mechanism:
    """Why objects are reconciled every period: causes, and where each of them is told to be."""

    name: str
    origin: str
    causes: dict[str, tuple[str, str]]
    toucher: bool = False


MECHANISMS = {
    mechanism.name: mechanism
    for mechanism in (
        Mechanism("requeue", "requeue", {"requeue.after": ("returned", "asks")}),
        Mechanism(
            "mixed",
            "requeue",
            {
                "requeue.error": ("returned", "fails"),
                "requeue.rate_limited": ("returned", "repeats"),
                "requeue.after": ("returned", "asks"),
            },
        ),
        Mechanism("reads", "requeue", {"requeue.after": ("returned", "asks")}),
        Mechanism("resync", "client-go", {"informer.resync": ("", "")}),
        Mechanism("ticker", "operator", {"operator.ticker": ("waiting", "waits")}),
        Mechanism("watch", "api-event", {"watch.event": ("", "")}, toucher=True),
    )
}


@dataclass(frozen=True)
class Watched:
    """What was recorded of an operator, between two moments at which its counters stood still."""

    recording: Recording
    log: Path
    first: Edge
    last: Edge

    def rows(self, table: str, column: str) -> pd.DataFrame:
        frame = self.recording.tables[table]
        return frame[(frame[column] >= self.first.ts_ns) & (frame[column] < self.last.ts_ns)]

    def counted(self, name: str, **labels: str) -> int:
        return self.last.count(name, **labels) - self.first.count(name, **labels)


@pytest.fixture(scope="module")
def watched(cluster: fixtures.Cluster, record: Recorder) -> Callable[[str], dict[str, Watched]]:
    """All mechanisms of a build at the same time."""

    @cache
    def run(name: str) -> dict[str, Watched]:
        with ExitStack() as stack:
            operators = [start(name, each, cluster, stack) for each in MECHANISMS.values()]
            recordings = [stack.enter_context(record(operator.pid)) for operator in operators]
            firsts = [quiet_edge(operator.metrics_url) for operator in operators]
            time.sleep(PERIODS * PERIOD_S)
            lasts = [quiet_edge(operator.metrics_url) for operator in operators]
        logs = [operator.log for operator in operators]
        found = zip(MECHANISMS, recordings, logs, firsts, lasts, strict=True)
        return {mechanism: Watched(*parts) for mechanism, *parts in found}

    return run


def start(
    name: str, mechanism: Mechanism, cluster: fixtures.Cluster, stack: ExitStack
) -> fixtures.Operator:
    """An operator, and whoever changes its objects."""
    operator = stack.enter_context(
        fixtures.operator(
            versions.by_name(name).binary,
            cluster,
            period=f"{PERIOD_S}s",
            namespace=f"{name}-{mechanism.name}".replace(".", "-"),
            arguments=[f"--mechanism={mechanism.name}"],
        )
    )
    if mechanism.toucher:
        argv = [fixtures.program_path("toucher"), f"--kubeconfig={cluster.kubeconfig}"]
        argv += [f"--namespace={operator.namespace}", f"--period={PERIOD_S}s"]
        stack.enter_context(fixtures.running_program(argv, operator.log.with_suffix(".toucher")))
    return operator


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("name", versions.chosen("operator"))
def test_a_controller_runtime_counts_as_the_operator_does(
    name: str, mechanism: str, watched: Callable[[str], dict[str, Watched]]
) -> None:
    run = watched(name)[mechanism]
    run.recording.assert_nothing_lost()
    assert run.recording.capture.metadata["missing"] == []
    reconciles = run.rows("reconciles", "end_ns")
    for result in RESULTS:
        counted = run.counted("controller_runtime_reconcile_total", result=result)
        assert (reconciles.result == result).sum() == counted, result
    queue = run.rows("queue", "ts_ns")
    assert (queue.operation == "ready").sum() == run.counted("workqueue_adds_total")
    assert len(reconciles) >= 3 * (PERIODS - 2)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("name", versions.chosen("operator"))
def test_a_controller_runtime_has_its_causes_and_lines(
    name: str, mechanism: str, watched: Callable[[str], dict[str, Watched]]
) -> None:
    recording, expected = watched(name)[mechanism].recording, MECHANISMS[mechanism]
    assert_causes("operator", recording, expected)


def assert_causes(template: str, recording: Recording, expected: Mechanism) -> None:
    reconciles = recording.tables["reconciles"]
    unjudged = reconciles[reconciles.causes == "unknown"]
    assert (unjudged.groupby("name").size() <= 1).all(), "one add before the attach per object"
    assert set(reconciles[reconciles.causes != "unknown"].causes) == set(expected.causes)
    rows = {row["cause"]: row for row in recording.explain().json()["causes"] if row["reconciles"]}
    for cause, (location_kind, mark) in expected.causes.items():
        assert rows[cause]["origin"] == expected.origin
        if mark:
            assert rows[cause]["location_kind"] == location_kind
            assert rows[cause]["location"].endswith(f"/{template_line(template, mark)}"), cause
    if len(expected.causes) == 1:
        gap_ns = next(iter(rows[cause]["median_gap_ns"] for cause in expected.causes))
        assert abs(gap_ns / PERIOD_S / 1e9 - 1) < 0.12


@pytest.mark.parametrize("name", versions.chosen("operator"))
def test_each_result_is_the_cause_of_the_next_reconcile(
    name: str, watched: Callable[[str], dict[str, Watched]]
) -> None:
    reconciles = watched(name)["mixed"].recording.tables["reconciles"].sort_values("start_ns")
    for _, own in reconciles.groupby("name"):
        results = own.result.tolist()[:-1]
        assert [CAUSE_OF_RESULT[result] for result in results] == own.causes.tolist()[1:]


@pytest.mark.parametrize("name", versions.chosen("operator"))
def test_informers_watches_and_requests_are_seen(
    name: str, watched: Callable[[str], dict[str, Watched]]
) -> None:
    runs = watched(name)
    capture = runs["resync"].recording.capture
    for row in capture.records("resync_arm"):
        assert capture.strings[int(row["type_name"])] == "*v1.ConfigMap"
        assert abs(int(row["period_ns"]) / PERIOD_S / 1e9 - 1) < 0.12
    capture = runs["watch"].recording.capture
    events = capture.records("watch_event")[["event_type", "object_type", "object_name"]]
    seen = {tuple(map(capture.strings.get, row)) for row in events.tolist()}
    assert seen == {("MODIFIED", "*v1.ConfigMap", f"stock-{index}") for index in range(3)}
    served = capture.records("http_serve")[["http_method", "path"]]
    assert {tuple(map(capture.strings.get, row)) for row in served.tolist()} == {
        ("GET", "/metrics")
    }
    assert len(capture.records("http_handler")) == len(served)
    for mechanism in ("resync", "watch"):
        # What informers ask of their own stores isn't recorded.
        capture = runs[mechanism].recording.capture
        reconciling = set(capture.records("reconcile_start")["goid"].tolist())
        assert set(capture.records("cache_read")["goid"].tolist()) == reconciling


@pytest.mark.parametrize("name", versions.chosen("operator"))
def test_what_is_read_and_written_is_recorded_as_it_was(
    name: str, watched: Callable[[str], dict[str, Watched]]
) -> None:
    run = watched(name)["reads"]
    assert_noted(Noted(run.recording.capture, run.log))


def assert_noted(noted: Noted) -> None:
    assert len(noted.passes) >= 3 * (PERIODS - 2)
    noted.assert_reads()
    noted.assert_requests()
    noted.assert_answers()
    for record, asker in (("cache_read", "main."), ("http_request", "main.(*Reads).all")):
        for row in noted.rows(record):
            names = facts.functions(noted.capture, row)
            assert any(name.startswith(asker) for name in names), names
            of_the_api = any(name.startswith("k8s.io/client-go/rest.(*Request)") for name in names)
            assert of_the_api == (record == "http_request"), names


def template_line(template: str, mark: str) -> str:
    """File and line of a template that has a mark."""
    for path in sorted((versions.TEMPLATES / template).glob("*.go")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.endswith(f"//@{mark}"):
                return f"{path.name}:{number}"
    raise fixtures.FixtureError(f"no line of {template} is marked {mark}")


# --- without controller-runtime -------------------------------------------------------------------

PLAIN_MECHANISMS = {
    "requeue": Mechanism("requeue", "requeue", {"requeue.after": ("armed", "asks")}),
    "error": Mechanism("error", "requeue", {"requeue.rate_limited": ("armed", "retries")}),
    "reads": Mechanism("reads", "requeue", {"requeue.after": ("armed", "asks")}),
    "resync": MECHANISMS["resync"],
    "ticker": MECHANISMS["ticker"],
}


@pytest.fixture(scope="module")
def controllers(
    cluster: fixtures.Cluster, record: Recorder
) -> Callable[[str], dict[str, tuple[Recording, Path]]]:
    """All mechanisms of a build without controller-runtime at the same time: capture and diary."""

    @cache
    def run(name: str) -> dict[str, tuple[Recording, Path]]:
        with ExitStack() as stack:
            operators = [
                stack.enter_context(
                    fixtures.operator(
                        versions.by_name(name).binary,
                        cluster,
                        period=f"{PERIOD_S}s",
                        namespace=f"{name}-{mechanism}".replace(".", "-"),
                        objects=0,
                        arguments=[f"--mechanism={mechanism}"],
                    )
                )
                for mechanism in PLAIN_MECHANISMS
            ]
            recordings = [stack.enter_context(record(operator.pid)) for operator in operators]
            time.sleep(PERIODS * PERIOD_S)
        logs = [operator.log for operator in operators]
        return dict(zip(PLAIN_MECHANISMS, zip(recordings, logs, strict=True), strict=True))

    return run


@pytest.mark.parametrize("mechanism", PLAIN_MECHANISMS)
@pytest.mark.parametrize("name", versions.chosen("clientgo"))
def test_a_plain_controller_has_its_reconciles_causes_and_lines(
    name: str, mechanism: str, controllers: Callable[[str], dict[str, tuple[Recording, Path]]]
) -> None:
    recording, log = controllers(name)[mechanism]
    expected = PLAIN_MECHANISMS[mechanism]
    recording.assert_nothing_lost()
    reconciles = recording.tables["reconciles"]
    reconciles = reconciles[reconciles.end_ns.notna()]
    notes = [
        (int(ns), f"{name}-{mechanism}/{item}".replace(".", "-"))
        for ns, item in re.findall(r"^@ (\d+) reconcile (.*)$", log.read_text(), re.MULTILINE)
    ]
    spans = sorted(zip(reconciles.start_ns, reconciles.end_ns, reconciles.name, strict=True))
    # The first may have begun before the recording, the last ended after it.
    inside = [note for note in notes if spans[0][0] <= note[0] <= spans[-1][1]]
    assert len(inside) == len(spans) >= 3 * (PERIODS - 2)
    for (start_ns, end_ns, item), (ns, noted) in zip(spans, inside, strict=True):
        assert start_ns <= ns <= end_ns
        assert item == noted
    assert set(reconciles.controller) == {"main.(*Controller).processNextWorkItem"}
    assert_causes("clientgo", recording, expected)


@pytest.mark.parametrize("name", versions.chosen("clientgo"))
def test_what_a_plain_controller_reads_and_writes_is_recorded_as_it_was(
    name: str, controllers: Callable[[str], dict[str, tuple[Recording, Path]]]
) -> None:
    recording, log = controllers(name)["reads"]
    assert_noted(Noted(recording.capture, log))
