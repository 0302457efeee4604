"""The benchmark's JSON line, table and page, made of numbers that a test made up."""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.bench import __main__ as command
from tests.bench import page, rounds, rows
from tests.bench.keys import KEYS
from tests.bench.parts import PARTS, Part
from tests.bench.rounds import Spread
from tests.bench.rows import Outcome, Row, keyed
from tests.bench.stage import Stage

PROMISED = (
    *("hit_cost_ratio", "idle_cpu_pct", "busy_loss_pct", "bystander_syscall_ns"),
    *("drain_per_cpu_s", "lost_at_200k", "bytes_per_record", "recorder_rss_mb", "start_s"),
    *("attach_s", "detach_s", "day_verdict_s", "day_rss_mb"),
)
SAMPLE = (
    keyed("hit_cost_ratio", Spread(0.0812345, 0.07, 0.1, 7)),
    keyed("idle_cpu_pct", Spread(0.01, -0.02, 0.05, 5)),
    keyed("detach_s", 0.25),
    keyed("day_verdict_s", None, note="tests.day.replay isn't there"),
    Row("compare_idle", "alone: target CPU", 0.3, "% of a core"),
    Row("compare_idle", "strace -f: target CPU", None, "% of a core", note="not | installed"),
    Row("day", "1 h: the file", 3.2, "MB"),
    Row("day", "1 h: file to verdict", 2.5, "s"),
    Row("day", "1 h: most memory", 180, "MB"),
)


def kept() -> dict[str, object]:
    outcome = Outcome("hit", "2026-01-01T00:00:00Z", 1.5, 0.1, SAMPLE)
    machine = {"kernel": "6.1", "cores": 2}
    return {"format": rows.FORMAT, "machine": machine, "outcomes": {"hit": asdict(outcome)}}


def test_the_json_line_has_exactly_the_promised_keys() -> None:
    line = json.loads(rows.json_line(SAMPLE))
    assert tuple(line) == PROMISED
    assert line["hit_cost_ratio"] == 0.08123
    assert line["day_verdict_s"] is None
    assert line["start_s"] is None


def test_every_key_has_a_part() -> None:
    assert [key for part in PARTS for key in part.keys if key not in PROMISED] == []
    assert sorted(key for part in PARTS for key in part.keys) == sorted(PROMISED)


def test_a_part_that_fails_has_a_reason_and_no_numbers(tmp_path: Path) -> None:
    def fail(_: Stage) -> list[Row]:
        raise ZeroDivisionError(f"no machine in {tmp_path}/here/there\nsecond line")

    outcome = command.run(Part("day", "a day", fail), Stage(tmp_path, command.ExitStack()))
    assert [row.key for row in outcome.rows] == ["day_verdict_s", "day_rss_mb"]
    assert {row.value for row in outcome.rows} == {None}
    assert outcome.rows[0].note == "ZeroDivisionError: no machine in here/there"


def test_the_table_has_median_extremes_goal_and_reason() -> None:
    text = "\n".join(rows.text_table(SAMPLE))
    assert "0.08123" in text
    assert "0.07 … 0.1 (7)" in text
    assert "≤ 0.125: yes" in text
    assert "≤ 0.2: no" in text
    assert "tests.day.replay isn't there" in text


def test_results_of_other_parts_stay(tmp_path: Path) -> None:
    path = tmp_path / "bench" / "results.json"
    first = Outcome("hit", "then", 1.0, 0.5, (keyed("hit_cost_ratio", 0.1),))
    second = Outcome("size", "now", 1.0, 0.5, (keyed("bytes_per_record", 11.0),))
    rows.save(path, {"kernel": "6.1"}, [first])
    rows.save(path, {"kernel": "6.1"}, [second])
    assert rows.outcomes_of(rows.load(path)) == [first, second]


def test_the_page_says_what_the_numbers_say() -> None:
    text = page.page(kept())
    assert "2 of 13 goals are met." in text
    assert "- `detach_s`: 0.25 s, the goal is ≤ 0.2." in text
    assert "- `day_verdict_s`: tests.day.replay isn't there." in text
    assert "- `start_s`: its part was not run." in text
    assert "Noise: of `idle_cpu_pct` the extremes" in text
    assert "| strace -f | - |" in text
    assert "strace -f: not | installed." in text
    assert "| 1 h | 3.2 MB | 2.5 s | 180 MB |" in text
    assert "kernel 6.1; cores 2." in text


def test_the_page_is_made_of_the_results_beside_it() -> None:
    assert page.PAGE.read_text() == page.page(rows.load(page.KEPT))


def test_differences_are_to_the_windows_before_and_after() -> None:
    assert rounds.differences([1.0, 3.0, 5.0], [4.0, 4.0]) == [2.0, 0.0]
    assert rounds.losses_pct([100.0, 100.0], [97.0]) == [pytest.approx(3.0)]


def test_the_cpu_clock_is_that_of_the_process() -> None:
    before = time.process_time_ns()
    seen = rounds.cpu_ns(os.getpid())
    assert before <= seen <= time.process_time_ns()


def test_keys_have_a_goal() -> None:
    assert all(key.goal for key in KEYS)
