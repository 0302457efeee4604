"""What an operator read and wrote, record by record, against its diary and the audit log."""

import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests import facts, fixtures
from tests.facts import Noted
from tests.system.conftest import Recorder, Recording

SECONDS = 6
METHODS = {
    "get": "GET", "list": "GET", "watch": "GET", "create": "POST", "update": "PUT",
    "patch": "PATCH", "delete": "DELETE",
}  # fmt: skip
# A request near an edge may be on either side of it.
EDGE_NS = 50_000_000
OPENAT, AWAITING = 257, (61, 247)  # wait4, waitid
FILES_OF_A_PASS = 1 + 3  # what is read; standard streams of what is run


@dataclass(frozen=True)
class Run:
    """A recording, what the operator noted within it, and the API server."""

    recording: Recording
    noted: Noted
    audit: list[dict[str, Any]]


@pytest.fixture(scope="module")
def run(cluster: fixtures.Cluster, record: Recorder) -> Run:
    with fixtures.operator("reading", cluster, period="1s") as operator:
        with record(operator.pid) as recording:
            time.sleep(SECONDS)
        audit = cluster.audit_log.read_text().splitlines()
    noted = Noted(recording.capture, operator.log)
    return Run(recording, noted, [json.loads(line) for line in audit])


def test_nothing_is_lost_and_each_pass_is_there(run: Run) -> None:
    run.recording.assert_nothing_lost()
    capture = run.recording.capture
    assert capture.metadata["missing"] == []
    assert set(capture.records("reconcile_start")["goid"].tolist()) == run.noted.goids
    assert len(run.noted.goids) == 1
    assert len(run.noted.passes) >= 3 * (SECONDS - 2)


def test_each_cached_read_is_recorded_as_it_was(run: Run) -> None:
    """And what informers ask of their own stores is none."""
    run.noted.assert_reads()
    assert len(run.recording.capture.records("watch_event")) >= len(run.noted.passes)


def test_an_unchanged_object_stays_where_it_is(run: Run) -> None:
    """Equal versions mean equal pointers; other versions other ones, unless memory was reused."""
    noted, collections = run.noted, run.recording.capture.records("gc_start")["ts_ns"]
    last: dict[Any, tuple[int, int, list[str]]] = {}
    changes = 0
    for row, fact in zip(noted.rows("cache_read"), noted.facts("cache"), strict=True):
        question = (int(row["reader"]), fact.list, fact.namespace, fact.name, len(fact.versions))
        ts_ns, pointers, versions = int(row["ts_ns"]), int(row["pointers"]), sorted(fact.versions)
        before_ns, before_pointers, before = last.get(question, (0, 0, versions))
        last[question] = ts_ns, pointers, versions
        if before_ns and versions == before:
            assert pointers == before_pointers, question
        elif before_ns and not ((collections > before_ns) & (collections < ts_ns)).any():
            assert pointers != before_pointers, question
            changes += 1
    assert changes >= len(noted.passes) / 2


def test_each_request_and_its_status_are_recorded(run: Run) -> None:
    run.noted.assert_requests()


def test_each_answer_is_recorded_as_it_was_decoded(run: Run) -> None:
    run.noted.assert_answers()


def test_requests_are_those_of_the_audit_log(run: Run) -> None:
    """Also those of other goroutines: the leader's renewals."""
    first, last = run.noted.span
    wall_ns = time.time_ns() - time.monotonic_ns()

    def counted(ts_ns: int, path: str) -> bool:
        near = min(abs(ts_ns - first), abs(ts_ns - last)) < EDGE_NS
        return first <= ts_ns <= last and not (near and "/leases/" in path)

    audited: Counter[Any] = Counter()
    for entry in run.audit:
        received = datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp()
        path = urlsplit(entry["requestURI"]).path
        own = entry["userAgent"].startswith("reading/") and entry["stage"] == "ResponseComplete"
        if own and counted(round(received * 1e9) - wall_ns, path):
            audited[METHODS[entry["verb"]], path, entry["responseStatus"]["code"]] += 1
    seen: Counter[Any] = Counter()
    capture = run.recording.capture
    answers = capture.records("http_response")
    for row in capture.records("http_request"):
        request = facts.request_of(capture, row)
        if counted(int(row["ts_ns"]), request["path"]) and request["path"] != "/healthz":
            after = answers[(answers["goid"] == row["goid"]) & (answers["ts_ns"] > row["ts_ns"])]
            seen[request["http_method"], request["path"], int(after["status"][0])] += 1
    assert seen == audited
    assert any("/leases/" in path for _, path, _ in seen)


def test_stacks_say_who_asks(run: Run) -> None:
    callers = {
        "cache": {"main.(*Reader).readCached", "main.(*Reader).readListers"},
        "api": {"main.(*Reader).readLive", "main.(*Reader).write"},
        "http": {"main.(*Reader).askOthers"},
    }
    for record, whats in (("cache_read", ("cache",)), ("http_request", ("api", "http"))):
        for row, fact in zip(run.noted.rows(record), run.noted.facts(*whats), strict=True):
            names = facts.functions(run.recording.capture, row)
            assert callers[fact.what] & set(names), names
            of_the_api = any(name.startswith("k8s.io/client-go/rest.(*Request)") for name in names)
            assert of_the_api == (fact.what == "api"), names


def test_files_and_children_are_seen(run: Run) -> None:
    (first, last), rows = run.noted.span, run.recording.capture.records("syscall")
    calls = rows[(rows["ts_ns"] >= first) & (rows["ts_ns"] <= last)]
    calls = calls[np.isin(calls["goid"], list(run.noted.goids))]
    assert (calls["number"] == OPENAT).sum() == FILES_OF_A_PASS * len(run.noted.passes)
    assert np.isin(calls["number"], AWAITING).sum() == len(run.noted.passes)
