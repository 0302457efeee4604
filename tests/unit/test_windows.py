"""Thread records in windows come to the same as all at once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.synthetic import MS, Synthetic
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.model import Analysis
from whowoke.analysis.waking import windows
from whowoke.analysis.waking.survey import Wakings
from whowoke.analysis.waking.windows import WholeNeededError

GOLDEN = sorted((Path(__file__).resolve().parent.parent / "golden").glob("*.whowoke"))
SECOND = 1000
FUTEX = ("wake_up_q", "futex_wake")


@pytest.fixture(autouse=True)
def _in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The records of these captures are written within two seconds."""
    monkeypatch.setattr(windows, "LATE_NS", 2000 * MS)


def surveys(capture, rows):
    """What windows of so many rows come to, and how many of these there were."""
    analysis = Analysis(capture)
    found = Wakings(capture, analysis.base, analysis.rules, rows)
    survey = found.survey(lambda ts: np.ones(len(ts), bool))
    counts = (survey.start_ns, survey.end_ns, survey.thread_wakeups)
    counts += (survey.carriers, survey.of_sysmon)
    frames = list(found.frames())
    return counts, survey.spans, pd.concat(frames, ignore_index=True), len(frames)


def assert_same(capture, rows, least):
    whole, some = surveys(capture, 10**9), surveys(capture, rows)
    assert whole[0] == some[0]
    pd.testing.assert_frame_equal(whole[1], some[1])
    pd.testing.assert_frame_equal(whole[2], some[2])
    assert whole[3] == 1
    assert some[3] >= least


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("rows", [1, 300])
def test_windows_of_a_real_capture(path, rows):
    assert_same(Capture.open(path), rows, 3)


def stay(c, start, end, tid=1):
    c.at(start).record("thread_waking", tid=tid, waker_tid=9, kernel_stack=c.stack(FUTEX))
    c.record("thread_on", tid=tid)
    c.at(end).record("thread_off", tid=tid, state=1)


class InParts(Synthetic):
    """A capture whose file has a part for every so many seconds."""

    every_ns = SECOND * MS

    def parts(self, *names):
        made = [(name, self.records(name)) for name in names]
        for until_ns in range(0, int(self.metadata["end_ns"]) + self.every_ns, self.every_ns):
            for name, rows in made:
                inside = rows["ts_ns"] // self.every_ns == until_ns // self.every_ns
                if inside.any():
                    yield name, rows[inside]


def ticking(seconds=10):
    c = InParts()
    for number in range(seconds):
        stay(c, number * SECOND + 100, number * SECOND + 101 + number)
        stay(c, number * SECOND + 120, number * SECOND + 121 + number, tid=3)
    return c


def test_windows_are_cut_where_all_sleep():
    assert_same(ticking(), 1, 5)


def test_sysmon_may_be_awake_but_not_at_the_cut():
    c = ticking()
    for number in range(9):
        stay(c, number * SECOND + 500, (number + 1) * SECOND + 105, tid=2)
    assert_same(c, 1, 1)


def test_what_began_in_one_window_and_lasts_isnt_cut():
    c = ticking()
    stay(c, 2500, 7300, tid=4)
    assert_same(c, 1, 3)


def test_a_switch_whose_other_half_was_lost_counts_as_in_the_whole():
    c = ticking()
    c.at(6500).record("thread_off", tid=1, state=1)
    c.at(7400).record("thread_on", tid=3)
    assert_same(c, 1, 3)


def test_a_thread_that_ran_unseen_before_makes_windows_useless():
    c = ticking()
    c.at(8500).record("thread_off", tid=7, state=1)
    with pytest.raises(WholeNeededError):
        list(windows.windows(c, 1))
    assert_same(c, 1, 1)


def test_a_record_that_comes_too_late_makes_windows_useless():
    c = ticking()
    parts = list(c.parts("thread_waking", "thread_on", "thread_off"))
    late = [parts[0]]
    c.parts = lambda *names: iter([*parts[1:], *late])
    with pytest.raises(WholeNeededError):
        list(windows.windows(c, 1))
    assert_same(c, 1, 1)


def test_a_signal_counts_when_its_thread_runs_next_also_in_a_later_window():
    c = ticking()
    c.metadata["pid"] = 1
    c.at(1500).record("signal", number=1, sender_pid=77, tid=5)
    stay(c, 8500, 8501, tid=5)
    assert_same(c, 1, 5)
    analysis = Analysis(c)
    found = Wakings(c, analysis.base, analysis.rules, 1).frames()
    told = np.concatenate([frame["wakeup"].to_numpy() for frame in found])
    assert (told == 0).sum() == 1
