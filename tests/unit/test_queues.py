"""Adds that are merged, absorbed or come too late: which of them led to which reconcile."""

from tests.unit.go_stacks import (
    BY_CHANNEL,
    BY_HANDLER,
    BY_RESULT,
    IN_GET,
    IN_LISTENER,
    IN_READ_LOOP,
    IN_WATCH,
    PQ,
)
from tests.unit.scenes import due, reasons, reconciles, resynced, ticked, watched
from tests.unit.synthetic import ADDER, HANDLER, MS, WORKER, Synthetic
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.queueing.queues import MAX_NEWEST


def test_adds_that_were_merged_are_all_named():
    c = Synthetic()
    ticked(c, 10, "a")
    watched(c, 11, "a")
    resynced(c, 12, "a")
    c.reconcile("a")
    assert reasons(c) == [(3, "operator.ticker;watch.event;informer.resync")]


def test_an_immediate_add_absorbs_a_waiting_requeue():
    c = Synthetic()
    c.at(1).reconcile("a", after_ms=20)
    resynced(c, 10, "a")
    c.reconcile("a", after_ms=20)
    due(c, 31.2, "a")
    c.reconcile("a")
    assert reasons(c) == [(0, "unknown"), (1, "informer.resync"), (1, "requeue.after")]


def test_the_timer_of_an_absorbed_requeue_still_belongs_to_it():
    c = Synthetic()
    c.at(1).reconcile("a", after_ms=20, line=5)
    due_ns = c.now + 20 * MS
    resynced(c, 10, "a")
    c.reconcile("a")
    due(c, 23, due_ns=due_ns)
    wakeup = analyse(c)["wakeups"].iloc[-1]
    assert (wakeup["cause"], wakeup["location"]) == ("requeue.after", "main.go:5")


def test_a_requeue_that_was_due_while_the_item_waited_is_a_trigger_too():
    c = Synthetic()
    c.at(1).reconcile("a", after_ms=10)
    resynced(c, 10, "a")
    due(c, 14)
    c.at(20).reconcile("a")
    assert reasons(c)[1] == (2, "requeue.after;informer.resync")


def test_the_shorter_of_two_delays_counts():
    c = Synthetic()
    c.at(1).reconcile("a", after_ms=50, line=5)
    c.at(5).add(42, "a", (f"{PQ}.AddWithOpts", "main.soon@8"), after_ms=5)
    due(c, 11, "a")
    c.reconcile("a")
    assert reasons(c)[1] == (1, "operator.timer")
    wakeup = analyse(c)["wakeups"].iloc[-1]
    assert (wakeup["function"], wakeup["location"]) == ("main.soon", "main.soon.go:8")


def test_an_add_just_before_the_get_that_came_too_late_is_of_the_next_reconcile():
    c = Synthetic()
    ticked(c, 10, "a")
    c.descriptor(50, IN_READ_LOOP)
    c.ready(50, 60, IN_WATCH)
    c.ready(60, HANDLER, IN_LISTENER)
    c.informer(HANDLER, 1, 2)
    c.add(HANDLER, "a", BY_HANDLER)
    c.reconcile("a")
    c.item_ready(ADDER, "a")
    c.reconcile("a")
    assert reasons(c) == [(1, "operator.ticker"), (1, "watch.event")]


def test_an_add_by_reconcile_itself_has_all_causes_of_that_reconcile():
    c = Synthetic()
    ticked(c, 10, "a")
    watched(c, 11, "a")
    c.get("a")
    c.ready(ADDER, WORKER, IN_GET)
    c.record(
        "reconcile_start", goid=WORKER, queue=0x1000, metrics=0x2000,
        controller=c.text("web"), **c.key("a"),
    )  # fmt: skip
    c.add(WORKER, "b", (f"{PQ}.AddWithOpts", "main.(*Web).Reconcile", *BY_RESULT[1:]))
    c.record("reconcile_result", goid=WORKER)
    c.item_ready(ADDER, "b")
    c.reconcile("b")
    assert reasons(c)[1] == (1, "operator.ticker;watch.event")


def test_keys_and_queues_do_not_mix():
    c = Synthetic()
    ticked(c, 10, "a")
    c.reconcile("a")
    c.at(11).add(42, "a", BY_CHANNEL, queue=0x3000)
    c.item_ready(ADDER, "a", metrics=0x4000)
    c.reconcile("a", queue=0x3000, metrics=0x4000, controller="db")
    frame = reconciles(c)
    assert frame["controller"].tolist() == ["web", "db"]
    assert frame["causes"].tolist() == ["operator.ticker"] * 2
    causes = analyse(c)["causes"]
    assert sorted(causes["controller"]) == ["db", "web"], "both are named"


def test_the_queue_table_has_every_operation():
    c = Synthetic()
    ticked(c, 10, "a")
    c.reconcile("a", after_ms=5)
    queue = analyse(c)["queue"]
    assert queue["operation"].tolist() == ["add", "ready", "get", "add", "done"]
    assert queue["reconcile_id"].tolist()[:3] == [1, 1, 1]
    assert queue["cause"].tolist() == [*["operator.ticker"] * 3, "requeue.after", "operator.ticker"]
    assert queue["wakeup_id"].tolist()[0] == 1
    assert set(queue["controller"]) == {"web"}
    assert set(queue["name"]) == {"a"}
    assert queue["after_ns"].tolist()[3] == 5 * MS


def test_an_item_that_is_ready_again_and_again_costs_no_square():
    """No sound queue does it: an item becomes ready once until it is handed out."""
    c = Synthetic()
    count = 3 * MAX_NEWEST
    for _ in range(count):
        c.add(42, "a", BY_CHANNEL)
        c.item_ready(ADDER, "a")
    c.reconcile("a")
    found = Analysis(c).operations
    assert max(len(ready.adds) for ready in found.queues.readies) == MAX_NEWEST
    assert len(found.reconciles[0].triggers()) == count
