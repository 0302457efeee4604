"""How long the process could have slept, if only some of its wake-ups had come."""

import numpy as np
import pandas as pd
import pytest

from tests.unit.go_stacks import IN_METRICS, IN_READ_LOOP, IN_RENEW, IN_ROUND_TRIP
from tests.unit.scenes import due, watched
from tests.unit.synthetic import MS, WORKER, Synthetic
from tests.unit.test_threads import run
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.rules.causes import UNKNOWN, Cause
from whowoke.analysis.verdicts.ideal import SCENARIOS, Wakeups, ideal_table, ideals, led_to, set_by
from whowoke.analysis.verdicts.reasons import load_reasons
from whowoke.analysis.verdicts.tallies import Named

METRIC = Cause("controller-runtime", "workqueue.metrics")
REQUEUE = Cause("requeue", "requeue.after")
EVENT = Cause("api-event", "watch.event")
TIMEOUT = Cause("operator", "operator.timer")
PROBE = Cause("inbound", "http.probe")


def wakeups(*causes, led=None, own=None, redundant=(), wrote=(), answers=None):
    """Wake-ups with one cause each; ``answers`` are those that answer another one."""
    answers = answers or {}
    begun = [[] if n in answers else [cause] for n, cause in enumerate(causes)]
    named = Named(
        [[cause] for cause in causes], begun, [answers.get(n) for n in range(len(causes))], []
    )
    return Wakeups(
        named=named,
        answered=lambda n: [answers[n]] if n in answers else [],
        is_plumbing=load_reasons().is_plumbing,
        led_to=led or {},
        set_by=own or {},
        redundant=set(redundant),
        wrote=set(wrote),
    )


def left(found):
    """Numbers of the wake-ups that are left, by scenario."""
    return [np.flatnonzero(found.left(scenario)).tolist() for scenario in SCENARIOS]


def test_plumbing_goes_with_its_answers():
    found = wakeups(METRIC, REQUEUE, METRIC, REQUEUE, led={1: {0}}, answers={2: 0, 3: 1})
    assert left(found) == [[0, 1, 2, 3], [1, 3], [1, 3], []]


def test_what_led_only_to_redundant_reconciles_goes():
    found = wakeups(REQUEUE, REQUEUE, EVENT, led={0: {0}, 1: {0, 1}, 2: {2}}, redundant={0, 2})
    assert left(found)[1:3] == [[0, 1, 2], [1]]


def test_plumbing_that_led_to_a_reconcile_stays():
    assert left(wakeups(METRIC, led={0: {0}}))[1:] == [[0], [0], []]


def test_only_events_that_led_to_a_write():
    found = wakeups(EVENT, EVENT, REQUEUE, PROBE, led={0: {0}, 1: {1}, 2: {2}}, wrote={0, 2})
    assert left(found)[3] == [0]


def test_a_timeout_of_a_reconcile_goes_with_it():
    causes, led = (REQUEUE, REQUEUE, TIMEOUT, TIMEOUT), {0: {0}, 1: {1}}
    found = wakeups(*causes, led=led, own={2: 0, 3: 1}, redundant={0})
    assert left(found) == [[0, 1, 2, 3], [0, 1, 2, 3], [1, 3], []]


def test_which_timers_a_reconcile_set_itself():
    c = Synthetic()
    start = c.at(1).reconcile("a", work_ms=8)
    c.record("timer_arm", ts_ns=start + MS, goid=WORKER, timer=8, due_ns=start + 3 * MS)
    c.record("timer_fire", ts_ns=start + 3 * MS, timer=8, due_ns=start + 3 * MS, woken_goid=9)
    c.record("timer_arm", ts_ns=start + 20 * MS, goid=WORKER, timer=9, due_ns=start + 30 * MS)
    c.record("timer_fire", ts_ns=start + 30 * MS, timer=9, due_ns=start + 30 * MS, woken_goid=9)
    assert set_by(Analysis(c).attribution) == {0: 0}


def test_the_unknown_always_stays():
    found = wakeups(UNKNOWN, METRIC, UNKNOWN, led={2: {0}}, redundant={0})
    assert left(found) == [[0, 1, 2], [0, 2], [0, 2], [0, 2]]


