"""Records in parts have the order that they have in one, however late some come."""

import numpy as np
import pytest

from whowoke.analysis.capture.ordering import LATE_NS, in_order

ROW = np.dtype([("ts_ns", "<i8"), ("number", "<i8")])
SECOND = 10**9


class Parts:
    """Records as a file has them."""

    def __init__(self, *parts):
        counted = iter(range(10**6))
        self._parts = [np.array([(ts, next(counted)) for ts in part], ROW) for part in parts]

    def parts(self, *names):
        return ((name, part) for name in names for part in self._parts)

    def whole(self):
        rows = np.concatenate([np.zeros(0, ROW), *self._parts])
        return rows[np.argsort(rows["ts_ns"], kind="stable")]


def assert_in_order(capture, least=1):
    parts = list(in_order(capture, "syscall", least))
    found = np.concatenate([np.zeros(0, ROW), *parts])
    assert found.tolist() == capture.whole().tolist()
    return parts


def test_no_record_is_no_part():
    assert assert_in_order(Parts()) == []
    assert assert_in_order(Parts([])) == []


def test_parts_go_out_while_later_ones_come():
    capture = Parts(*([n * SECOND, n * SECOND - 5] for n in range(1, 300)))
    assert len(assert_in_order(capture)) > 200
    assert len(assert_in_order(capture, 100)) < 10


def test_what_lasted_for_hours_has_its_place():
    capture = Parts(*([n * 10 * SECOND] for n in range(1, 1000)), [5 * SECOND, 10 * SECOND])
    assert assert_in_order(capture)[0]["ts_ns"][0] == 5 * SECOND


def test_of_the_same_time_who_was_written_first_comes_first():
    late = 1 + LATE_NS
    capture = Parts([1, 1, late], [1, 2], [3 * late], [1, 2, late], [9 * late], [1])
    assert_in_order(capture)


@pytest.mark.parametrize("seed", range(20))
def test_any_order(seed):
    random = np.random.default_rng(seed)
    parts = (random.integers(0, 20 * LATE_NS, random.integers(0, 9)).tolist() for _ in range(50))
    assert_in_order(Parts(*parts), int(random.integers(1, 60)))
