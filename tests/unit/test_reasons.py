"""Why causes come back: the seven reasons, each with what it rests on, and the change."""

from collections import Counter

import pytest

from tests.unit.asking import MS, OWN, checked, heard, informer, read
from tests.unit.scenes import due
from tests.unit.synthetic import QUEUE, WORKER, Synthetic
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.rules.causes import UNKNOWN, Cause, load_rules
from whowoke.analysis.verdicts.reasons import Evidence, load_reasons, reason
from whowoke.analysis.verdicts.requeues import Outcome, clock, convergence
from whowoke.analysis.waking.chains import LINKS

REQUEUE = Cause("requeue", "requeue.after", controller="shop", location="shop.go:9")
RESYNC = Cause("client-go", "informer.resync", controller="shop")
TICKER = Cause("operator", "operator.ticker")
SECOND = 1000 * MS
GENERAL = "the general advice"
INFORMERS = [
    informer("StatefulSet", group="apps"),
    informer("Secret"),
    informer("Shop", OWN, group="shop.io", version="v1alpha1"),
]


def judged(cause, rows, redundant=("yes",), informers=INFORMERS, **more):
    """(reasons, avoidable, advice) of a cause whose reconciles asked for these."""
    checks = checked(rows, heard(informers))
    evidence = Evidence(Counter(checks.asked), redundant=Counter(redundant), reconciles=3, **more)
    found = reason(cause, evidence, checks.verdicts, GENERAL)
    return list(found.reasons), found.avoidable, found.advice


SHOP = read("Shop", group="shop.io", version="v1alpha1")
STATEFUL_SET = read("StatefulSet", group="apps")
REDIS = read("redis:6379", how="connection")


def test_what_is_watched_without_a_handler():
    reasons, avoidable, advice = judged(REQUEUE, [SHOP, STATEFUL_SET, STATEFUL_SET, read("Secret")])
    assert (reasons, avoidable) == (["watch_without_handler"], "yes")
    assert advice == (
        "Owns(&appsv1.StatefulSet{}) or Watches(…), also &corev1.Secret{} in its builder; "
        "return Result{}"
    )


def test_what_nobody_watches():
    reasons, avoidable, advice = judged(REQUEUE, [read("pods", how="api", object_kind="Pod")])
    assert (reasons, avoidable) == (["unwatched_secondary"], "yes")
    assert advice.startswith("Owns(&corev1.Pod{}) or Watches(…) in its builder")


def test_several_reasons_hold():
    reasons, avoidable, advice = judged(REQUEUE, [SHOP, STATEFUL_SET, REDIS])
    assert (reasons, avoidable) == (["watch_without_handler", "external_state"], "unknown")
    assert "ask redis:6379 from a poller" in advice


def test_a_point_in_time_explains_it_alone():
    found = judged(REQUEUE, [STATEFUL_SET, REDIS], clock="its delays end at the same time")
    assert found[:2] == (["clock"], "no")


def test_a_wait_that_ended():
    found = judged(REQUEUE, [STATEFUL_SET], convergence="1 object was …")
    assert found[:2] == (["convergence_wait", "watch_without_handler"], "unknown")


@pytest.mark.parametrize(("redundant", "reasons"), [
    (["yes", "unknown"], ["insurance"]),
    (["yes", "no"], []),
    (["unknown"], []),
])  # fmt: skip
def test_insurance_is_what_every_change_is_told_of_and_found_nothing(redundant, reasons):
    assert judged(REQUEUE, [SHOP], redundant)[0] == reasons


def test_nothing_read_is_no_insurance():
    assert judged(REQUEUE, [])[0] == []


def test_what_is_not_known_stays_empty():
    rows = [SHOP, read("Node")]
    assert judged(REQUEUE, rows) == ([], "unknown", GENERAL)
    assert judged(REQUEUE, [SHOP, STATEFUL_SET], informers=None)[0] == []
    assert judged(UNKNOWN, [STATEFUL_SET]) == ([], "unknown", GENERAL)


def test_a_resync_is_insurance_and_more():
    assert judged(RESYNC, [SHOP]) == (["insurance"], "yes", GENERAL)
    reasons, avoidable, advice = judged(RESYNC, [SHOP, REDIS])
    assert (reasons, avoidable) == (["external_state", "insurance"], "unknown")
    assert advice.endswith(GENERAL)


def test_a_ticker_that_asks_outside():
    found = judged(TICKER, [read("search:9200", None, "http")])
    assert found[:2] == (["external_state"], "unknown")
    advice = judged(TICKER, [read("pods", None, "api", object_kind="Pod")])[2]
    assert advice.startswith("wait for watch events of corev1.Pod instead of")


def test_plumbing_is_upkeep_only_without_reconciles():
    metric = Cause("controller-runtime", "workqueue.metrics")
    found = reason(metric, Evidence(), {}, GENERAL)
    assert (list(found.reasons), found.avoidable) == (["plumbing"], "no")
    found = reason(metric._replace(origin="client-go"), Evidence(), {}, GENERAL)
    assert found.avoidable == "yes"
    library = Cause("library", "library.ticker")
    assert list(reason(library, Evidence(), {}, "").reasons) == ["plumbing"]
    assert reason(library, Evidence(reconciles=1), {}, "").reasons == {}


def test_what_somebody_else_begins_has_no_reason():
    for name in ("watch.event", "http.probe", "http.webhook", "signal", "requeue.error"):
        assert reason(Cause("x", name), Evidence(reconciles=1), {}, "").reasons == {}


