"""Causes handed from goroutine to goroutine."""

from tests.unit.go_stacks import (
    AFTER_FUNC,
    IN_CHANNEL,
    IN_LOCK,
    IN_METRICS,
    IN_POLLER,
    IN_READ_LOOP,
    IN_RENEW,
    IN_ROUND_TRIP,
    IN_WATCH,
)
from tests.unit.synthetic import Synthetic
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import analyse


def cause(capture, goid, ms):
    return Analysis(capture).chains.cause(goid, int(ms * 1_000_000))


def test_who_is_made_ready_takes_the_cause_of_who_did_it():
    c = Synthetic()
    c.at(1).fire(10, IN_POLLER)
    c.at(2).ready(10, 20, IN_CHANNEL)
    c.at(3).ready(20, 30, IN_CHANNEL)
    c.at(4).fire(11, IN_METRICS, timer=2)
    assert [cause(c, goid, 5) for goid in (10, 20, 30, 11)] == [0, 0, 0, 1]


def test_before_the_first_wakeup_that_was_seen_nothing_is_known():
    c = Synthetic()
    c.at(2).ready(99, 20, IN_CHANNEL)
    c.at(3).fire(20, IN_POLLER)
    assert cause(c, 20, 1) is None
    assert cause(c, 20, 2.5) is None
    assert cause(c, 20, 4) == 0


def test_the_ready_of_a_timers_own_goroutine_does_not_hide_the_timer():
    c = Synthetic()
    c.at(1).fire(10, IN_POLLER, tid=7)
    assert cause(c, 10, 2) == 0


def test_being_made_ready_outside_of_any_goroutine_is_not_guessed():
    c = Synthetic()
    c.at(1).fire(10, IN_POLLER)
    c.at(2).ready(0, 10, IN_CHANNEL)
    assert cause(c, 10, 3) is None


def test_a_new_goroutine_has_its_parents_cause():
    c = Synthetic()
    c.at(1).fire(10, IN_POLLER)
    c.at(2).new(10, 40)
    assert cause(c, 40, 3) == 0


def test_the_goroutine_of_a_timers_function_has_the_timers_cause():
    c = Synthetic()
    c.at(1).fire(callback=AFTER_FUNC, function="main.tick", tid=3)
    c.new(0, 40, tid=3)
    c.at(2).new(0, 41, tid=4)
    assert cause(c, 40, 3) == 0
    assert cause(c, 41, 3) is None


def test_a_lock_does_not_hand_a_cause_over():
    c = Synthetic()
    c.at(1).fire(10, IN_POLLER)
    c.at(2).fire(11, IN_METRICS, timer=2)
    c.at(3).ready(11, 10, IN_LOCK)
    assert cause(c, 10, 4) == 0


def test_an_answer_continues_the_cause_of_who_asked():
    c = Synthetic()
    c.at(1).fire(10, IN_RENEW)
    c.at(3).descriptor(50, IN_READ_LOOP)
    c.ready(50, 10, IN_ROUND_TRIP)
    assert cause(c, 10, 4) == 0
    wakeups = analyse(c)["wakeups"]
    assert wakeups["cause"].tolist() == ["leader_election.renew"] * 2
    assert wakeups["continuation_of"].isna().tolist() == [True, False]
    assert wakeups["continuation_of"][1] == wakeups["wakeup_id"][0]


def test_a_timeout_while_waiting_for_an_answer_is_a_cause_of_its_own():
    c = Synthetic()
    c.at(1).fire(10, IN_RENEW)
    c.at(3).fire(callback=AFTER_FUNC, function="context.WithDeadlineCause.func2", timer=2, tid=3)
    c.new(0, 40, tid=3)
    c.at(4).ready(40, 10, IN_ROUND_TRIP)
    assert cause(c, 10, 5) == 1


def test_who_closes_an_answer_unread_awaits_it_and_is_not_the_reader():
    c = Synthetic()
    c.at(1).fire(10, IN_POLLER)
    c.at(3).descriptor(50, ("internal/poll.runtime_pollWait", "net/http.(*persistConn).readLoop"))
    # The function that waits until the reader is done is a closure of the reader.
    closes = ("net/http.(*persistConn).readLoop.func2", "net/http.(*bodyEOFSignal).Close")
    c.ready(50, 10, ("runtime.chanrecv1", *closes, "main.ask@9"))
    assert cause(c, 10, 4) == 0