def times(found, *spans, of):
    """Each scenario; ``of`` are the episodes of the wake-ups."""
    frame = pd.DataFrame(spans, columns=["start_ns", "end_ns"])
    return ideals(found, np.array(of), frame, (0, 100), np.ones(len(of), bool))


def test_where_writes_may_have_been_missed_it_is_not_known_which_events_wrote():
    found = wakeups(EVENT, REQUEUE, led={0: {0}, 1: {1}})
    found.sees_writes = False
    table = ideal_table(times(found, (10, 20), (30, 40), of=[0, 1]))
    assert table["asleep_ns"].notna().tolist() == [True, True, True, False]
    assert table["wakeups"].notna().tolist() == [True, True, True, False]


def test_an_episode_stays_for_one_wakeup_and_without_any():
    found = times(wakeups(METRIC, METRIC, REQUEUE), (10, 20), (30, 40), (60, 65), of=[0, 1, 1])
    first, second = found[:2]
    assert (first.asleep_ns, first.longest_sleep_ns, first.wakeups) == (75, 35, 3)
    assert (second.asleep_ns, second.longest_sleep_ns, second.wakeups) == (85, 35, 1)
    assert second.awake.tolist() == [[30, 40], [60, 65]], "nothing explains the last one"
    table = ideal_table(found)
    assert table["scenario"].tolist() == list(SCENARIOS)
    assert table["asleep_share"].tolist()[:2] == pytest.approx([0.75, 0.85])


def test_nothing_left_is_asleep_all_the_time():
    (*_, last) = times(wakeups(METRIC), (0, 100), of=[0])
    assert (last.asleep_ns, last.longest_sleep_ns) == (100, 100)
    assert last.bar(5) == "·····"


def test_without_threads_times_are_not_known():
    found = times(wakeups(METRIC), of=[-1])
    assert (found[0].asleep_ns, found[0].longest_sleep_ns, found[0].bar(9)) == (None, None, "")
    assert ideal_table(found)["asleep_share"].isna().all()


def test_the_picture():
    found = times(wakeups(METRIC, METRIC, METRIC), (0, 1), (39, 51), (99, 100), of=[0, 1, 2])
    assert found[0].bar(10) == "█··███···█"


def test_which_reconciles_a_wakeup_led_to():
    c = Synthetic()
    c.at(1).reconcile("a", after_ms=5)
    due(c, 12, "a")
    c.reconcile("a")
    watched(c, 30, "a")
    c.reconcile("a")
    c.at(50).fire(11, IN_METRICS, timer=2)
    assert led_to(Analysis(c).attribution) == {0: (1,), 1: (2,)}


def test_the_ideals_of_a_capture():
    c = Synthetic()
    c.metadata |= {"start_ns": 0}
    for start in range(0, 1000, 100):
        run(c, start, start + 1)
        c.at(start).fire(11, IN_METRICS, timer=2, period_ms=100)
    run(c, 550, 552)
    c.at(550).fire(10, IN_RENEW, timer=3)
    c.at(551).descriptor(50, IN_READ_LOOP)
    c.ready(50, 10, IN_ROUND_TRIP)
    c.at(1000)
    recorded, plain, *_ = analyse(c)["ideals"].to_dict("records")
    assert (recorded["wakeups"], plain["wakeups"]) == (12, 0)
    assert plain["asleep_ns"] == plain["longest_sleep_ns"] == 1000 * MS
    assert recorded["asleep_ns"] == pytest.approx(988 * MS, abs=MS)
    assert recorded["longest_sleep_ns"] == pytest.approx(99 * MS, abs=MS)


def test_a_day_is_not_quadratic():
    count = 400_000
    found = wakeups(*[METRIC] * count)
    frame = pd.DataFrame({"start_ns": np.arange(count) * 200, "end_ns": np.arange(count) * 200 + 1})
    rows = ideals(found, np.arange(count), frame, (0, count * 200), np.ones(count, bool))
    assert rows[0].asleep_ns == count * 199
    assert len(rows[0].bar(60)) == 60
