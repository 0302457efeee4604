"""The story of one wake-up: its steps, its words, and what it doesn't say."""

import pytest

from tests.unit.go_stacks import IN_LOCK, IN_POLLER, IN_READ_LOOP, IN_ROUND_TRIP
from tests.unit.scenes import due, resynced
from tests.unit.synthetic import ADDER, MS, WAITING, WORKER, Synthetic
from whowoke.analysis.errors import UsageError
from whowoke.analysis.telling import show
from whowoke.analysis.telling.show import tell_story

SYSMON = 2
HRTIMER = ("bpf_trace_run1", "try_to_wake_up", "hrtimer_wakeup", "hrtimer_interrupt")
FUTEX = ("try_to_wake_up", "wake_up_q", "futex_wake", "do_futex")
IN_GET = ("runtime.selectgo", "example.com/op/queue.Get")


def kinds(found):
    return [step["kind"] for step in found["steps"]]


def of_kind(found, kind):
    return [step for step in found["steps"] if step["kind"] == kind]


def thread(c, ms, tid, kernel=HRTIMER, waker=9):
    """A thread is woken and runs 10 us later."""
    c.at(ms).waking(tid, kernel, waker)
    c.at(ms + 0.01).on(tid)


def polled():
    """A ticker wakes an operator's goroutine, by way of two threads; 30 ms of idleness around."""
    c = Synthetic()
    thread(c, 100, 7)
    c.at(100.1).off(7)
    thread(c, 150, 7)
    thread(c, 150.1, 8, FUTEX, waker=7)
    c.at(150.15).off(7)
    c.at(150.2).fire(40, IN_POLLER, timer=4, period_ms=50, tid=8, due_ns=150 * MS, start="main.run")
    c.at(150.3).ready(40, 41, IN_GET, tid=8)
    c.at(150.5).off(8)
    thread(c, 200, 7)
    c.at(200.1).off(7)
    return c


def test_a_story_begins_with_the_interrupt_and_ends_when_all_sleep():
    found = tell_story(polled(), 1).json()
    assert kinds(found) == [
        *("thread_waking", "thread_on", "thread_waking", "thread_on"),
        *("wakeup", "goroutine_ready", "asleep"),
    ]
    first, _, second, runs, fires, ready, asleep = found["steps"]
    assert (first["tid"], first["context"], first["waker_tid"]) == (7, "hrtimer", None)
    assert first["off_cpu_ns"] == pytest.approx(49.9 * MS, abs=2000)
    assert (second["tid"], second["context"], second["waker_tid"]) == (8, "futex", 7)
    assert runs["run_delay_ns"] == pytest.approx(0.01 * MS, abs=2000)
    assert fires["lateness_ns"] == pytest.approx(0.2 * MS, abs=2000)
    assert (fires["woken_goroutine_id"], fires["woken_start"]) == (40, "main.run")
    assert fires["waited"]["function"] == "main.(*poller).Start"
    assert (ready["goroutine_id"], ready["woken_goroutine_id"]) == (40, 41)
    assert asleep["idle_ns"] == pytest.approx(49.5 * MS, abs=2000)
    assert found["wakeup"]["cause"] == "operator.ticker"
    assert found["armed_by"] is None


WORDS = """\
wake-up 1 of 1, a timer: operator.ticker (operator)
  2023-11-14T22:13:20.150200+00:00, 150 ms into the recording
  in main.(*poller).Start at main.go:1
  the operator's own time.Ticker
  it ended 49.9 ms in which the process slept

  from start   from step
           0              thread 7 is woken by a timer of the kernel, 49.9 ms after it went to sleep
                          kernel: hrtimer_wakeup < hrtimer_interrupt
       10 us      +10 us  thread 7 runs
      100 us      +90 us  thread 8 is woken by thread 7
                          kernel: wake_up_q < futex_wake < do_futex
      110 us      +10 us  thread 8 runs
      200 us      +90 us  the timer fires, 200 us after it was due
                          when it was set was not seen; its period is 50 ms
                          goroutine 40 (main.run) wakes, which waited in main.(*poller).Start at
                             main.go:1
      300 us     +100 us  goroutine 40 wakes goroutine 41, which waited in queue.Get at
                             example.com/op/queue.Get.go:1
      500 us     +200 us  all threads sleep, for 49.5 ms

carried by 0 thread wake-ups
530 us of CPU time in 1 episode"""


