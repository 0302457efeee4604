"""Wake-ups as a list: which ids there are to `whowoke show`."""

import json
from pathlib import Path

from tests.unit.commands import invoke, is_two_lines
from whowoke.analysis.telling.making import made

TICKER = Path(__file__).resolve().parent.parent / "golden" / "ticker.whowoke"


def test_without_an_id_all_are_listed():
    done = invoke("show", TICKER)
    assert done.exit_code == 0
    first, *lines = done.stdout.splitlines()
    assert first.startswith("68 wake-ups; *")
    assert [int(line.split()[0]) for line in lines] == list(range(1, 69))
    assert lines[19].split() == [
        *("20", "*", "5.58", "s", "timer", "operator.ticker,", "controller", "stock")
    ]
    assert lines[22].endswith("operator.ticker, controller stock (answers wake-up 20)")


def test_those_of_a_cause_and_a_part():
    rows = json.loads(
        invoke(
            "show", TICKER, "--cause", "operator.*", "--from", "5s", "--to", "8s", "--json"
        ).stdout
    )
    assert [row["wakeup_id"] for row in rows] == [20, 23, 29, 31]
    assert {row["kind"] for row in rows} == {"timer", "descriptor"}
    assert [row["answers"] for row in rows] == [None, 20, None, 29]
    assert rows[0]["woke"] is True
    assert rows[0]["causes"] == ["operator.ticker, controller stock"]


def test_none_is_told_too():
    assert invoke("show", TICKER, "--cause", "nonsense").stdout.startswith("0 wake-ups")


def test_an_unknown_id_leads_to_the_list():
    done = invoke("show", TICKER, 69)
    assert done.exit_code == 2
    assert is_two_lines(done.stderr)
    assert "whowoke show FILE lists them" in done.stderr


def test_info_says_how_a_capture_was_made():
    lines = invoke("info", TICKER).stdout.splitlines()
    assert lines[1].startswith(
        "recorded at 2026-11-23T19:36:48Z for 16.1 s by whowoke 0.1.0, Linux"
    )
    assert lines[2] == "target: ticker, pid 9446"
    program = (
        "whowoke.test/operators/ticker, go1.26.8, controller-runtime v0.24.1, client-go v0.36.0"
    )
    assert lines[3] == f"program: {program}"
    assert lines[5].startswith("probes: ")
    assert " hits: goroutine_ready 187, timer_arm 73, timer_fire 50" in lines[5]


def test_info_takes_what_anyone_wrote():
    odd = {"start_ns": "x", "end_ns": -1, "modules": [], "command": [1, None], "sites": [7],
           "hits": ["a"], "missing": 5, "clock_monotonic_ns": 1 << 70, "name": None}  # fmt: skip
    assert made(odd)[:2] == ["recorded", "target: unknown, pid None"]
    late = {"start_ns": 0, "clock_monotonic_ns": 0, "clock_realtime_ns": (1 << 63) - 1}
    assert made(late)[0].startswith("recorded at 2262")
    assert made({})


def test_probes_are_told_as_far_as_they_are_known():
    sites = [{"probe": "gc_start", "function": "f"}, 7, {"probe": 8}]
    assert "probes: 2 at 3 places, 3 hits: gc_start 3" in made({"sites": sites, "hits": [3, 0, 0]})
