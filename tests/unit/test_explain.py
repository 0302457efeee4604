"""The five answers in words and as data."""

import json

import pytest

from tests.unit.asking import informer
from tests.unit.go_stacks import (
    IN_LOG,
    IN_METRICS,
    IN_POLLER,
    IN_READ_LOOP,
    IN_RENEW,
    IN_ROUND_TRIP,
)
from tests.unit.scenes import due, ticked
from tests.unit.synthetic import MS, QUEUE, WORKER, Synthetic
from tests.unit.test_reasons import polling, reading
from tests.unit.test_threads import run
from whowoke.analysis.telling.explain import explain
from whowoke.analysis.waking.chains import LINKS

KINDS = ("ConfigMap", "Secret", "Service", "StatefulSet", "Pod")
TITLES = ("1. WHY", "2. WHAT", "3. IS THERE", "4. WAS IT", "5. WHERE", "HOW LONG", "WHAT WOULD")


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


def part(text, title):
    """The lines below a title."""
    titles = [line for line in text.splitlines() if line.startswith(TITLES)]
    start = next(line for line in titles if line.startswith(title))
    rest = text.partition(start)[2]
    following = titles[titles.index(start) + 1 :]
    return " ".join(rest.partition(following[0])[0].split() if following else rest.split())


def test_losses_come_first():
    first = explain(mixed()).text().splitlines()[0]
    assert first == "23 wake-ups, 0 lost; 1 unknown (4.3%); 1 are answers to its own requests"
    c = mixed()
    c.lost += [(1, "go", 2000), (2, "threads", 7)]
    text = " ".join(explain(c).text().split())
    start = "23 wake-ups, 2,007 lost (2,000 go, 7 threads): counts are lower bounds, gaps at 0 "
    assert text.startswith(start)


def test_totals_come_next():
    lines = explain(mixed()).text().splitlines()
    assert lines[1].startswith("target, pid 1, 81 ms; go1.26.8, client-go v0.36.0")
    reconciles = "6 reconciles, 1 of them queued before the recording (at most one per object)"
    assert lines[2] == reconciles


def test_carriers_are_only_counted():
    text = explain(mixed()).text()
    assert "starts no reconcile (1 thread wake-up in all, 1 of them carriers):" in text


def test_all_questions_have_an_answer():
    text = explain(mixed()).text()
    assert [text.count(title) for title in TITLES] == [1] * len(TITLES)
    assert all(part(text, title) for title in TITLES[:-1])


def test_reconciles_and_wakeups_are_apart():
    why = part(explain(mixed()).text(), "1. WHY")
    starts, _, wakes = why.partition("What starts no reconcile")
    assert "operator.ticker, controller web" in starts
    assert "operator.ticker" not in wakes
    assert "5 reconciles every 15 ms operator.ticker" in starts
    assert "15 every 5 ms workqueue.metrics" in wakes
    assert "workqueue.metrics" not in starts


def test_each_count_has_a_wakeup_to_look_at():
    data = explain(mixed()).json()
    text = explain(mixed()).text()
    for row in data["causes"]:
        if row["wakeups"] and row["cause"] == "operator.ticker":
            assert f"[{row['wakeup_id']}]" in text
    assert "whowoke show FILE" in text


def test_where_the_logic_is():
    where = part(explain(mixed()).text(), "5. WHERE")
    assert where == (
        "operator.ticker: the operator's own code; the API server has no part in it: "
        "waits in main.(*poller).Start at main.go:1"
    )
    logic = {row["cause"]: row for row in explain(mixed()).json()["logic"]}
    assert (logic["operator.ticker"]["module"], logic["operator.ticker"]["api_server"]) == (
        "operator",
        "none",
    )
    assert logic["leader_election.renew"]["module"] == "k8s.io/client-go"
    assert logic["leader_election.renew"]["api_server"] == "answers"


def many_kinds():
    """Two controllers of two objects that read five kinds each, and much plumbing."""
    c = Synthetic()
    c.metadata["informers"] = [informer("ConfigMap", QUEUE), *map(informer, KINDS[1:])]
    for number in range(6):
        for which, name in enumerate(("a", "b")):
            start = 40 * number + 20 * which + 1
            due(c, start, name)
            c.get(name)
            c.now += MS
            begun = c.now
            c.reconcile(name, after_ms=30, get=False, work_ms=4, line=10 + which)
            end, c.now = c.now, begun + 10_000
            for kind in KINDS:
                reading(c, kind, pointer=number if (kind, number) == ("Pod", 3) else 1)
            c.now = end
        for index, stack in enumerate((IN_METRICS, IN_LOG, IN_RENEW)):
            c.at(40 * number + 35 + index).fire(11 + index, stack, timer=2 + index, period_ms=40)
    for number in range(12):
        run(c, 20 * number + 1, 20 * number + 2)
    return c


def test_it_is_one_screen():
    for capture in (mixed(), many_kinds(), polling()):
        lines = explain(capture).text().splitlines()
        assert len(lines) <= 40, "\n".join(lines)
        assert max(len(line) for line in lines) <= 100


def test_what_it_checks_and_whether_an_event_exists():
    text = explain(many_kinds()).text()
    what = part(text, "2. WHAT")
    kinds = ", ".join(KINDS)
    assert what.startswith(f"web reads from its cache {kinds} 12 times each, mostly at main.go:7")
    events = part(text, "3. IS THERE")
    thrown_away = "thrown away, for no handler leads to the controller"
    assert f"{thrown_away}: Secret, Service, StatefulSet, Pod." in events
    assert "it starts a reconcile: ConfigMap" in events
    data = explain(many_kinds()).json()
    assert [entry["name"] for entry in data["events"]["unhandled"]] == list(KINDS[1:])
    assert data["events"]["handled"][0]["controllers"] == ["web"]
    assert {row["event"] for row in data["checks"]} == {"handled", "unhandled"}


