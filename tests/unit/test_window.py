"""A part of a recording: what is counted in it, with what happened before it still known."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.commands import invoke
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.errors import UsageError
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import BEGINS, tables
from whowoke.analysis.telling.explain import explain
from whowoke.analysis.window import EVERYTHING, Limits, Moment, parse_moment

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
SECOND = 10**9
COUNTED = ("wakeups", "continuations", "unknown", "reconciles", "thread_wakeups", "carriers")


def opened(name="requeue"):
    return Capture.open(GOLDEN / f"{name}.whowoke")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("0s", Moment(0, False)),
        ("10s", Moment(10 * SECOND, False)),
        ("1m30s", Moment(90 * SECOND, False)),
        ("1970-01-01T00:00:01Z", Moment(SECOND, True)),
        ("1970-01-01T02:00:00.000000001+02:00", Moment(1, True)),
    ],
)
def test_times_of_a_recording(text, moment):
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text", ["", "10", "-1s", "2026-11-28T15:04:05", "2026-13-28T15:04:05Z", "noon", "x" * 999]
)
def test_what_is_no_time(text):
    with pytest.raises(UsageError) as caught:
        parse_moment(text)
    assert caught.value.hint


def test_a_window_is_cut_to_the_recording():
    limits = Limits.parse("10s", "99s")
    window = limits.window(5 * SECOND, 65 * SECOND, None)
    assert (window.start_ns, window.end_ns) == (15 * SECOND, 65 * SECOND)
    assert (window.duration_ns, window.recorded_ns) == (50 * SECOND, 60 * SECOND)
    assert window.holds([14 * SECOND, 15 * SECOND, 65 * SECOND - 1, 65 * SECOND]).tolist() == [
        False, True, True, False,
    ]  # fmt: skip


def test_without_limits_all_counts_that_came_since_the_recording_began():
    window = EVERYTHING.window(10, 20, None)
    assert window.holds([9, 10, 15, 99]).tolist() == [False, True, True, True]
    assert not window.limited


@pytest.mark.parametrize(
    "between",
    [("20s", "10s"), ("60s", None), (None, "0s"), ("1970-01-01T00:00:00Z", None), ("5s", "5s")],
)
def test_a_window_with_nothing_in_it(between):
    with pytest.raises(UsageError) as caught:
        Limits.parse(*between).window(0, 60 * SECOND, None)
    assert caught.value.hint


def test_times_of_day_are_those_of_the_recording():
    capture = opened()
    rows = tables(Analysis(capture))["wakeups"]
    middle = rows["time"].iloc[20]
    later = tables(Analysis(capture, Limits.parse(middle.isoformat(), None)))["wakeups"]
    assert later["wakeup_id"].tolist() == rows["wakeup_id"].tolist()[20:]


@pytest.mark.parametrize("name", ["requeue", "resync", "ticker", "poller"])
def test_two_parts_count_what_the_whole_counts(name):
    whole = explain(opened(name)).json()
    parts = [explain(opened(name), None, Limits.parse(*ends)).json()
             for ends in ((None, "7s"), ("7s", None))]  # fmt: skip
    for key in COUNTED:
        assert sum(part[key] for part in parts) == whole[key], key
    assert sum(part["duration_ns"] for part in parts) == whole["duration_ns"]
    assert {part["recorded_ns"] for part in parts} == {whole["duration_ns"]}

    def counts(found, key):
        names = ("cause", "subject", "controller", "function", "location")
        rows = pd.DataFrame(found["causes"]).groupby(list(names), dropna=False)[key].sum()
        return rows[rows > 0].to_dict()

    for key in ("wakeups", "reconciles"):
        both = pd.concat([pd.Series(counts(part, key)) for part in parts])
        assert both.groupby(level=list(range(5)), dropna=False).sum().to_dict() == counts(
            whole, key
        )


@pytest.mark.parametrize("name", ["requeue", "resync", "ticker", "poller"])
def test_rows_are_those_of_the_whole_chosen_by_time(name):
    """Nothing is forgotten that happened before: causes and verdicts are the same."""
    whole, analysis = (
        tables(Analysis(opened(name))),
        Analysis(opened(name), Limits.parse("6s", "12s")),
    )
    found, window = tables(analysis), analysis.window
    for table, begins in BEGINS.items():
        inside = whole[table][begins].between(window.start_ns, window.end_ns, inclusive="left")
        expected = whole[table][inside].reset_index(drop=True)
        pd.testing.assert_frame_equal(found[table], expected)
    assert 0 < len(found["reconciles"]) < len(whole["reconciles"])
    assert found["causes"]["wakeups"].sum() > 0


def test_what_came_before_all_probes_were_attached_is_known_and_not_counted():
    early = opened()
    early.metadata["start_ns"] += 6 * SECOND
    analysis, part = Analysis(early), Analysis(opened(), Limits.parse("6s", None))
    found, expected = tables(analysis), tables(part)
    for name in ("wakeups", "thread_wakeups", "syscalls", "queue", "reconciles", "requests"):
        columns = found[name].columns.drop(["episode_id", "cpu_ns"], errors="ignore")
        pd.testing.assert_frame_equal(found[name][columns], expected[name][columns])
    counts, rates = ["cause", "wakeups", "reconciles"], ["per_hour", "median_gap_ns", "schedule"]
    pd.testing.assert_frame_equal(
        found["causes"][counts + rates], expected["causes"][counts + rates]
    )
    told, of_part = (explain(a.capture, None, a.limits).json() for a in (analysis, part))
    assert {name: told[name] for name in COUNTED} == {name: of_part[name] for name in COUNTED}
    assert told["duration_ns"] == told["recorded_ns"] == of_part["duration_ns"]
    assert told["from_ns"] == 0


def test_rates_and_sleep_are_those_of_the_part():
    part = explain(opened(), None, Limits.parse("4s", "10s")).json()
    assert part["duration_ns"] == 6 * SECOND
    for cause in part["causes"]:
        assert cause["per_hour"] == pytest.approx(cause["wakeups"] * 600)
    recorded = part["ideals"][0]
    assert recorded["wakeups"] == part["wakeups"]
    assert 0 < recorded["asleep_ns"] < part["duration_ns"]
    assert recorded["bar"][0] == "·", "an episode before the part isn't in its picture"


def test_the_words_say_which_part_it_is():
    text = explain(opened(), None, Limits.parse("4s", "10s")).text()
    assert "6 s from 4 s on of 16 s" in text


def lossy(*rows):
    """A capture that lost: seconds, kind, count, and perhaps the seconds of the count before."""
    capture = opened()
    start = capture.metadata["start_ns"]
    times = [(start + int(s * SECOND), kind, count) for s, kind, count, *_ in rows]
    since = [start + int(row[3] * SECOND) if len(row) > 3 else None for row in rows]

    class Lossy:
        losses = pd.DataFrame(times, columns=["ts_ns", "kind", "count"]).assign(
            since_ns=pd.array(since, dtype="Int64")
        )

        def __getattr__(self, name):
            return getattr(capture, name)

    return Lossy()


def test_losses_around_a_part_are_told_apart():
    capture = lossy((2, "go", 3), (8, "go", 5), (11, "go", 7))
    found = explain(capture, None, Limits.parse("4s", "10s"))
    # What is counted a second behind the end may have been lost in it.
    assert (found.json()["lost"], found.json()["lost_outside"]) == (12, 3)
    assert "and 3 outside of this time" in " ".join(found.text().split())
    assert [round(gap["end_ns"] / SECOND) for gap in found.json()["gaps"]] == [8, 11]


def test_a_loss_that_was_counted_late_may_be_of_a_part_long_before():
    """The recorder was stopped meanwhile."""
    capture = lossy((2, "go", 3, 1), (15, "go", 7, 9), (15.9, "go", 5, 15))
    found = explain(capture, None, Limits.parse("4s", "10s"))
    assert (found.json()["lost"], found.json()["lost_outside"]) == (7, 8)
    assert found.json()["gaps"] == [{"start_ns": 9 * SECOND, "end_ns": 15 * SECOND}]
    assert "gaps at 9 s to 15 s" in " ".join(found.text().split())


def test_the_command_explains_a_part():
    done = invoke("explain", GOLDEN / "requeue.whowoke", "--from", "4s", "--to", "10s", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found == explain(opened(), None, Limits.parse("4s", "10s")).json()
    assert (found["from_ns"], found["duration_ns"]) == (4 * SECOND, 6 * SECOND)
