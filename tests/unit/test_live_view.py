"""What the live view shows: the same numbers as explain, lines that fit, marks of all wake-ups."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.captures import write_small
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.errors import WhowokeError
from whowoke.analysis.model import Analysis
from whowoke.analysis.rules.causes import load_rules
from whowoke.analysis.telling.explain import explain
from whowoke.tracer.live import lines, upcoming
from whowoke.tracer.live.marks import LOOKS, MORE, SEVERAL, origin_of, strip
from whowoke.tracer.live.upcoming import Due, Upcoming, Watch
from whowoke.tracer.live.view import Cost, Mark, last_part, view_of

SECOND = 10**9
BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
GOLDEN = ("poller", "requeue", "resync", "ticker")


def golden(tree, name):
    return tree / "tests" / "golden" / f"{name}.whowoke"


def shown(tree, name):
    return view_of(Analysis(Capture.open(golden(tree, name))), 0)


@pytest.mark.parametrize("name", GOLDEN)
def test_it_says_what_explain_says(tree, name):
    view, said = shown(tree, name), explain(Capture.open(golden(tree, name))).json()
    for fact in ("wakeups", "lost", "unknown", "continuations", "reconciles", "duration_ns"):
        assert view.facts[fact] == said[fact], fact
    columns = ("origin", "cause", "subject", "controller", "function", "location", "wakeups",
               "reconciles")  # fmt: skip
    assert [tuple(getattr(row, column) for column in columns) for row in view.causes] == [
        tuple(row[column] for column in columns) for row in said["causes"]
    ]
    assert [row.gap_ns for row in view.causes] == [row["median_gap_ns"] for row in said["causes"]]
    assert sum(row.reconciles for row in view.controllers) == said["reconciles"]
    judged = [sum(row.redundant.get(v, 0) for row in view.controllers) for v in ("yes", "no")]
    assert judged == [said["redundancy"]["yes"], said["redundancy"]["no"]]


@pytest.mark.parametrize("name", GOLDEN)
def test_each_wakeup_is_a_mark_and_can_be_looked_at(tree, name):
    analysis = Analysis(Capture.open(golden(tree, name)))
    view = view_of(analysis, 0)
    times = analysis.base["ts_ns"].tolist()
    assert [mark.ts_ns for mark in view.marks] == times
    for row in view.causes:
        assert len(row.recent_ns) == row.wakeups
        assert set(row.recent_ns) <= set(times)
        assert row.last_ns is not None


def test_only_the_last_part_is_counted(tree):
    whole = Analysis(Capture.open(golden(tree, "poller")))
    part = Analysis(whole.capture)
    part.limits = last_part(part, 10 * SECOND)
    view = view_of(part, 0)
    since_ns = whole.threads.end_ns - 10 * SECOND
    assert view.facts["duration_ns"] == 10 * SECOND
    expected = [ts for ts in whole.base["ts_ns"].tolist() if ts >= since_ns]
    assert [mark.ts_ns for mark in view.marks] == expected
    assert 0 < len(expected) < len(whole.base)
    assert not last_part(whole, 3600 * SECOND).start


def test_every_origin_has_a_letter_of_its_own():
    origins = {rule.origin for rule in load_rules().rules if rule.origin}
    assert origins | {"unknown", "requeue", "api-event"} <= set(LOOKS)
    assert len({look.letter for look in LOOKS.values()}) == len(LOOKS)


def test_no_origin_is_named_where_there_are_several():
    assert origin_of(Mark(0, ("requeue", "client-go"), ())) == SEVERAL
    assert origin_of(Mark(0, (), ())) == "unknown"
    assert origin_of(Mark(0, ("requeue",), ())) == "requeue"


def test_a_strip_stacks_marks_and_says_where_there_are_more():
    marks = [Mark(ts, (origin,), ()) for ts, origin in (
        (0, "requeue"), (10, "client-go"), (11, "client-go"), (11, "requeue"),
        (30, "client-go"), (30, "client-go"), (31, "operator"), (39, "os"),
    )]  # fmt: skip
    found = strip(marks, 39, 40, 4, 3)
    assert found == [
        ["", "client-go", "", MORE],
        ["", "client-go", "", "os"],
        ["requeue", "requeue", "", "operator"],
    ]


def test_a_mark_stays_in_its_column_until_the_strip_moves():
    mark = [Mark(1005, ("os",), ())]
    columns = [strip(mark, end, 100, 10, 1)[0].index("os") for end in range(1010, 1040)]
    assert columns == [8] * 10 + [7] * 10 + [6] * 10
    assert strip(mark, 2000, 100, 10, 1) == [[""] * 10]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", GOLDEN)
def test_lines_fit(tree, name, width):
    view = shown(tree, name)
    now_ns = view.end_ns + SECOND
    for row in view.causes:
        said = [lines.cause_line(row, now_ns, width), *lines.detail_lines(row, width)]
        assert all(len(line) <= width for line in said)
        assert said[0].startswith(LOOKS[row.origin].letter)
    for row in view.controllers:
        assert len(lines.controller_line(row, now_ns, width)) <= width
    assert len(lines.axis(60 * SECOND, width)) == width


def test_losses_unknowns_and_costs_are_told(tree):
    view = shown(tree, "requeue")
    view.facts["lost"] = 3
    told = " ".join(lines.head(view, 0, ["PAUSED"], 0.02))
    assert "59 wake-ups, 3 lost: lower bounds; 1 unknown (1.7%); " in told
    assert "cost of one CPU: probes ?, recorder ?, view 2.0%" in told
    assert "PAUSED" in told
    said = lines.cost_words(Cost(0.00002, 0.01), None)
    assert said == "cost of one CPU: probes 0.002%, recorder 1.0%, view ?"


def test_the_age_of_what_is_shown_is_told_once_it_matters(tree):
    view = shown(tree, "requeue")
    assert "old" not in lines.head(view, 2 * SECOND, [], None)[0]
    assert "7 s old" in lines.head(view, 7 * SECOND, [], None)[0]


def test_the_pod_is_told(tree):
    view = shown(tree, "requeue")
    assert "pod" not in lines.head(view, 0, [], None)[0]
    view.facts["target"]["container"] = {"namespace": "shop", "pod": "op-0"}
    assert lines.head(view, 0, [], None)[0].endswith("; pod shop/op-0")


def test_the_cost_is_what_the_recorder_says(tmp_path):
    path = tmp_path / "small.whowoke"
    write_small(path)
    capture = Capture.open(path)
    first = {"ts_ns": 10 * SECOND, "probes_ns": 5, "recorder_cpu_ns": SECOND}
    last = {"ts_ns": 20 * SECOND, "probes_ns": 5 + SECOND // 100, "recorder_cpu_ns": 2 * SECOND}
    capture.metadata |= {"cost_since": first, "cost": last}
    assert view_of(Analysis(capture), 0).cost == Cost(0.001, 0.1)
    for broken in ({"cost": first}, {"cost": 3}, {"cost": {"ts_ns": "x"}}):
        capture.metadata |= broken
        assert view_of(Analysis(capture), 0).cost == Cost()


@pytest.mark.parametrize("sort", lines.SORTS)
def test_rows_are_ranked(tree, sort):
    rows = lines.ordered(shown(tree, "poller").causes, sort)
    keys = {"per min": "per_minute", "reconciles": "reconciles", "last": "last_ns", "cpu": "cpu_ns"}
    values = [getattr(row, keys[sort]) or 0 for row in rows]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 1


def test_a_filter_looks_everywhere_in_any_case(tree):
    rows = shown(tree, "requeue").causes
    found = {text: [r.cause for r in rows if lines.fits(r, text)] for text in ("REQ", "lease", "")}
    assert found["REQ"] == ["requeue.after"]
    assert found[""] == [row.cause for row in rows]
    assert [r.cause for r in rows if lines.fits(r, "controller.go:46")] == ["requeue.after"]


def test_names_from_the_target_do_no_harm():
    assert lines.cut("a\x1b[31m\nb", 80) == "a�[31m�b"
    assert "\x1b" not in lines.hanging("a\x1bb\n c", 80)


def test_a_story_is_wrapped_behind_its_times():
    text = "head\n\n  from start   from step\n           0              " + "word " * 20
    for line in lines.hanging(text, 60).split("\n")[4:]:
        assert line.startswith(" " * 28)
        assert len(line) <= 60


def test_what_comes_back_is_due_again_and_what_came_once_is_gone():
    ticker = Due(100, 30, "operator", "operator.ticker", "", "f")
    once = Due(105, 0, "os", "x", "", "")
    assert [d.due_ns for d in Upcoming([ticker, once]).after(101)] == [105, 130]
    assert [d.due_ns for d in Upcoming([ticker, once]).after(131)] == [160]
    assert [d.due_ns for d in Upcoming([ticker, once]).after(130)] == [130]
    assert "30 s" in lines.due_line(Due(30 * SECOND, 0, "os", "x", "", "f"), 0, 40)


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({"boot_id": "another", "pid": 1}, "another machine"),
        ({"pid": 1}, "another machine"),
        ({"boot_id": BOOT, "pid": "1"}, "another machine"),
        ({"boot_id": BOOT, "pid": 2**22 + 1}, "doesn't exist"),
        ({"boot_id": BOOT, "pid": os.getpid(), "executable": "/bin/op"}, "has ended"),
    ],
)
def test_only_the_process_that_was_recorded_is_read(metadata, problem):
    watch = Watch()
    assert problem in watch.step(metadata).problem
    assert watch.step(metadata) is None


def test_what_ends_while_it_is_read_has_ended(monkeypatch):
    def ends(target):
        program.kill()
        program.wait()
        raise WhowokeError("can't be read")

    monkeypatch.setattr(upcoming, "Forecaster", ends)
    with subprocess.Popen(["sleep", "60"]) as program:
        executable = os.readlink(f"/proc/{program.pid}/exe")
        found = Watch().step({"boot_id": BOOT, "pid": program.pid, "executable": executable})
    assert found == Upcoming([], "the process has ended")
