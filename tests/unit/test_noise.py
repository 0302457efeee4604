"""What is more than chance: exact values, and how often chance is taken for a change."""

import math

import numpy as np
import pytest

from whowoke.analysis.comparing.noise import (
    LEVEL,
    MANY,
    Sample,
    binomial_p,
    counts_p,
    difference_p,
    dispersion,
    gaps_p,
    holm,
)

MINUTE = 60 * 10**9
SECOND = 10**9


def sample(ts, seconds=60, **rhythm):
    return Sample(np.sort(np.asarray(ts, np.int64)), 0, seconds * SECOND, **rhythm)


def periodic(period_s, seconds, series=1, phase=0.3, jitter_ns=1_000_000):
    """Fixed periods of several objects at once, as a requeue makes them."""
    one = np.arange(phase * period_s, seconds, period_s) * SECOND
    ts = np.concatenate([one + number * 1000 for number in range(series)])
    return sample(
        ts, seconds, series=series, gaps=(len(one) - 1) * series, median_gap_ns=period_s * SECOND,
        jitter_ns=jitter_ns, regular=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("count", "total", "share", "expected"),
    [
        (0, 5, 0.5, 2 / 32),
        (5, 5, 0.5, 2 / 32),
        (2, 4, 0.5, 1.0),
        # 0, 2 and 3 of three: 8, 6 and 1 of 27; 1 is more probable.
        (0, 3, 1 / 3, 15 / 27),
        (1, 1, 0.1, 0.1),
        (0, 0, 0.5, 1.0),
    ],
)
def test_the_binomial_test_is_exact(count, total, share, expected):
    assert binomial_p(count, total, share) == pytest.approx(expected)


def test_many_events_are_compared_as_normal_ones():
    total = MANY + 1
    exact_side = binomial_p(MANY // 2 - 120, MANY, 0.5)
    normal_side = binomial_p(total // 2 - 120, total, 0.5)
    assert normal_side == pytest.approx(exact_side, rel=0.05)
    assert binomial_p(0, 10**9, 0.5) == 0


def test_as_often_in_a_longer_time_is_no_change():
    a, b = sample(range(0, 60 * SECOND, SECOND)), sample(range(0, 600 * SECOND, SECOND), 600)
    assert counts_p(a, b) > 0.9
    assert counts_p(a, sample(range(0, 600 * SECOND, 4 * SECOND), 600)) < 1e-6


def test_a_burst_is_no_evidence():
    """Twenty at once are one event: as many wake-ups elsewhere would be a change."""
    burst = sample([SECOND + number for number in range(20)])
    assert dispersion(burst) > 15
    assert counts_p(burst, sample([])) > LEVEL
    spread = sample(range(0, 60 * SECOND, 3 * SECOND))
    assert counts_p(spread, sample([])) < 1e-4


def test_chance_is_rarely_taken_for_a_change():
    random = np.random.default_rng(11)
    for clustered in (1, 5):
        wrong = 0
        for _ in range(400):
            a, b = (
                sample(
                    np.repeat(
                        random.integers(0, seconds * SECOND, random.poisson(rate)), clustered
                    ),
                    seconds,
                )
                for seconds, rate in ((60, 24), (180, 72))
            )
            wrong += counts_p(a, b) < LEVEL
        assert wrong <= 0.08 * 400, clustered


def test_a_true_change_is_found():
    random = np.random.default_rng(5)
    found = 0
    for _ in range(100):
        a, b = (sample(random.integers(0, MINUTE, random.poisson(rate))) for rate in (30, 90))
        found += counts_p(a, b) < LEVEL / 10
    assert found >= 95


@pytest.mark.parametrize("phases", [(0.0, 0.99), (0.5, 0.01)])
def test_where_a_recording_begins_is_no_change(phases):
    """Three objects every 15 s: twelve or fifteen reconciles in a minute, by luck."""
    a, b = (periodic(15, 60, 3, phase) for phase in phases)
    assert difference_p(a, b) > LEVEL
    assert difference_p(a, periodic(15, 600, 3)) > LEVEL


def test_what_was_set_before_a_recording_is_no_change():
    """Every 15 s, in 20 s: twice in one recording, never in another, whose first is unknown."""
    twice = periodic(15, 20, 3, 0.2)
    assert twice.count == 6
    assert difference_p(twice, sample([], 20)) == difference_p(sample([], 20), twice) == 1


def test_another_period_is_a_change_also_when_counts_are_the_same():
    assert difference_p(periodic(15, 60, 3), periodic(14, 60, 3)) < 1e-6
    assert difference_p(periodic(15, 60, 3), periodic(15.01, 60, 3)) > LEVEL
    assert (
        difference_p(
            periodic(2, 60, jitter_ns=SECOND // 2), periodic(2.1, 60, jitter_ns=SECOND // 2)
        )
        > LEVEL
    )


def test_more_objects_at_the_same_period_are_a_change():
    assert difference_p(periodic(15, 120, 3), periodic(15, 120, 9)) == 0


def test_a_period_that_came_or_went_is_a_change():
    assert difference_p(periodic(15, 90, 3), sample([], 90)) == 0
    assert difference_p(sample([], 90), periodic(15, 90, 3)) == 0


def test_a_period_that_is_drawn_at_each_start_may_differ():
    a, b = periodic(13.6, 120), periodic(16.4, 120)
    assert difference_p(a, b, drawn=0.1) == 1
    assert difference_p(a, b) < 1e-6
    assert difference_p(periodic(10, 120), periodic(15, 120), drawn=0.1) < 1e-6


def test_gaps_that_are_not_known_say_nothing():
    assert gaps_p(sample([1]), sample([2])) == 1.0
    assert difference_p(sample([], 0), sample([], 0)) == 1.0


def test_holm_adjusts_for_how_many_were_tested():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    assert not any(math.isnan(p) for p in holm([0.0, 1.0]))
