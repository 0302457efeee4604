"""Two captures compared: what differs is told first, what changed is told apart from noise."""

import json
from pathlib import Path

import pytest

from tests.unit.commands import invoke, is_two_lines
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.comparing.conditions import COUNTS, parse, share
from whowoke.analysis.comparing.diff import Comparison
from whowoke.analysis.comparing.metrics import METRICS
from whowoke.analysis.comparing.sides import key_of, side_of
from whowoke.analysis.errors import UsageError
from whowoke.analysis.model import Analysis
from whowoke.analysis.rules.causes import Cause
from whowoke.analysis.window import EVERYTHING, Limits

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
REQUEUE, RESYNC, TICKER = (GOLDEN / f"{n}.whowoke" for n in ("requeue", "resync", "ticker"))


class Altered:
    """A capture with other losses or metadata."""

    def __init__(self, path, **metadata):
        self._capture = Capture.open(path)
        self.metadata = self._capture.metadata | metadata

    def __getattr__(self, name):
        return getattr(self._capture, name)


def side(path, limits=EVERYTHING, **metadata):
    return side_of(path.stem, Analysis(Altered(path, **metadata), limits))


def test_the_same_is_the_same():
    found = Comparison(side(REQUEUE), side(REQUEUE)).json()
    assert found["differing"] == []
    assert (found["came"], found["went"], found["changed"]) == (0, 0, 0)
    assert {row["change"] for row in found["causes"]} == {"same"}
    assert all(row["change"] in (0, None) for row in found["metrics"])
    assert all(row["p"] == 1 for row in found["causes"])


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.whowoke")), ids=lambda path: path.stem)
@pytest.mark.parametrize("at", ["5s", "8s", "11s"])
def test_one_part_is_no_change_of_the_other(path, at):
    """Two parts of one recording differ by chance only."""
    parts = [side(path, Limits.parse(*ends)) for ends in ((None, at), (at, None))]
    found = Comparison(*parts).json()
    assert (found["came"], found["went"], found["changed"]) == (0, 0, 0)


def test_another_mechanism_came_for_the_one_that_went():
    found = Comparison(side(REQUEUE), side(TICKER)).json()
    beyond = {(row["change"], row["cause"]) for row in found["causes"] if row["beyond_noise"]}
    assert beyond == {("came", "operator.ticker"), ("went", "requeue.after")}
    assert (found["came"], found["went"]) == (1, 1)
    came = next(row for row in found["causes"] if row["change"] == "came")
    assert came["measure"] == "reconciles"
    assert came["a"]["reconciles"] == 0 < came["b"]["reconciles"]
    assert came["b"]["median_gap_ns"] == pytest.approx(2e9, rel=0.01)
    text = Comparison(side(REQUEUE), side(TICKER)).text()
    assert "came     operator.ticker, controller stock" in text
    assert max(map(len, text.splitlines())) <= 100


def test_rates_are_those_of_the_whole_hour():
    a = side(REQUEUE)
    metrics = {
        row["metric"]: row
        for row in Comparison(a, side(REQUEUE, Limits.parse("4s", "10s"))).json()["metrics"]
    }
    assert metrics["wakeups"]["a"] == pytest.approx(
        a.facts["wakeups"] * 3600e9 / a.facts["duration_ns"]
    )
    assert metrics["redundant"]["a"] is None, "this capture has no records of requests"
    assert metrics["cpu"]["a"] > 0
    assert list(metrics) == [metric.name for metric in METRICS]


def test_what_else_differs_comes_first():
    a = side(REQUEUE)
    b = side(REQUEUE, Limits.parse(None, "9s"), kernel="9.9.9", go_version="go9", build_id="other",
             modules={"k8s.io/client-go": "v9"}, missing=["a probe"])  # fmt: skip
    comparison = Comparison(a, b)
    differing = {row["what"]: (row["a"], row["b"]) for row in comparison.json()["differing"]}
    assert differing["kernel"] == (a.metadata["kernel"], "9.9.9")
    assert differing["Go"][1] == "go9"
    assert differing["k8s.io/client-go"][1] == "v9"
    lines = comparison.text().splitlines()
    first = next(n for n, line in enumerate(lines) if "wake-ups an hour" in line)
    head = "\n".join(lines[:first])
    for words in ("kernel", "go9", "not equally long", "not seen"):
        assert words in head


