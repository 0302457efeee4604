"""Signals, and timers of which only is known who set them."""

import pandas as pd

from tests.unit.go_stacks import (
    AFTER_FUNC,
    CR,
    IN_CHANNEL,
    IN_OWN_READ,
    IN_RESYNC,
)
from tests.unit.scenes import told, wakeups
from tests.unit.synthetic import ADDER, Synthetic
from whowoke.analysis.output.outputs import analyse

FUTEX = 202


def hung_up(c, ms, *, waits=True):
    """SIGHUP comes; Go's signal loop, goroutine 8, wakes up and tells the operator's goroutine."""
    if waits:
        c.at(ms - 2).call(8, FUTEX, 0x500, ms=2.1)
    c.at(ms).signal(1)
    c.at(ms + 0.2).ready(8, 40, ("runtime.selectgo", "main.(*reloader).Start@30"))
    c.ready(40, 42, IN_CHANNEL)


def test_a_signal_from_outside_is_followed_to_who_waits_for_it():
    c = Synthetic()
    hung_up(c, 5)
    c.add(42, "a", (f"{CR}/source.(*channel[...]).Start.func2",))
    c.item_ready(ADDER, "a")
    c.reconcile("a")
    tables = analyse(c)
    row = tables["wakeups"].iloc[0]
    assert (row["kind"], row["origin"], row["cause"]) == ("signal", "os", "signal")
    assert (row["subject"], row["evidence"], row["tid"]) == ("SIGHUP", "kernel", 3)
    assert tables["reconciles"]["causes"].tolist() == ["signal"]
    assert tables["causes"]["location"][0].endswith(":30")


def test_the_signal_loop_is_the_same_goroutine_for_all():
    """Its first wait began before the recording: its end isn't recorded."""
    c = Synthetic()
    hung_up(c, 5, waits=False)
    hung_up(c, 9)
    frame = wakeups(c)
    assert frame["goroutine_id"].tolist() == [8, 8]


def test_a_signal_whose_goroutine_is_not_known_leads_nowhere():
    c = Synthetic()
    hung_up(c, 5, waits=False)
    c.add(42, "a", (f"{CR}/source.(*channel[...]).Start.func2",))
    c.item_ready(ADDER, "a")
    c.reconcile("a")
    tables = analyse(c)
    assert tables["wakeups"]["cause"].tolist() == ["signal"]
    assert tables["reconciles"]["causes"].tolist() == ["unknown"]


def test_the_thread_that_a_signal_woke_served_it():
    """The kernel makes the thread runnable before it says that the signal was sent."""
    c = Synthetic()
    c.at(1).on(3)
    c.off(3)
    c.at(100).waking(3, ("signal_wake_up_state", "complete_signal"))
    c.signal(1)
    c.on(3)
    c.off(3)
    threads = analyse(c)["thread_wakeups"]
    assert threads["context"].tolist() == ["signal"]
    assert threads["wakeup_id"].tolist() == [1]
    assert not threads["carrier"][0]


def test_signals_to_itself_only_carry():
    c = Synthetic()
    c.at(5).signal(23, sender_pid=1)
    assert wakeups(c).empty


def test_a_deadline_that_nothing_is_known_about_is_who_set_it():
    c = Synthetic()
    c.at(1).fire(61, IN_RESYNC)
    c.at(2).arm(61, 5, ("context.WithDeadlineCause", "k8s.io/client-go/rest.(*Request).request"),
                timer=9, callback=AFTER_FUNC)  # fmt: skip
    c.at(7).fire(timer=9, callback=AFTER_FUNC, function="context.WithDeadlineCause.func2")
    assert wakeups(c)["cause"].tolist() == ["informer.resync"] * 2


def test_a_deadline_from_before_is_known_by_whom_it_lets_go_on():
    c = Synthetic()
    waits = ("runtime.selectgo", "net/http.(*persistConn).roundTrip", "main.(*asker).Start@44")
    c.at(5).fire(callback=AFTER_FUNC, function="context.WithDeadlineCause.func2", tid=3)
    c.new(0, 90, tid=3)
    c.ready(90, 40, waits)
    row = wakeups(c).iloc[0]
    assert (row["cause"], row["evidence"]) == ("operator.timer", "stack")
    assert (row["function"], row["location_kind"]) == ("main.(*asker).Start", "waiting")
    assert row["location"].endswith(":44")
    assert analyse(c)["causes"]["location"][0].endswith(":44")


def let_go(*stacks):
    """A deadline from before the recording whose function lets goroutines with these stacks go."""
    c = Synthetic()
    c.at(5).fire(callback=AFTER_FUNC, function="context.WithDeadlineCause.func2", tid=3)
    c.new(0, 90, tid=3)
    for goid, stack in enumerate(stacks, 40):
        c.ready(90, goid, stack)
    return wakeups(c).iloc[0]


def test_a_deadline_that_lets_two_goroutines_go_on_has_no_line_of_its_own():
    row = let_go(("runtime.selectgo", "main.ask@44"), ("runtime.selectgo", "main.ask@50"))
    assert (row["cause"], row["location_kind"]) == ("operator.timer", "unknown")
    assert pd.isna(row["location"])


def test_a_connections_goroutine_does_not_say_whose_a_deadline_was():
    transport = ("runtime.selectgo", "net/http.(*persistConn).readLoop@9")
    row = let_go(transport, ("runtime.selectgo", "main.ask@44"))
    assert (row["cause"], row["location_kind"]) == ("operator.timer", "waiting")
    assert row["location"].endswith(":44")
    row = let_go(transport)
    assert (row["cause"], row["location_kind"]) == ("unknown", "unknown")
    assert pd.isna(row["location"])


def test_a_function_of_the_standard_library_is_named_without_its_line():
    c = Synthetic()
    c.at(5).fire(callback=AFTER_FUNC, function="net/http.(*persistConn).closeConnIfStillIdle-fm@7")
    row = wakeups(c).iloc[0]
    assert (row["cause"], row["evidence"]) == ("transport.other", "probe")
    assert (row["function"], row["location_kind"]) == (
        "net/http.(*persistConn).closeConnIfStillIdle-fm", "unknown",
    )  # fmt: skip
    assert pd.isna(row["location"])


def test_a_connections_deadline_has_the_line_that_set_it():
    c = Synthetic()
    c.at(1).arm(70, 4, ("net.(*conn).SetReadDeadline", "main.(*client).listen@20"),
                callback="runtime.netpollReadDeadline")  # fmt: skip
    c.at(5).fire(70, IN_OWN_READ, callback="runtime.netpollReadDeadline")
    row = wakeups(c).iloc[0]
    assert (row["cause"], row["location_kind"]) == ("operator.timer", "armed")
    assert row["location"].endswith(":20")


def test_a_timer_of_the_standard_library_has_its_package():
    c = Synthetic()
    c.at(5).fire(70, ("runtime.selectgo", "database/sql.(*DB).connectionCleaner"))
    assert told(c) == [("library.ticker", "database/sql")]