def test_a_connection_that_is_being_opened_is_awaited_by_who_opens_it():
    c = Synthetic()
    c.at(1).fire(10, IN_RENEW)
    c.at(2).descriptor(10, ("internal/poll.runtime_pollWait", "net.(*netFD).connect"))
    assert cause(c, 10, 3) == 0
    assert analyse(c)["wakeups"]["continuation_of"][1] == 1


def test_a_watch_stream_is_no_answer():
    c = Synthetic()
    c.at(1).fire(60, IN_POLLER)
    c.at(2).descriptor(50, IN_READ_LOOP)
    c.ready(50, 60, IN_WATCH)
    assert cause(c, 60, 3) == 1
    wakeups = analyse(c)["wakeups"]
    assert wakeups["cause"][1] == "watch.event"
    assert wakeups["continuation_of"].isna().all()


def test_one_read_with_an_answer_and_an_event_has_both_causes():
    c = Synthetic()
    c.at(1).fire(10, IN_RENEW)
    c.at(3).descriptor(50, IN_READ_LOOP)
    c.ready(50, 10, IN_ROUND_TRIP)
    c.ready(50, 60, IN_WATCH)
    wakeups = analyse(c)["wakeups"]
    assert wakeups["cause"][1] == "watch.event;leader_election.renew"
    assert wakeups["origin"][1] == "api-event;client-go"


def test_the_answer_to_a_request_from_before_the_recording_is_unknown():
    c = Synthetic()
    c.at(3).descriptor(50, IN_READ_LOOP)
    c.ready(50, 10, IN_ROUND_TRIP)
    wakeups = analyse(c)["wakeups"]
    assert wakeups["cause"].tolist() == ["network.response"]
    assert wakeups["continuation_of"].isna().all()


def test_a_read_that_wakes_nobody_is_upkeep():
    c = Synthetic()
    c.at(3).descriptor(50, IN_READ_LOOP)
    c.at(4).descriptor(50, IN_READ_LOOP)
    c.ready(50, 60, IN_WATCH)
    assert analyse(c)["wakeups"]["cause"].tolist() == ["transport.other", "watch.event"]


def losing(c, kind, ms=2000):
    """A ticker whose cause is handed on before and after a loss that is counted at that time."""
    c.at(1).fire(10, IN_POLLER, period_ms=9)
    c.at(2).ready(10, 20, IN_CHANNEL)
    c.at(5000).fire(10, IN_POLLER, period_ms=9)
    c.at(5001).ready(10, 20, IN_CHANNEL)
    c.lost.append((ms * 1_000_000, kind, 1))


def test_a_lost_link_hides_what_came_shortly_before_it():
    c = Synthetic()
    losing(c, "goroutine_ready")
    assert [cause(c, 20, ms) for ms in (3, 900, 3000, 5002)] == [0, None, None, 1]


def test_other_losses_hide_no_links():
    c = Synthetic()
    losing(c, "thread_on")
    assert [cause(c, 20, ms) for ms in (3, 900, 3000, 5002)] == [0, 0, 0, 1]


def test_after_a_probe_of_links_was_taken_off_nothing_is_handed_on():
    c = Synthetic()
    losing(c, "over budget: on_goroutine_ready taken off")
    assert [cause(c, goid, 5002) for goid in (10, 20)] == [None, None]
    assert set(analyse(c)["wakeups"]["cause"]) == {"operator.ticker"}, "its own stack tells that"


def test_a_read_is_unknown_where_it_is_not_seen_whom_it_woke():
    c = Synthetic()
    c.metadata["sites"] = [{"probe": "timer_fire"}, {"probe": "netpoll_ready"}]
    c.at(3).descriptor(50, IN_READ_LOOP)
    assert analyse(c)["wakeups"]["cause"].tolist() == ["unknown"]