def test_the_words_say_the_same():
    assert tell_story(polled(), 1).text() == WORDS


def test_carriers_are_counted_and_the_locks_that_they_wait_for_not_told():
    c = polled()
    c.at(150.21).waking(SYSMON, HRTIMER)
    thread(c, 150.22, 9, FUTEX, waker=8)
    c.at(150.24).off(9)
    c.at(150.25).ready(40, 50, IN_LOCK, tid=8)
    found = tell_story(c, 1).json()
    assert found["carriers"] == {"sysmon": 1, "futex": 1}
    assert [step["woken_goroutine_id"] for step in of_kind(found, "goroutine_ready")] == [41]
    assert "carried by 2 thread wake-ups: 1 sysmon, 1 futex" in tell_story(c, 1).text()


def test_a_requeue_is_told_up_to_its_reconciles_and_the_next_delay():
    c = Synthetic()
    c.reconcile("a", after_ms=10, line=46)
    due(c, 12, "a")
    c.ready(WAITING, ADDER, IN_GET)
    c.at(12.2).get("a")
    c.ready(ADDER, WORKER, IN_GET)
    c.at(12.3).reconcile("a", after_ms=10, get=False, line=46)
    found = tell_story(c, 1).json()
    assert kinds(found) == [
        *("wakeup", "queue_ready", "goroutine_ready", "queue_get", "goroutine_ready"),
        *("reconcile_start", "reconcile_end", "queue_add", "queue_done"),
    ]
    start, end, add = found["steps"][5], found["steps"][6], found["steps"][7]
    assert (start["namespace"], start["name"], start["controller"]) == ("ns", "a", "web")
    assert (start["reconcile_id"], start["triggers"], start["causes"]) == (2, 1, "requeue.after")
    assert (end["result"], end["requeue_after_ns"]) == ("requeue_after", 10 * MS)
    assert end["location"] == "main.go:46"
    assert (add["after_ns"], add["cause"]) == (10 * MS, "requeue.after")
    text = " ".join(tell_story(c, 1).text().split())
    assert "reconcile 2 of ns/a by controller web begins on goroutine 70: requeue.after" in text
    assert "it is to be called again in 10 ms (main.go:46)" in text
    assert text.endswith("when it slept is not known")


def test_an_item_that_a_busy_worker_takes_belongs_to_the_story():
    """The worker was never made ready for it."""
    c = Synthetic()
    c.reconcile("a", after_ms=10)
    due(c, 12, "a")
    c.at(12.2).get("a")
    c.reconcile("a", get=False)
    found = tell_story(c, 1).json()
    assert [step["reconcile_id"] for step in of_kind(found, "reconcile_start")] == [2]


def asked():
    """A goroutine asks the API server, waits beyond an idle time and works on with the answer."""
    c = Synthetic()
    thread(c, 50, 7)
    c.at(50.1).fire(40, IN_POLLER, timer=4, period_ms=50, tid=7)
    c.at(50.2).new(40, 90, tid=7)
    c.at(50.3).arm(40, 5000, ("time.NewTimer", "main.(*poller).ask"))
    c.at(50.5).off(7)
    thread(c, 100, 7)
    c.at(100.1).descriptor(55, IN_READ_LOOP, fd=6, tid=7)
    c.at(100.2).ready(55, 40, IN_ROUND_TRIP, tid=7)
    c.at(100.3).ready(40, 41, IN_GET, tid=7)
    c.at(100.5).off(7)
    return c


