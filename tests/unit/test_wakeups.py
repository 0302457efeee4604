"""Timers, descriptors and collections as rows, with what armed them."""

from tests.unit.go_stacks import IN_METRICS, IN_POLLER, IN_READ_LOOP, SLEEP
from tests.unit.synthetic import MS, Synthetic
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import analyse


def base(capture):
    return Analysis(capture).base


def test_every_kind_is_a_row_in_the_order_of_time():
    c = Synthetic()
    c.at(3).record("gc_start", goid=4, trigger=1)
    c.at(1).fire(10, IN_METRICS)
    c.at(2).descriptor(11, IN_READ_LOOP, fd=7)
    c.at(4).record("gc_start", goid=4, trigger=0)
    rows = base(c)
    assert rows["kind"].tolist() == ["timer", "descriptor", "gc"]
    assert rows["fd"].tolist() == [0, 7, 0]
    assert analyse(c)["wakeups"]["wakeup_id"].tolist() == [1, 2, 3]


def test_a_receive_by_a_running_goroutine_is_no_wakeup():
    c = Synthetic()
    c.at(1).fire(caller="runtime.(*timer).maybeRunChan.func1")
    c.at(2).fire(caller="runtime.(*timers).run")
    assert base(c)["ts_ns"].tolist() == [2 * MS]


def test_a_fire_takes_the_last_arm_of_its_timer():
    c = Synthetic()
    c.at(1).arm(5, 100, ("time.NewTimer", "main.run"), timer=1)
    c.at(2).arm(5, 50, ("time.(*Timer).Reset", "main.run"), timer=1)
    c.at(3).arm(6, 10, ("time.NewTimer", "main.other"), timer=2)
    c.at(52).fire(5, IN_POLLER, timer=1)
    row = base(c).iloc[0]
    assert (row["armed_ns"], row["armed_period_ns"]) == (2 * MS, 50 * MS)


def test_an_arm_is_used_up_by_one_fire_but_a_periodic_one_stays():
    c = Synthetic()
    c.at(1).arm(5, 10, ("main.run",), timer=1)
    c.at(1).arm(5, 10, ("main.run",), timer=2, period_ms=10)
    for ms in (11, 21, 31):
        c.at(ms).fire(5, IN_POLLER, timer=1)
        c.at(ms).fire(6, IN_POLLER, timer=2, period_ms=10)
    rows = base(c)
    once, periodic = rows[rows["timer"] == 1], rows[rows["timer"] == 2]
    assert (once["armed_ns"] >= 0).tolist() == [True, False, False]
    assert once["again"].tolist() == [False] * 3
    assert (periodic["armed_ns"] >= 0).all()
    assert periodic["again"].tolist() == [False, True, True]


def test_a_received_expiry_uses_up_its_arm_too():
    c = Synthetic()
    c.at(1).arm(5, 10, ("main.run",), timer=1)
    c.at(30).fire(timer=1, caller="runtime.(*timer).maybeRunChan.func1")
    c.at(40).fire(5, IN_POLLER, timer=1)
    assert base(c)["armed_ns"].tolist() == [-1]


def test_a_sleep_is_joined_by_the_goroutine_that_slept():
    c = Synthetic()
    c.at(1).sleep(5, 20, ("time.Sleep", "main.nap"))
    c.record("timer_arm", timer=9, due_ns=21 * MS)
    c.at(2).sleep(6, 30, ("time.Sleep", "main.other"))
    c.at(21).fire(5, ("time.Sleep", "main.nap"), timer=9, callback=SLEEP, due_ns=21 * MS)
    row = base(c).iloc[0]
    assert (row["armed_ns"], row["armed_period_ns"]) == (1 * MS, 20 * MS)
    assert c.stacks[row["armed_stack"]][1].function == "main.nap"


def test_lateness_is_against_the_due_time():
    c = Synthetic()
    c.at(20).fire(5, IN_POLLER, due_ns=18 * MS)
    assert analyse(c)["wakeups"]["lateness_ns"].tolist() == [2 * MS]


def test_an_empty_capture_has_every_table():
    tables = analyse(Synthetic())
    assert {name for name, frame in tables.items() if len(frame)} == {"ideals"}
    assert set(tables) >= {"wakeups", "causes", "queue", "reconciles", "episodes"}