def test_every_cause_but_the_unknown_is_known():
    known = {row.cause for row in load_reasons().known}
    named = {rule.cause for rule in load_rules().rules} - {"unknown", "network.response"}
    assert known == named
    rules = load_reasons()
    assert set(rules.says) == set(rules.avoidable)
    assert {row.reason for row in rules.known} <= {*rules.says, ""}
    assert {row.api_server for row in rules.known} <= {"none", "answers", "sends"}
    assert {*rules.avoidable.values(), *(row.avoidable for row in rules.known)} <= {
        "yes", "no", "unknown",
    }  # fmt: skip


# ---------------------------------------------------------------- what delays tell


def asked(*rows, result="requeue_after"):
    """Outcomes of one object from (seconds, delay in seconds)."""
    return [
        Outcome(round(at * SECOND), result, round(delay * SECOND), "a.go:1") for at, delay in rows
    ]


def test_delays_that_end_at_the_same_time_are_a_clock():
    outcomes = asked((1, 29), (4, 26), (11.5, 18.5), (30, 30))
    told = clock([outcomes], "a.go:1", None)
    assert told == "asked 2 times in between, its delays end at the same time"
    assert clock([outcomes], "b.go:2", None) == ""


def test_a_constant_delay_is_no_clock():
    outcomes = asked((1, 5), (6, 5), (7, 5), (9, 5), (9.5, 5), (14.5, 5))
    assert clock([outcomes], "a.go:1", 0) == ""


def test_one_pair_is_not_enough():
    assert clock([asked((1, 29), (4, 26))], "a.go:1", None) == ""


def test_computed_delays_that_end_at_full_seconds_are_a_clock():
    outcomes = asked((1.300017, 13.699984), (15.000093, 14.999910), (30.000105, 14.999897))
    assert "full second" in clock([outcomes], "a.go:1", 0)
    assert clock([outcomes], "a.go:1", None) == ""
    assert clock([outcomes], "a.go:1", SECOND // 2) == ""
    jittered = asked((1.3, 13.699284), (15.1, 14.1999), (30.7, 16.4445))
    assert clock([jittered], "a.go:1", 0) == ""


DONE = [Outcome(40 * SECOND, "success", 0, "a.go:7", news=("StatefulSet",))]
LATER = [Outcome(40 * SECOND, "requeue_after", 300 * SECOND, "a.go:7")]
GONE = [Outcome(40 * SECOND, "success", 0, "a.go:7", gone=True)]
FAILED = [Outcome(40 * SECOND, "error", 0, "a.go:7")]
WAITED = asked((5, 5), (10, 5), (15, 5))


ENDED = "1 object was asked for again 3 times within 35 s, then no more"
READY = f"{ENDED}, when StatefulSet had changed"


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        ([WAITED + DONE], READY),
        ([WAITED + LATER], ENDED),
        ([WAITED + DONE, WAITED], READY),
        ([WAITED + DONE, WAITED, WAITED], ""),
        ([WAITED], ""),
        ([WAITED + GONE], ""),
        ([WAITED + FAILED], ""),
        ([WAITED[:1] + DONE], ""),
        ([WAITED + DONE + asked((50, 5))], ""),
    ],
)
def test_a_wait_is_one_that_ended(objects, told):
    assert convergence(objects, "requeue_after", "a.go:1") == told


# ---------------------------------------------------------------- from a capture


def reading(c, kind, pointer=1, goid=WORKER):
    """A cached Get."""
    readers = c.records("cache_reader")["reader"].tolist()
    number = c.text(kind)
    if number not in readers:
        c.record("cache_reader", reader=number, version=c.text("v1"), object_kind=number)
    c.record("cache_read", goid=goid, reader=number, objects=1, pointers=pointer,
             stack=c.stack(["main.(*Web).look@7"]), **c.key("db"))  # fmt: skip


def polling(periods=4):
    c = Synthetic()
    c.metadata["informers"] = [informer("ConfigMap", QUEUE), informer("Secret")]
    c.at(1).get("a")
    for number in range(periods):
        if number:
            due(c, 20 * number, "a")
            c.get("a")
        c.now += MS
        start = c.now
        c.reconcile("a", after_ms=15, get=False, work_ms=2)
        end, c.now = c.now, start + 10_000
        reading(c, "ConfigMap")
        reading(c, "Secret")
        c.now = end
    return c


def test_a_capture_of_a_poller():
    tables = analyse(polling())
    checks = tables["checks"].set_index("object_kind")
    assert checks["event"].to_dict() == {"ConfigMap": "handled", "Secret": "unhandled"}
    causes = tables["causes"].set_index("cause")
    row = causes.loc["requeue.after"]
    assert (row["reasons"], row["avoidable"]) == ("watch_without_handler", "yes")
    assert (row["reconciles"], row["redundant_reconciles"]) == (3, 3)
    assert row["api_requests_per_day"] == 0
    days = Analysis(polling()).duration_ns / (24 * 3600 * SECOND)
    assert row["wakeups_per_day"] == pytest.approx(3 / days)


def test_without_records_of_requests_nothing_is_said():
    c = Synthetic()
    c.metadata["sites"] = [{"probe": name} for name in LINKS]
    c.at(1).reconcile("a", after_ms=9)
    for number in range(1, 4):
        due(c, 12 * number, "a")
        c.reconcile("a", after_ms=9)
    row = analyse(c)["causes"].set_index("cause").loc["requeue.after"]
    assert row[["reasons", "redundant_reconciles", "api_requests_per_day"]].isna().all()
    assert row["avoidable"] == "unknown"