def test_the_wait_for_an_answer_is_a_part_of_the_story():
    found = tell_story(asked(), 1).json()
    assert kinds(found) == [
        *("thread_waking", "thread_on", "wakeup", "goroutine_new", "timer_arm", "pause"),
        *("continuation", "answered", "goroutine_ready", "asleep"),
    ]
    pause, continuation, answered = found["steps"][5:8]
    assert pause["duration_ns"] == pytest.approx(49.5 * MS, abs=2000)
    assert pause["episodes_between"] == 0
    assert (continuation["wakeup_id"], continuation["fd"]) == (2, 6)
    assert (answered["goroutine_id"], answered["woken_goroutine_id"]) == (55, 40)
    assert found["episodes"] == [1, 2]
    text = " ".join(tell_story(asked(), 1).text().split())
    assert "all threads sleep for 49.5 ms" in text
    assert "an answer comes on descriptor 6 (wake-up 2)" in text
    assert "goroutine 55 hands the answer to goroutine 40, which waited in http2" in text


def test_the_answer_itself_says_whose_request_it_answers():
    telling = tell_story(asked(), 2)
    assert of_kind(telling.json(), "answers")[0]["wakeup_id"] == 1
    assert "it answers a request made for wake-up 1" in telling.text()
    assert "hands an answer to goroutine 40 of wake-up 1" in telling.text()


def test_a_timer_says_where_and_for_which_wakeup_it_was_set():
    c = asked()
    c.at(110).fire(40, IN_POLLER, timer=1, due_ns=105 * MS)
    found = tell_story(c, 3).json()
    assert found["armed_by"] == 1
    fires = of_kind(found, "wakeup")[0]
    assert fires["armed_ago_ns"] == pytest.approx((110 - 50.3) * MS, abs=2000)
    assert [frame["function"] for frame in fires["armed_stack"]] == ["main.(*poller).ask"]
    assert "its timer was set for wake-up 1" in tell_story(c, 3).text()


def test_an_informer_tells_what_it_hands_over():
    c = Synthetic()
    resynced(c, 10, "a", "b")
    text = tell_story(c, 1).text()
    assert text.count("an informer hands over an object again, unchanged") == 2
    assert "ns/a is added to the work queue: informer.resync" in text


def test_other_wakeups_in_the_same_time_are_named():
    c = polled()
    c.at(150.22).fire(0, (), timer=9, tid=8, callback="time.goFunc", function="main.flush")
    assert tell_story(c, 1).json()["others"] == [2]
    assert "these are shared with wake-up 2" in tell_story(c, 1).text()
    assert "it calls main.flush" in tell_story(c, 2).text()


def test_a_long_story_is_cut_in_words_only(monkeypatch):
    monkeypatch.setattr(show, "MAX_STEPS", 3)
    telling = tell_story(polled(), 1)
    assert "and 4 more steps, see --json" in telling.text()
    assert len(telling.json()["steps"]) == 7


@pytest.mark.parametrize("number", [0, -1, 2, 10**20])
def test_an_unknown_id_is_told_the_valid_ones(number):
    with pytest.raises(UsageError, match=f"no wake-up {number}") as caught:
        tell_story(polled(), number)
    assert caught.value.hint.startswith("it has 1 to 1;")
    with pytest.raises(UsageError) as caught:
        tell_story(Synthetic(), number)
    assert caught.value.hint.startswith("it has none at all;")


def test_a_program_of_the_kernel_side_without_a_name_is_not_told():
    c = Synthetic()
    thread(c, 100, 7, ("", "_einittext", "try_to_wake_up", "hrtimer_wakeup", "", "irq_exit"))
    c.at(100.1).fire(40, IN_POLLER, timer=4, tid=7)
    c.at(100.2).off(7)
    assert "kernel: hrtimer_wakeup < unknown < irq_exit" in tell_story(c, 1).text()
