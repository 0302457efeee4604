"""Queues and reconciles: which adds led to which reconcile, and why they were made."""

from tests.unit.go_stacks import (
    BY_CHANNEL,
    BY_HANDLER,
    BY_RESULT,
    IN_LISTENER,
    IN_POP,
    IN_READ_LOOP,
    IN_RESYNC,
    IN_WAITING,
    IN_WATCH,
)
from tests.unit.scenes import due, reasons, reconciles, resynced, ticked, watched
from tests.unit.synthetic import ADDER, HANDLER, MS, WAITING, WORKER, Synthetic
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.rules.causes import BEFORE


def requeueing(periods=3, **result):
    c = Synthetic()
    c.at(1).reconcile("a", after_ms=10, **result)
    for index in range(periods):
        due(c, 12.1 + 11.1 * index, "a")
        c.reconcile("a", after_ms=10, **result)
    return c


def test_a_requeue_after_leads_to_the_next_reconcile():
    c = requeueing()
    assert reasons(c) == [(0, "unknown"), *[(1, "requeue.after")] * 3]
    frame = reconciles(c)
    assert set(frame["result"]) == {"requeue_after"}
    assert set(frame["requeue_after_ns"]) == {10 * MS}
    assert set(frame["controller"]) == {"web"}
    assert frame["location"].str.endswith(":10").all()
    assert frame["duration_ns"].tolist() == [MS + 2000] * 4


def test_a_requeue_and_its_wakeups_are_one_row_of_causes():
    causes = analyse(requeueing())["causes"]
    row = causes[causes["cause"] == "requeue.after"].iloc[0]
    assert (row["wakeups"], row["reconciles"], row["controller"]) == (3, 3, "web")
    assert (row["function"], row["location_kind"]) == ("main.(*Web).Reconcile", "returned")
    assert row["location"] == "main.go:10"
    assert row["median_gap_ns"] == 11.1 * MS


def test_a_queues_timer_that_ticks_once_more_makes_no_rate_of_a_delay():
    """A priority queue waits for its next item by time.Tick, and forgets that ticker."""
    c = requeueing(5)
    c.at(67.6).fire(WAITING, IN_WAITING, period_ms=10, timer=int((12.1 + 11.1 * 4) * 10))
    c.item_ready(WAITING, "a")
    c.reconcile("a", after_ms=10)
    causes = analyse(c)["causes"]
    row = causes[causes["cause"] == "requeue.after"].iloc[0]
    assert (row["wakeups"], row["schedule"]) == (6, "fixed_delay")


def test_the_first_reconcile_was_queued_before_the_recording():
    causes = analyse(requeueing())["causes"]
    row = causes[causes["origin"] == "unknown"].iloc[0]
    assert (row["subject"], row["reconciles"], row["wakeups"]) == (BEFORE.subject, 1, 0)


def test_each_return_is_a_cause_of_its_own():
    c = Synthetic()
    c.at(1).reconcile("a", after_ms=10, line=5)
    due(c, 12.1, "a")
    c.reconcile("a", after_ms=10, line=9)
    due(c, 23.2, "a")
    c.reconcile("a", after_ms=10, line=5)
    causes = analyse(c)["causes"]
    rows = causes[causes["cause"] == "requeue.after"]
    assert sorted(rows["location"]) == ["main.go:5", "main.go:9"]


def test_several_items_due_at_once_are_one_wakeup():
    c = Synthetic()
    c.at(1).reconcile("a", after_ms=10, line=5)
    c.reconcile("b", after_ms=8.9, line=9)
    due(c, 12.5, "a", "b")
    c.reconcile("a")
    c.reconcile("b")
    tables = analyse(c)
    assert tables["wakeups"]["location"].tolist() == ["main.go:5;main.go:9"]
    causes = tables["causes"].set_index("location")
    assert causes.loc[["main.go:5", "main.go:9"], "wakeups"].tolist() == [1, 1]


def test_errors_and_requeues_are_rate_limited():
    c = Synthetic()
    c.at(1).reconcile("a", error=True)
    due(c, 8, "a")
    c.reconcile("a", requeue=True)
    due(c, 20, "a")
    c.reconcile("a")
    assert reasons(c) == [(0, "unknown"), (1, "requeue.error"), (1, "requeue.rate_limited")]
    assert reconciles(c)["result"].tolist() == ["error", "requeue", "success"]


def test_an_error_counts_before_a_delay():
    c = Synthetic()
    c.at(1).reconcile("a", error=True, after_ms=10, requeue=True)
    assert reconciles(c)["result"].tolist() == ["error"]


def test_a_watch_event():
    c = Synthetic()
    watched(c, 5, "a")
    c.reconcile("a")
    assert reasons(c) == [(1, "watch.event")]
    causes = analyse(c)["causes"]
    assert causes[["wakeups", "reconciles", "controller"]].values.tolist() == [[1, 1, "web"]]


def test_a_resync_and_its_reconciles_are_one_row():
    c = Synthetic()
    for ms in (10, 20, 30, 40):
        resynced(c, ms, "a", "b")
        c.reconcile("a")
        c.reconcile("b")
    tables = analyse(c)
    assert set(tables["reconciles"]["causes"]) == {"informer.resync"}
    (row,) = tables["causes"].to_dict("records")
    assert (row["wakeups"], row["reconciles"], row["subject"]) == (4, 8, "*v1.Pod")
    assert (row["controller"], row["median_gap_ns"]) == ("web", 10 * MS)
    assert row["function"].endswith("(*Reflector).startResync")


