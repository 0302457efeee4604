"""What reports say of the recording's own cost, and of probes that cost too much."""

import pytest

from tests.unit.synthetic import MS, Synthetic
from whowoke.analysis.telling.cost import program_costs
from whowoke.analysis.telling.explain import explain
from whowoke.tracer.timing import Timing, table


def test_probes_that_were_taken_off_are_told_with_their_time() -> None:
    c = Synthetic()
    c.at(1).reconcile("a")
    c.metadata["start_ns"] = 100 * MS
    c.lost = [
        (500 * MS, "over budget: on_cache_get taken off", 1),
        (500 * MS, "over budget: on_store_get taken off", 1),
        (700 * MS, "over budget: on_goroutine_ready stopped", 4096),
        (700 * MS, "over budget: on_goroutine_ready taken off", 1),
    ]
    c.metadata["stacks_left_out"] = 12_345
    told = explain(c, None)
    assert told.json()["missing"] == [
        "cache_get, store_get from 400 ms on: over the budget",
        "goroutine_ready from 600 ms on: over the budget",
        "what woke threads, 12,345 times: over the budget",
    ]
    text = told.text()
    assert "not seen: goroutine_ready from 600 ms on: over the budget" in text
    head = " ".join(text.split())
    assert "4,099 lost (4,096 stopped over the budget, 3 programs taken off)" in head


def test_once_nearly_all_is_off_the_time_ends_that_is_counted() -> None:
    c = Synthetic()
    for ms in (100, 200, 1500):
        c.at(ms).fire(7, ("time.Sleep", "main.loop"))
    c.metadata |= {"start_ns": 0, "end_ns": 4000 * MS}
    names = [f"over budget: on_x{n} taken off" for n in range(20)]
    names.append("over budget: on_timer_fire taken off")
    c.lost = [(1000 * MS, name, 1) for name in names]
    told = explain(c, None)
    assert told.json()["missing"] == ["nearly all from 1 s on: over the budget"]
    assert told.json()["duration_ns"] == 1000 * MS
    assert "(21 programs taken off)" in " ".join(told.text().split())


def test_info_says_what_the_programs_cost() -> None:
    cost = {
        "sampled_ns": 2_000_000_000,
        "share": 0.001,
        "programs": {
            "on_sleep": {"run_ns": 500_000, "runs": 500},
            "on_sys_exit": {"run_ns": 1_500_000, "runs": 30_000},
        },
    }
    assert list(program_costs(cost)) == [
        "  0.100% of a CPU, measured for 2 s",
        "  on_sys_exit                   30,000 runs       50 ns each",
        "  on_sleep                         500 runs    1,000 ns each",
    ]


@pytest.mark.parametrize(
    "cost",
    [
        None,
        7,
        {"sampled_ns": 0, "programs": {}},
        {"sampled_ns": "x", "programs": {}},
        {"sampled_ns": 1, "programs": 3},
    ],
)
def test_nonsense_is_not_told(cost: object) -> None:
    assert list(program_costs(cost)) == []


def test_nonsense_among_programs_is_left_out() -> None:
    cost = {"sampled_ns": 10, "programs": {"a": 1, "b": {"run_ns": "x", "runs": 1}, "c": {}}}
    assert list(program_costs(cost)) == ["  0.000% of a CPU, measured for 10 ns"]


def test_the_steps_of_a_start_are_told_in_order() -> None:
    timing = Timing()
    with timing.step("attach"):
        pass
    timing.first_record()
    first = timing.steps["until the first record"]
    timing.first_record()
    assert timing.steps["until the first record"] == first > 0
    assert list(timing.steps) == ["start whowoke", "attach", "until the first record"]
    assert table({"attach": 15_250_000}) == ["     15.2 ms  attach"]
