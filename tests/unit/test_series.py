"""Gaps and schedules."""

import pandas as pd
import pytest

from whowoke.analysis.verdicts.series import gaps_by_cause, schedule


def gaps(*points):
    rows = [(*point, row) for row, point in enumerate(points, 1)]
    return gaps_by_cause(pd.DataFrame(rows, columns=["cause", "series", "ts_ns", "row"]))


def test_gaps_are_within_a_series():
    found = gaps((0, 1, 0), (0, 2, 5), (0, 1, 100), (0, 2, 105), (0, 1, 210), (1, 1, 7))
    assert found.index.tolist() == [0]
    assert found.loc[0, "gaps"] == 3
    assert found.loc[0, "median_gap_ns"] == 100
    assert found.loc[0, "jitter_ns"] == 0


def test_jitter_is_the_median_distance_from_the_median():
    found = gaps(*((0, 0, ts) for ts in (0, 90, 190, 300)))
    assert (found.loc[0, "median_gap_ns"], found.loc[0, "jitter_ns"]) == (100, 10)


def test_growing_gaps():
    assert gaps(*((0, 0, 5 * 2**n) for n in range(8))).loc[0, "growing"]
    assert not gaps(*((0, 0, 100 * n) for n in range(8))).loc[0, "growing"]


def test_no_points():
    assert gaps().empty


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((2, 100, 0, False, True, True), ""),
        ((3, 100, 1, False, True, True), "fixed_rate"),
        ((3, 100, 1, False, False, True), "fixed_delay"),
        ((5, 100, 90, True, False, True), "backoff"),
        ((5, 100, 40, False, False, True), "irregular"),
        ((5, 100, 0, False, False, False), "irregular"),
    ],
)
def test_schedule(facts, expected):
    assert schedule(*facts) == expected
