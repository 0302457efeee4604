"""Threads: idle times, episodes, CPU time, and what only carries."""

import pytest

from tests.unit.go_stacks import IN_POLLER
from tests.unit.synthetic import MS, Synthetic
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.waking.threadwakeups import thread_wakeups

SYSMON = 2
HRTIMER = ("hrtimer_wakeup", "__hrtimer_run_queues", "hrtimer_interrupt")
FUTEX = ("wake_up_q", "futex_wake", "do_futex", "__x64_sys_futex")


def run(c, start_ms, end_ms, tid=1, kernel=HRTIMER, waker=9):
    """A thread is woken, runs at once and sleeps again."""
    c.at(start_ms).record("thread_waking", ts_ns=c.now, tid=tid, waker_tid=waker,
                          kernel_stack=c.stack(kernel))  # fmt: skip
    c.record("thread_on", ts_ns=int(start_ms * MS), tid=tid)
    c.at(end_ms).off(tid)


def test_episodes_lie_between_idle_times():
    c = Synthetic()
    run(c, 100, 101)
    run(c, 110, 112, tid=3)
    run(c, 200, 205)
    frame = analyse(c)["episodes"]
    assert frame["start_ns"].tolist() == [100 * MS, 200 * MS]
    assert frame["end_ns"].tolist() == [112 * MS, 205 * MS]
    assert frame["idle_before_ns"].tolist()[1] == 88 * MS
    assert frame["idle_before_ns"].isna().tolist() == [True, False]
    assert frame["cpu_ns"].tolist() == [3 * MS, 5 * MS]
    assert frame["thread_wakeups"].tolist() == [2, 1]


def test_twenty_milliseconds_make_an_idle_time():
    c = Synthetic()
    run(c, 100, 101)
    run(c, 120.9, 122)
    assert len(analyse(c)["episodes"]) == 1
    run(c, 142, 143)
    assert len(analyse(c)["episodes"]) == 2


def test_sysmon_makes_no_episode_but_its_cpu_time_in_one_counts():
    c = Synthetic()
    run(c, 50, 51, tid=SYSMON)
    run(c, 100, 101, tid=SYSMON)
    run(c, 99, 110)
    frame = analyse(c)["episodes"]
    assert frame["start_ns"].tolist() == [99 * MS]
    assert frame["cpu_ns"].tolist() == [12 * MS]


def test_a_preempted_thread_is_not_idle():
    c = Synthetic()
    c.at(10).waking(1)
    c.at(10).on(1)
    c.at(12).off(1, state=0)
    c.at(60).on(1)
    c.at(61).off(1)
    frame = analyse(c)["episodes"]
    assert len(frame) == 1
    assert frame["cpu_ns"][0] == 3 * MS


def test_threads_that_ran_when_the_recording_began_or_ended():
    c = Synthetic()
    c.at(5).off(1)
    c.at(50).waking(3)
    c.at(50).on(3)
    c.at(70)
    frame = analyse(c)["episodes"]
    assert frame[["start_ns", "end_ns"]].values.tolist() == [[0, 5 * MS], [50 * MS, 70 * MS]]
    assert frame["cpu_ns"].tolist() == [5 * MS, 20 * MS]


def test_a_lost_switch_does_not_count_twice():
    c = Synthetic()
    c.at(10).on(1)
    c.at(12).on(1)
    c.at(14).off(1)
    c.at(16).off(1)
    assert Analysis(c).threads.on_start.tolist() == [10 * MS]
    assert Analysis(c).threads.on_end.tolist() == [14 * MS]


def test_the_first_wakeup_after_an_idle_time_woke_the_process():
    c = Synthetic()
    run(c, 10, 11)
    c.at(100).waking(1)
    c.on(1)
    c.fire(7, IN_POLLER)
    c.fire(8, IN_POLLER, timer=2)
    c.at(101).off(1)
    wakeups = analyse(c)["wakeups"]
    assert wakeups["woke_process"].tolist() == [True, False]
    assert wakeups["episode_id"].tolist() == [2, 2]


def test_without_thread_records_nothing_is_said_of_the_process():
    c = Synthetic()
    c.at(100).fire(7, IN_POLLER)
    wakeups = analyse(c)["wakeups"]
    assert wakeups["woke_process"].isna().all()
    assert wakeups["episode_id"].isna().all()


def test_without_the_stack_the_waker_is_not_known():
    c = Synthetic()
    c.at(100).record("thread_waking", ts_ns=c.now, tid=1, waker_tid=7, kernel_stack=0)
    frame = analyse(c)["thread_wakeups"]
    assert frame["context"].tolist() == ["unknown"]
    assert frame["waker_tid"].isna().tolist() == [True]