def test_a_resync_timer_that_found_nothing_to_do_belongs_to_the_same_cause():
    c = Synthetic()
    c.at(5).fire(80, IN_RESYNC, timer=99)
    resynced(c, 10, "a")
    c.reconcile("a")
    assert analyse(c)["causes"]["wakeups"].tolist() == [2]


def test_an_event_and_a_resync_in_one_pass_are_told_apart():
    c = Synthetic()
    resynced(c, 10, "a")
    c.reconcile("a")
    c.at(20).fire(80, IN_RESYNC, timer=2)
    c.descriptor(50, IN_READ_LOOP)
    c.ready(50, 60, IN_WATCH)
    c.ready(60, 61, IN_POP)
    c.ready(61, HANDLER, IN_LISTENER)
    c.informer(HANDLER, 5, 5)
    c.add(HANDLER, "a", BY_HANDLER)
    c.informer(HANDLER, 6, 7)
    c.add(HANDLER, "b", BY_HANDLER)
    for name in ("a", "b"):
        c.item_ready(ADDER, name)
        c.reconcile(name)
    assert [cause for _, cause in reasons(c)] == [
        "informer.resync", "informer.resync", "watch.event",
    ]  # fmt: skip
    causes = analyse(c)["causes"].set_index("cause")
    assert causes.loc["informer.resync", "reconciles"] == 2, "one row though the chain was another"


def test_the_initial_list_is_a_relist():
    c = Synthetic()
    c.at(5).informer(HANDLER, 0, 7, initial=True)
    c.add(HANDLER, "a", BY_HANDLER)
    c.item_ready(ADDER, "a")
    c.reconcile("a")
    assert reasons(c) == [(1, "informer.relist")]


def test_a_ticker_through_a_channel_source():
    c = Synthetic()
    for ms in (10, 20, 30, 40, 50):
        ticked(c, ms, "a", "b")
        c.reconcile("a")
        c.reconcile("b")
    assert reasons(c) == [(1, "operator.ticker")] * 10
    (row,) = analyse(c)["causes"].to_dict("records")
    assert (row["wakeups"], row["reconciles"], row["schedule"]) == (5, 10, "fixed_rate")
    assert (row["function"], row["location_kind"]) == ("main.(*poller).Start", "waiting")


def test_a_tick_that_adds_nothing_belongs_to_the_same_row():
    c = Synthetic()
    ticked(c, 10)
    ticked(c, 20, "a")
    c.reconcile("a")
    assert analyse(c)["causes"][["wakeups", "reconciles"]].values.tolist() == [[2, 1]]


def test_a_reconcile_that_was_running_at_the_attach_explains_its_requeue():
    c = Synthetic()
    c.at(1).record("reconcile_result", goid=WORKER, requeue_after_ns=10 * MS)
    c.add(WORKER, "a", BY_RESULT, after_ms=10)
    due(c, 11.1, "a")
    c.reconcile("a")
    assert reasons(c) == [(1, "requeue.after")]
    causes = analyse(c)["causes"]
    assert causes["location_kind"].tolist() == ["unknown"], "its return was not seen"


def test_where_no_return_was_seen_the_declaration_stands():
    c = Synthetic()
    c.metadata["sites"] = [
        {
            "probe": "reconcile_return",
            "function": "main.(*Web).Reconcile",
            "file": "f.go",
            "line": 3,
        }
    ]
    c.at(1).record("reconcile_result", goid=WORKER, requeue_after_ns=10 * MS)
    c.add(WORKER, "a", BY_RESULT, after_ms=10)
    due(c, 11.1, "a")
    c.reconcile("a")
    row = analyse(c)["causes"].iloc[0]
    assert (row["location"], row["location_kind"]) == ("f.go:3", "declared")


def test_an_add_without_a_known_chain_is_unknown():
    c = Synthetic()
    c.at(1).add(42, "a", BY_CHANNEL)
    c.item_ready(ADDER, "a")
    c.reconcile("a")
    assert reasons(c) == [(1, "unknown")]
    assert Analysis(c).named.reconciles[0][0].subject == ""


def test_a_reconcile_that_was_not_finished_has_no_end():
    c = Synthetic()
    c.at(1).record(
        "reconcile_start", goid=WORKER, queue=1, metrics=2, controller=c.text("x"), **c.key("a")
    )
    frame = reconciles(c)
    assert frame["result"].tolist() == ["unknown"]
    assert frame["end_ns"].isna().all()


def test_gaps_of_a_cause_are_of_one_object():
    c = Synthetic()
    for index in range(5):
        ticked(c, 10 + 10 * index, "a", "b", "c")
        for name in "abc":
            c.reconcile(name)
    assert analyse(c)["causes"]["median_gap_ns"].tolist() == [10 * MS]


def test_errors_back_off():
    c = Synthetic()
    ms = 1.0
    c.at(ms).reconcile("a", error=True)
    for power in range(6):
        ms += 5 * 2**power
        due(c, ms, "a")
        c.reconcile("a", error=True, work_ms=0.1)
    causes = analyse(c)["causes"].set_index("cause")
    assert causes.loc["requeue.error", "schedule"] == "backoff"


def test_only_the_first_reconcile_of_an_object_may_be_from_before():
    """Where adds aren't seen at all nothing is said of the later ones."""
    c = Synthetic()
    for ms in (1, 5, 9):
        c.at(ms).reconcile("a", get=ms < 9)
    assert analyse(c)["reconciles"]["causes"].tolist() == ["unknown"] * 3
    subjects = analyse(c)["reconciles"]["subjects"].fillna("").tolist()
    assert subjects == ["set before the recording", "", ""]
