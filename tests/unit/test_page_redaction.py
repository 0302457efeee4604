"""A report with --redact has none of the names that the capture has."""

import json
from pathlib import Path

import pytest

from tests.unit.commands import invoke
from tests.unit.named import named
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.model import Analysis
from whowoke.analysis.page import report
from whowoke.analysis.page.redaction import Pseudonyms, Redacted

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
NAMES = ("payments-prod", "zebra-cluster", "zebra-cluster-db", "giraffe", "tenant-4711")
HOSTS = ("db.payments-prod.svc", "10.77.88.99", "fe80:dead::1")


def test_nothing_of_the_names_is_left_anywhere():
    plain = report.make(named()).text
    found = [name for name in (*NAMES, *HOSTS) if name in plain]
    assert {*NAMES, *HOSTS[:2]} <= set(found), "the scene shows what is to be hidden"
    made = report.make(named(), redact=True)
    assert [name for name in (*NAMES, *HOSTS) if name in made.text] == []
    assert made.left == []


@pytest.mark.parametrize("name", ["requeue", "resync", "ticker"])
def test_a_real_capture_with_other_names(name):
    capture = Capture.open(GOLDEN / f"{name}.whowoke")
    known = Redacted(capture).names.of
    assert len(known) >= 3
    secret = {original: f"okapi{number}-Q" for number, original in enumerate(known)}
    capture = Capture.open(GOLDEN / f"{name}.whowoke")
    capture.strings = {k: secret.get(text, text) for k, text in capture.strings.items()}
    made = report.make(capture, redact=True)
    assert "okapi" not in made.text
    assert "namespace-1" in made.text


def test_the_same_name_has_the_same_pseudonym_in_every_table():
    redacted = Redacted(named())
    analysis = Analysis(redacted)
    assert set(analysis.requests["namespace"].dropna()) <= {"namespace-1"}
    names = [redacted.strings[r.key[2]] for r in analysis.operations.reconciles]
    assert len(set(names)) == 2
    assert set(names) == {redacted.names.of[n] for n in ("zebra-cluster", "zebra-cluster-db")}


def test_the_verdict_is_the_same_but_for_names():
    def counts(capture):
        analysis = Analysis(capture)
        causes = analysis.causes[["cause", "wakeups", "reconciles", "redundant_reconciles"]]
        checks = analysis.checks.table[["kind", "reads", "same", "event"]]
        told = [verdict for verdict, _ in analysis.redundancy]
        return causes.to_dict("list"), checks.to_dict("list"), told

    assert counts(Redacted(named())) == counts(named())


def test_logs_are_still_joined(tmp_path):
    c = named()
    log = tmp_path / "op.log"
    line = {"msg": "Reconciling", "controller": "web", "namespace": "payments-prod"}
    line |= {"name": "zebra-cluster", "reconcileID": "11111111-2222", "ts": 1_700_000_000.0105}
    log.write_text(json.dumps(line) + "\n")
    c.log_files = [log]
    c.metadata["clocks"] = [[c.metadata["clock_monotonic_ns"], 1_700_000_000 * 10**9]]
    plain = [r.log_id for r in Analysis(c).operations.reconciles]
    redacted = Redacted(c)
    assert [r.log_id for r in Analysis(redacted).operations.reconciles] == plain
    redacted.close()
    assert not redacted.log_files[0].exists()


def test_paths_keep_what_names_no_object():
    names = Pseudonyms()
    known = ["/metrics", "/validate*"]
    path = "/apis/apps/v1/namespaces/shop/deployments/web/status"
    assert (
        names.path(path, known)
        == "/apis/apps/v1/namespaces/namespace-1/deployments/object-1/status"
    )
    for kept in ("/", "/metrics", "/metrics/cadvisor", "/validate-pod", "/api", "/apis/apps/v1"):
        assert names.path(kept, known) == kept
    assert names.path("/orders/7", known) == "/path-1"
    assert names.path("/metricsx", known) == "/path-2"
    assert names.name("host", "web:80") == "object-1:80"


def test_a_name_that_is_a_word_of_the_page_stays_and_is_told(tmp_path):
    done = invoke("report", GOLDEN / "requeue.whowoke", "-o", tmp_path / "r.html", "--redact")
    assert done.exit_code == 0
    told = done.stderr.splitlines()[-1]
    assert told.startswith("not replaced, for the page has these words of its own: ")
    assert "requeue" in told