def test_whether_it_was_needed():
    data = explain(many_kinds()).json()["redundancy"]
    assert data["reconciles"] == data["yes"] + data["no"] + data["unknown"] == 12
    assert data["yes"] > 0
    needed = part(explain(many_kinds()).text(), "4. WAS IT")
    assert needed.startswith(f"{data['yes']} of 12 reconciles found and changed nothing: ")
    assert sum(row["count"] for row in data["reasons"]) == 12


def test_the_ideal_is_a_picture_of_sixty_columns():
    data = explain(many_kinds()).json()["ideals"]
    assert [len(row["bar"]) for row in data] == [60] * 4
    assert set("".join(row["bar"] for row in data)) == {"█", "·"}
    lines = explain(many_kinds()).text().splitlines()
    assert sum(line.endswith(data[0]["bar"]) for line in lines) >= 1


def test_the_change_has_names_and_costs():
    change = part(explain(many_kinds()).text(), "WHAT WOULD")
    assert "requeue.after, web (watch_without_handler): Owns(&corev1.Secret{}) or" in change
    assert "wake-ups" in change
    assert "a day" in change


def test_a_capture_without_the_parts_says_what_it_can_not_tell():
    c = mixed()
    c.metadata["sites"] = [{"probe": name} for name in LINKS]
    data, text = explain(c).json(), explain(c).text()
    assert len(data["unanswered"]) == 2
    assert "this capture has no records of that" in part(text, "2. WHAT")
    assert part(text, "3. IS THERE") == "Not known, for what it checks isn't."
    assert part(text, "4. WAS IT") == "Not known, for what it checks isn't."
    assert "operator.ticker" in part(text, "1. WHY")


def test_without_threads_sleep_is_not_known():
    c = Synthetic()
    c.at(1).fire(12, IN_LOG, period_ms=10_000)
    assert "Not known" in explain(c).text().partition("HOW LONG COULD IT SLEEP?")[2]


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
    assert renew["evidence"] == {"plumbing": ""}
    assert all(cause["explanation"] for cause in data["causes"] if cause["origin"] != "unknown")
    json.dumps(explain(many_kinds()).json())


def test_what_is_asked_outside_of_reconciles():
    c = mixed()
    c.metadata["informers"] = []
    for index in range(1, 6):
        c.record("http_request", ts_ns=(15 * index) * MS + 30_000, goid=40, host=c.text("redis:1"),
                 path=c.text("/"), stack=c.stack(["main.(*poller).ask@8"]))  # fmt: skip
    data, text = explain(c).json(), explain(c).text()
    row = data["causes"][0]
    assert row["asks"] == [
        {"name": "redis:1", "kind": "http", "reads": 5, "event": "outside",
         "evidence": "redis:1 isn't Kubernetes"}
    ]  # fmt: skip
    assert row["evidence"] == {"external_state": "asks redis:1"}
    asks = "operator.ticker at main.go:1 looks at redis:1 5 times, outside of reconciles."
    assert asks in part(text, "2. WHAT")
    assert part(text, "3. IS THERE") == "No, it is outside of Kubernetes: redis:1."
    assert all(not row["asks"] for row in explain(mixed()).json()["causes"])


def test_writes_are_told_with_their_effect():
    c = polling()
    start = c.records("reconcile_start")[1]["ts_ns"]
    for name, more in (
        ("http_request", {"http_method": c.text("PUT"), "host": c.text("api"),
                          "path": c.text("/api/v1/namespaces/ns/configmaps/a/status"),
                          "stack": c.stack(["k8s.io/client-go/rest.(*Request).Do", "main.f@3"])}),
        ("http_response", {"status": 200}),
        ("answer_decoded", {"object_type": c.text("*v1.ConfigMap"), **c.key("a"),
                            "sent_version": c.text("7"), "resource_version": c.text("7")}),
    ):  # fmt: skip
        start += 100_000
        c.record(name, ts_ns=int(start), goid=WORKER, **more)
    (row,) = explain(c).json()["writes"]
    assert (row["verb"], row["name"], row["writes"], row["unchanged"]) == (
        "update", "ConfigMap/status", 1, 1,
    )  # fmt: skip
    told = "It writes: update ConfigMap/status once (0 changed something)."
    assert told in part(explain(c).text(), "2. WHAT")


@pytest.mark.parametrize(("period", "causes"), [(16, ["operator.ticker"]), (18, [])])
def test_a_period_keeps_what_comes_about_that_often(period, causes):
    data = explain(mixed(), period * MS).json()
    assert [cause["cause"] for cause in data["causes"]] == causes
    assert data["unknown"] == 1, "the share of unknown stays"
    assert f"WAKE about every {period} ms?" in explain(mixed(), period * MS).text()
    assert data["redundancy"]["reconciles"] == (5 if causes else 0)


def test_a_period_keeps_only_its_checks():
    assert len(explain(polling()).json()["checks"]) == 2
    assert len(explain(polling(), 20 * MS).json()["checks"]) == 2
    assert explain(polling(), 500 * MS).json()["checks"] == []


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
    c.metadata["missing"] = ["informers: client-go v0.99.0 is not known", "b", "c", "d", "e"]
    text = explain(c).text()
    assert "the recording has no end" in text
    assert "not seen: informers: client-go v0.99.0 is not known" in text
    assert "not seen: 2 more, see --json" in text


def test_an_empty_capture_is_explained():
    text = explain(Synthetic()).text()
    assert text.startswith("0 wake-ups, 0 lost")
    assert "Nothing that was seen started a reconcile." in text
