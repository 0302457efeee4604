"""When a recording has seen what it is asked about often enough."""

import numpy as np

from whowoke.analysis.capture.schema import RECORD_BY_NAME, record_dtype
from whowoke.tracer import periods
from whowoke.tracer.periods import MARGIN_NS, Periods

SECOND = 10**9


def feed(found, name, seconds, **fields):
    """Records one by one; returns how many it took."""
    for number, second in enumerate(seconds, 1):
        rows = np.zeros(1, record_dtype(RECORD_BY_NAME[name]))
        rows["ts_ns"] = int(second * SECOND)
        for field, value in fields.items():
            rows[field] = value
        found.take(name, rows)
        if found.is_over(int(second * SECOND) + MARGIN_NS):
            return number
    return None


def test_five_gaps_need_six_reconciles_of_one_object():
    found = Periods(5)
    assert feed(found, "reconcile_start", [15 * n for n in range(1, 20)], queue=1) == 6


def test_what_comes_after_it_is_recorded_for_a_moment():
    found = Periods(1)
    feed(found, "reconcile_start", [15], queue=1)
    feed(found, "reconcile_start", [30], queue=1)
    assert not found.is_over(30 * SECOND + MARGIN_NS - 1)
    assert found.is_over(30 * SECOND + MARGIN_NS)


def test_reconciles_of_other_objects_are_no_period():
    found = Periods(2)
    for number in range(1, 12):
        assert feed(found, "reconcile_start", [5 * number], queue=1, object_name=number) is None


def test_gaps_that_stray_have_no_period():
    found = Periods(4)
    assert feed(found, "reconcile_start", [0.1, 1, 16, 17, 40, 42, 90], queue=1) is None
    assert feed(found, "reconcile_start", [100, 115, 130, 145, 160], queue=1) == 5


def test_without_a_period_timers_say_nothing():
    assert feed(Periods(2), "timer_fire", range(1, 50), timer=1) is None


def test_a_period_is_looked_for_in_timers_too():
    found = Periods(3, 15 * SECOND)
    assert feed(found, "timer_fire", np.arange(1, 100, 0.5), timer=1) is None
    assert feed(found, "timer_fire", [3, 18.5, 33, 48, 70], timer=2, woken_goid=9) == 4


def test_a_goroutine_that_makes_a_timer_for_each_wait_has_one_period():
    found = Periods(3, 15 * SECOND)
    for number, expected in ((1, None), (2, None), (3, None), (4, 1)):
        second = 15.2 * number
        assert feed(found, "timer_fire", [second], timer=number, woken_goid=9) == expected


def test_a_reconcile_that_a_watch_began_between_doesnt_count():
    found = Periods(3, 15 * SECOND)
    assert feed(found, "reconcile_start", [15, 30, 33, 48, 63], queue=1) == 5


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(periods, "MOST_SERIES", 10)
    found = Periods(3, 15 * SECOND)
    for number in range(100):
        feed(found, "timer_fire", [1 + number / 10, 16 + number / 10], timer=number)
    assert len(found._last) <= 10
    assert len(found._gaps) <= 10