def test_losses_come_first():
    a, b = side(REQUEUE), side(REQUEUE)
    b.facts |= {"lost": 7, "losses": {"go": 7}}
    text = Comparison(a, b).text()
    assert "lost in B: 7 go: its counts are lower bounds" in text
    assert text.index("lost in B") < text.index("wake-ups an hour")


def test_a_line_that_moved_is_the_same_cause():
    one = Cause("operator", "operator.ticker", "", "stock", "main.f", "main.go:9", "armed")
    assert key_of(one) == key_of(one._replace(location="main.go:12"))
    assert key_of(one) != key_of(one._replace(function="main.g"))
    peers = [Cause("outbound", "network.response", f"10.0.0.1:{port}") for port in (1, 2)]
    assert key_of(peers[0]) == key_of(peers[1])


CONDITIONS = [
    ("wakeups>+10%", (100, 111), True),
    ("wakeups>+10%", (100, 110), False),
    ("wakeups>=+10%", (100, 110), True),
    ("wakeups<-50%", (100, 40), True),
    ("wakeups > 100", (1, 101), True),
    ("wakeups>+5", (100, 105), False),
    ("wakeups>+5", (100, 106), True),
    ("wakeups>+10%", (0, 1), True),
    ("wakeups>+10%", (0, 0), False),
    ("cpu>+500ms", (1e9, 1.6e9), True),
    ("longest_sleep<10s", (0, 9e9), True),
    ("longest_sleep<10s", (None, 9e9), True),
    ("longest_sleep<-1s", (None, 9e9), None),
    ("redundant>0", (1, None), None),
    ("asleep<99%", (99, 98.5), True),
    ("asleep<-1", (99, 98.5), False),
    ("came>0", (None, 1), True),
]


@pytest.mark.parametrize(("text", "values", "holds"), CONDITIONS)
def test_conditions(text, values, holds):
    assert parse(text).holds(*values) is holds


@pytest.mark.parametrize(
    "text",
    ["", "wakeups", "wakeups>", "wakeups=1", "nonsense>1", "wakeups>10%", "wakeups>1s", "cpu>1",
     "cpu>+1x", "came>+1", "came>1%", "wakeups>1.2.3", "wakeups>--1", "wakeups>1 or cpu>1s"],
)  # fmt: skip
def test_what_is_no_condition(text):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.hint


def test_the_change_from_nothing_is_infinite():
    assert share(0, 1) == float("inf")
    assert share(-2, -1) == 50


def test_the_command_ends_with_1_where_a_condition_holds():
    done = invoke("diff", REQUEUE, TICKER, "--fail-if", "wakeups>+10%", "--fail-if", "went>5")
    assert done.exit_code == 1
    assert done.stdout.startswith(f"A: {REQUEUE}")
    assert done.stderr == "it holds: wakeups>+10%\n"
    assert invoke("diff", REQUEUE, TICKER, "--fail-if", "wakeups>+50%").exit_code == 0


def test_what_is_not_known_ends_with_4():
    done = invoke("diff", REQUEUE, TICKER, "--fail-if", "redundant>0")
    assert done.exit_code == 4
    assert is_two_lines(done.stderr)


def test_wrong_conditions_are_told_before_any_work():
    done = invoke("diff", "missing", "missing", "--fail-if", "wakeups")
    assert done.exit_code == 2
    assert "no condition" in done.stderr


def test_the_command_prints_json():
    done = invoke("diff", REQUEUE, TICKER, "--json", "--to", "10s")
    found = json.loads(done.stdout)
    assert found["a"]["duration_ns"] == 10**10
    assert found["b"]["file"] == str(TICKER)


def test_every_metric_and_count_is_documented(tree):
    page = (tree / "docs" / "diff.md").read_text()
    for name in (*(metric.name for metric in METRICS), *COUNTS):
        assert f"| `{name}` |" in page