def test_a_thread_on_which_no_wakeup_happens_is_a_carrier():
    c = Synthetic()
    c.at(100).waking(1, HRTIMER)
    c.on(1)
    c.fire(7, IN_POLLER, tid=1)
    c.fire(8, IN_POLLER, tid=1, timer=2)
    c.waking(3, FUTEX, waker=1)
    c.on(3)
    c.off(1)
    c.off(3)
    c.at(200).waking(SYSMON, HRTIMER)
    c.on(SYSMON)
    c.off(SYSMON)
    frame = analyse(c)["thread_wakeups"]
    assert frame["carrier"].tolist() == [False, True, True]
    assert frame["context"].tolist() == ["hrtimer", "futex", "hrtimer"]
    assert frame["waker_tid"].isna().tolist() == [True, False, True]
    assert frame["wakeup_id"].tolist()[0] == 1
    assert frame["wakeup_id"].isna().tolist()[1]
    assert analyse(c)["episodes"]["carriers"].tolist() == [1]


def test_off_and_on_times_of_a_thread():
    c = Synthetic()
    run(c, 10, 11)
    c.at(50).waking(1)
    c.at(51).on(1)
    c.at(53).off(1, state=0)
    c.at(54).on(1)
    c.at(55).off(1)
    frame = analyse(c)["thread_wakeups"]
    assert frame["off_cpu_ns"].isna().tolist() == [True, False]
    assert frame["off_cpu_ns"][1] == 39 * MS
    assert frame["on_cpu_ns"].tolist() == [1 * MS, 3 * MS]


def test_a_wakeup_after_a_preemption_is_served_by_the_same_thread_wakeup():
    c = Synthetic()
    c.at(50).waking(1)
    c.at(51).on(1)
    c.at(53).off(1, state=0)
    c.at(54).on(1)
    c.fire(7, IN_POLLER, tid=1)
    c.at(55).off(1)
    assert analyse(c)["thread_wakeups"]["wakeup_id"].tolist() == [1]


@pytest.mark.parametrize(
    ("functions", "context"),
    [
        (HRTIMER, "hrtimer"),
        (FUTEX, "futex"),
        (("ep_poll_callback", "__wake_up_common", "sock_def_readable"), "epoll"),
        (("ep_autoremove_wake_function", "__wake_up_common"), "epoll"),
        (("signal_wake_up_state", "complete_signal"), "signal"),
        (("pipe_write", "vfs_write"), "other"),
        (("ep_poll_callback", "asm_common_interrupt", "do_futex", "do_syscall_64"), "epoll"),
        (("tick_sched", "asm_sysvec_apic_timer_interrupt", "do_futex"), "other"),
        ((), "unknown"),
    ],
)
def test_contexts(functions, context):
    c = Synthetic()
    run(c, 10, 11, kernel=functions)
    assert analyse(c)["thread_wakeups"]["context"].tolist() == [context]


def test_system_calls_have_names():
    c = Synthetic()
    c.at(1).record("syscall", number=281, duration_ns=5, first=4, result=1)
    c.record("syscall", number=202, duration_ns=6, first=0xC000, result=-110)
    c.record("syscall", number=9999)
    frame = analyse(c)["syscalls"]
    assert frame["name"].tolist() == ["epoll_pwait", "futex", "number 9999"]
    assert frame["fd"].isna().tolist() == [False, True, True]
    assert frame["result"].tolist()[:2] == [1, -110]
    assert thread_wakeups.__doc__ is not None


def test_a_new_thread_is_first_seen_on_a_cpu():
    c = Synthetic()
    c.at(10).record("thread_start", tid=8)
    c.at(13).off(8)
    frame = analyse(c)["episodes"]
    assert frame[["start_ns", "end_ns", "cpu_ns"]].values.tolist() == [
        [10 * MS, 13 * MS, 3 * MS],
    ]  # fmt: skip


@pytest.mark.parametrize("start_first", [True, False])
def test_a_new_thread_was_not_awake_before(start_first):
    c = Synthetic()
    c.at(10).on(1)
    c.at(11).off(1)
    # Before and after its first switch: as it is recorded now, and as it was.
    if start_first:
        c.at(99).record("thread_start", tid=8)
    c.at(100).on(8)
    if not start_first:
        c.at(101).record("thread_start", tid=8)
    c.at(103).off(8)
    frame = analyse(c)["episodes"]
    assert frame["start_ns"].tolist() == [0, 99 * MS if start_first else 100 * MS]
    assert frame["cpu_ns"].tolist()[1] == 3 * MS


@pytest.mark.parametrize("kind", ["sched_switch stopped", "sched_switch taken off"])
def test_when_switches_cost_too_much_nothing_is_known_of_sleep(kind):
    c = Synthetic()
    for ms in (50, 90, 3000):
        c.at(ms).waking(1)
        c.at(ms + 1).on(1)
        c.fire(7, IN_POLLER, tid=1)
        c.at(ms + 2).off(1)
    c.lost.append((2000 * MS, f"over budget: on_{kind}", 1))
    c.metadata |= {"start_ns": 0, "end_ns": 4000 * MS}
    found = analyse(c)
    assert found["thread_wakeups"]["ts_ns"].tolist() == [50 * MS, 90 * MS]
    assert found["episodes"]["start_ns"].tolist() == [50 * MS, 90 * MS]
    woke = found["wakeups"]["woke_process"]
    assert woke.isna().tolist() == [False, False, True]
    assert found["ideals"]["asleep_ns"].isna().all()
