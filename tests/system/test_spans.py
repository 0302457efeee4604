"""Logs of real operators, followed or read later: each reconcile gets the id that its log has."""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from tests import fixtures
from tests.system.conftest import Edge, Recorder, quiet_edge
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.durations import parse_duration
from whowoke.analysis.output.outputs import analyse

LOGGING = ("--zap-devel=false", "--zap-encoder=json", "--zap-log-level=5")
PRECISE = (*LOGGING, "--zap-time-encoding=rfc3339nano")
PERIODS = 5
AFTER = "Reconcile done, requeueing after "
RESULTS = {
    "Reconcile successful": "success",
    "Reconciler error": "error",
    "Reconcile done, requeueing": "requeue",
}
KEY = ["controller", "namespace", "name", "result", "requeue_after_ns"]


@dataclass
class Logged:
    """A reconcile as its log tells it; times in ns of CLOCK_MONOTONIC."""

    start_ns: int
    key: tuple[str, str, str, str, int]


def logged(log: Path) -> dict[str, Logged]:
    """What the log says, by reconcileID, in the order of the log."""
    offset_ns = time.time_ns() - time.monotonic_ns()
    found: dict[str, Logged] = {}
    starts: dict[str, int] = {}
    for line in log.read_text().splitlines():
        value = json.loads(line) if line.startswith("{") else {}
        if "reconcileID" not in value:
            continue
        said, name = value["msg"], value["reconcileID"]
        if said == "Reconciling":
            starts[name] = int(datetime.fromisoformat(value["ts"]).timestamp() * 1e9) - offset_ns
        elif said.startswith(AFTER) or said in RESULTS:
            result = RESULTS.get(said, "requeue_after")
            after_ns = parse_duration(said[len(AFTER) :]) if said.startswith(AFTER) else 0
            key = (value["controller"], value["namespace"], value["name"], result, after_ns)
            found[name] = Logged(starts[name], key)
    return found


def within(log: dict[str, Logged], first: Edge, last: Edge) -> dict[str, tuple]:
    return {i: one.key for i, one in log.items() if first.ts_ns <= one.start_ns < last.ts_ns}


def recorded(tables: dict[str, pd.DataFrame], first: Edge, last: Edge) -> pd.DataFrame:
    table = tables["reconciles"]
    return table[table["start_ns"].between(first.ts_ns, last.ts_ns)]


def assert_equal(rows: pd.DataFrame, log: dict[str, Logged], first: Edge, last: Edge) -> None:
    expected = within(log, first, last)
    assert len(expected) == last.count(fixtures.COUNTERS[0]) - first.count(fixtures.COUNTERS[0])
    assert rows["log_reconcile_id"].notna().all()
    assert rows["log_reconcile_id"].is_unique
    joined = {
        row.log_reconcile_id: tuple(getattr(row, name) for name in KEY) for row in rows.itertuples()
    }
    assert joined == expected
    far = [abs(row.start_ns - log[row.log_reconcile_id].start_ns) for row in rows.itertuples()]
    assert max(far) < 50_000_000


@pytest.fixture
def requeue(cluster: fixtures.Cluster) -> Iterator[fixtures.Operator]:
    with fixtures.operator(
        "requeue", cluster, period="1500ms", namespace="spans", arguments=PRECISE
    ) as running:
        yield running


def test_a_followed_log_names_each_reconcile(requeue: fixtures.Operator, record: Recorder) -> None:
    with record(requeue.pid, "--spans", str(requeue.log)) as running:
        first = quiet_edge(requeue.metrics_url)
        time.sleep(1.5 * PERIODS)
        last = quiet_edge(requeue.metrics_url)
    log = logged(requeue.log)
    rows = recorded(running.tables, first, last)
    assert len(rows) >= 3 * (PERIODS - 1)
    assert_equal(rows, log, first, last)
    (said,) = running.capture.metadata["log_files"]
    assert 0 < said["kept"] <= said["lines"]
    running.assert_nothing_lost()


def test_a_log_and_a_trace_that_are_given_later(
    requeue: fixtures.Operator, record: Recorder, tmp_path: Path, whowoke: Sequence[str]
) -> None:
    with record(requeue.pid) as running:
        first = quiet_edge(requeue.metrics_url)
        time.sleep(1.5 * PERIODS)
        last = quiet_edge(requeue.metrics_url)
    log = logged(requeue.log)
    assert recorded(running.tables, first, last)["log_reconcile_id"].isna().all()
    trace = tmp_path / "trace.jsonl"
    trace.write_text(_as_spans(log, requeue.pid))
    for file in (requeue.log, trace):
        capture = Capture.open(running.path)
        capture.log_files = [file]
        assert_equal(recorded(analyse(capture), first, last), log, first, last)
    argv = [*whowoke, "explain", str(running.path), "--spans", str(requeue.log)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "reconciles joined" in done.stderr


def test_reconciles_that_follow_each_other_within_milliseconds(
    cluster: fixtures.Cluster, record: Recorder
) -> None:
    """A rate limiter's delays are far shorter than the tolerance of the join."""
    with fixtures.operator(
        "backoff", cluster, period="20ms", namespace="spans-close", arguments=PRECISE
    ) as running:
        with record(running.pid, "--spans", str(running.log)) as recording:
            time.sleep(3)
        log = logged(running.log)
    rows = recording.tables["reconciles"]
    rows = rows[rows["end_ns"].notna()]
    assert len(rows) > 200
    ids = rows["log_reconcile_id"].tolist()
    assert [log[i].key for i in ids] == list(rows[KEY].itertuples(index=False, name=None))
    for name, of_one in rows.groupby("name"):
        in_log = [i for i, one in log.items() if one.key[2] == name]
        joined = of_one["log_reconcile_id"].tolist()
        first = in_log.index(joined[0])
        assert joined == in_log[first : first + len(joined)]
        # Not all by one too early or too late.
        far = [abs(a - log[i].start_ns) for a, i in zip(of_one["start_ns"], joined, strict=True)]
        assert sorted(far)[len(far) // 2] < 5_000_000


def _as_spans(log: dict[str, Logged], pid: int) -> str:
    """The log's reconciles as OTLP/JSON, with another process's beside them."""
    offset_ns = time.time_ns() - time.monotonic_ns()
    lines = []
    for number, (name, one) in enumerate(log.items()):
        texts = dict(zip(("controller", "k8s.namespace.name", "name"), one.key, strict=False))
        texts["reconcile.id"] = name
        for owner in (pid, pid + 1):
            span = {
                "traceId": f"{number:032x}",
                "spanId": f"{number:016x}",
                "name": "Reconcile",
                "startTimeUnixNano": str(one.start_ns + offset_ns + 50_000),
                "endTimeUnixNano": str(one.start_ns + offset_ns + 60_000),
                "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in texts.items()],
            }
            resource = {"attributes": [{"key": "process.pid", "value": {"intValue": str(owner)}}]}
            scopes = [{"spans": [span]}]
            lines.append(
                json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]})
            )
    return "\n".join(lines)
