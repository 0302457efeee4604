"""The verdict in words and as data."""

import json

from tests.unit.go_stacks import (
    IN_LOG,
    IN_METRICS,
    IN_POLLER,
    IN_READ_LOOP,
    IN_RENEW,
    IN_ROUND_TRIP,
)
from tests.unit.scenes import due, ticked
from tests.unit.synthetic import MS, Synthetic
from tests.unit.test_threads import run
from whowoke.analysis.explain import explain


def mixed():
    """A ticker every 15 ms that reconciles, a metric every 5 ms, a renewal with its answer."""
    c = Synthetic()
    c.at(1).reconcile("a")
    for index in range(1, 6):
        ticked(c, 15 * index, "a")
        c.reconcile("a")
    for index in range(1, 16):
        c.at(5 * index + 2).fire(11, IN_METRICS, timer=2, period_ms=5)
    c.at(33).fire(10, IN_RENEW, timer=3)
    c.at(34).descriptor(50, IN_READ_LOOP)
    c.ready(50, 10, IN_ROUND_TRIP)
    c.at(40).fire(9, ("runtime.selectgo", "k8s.io/client-go/x.loop"), timer=6)
    run(c, 80, 81)
    return c


def test_losses_come_first():
    first = explain(mixed()).text().splitlines()[0]
    assert first.startswith("23 wake-ups, 0 lost")
    c = mixed()
    c.lost += [(1, "go", 2000), (2, "threads", 7)]
    first = explain(c).text().splitlines()[0]
    assert "2,007 lost (2,000 go, 7 threads): counts are lower bounds" in first


def test_the_share_of_unknown_heads_the_summary():
    lines = explain(mixed()).text().splitlines()
    assert lines[1].startswith("1 unknown (4.3%); 1 are answers")
    assert (
        lines[2] == "6 reconciles, 1 of them queued before the recording (at most one per object)"
    )


def test_reconciles_and_wakeups_are_apart():
    text = explain(mixed()).text()
    starts, _, wakes = text.partition("What wakes the process")
    assert "operator.ticker" in starts
    assert "operator.ticker" not in wakes
    assert "workqueue.metrics" in wakes
    assert "workqueue.metrics" not in starts
    assert "every 15 ms" in starts
    assert "every 5 ms" in wakes
    assert "main.(*poller).Start at main.go:1" in starts
    assert "controller web" in starts


def test_carriers_are_only_counted():
    last = explain(mixed()).text().splitlines()[-1]
    assert last.startswith("1 thread wake-up in 1 episode; 1 only carried")


def test_it_is_one_screen():
    lines = explain(mixed()).text().splitlines()
    assert len(lines) < 40
    assert max(len(line) for line in lines) < 160


def test_json_has_what_programs_need():
    data = explain(mixed()).json()
    json.dumps(data)
    assert (data["lost"], data["wakeups"], data["unknown"], data["continuations"]) == (0, 23, 1, 1)
    assert data["target"]["go_version"] == "go1.26.8"
    first = data["causes"][0]
    assert (first["origin"], first["cause"]) == ("operator", "operator.ticker")
    assert (first["wakeups"], first["reconciles"], first["schedule"]) == (5, 5, "fixed_rate")
    assert abs(first["median_gap_ns"] - 15 * MS) < MS
    renew = next(c for c in data["causes"] if c["cause"] == "leader_election.renew")
    assert (renew["wakeups"], renew["continuations"]) == (1, 1)
    assert all(cause["explanation"] for cause in data["causes"] if cause["origin"] != "unknown")


def test_a_period_keeps_what_comes_about_that_often():
    data = explain(mixed(), 16 * MS).json()
    assert [cause["cause"] for cause in data["causes"]] == ["operator.ticker"]
    assert data["unknown"] == 1, "the share of unknown stays"
    assert "about every 16 ms" in explain(mixed(), 16 * MS).text()
    assert explain(mixed(), 18 * MS).json()["causes"] == []


def test_a_period_also_finds_what_was_asked_for():
    c = Synthetic()
    c.at(1).reconcile("a", after_ms=15)
    due(c, 90, "a")
    c.reconcile("a", after_ms=15)
    assert [x["cause"] for x in explain(c, 15 * MS).json()["causes"]] == ["requeue.after"]


def test_a_timer_that_fired_once_is_found_by_its_period():
    c = Synthetic()
    c.at(1).fire(12, IN_LOG, period_ms=10_000)
    c.at(2).fire(13, IN_POLLER, timer=2)
    found = explain(c, 10_000 * MS).json()["causes"]
    assert [cause["cause"] for cause in found] == ["workqueue.log_state"]


def test_a_recording_without_an_end_and_what_was_not_seen_are_told():
    c = mixed()
    c.complete = False
    c.metadata["missing"] = ["informers: client-go v0.99.0 is not known"]
    text = explain(c).text()
    assert "the recording has no end" in text
    assert "not seen: informers: client-go v0.99.0 is not known" in text


def test_an_empty_capture_is_explained():
    text = explain(Synthetic()).text()
    assert text.startswith("0 wake-ups, 0 lost")
    assert text.count("nothing") == 2
