"""Requests from outside: every wake-up of a connection is about what it served."""

import pytest

from tests.unit.go_stacks import (
    CR,
    IN_ACCEPT,
    IN_CONN,
    IN_FRAMES,
    IN_H2_SERVE,
)
from tests.unit.scenes import told, wakeups
from tests.unit.synthetic import ADDER, Synthetic
from whowoke.analysis.output.outputs import analyse

POLL = "internal/poll.runtime_pollWait"
HEALTHZ = f"{CR}/healthz.(*Handler).ServeHTTP"
PROMHTTP = "github.com/prometheus/client_golang/prometheus/promhttp.HandlerForTransactional.func1"
WEBHOOK = f"{CR}/webhook/admission.(*Webhook).ServeHTTP"


@pytest.mark.parametrize(
    ("path", "handler", "cause"),
    [
        ("/healthz", HEALTHZ, "http.probe"),
        ("/alive", HEALTHZ, "http.probe"),
        ("/readyz", "", "http.probe"),
        ("/readyz/ping", "", "http.probe"),
        ("/prometheus", PROMHTTP, "http.metrics"),
        ("/metrics", "", "http.metrics"),
        ("/hook", WEBHOOK, "http.webhook"),
        ("/validate-apps-v1", "", "http.webhook"),
        ("/convert", "", "http.webhook"),
        ("/debug/pprof", "", "http.other"),
        ("/metricsx", "", "http.other"),
    ],
)
def test_a_request_is_known_by_its_handler_then_by_its_path(path, handler, cause):
    c = Synthetic()
    c.at(5).descriptor(30, IN_CONN)
    c.serve(30, path, handler)
    assert told(c) == [(cause, path)]
    assert wakeups(c)["origin"][0] == "inbound"


def test_all_wakeups_of_a_connection_are_about_what_it_served():
    c = Synthetic()
    c.at(5).descriptor(20, IN_ACCEPT)
    c.new(20, 30)
    c.at(6).descriptor(30, IN_CONN)
    c.serve(30, "/metrics")
    c.at(9).descriptor(30, IN_CONN)
    c.at(10).fire(30, IN_CONN, callback="runtime.netpollReadDeadline")
    assert told(c) == [("http.metrics", "/metrics")] * 4


def test_a_connection_serves_one_request_after_the_other():
    c = Synthetic()
    for ms, path in ((5, "/healthz"), (6, "/metrics"), (7, "/other")):
        c.at(ms).descriptor(30, IN_CONN)
        c.serve(30, path)
    assert [subject for _, subject in told(c)] == ["/healthz", "/metrics", "/other"]


def test_http2_requests_have_goroutines_of_their_own():
    c = Synthetic()
    for ms, handler in ((5, 33), (6, 34)):
        c.at(ms).descriptor(31, IN_FRAMES)
        c.ready(31, 32, IN_H2_SERVE)
        c.new(32, handler)
        c.serve(handler, "/validate", WEBHOOK)
    c.at(7).descriptor(31, IN_FRAMES)
    c.ready(31, 32, IN_H2_SERVE)
    assert told(c) == [("http.webhook", "/validate")] * 3


def test_a_reader_behind_a_handler_belongs_to_its_request():
    c = Synthetic()
    c.at(5).descriptor(30, IN_CONN)
    c.serve(30, "/metrics")
    c.new(30, 35)
    c.at(6).descriptor(35, (POLL, "net/http.(*connReader).backgroundRead"))
    assert told(c) == [("http.metrics", "/metrics")] * 2


def test_a_connection_that_serves_nothing_is_some_other_request():
    c = Synthetic()
    c.at(5).descriptor(20, IN_ACCEPT)
    assert told(c) == [("http.other", "")]


def test_a_reconcile_that_a_request_asked_for_has_its_cause():
    c = Synthetic()
    c.at(5).descriptor(30, IN_CONN)
    c.serve(30, "/hook", WEBHOOK)
    c.add(30, "a", (f"{CR}/controller/priorityqueue.X",))
    c.item_ready(ADDER, "a")
    c.reconcile("a")
    row = analyse(c)["reconciles"].iloc[0]
    assert (row["causes"], row["subjects"]) == ("http.webhook", "/hook")
