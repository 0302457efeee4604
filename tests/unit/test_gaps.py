"""Gaps of a recording: losses with their times, suspends, and what ends with 4."""

import time
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.unit.captures import write_small
from tests.unit.synthetic import MS, Synthetic
from tests.unit.test_explain import mixed
from whowoke.analysis.capture.reader import Capture, CaptureWriter, Loss
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.telling.explain import explain
from whowoke.analysis.telling.info import describe, summary
from whowoke.analysis.waking.lossy import COUNTED_NS, FOREVER, joined, lossy_spans
from whowoke.tracer import drain
from whowoke.tracer.cli import app
from whowoke.tracer.suspends import SHORTEST_NS, Suspends, ahead_ns

S = 10**9
CLOCK = 10**15


def spans(*rows, concerns=lambda _: True):
    return lossy_spans(pd.DataFrame(rows, columns=["ts_ns", "kind", "count", "since_ns"]), concerns)


def test_a_loss_lies_between_two_counts():
    """A recorder that was stopped counts late: what it missed may be from long before."""
    rows = [(9 * S, "go", 1, 2 * S), (4 * S, "text", 1, None), (5 * S, "over budget: x", 1, 5 * S)]
    assert spans(*rows) == [(2 * S, 9 * S), (4 * S - COUNTED_NS, 4 * S), (5 * S, FOREVER)]
    assert spans(*rows, concerns=lambda kind: kind == "go") == [(2 * S, 9 * S)]
    assert spans() == []


def test_gaps_that_follow_each_other_are_one():
    assert joined([(5 * S, 6 * S), (1 * S, 2 * S), (2 * S, 3 * S)]) == [(S, 3 * S), (5 * S, 6 * S)]


def test_explain_marks_the_gaps():
    c = mixed()
    c.metadata["start_ns"] = 0
    c.lost += [(2 * S, "timer_fire", 2000), (9 * S, "over budget: on_cache_get taken off", 1)]
    told = explain(c)
    text = " ".join(told.text().split())
    assert "counts are lower bounds, gaps at 800 ms to 2 s, 7.8 s to the end; 1 unknown" in text
    assert told.json()["gaps"] == [
        {"start_ns": 800 * MS, "end_ns": 2 * S},
        {"start_ns": 9 * S - COUNTED_NS, "end_ns": None},
    ]


def test_a_suspend_is_told_and_moves_the_clock_on_the_wall():
    c = Synthetic()
    c.metadata["suspends"] = [[50 * MS, 3600 * S], "nonsense", [1], [-1, 5]]
    c.at(40).fire(10, ("main.a@1",), timer=1)
    c.at(60).fire(10, ("main.a@1",), timer=1)
    times = analyse(c)["wakeups"]["time"].tolist()[-2:]
    assert 3600.0 <= (times[1] - times[0]).total_seconds() <= 3600.1
    text = " ".join(explain(c).text().split())
    assert "the machine was suspended for 1h at 50 ms: nothing ran" in text
    assert explain(c).json()["suspends"] == [{"ts_ns": 50 * MS, "asleep_ns": 3600 * S}]


def test_a_suspend_is_noticed_by_two_clocks(tmp_path):
    path, ahead = tmp_path / "x.whowoke", [0]
    with CaptureWriter(path) as writer:
        suspends = Suspends(writer, lambda: ahead[0])
        suspends.step()
        ahead[0] = SHORTEST_NS - 1
        suspends.step()
        ahead[0] = 7 * S
        suspends.step()
        suspends.step()
        ahead[0] = 12 * S
        suspends.step()
    found = Capture.open(path).metadata["suspends"]
    assert [asleep for _, asleep in found] == [7 * S, 5 * S]
    assert found[0][0] <= found[1][0] <= time.monotonic_ns()
    assert abs(ahead_ns() - ahead_ns()) < SHORTEST_NS


def test_info_tells_gaps_and_suspends(tmp_path):
    path = tmp_path / "x.whowoke"
    with CaptureWriter(path) as writer:
        writer.metadata({"start_ns": CLOCK, "suspends": [[CLOCK + S, 60 * S]]})
        writer.losses([Loss(CLOCK + 5 * S, "go", 3, CLOCK + 2 * S)])
    text = describe(summary(Capture.open(path)))
    assert "gaps at 2 s to 5 s" in text
    assert "the machine was suspended for 60 s at 1 s" in text


@pytest.mark.usefixtures("analysed")
def test_fail_on_loss_ends_explain_with_4(tmp_path):
    path = tmp_path / "small.whowoke"
    write_small(path)
    assert CliRunner().invoke(app, ["explain", str(path)]).exit_code == 0
    result = CliRunner().invoke(app, ["explain", str(path), "--fail-on-loss"])
    assert result.exit_code == 4
    assert "it was" in result.stdout
    assert result.stderr.splitlines()[0] == "whowoke: 3 lost, and --fail-on-loss was given"


@pytest.mark.usefixtures("recorded")
def test_fail_on_loss_ends_record_with_4(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["record", "--name", "op", "--fail-on-loss"])
    assert result.exit_code == 4
    assert len(result.stderr.splitlines()) == 5, "what was recorded, then the two lines"


def test_the_recorder_says_since_when(monkeypatch, tmp_path):
    """Losses found at a count lie after the count before, however late that comes."""
    clock = [100]
    lost = {"timer_fire": 0}
    engine = SimpleNamespace(lost=lambda: dict(lost), skipped=lambda: {"on_sys_enter": lost["n"]})
    monkeypatch.setattr(drain.time, "monotonic_ns", lambda: clock[0])
    path = tmp_path / "x.whowoke"
    lost["n"] = 0
    with CaptureWriter(path) as writer:
        counting = drain.Drain(engine, None, writer, None, None, None, None)
        counting._count()
        clock[0] = 900
        lost |= {"timer_fire": 5, "n": 2}
        counting._count()
        counting._count()
    found = Capture.open(path).losses.to_dict("records")
    assert [(row["kind"], row["count"], row["since_ns"], row["ts_ns"]) for row in found] == [
        ("timer_fire", 5, 100, 900), ("n", 2, 100, 900), ("skipped on_sys_enter", 2, 100, 900),
    ]  # fmt: skip
    assert counting.lost == 9
