"""The Python API: every table by name, the verdict, what a notebook shows; and a cheap import."""

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

import whowoke.analysis
from tests.unit.captures import write_small
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.errors import DataIncompleteError, UsageError
from whowoke.analysis.model import Analysis
from whowoke.analysis.opened import Opened
from whowoke.analysis.output.outputs import tables
from whowoke.analysis.tables.columns import TABLES
from whowoke.analysis.telling.card import card
from whowoke.analysis.telling.explain import explain

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
TICKER = GOLDEN / "ticker.whowoke"


@pytest.fixture(scope="module")
def ticker():
    return whowoke.analysis.open(str(TICKER))


def test_the_import_is_cheap():
    code = (
        "import sys, whowoke.analysis\n"
        "print([name for name in ('pandas', 'numpy', 'zstandard') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_table_is_an_attribute_and_in_the_mapping(ticker, table):
    frame = getattr(ticker, table.name)
    assert frame is ticker.tables[table.name]
    assert {str(k): str(v) for k, v in frame.dtypes.items()} == dict(table.dtypes)
    pd.testing.assert_frame_equal(frame, tables(Analysis(Capture.open(TICKER)))[table.name])


def test_no_table_of_another_name(ticker):
    with pytest.raises(KeyError):
        ticker.tables["nonsense"]
    assert set(ticker.tables) == {table.name for table in TABLES}
    assert len(ticker.tables) == len(TABLES)


def test_the_verdict_is_that_of_explain(ticker):
    assert ticker.verdict == explain(Capture.open(TICKER)).json()
    assert ticker.explain("2s").json()["period_ns"] == 2 * 10**9
    assert repr(ticker) == explain(Capture.open(TICKER)).text() == repr(ticker.explain())
    assert ticker.metadata["name"] == "ticker"


def test_one_wakeup_is_told(ticker):
    assert repr(ticker.show(20)).startswith("wake-up 20 of 68, a timer: operator.ticker")
    with pytest.raises(UsageError):
        ticker.show(0)


def test_a_part_of_it(ticker):
    part = ticker.between("4s", "6s")
    assert part.wakeups["wakeup_id"].tolist() == list(range(17, 26))
    assert len(whowoke.analysis.open(TICKER, end="6s").wakeups) == 25
    with pytest.raises(UsageError):
        ticker.between("noon")


def test_two_are_compared(ticker):
    before = whowoke.analysis.open(GOLDEN / "requeue.whowoke")
    assert before.diff(ticker).json()["came"] == 1


def test_it_is_exported(ticker, tmp_path):
    (path,) = ticker.export("folded", tmp_path / "x")
    assert path.read_text().startswith("leader_election.renew")


def test_what_is_no_capture(tmp_path):
    with pytest.raises(UsageError):
        whowoke.analysis.open(tmp_path / "missing")
    write_small(tmp_path / "small")
    data = (tmp_path / "small").read_bytes()
    (tmp_path / "small").write_bytes(data[:14])
    with pytest.raises(DataIncompleteError):
        whowoke.analysis.open(tmp_path / "small")


class Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.cells.append(data)


def test_a_notebook_shows_causes_and_sleep(ticker):
    page = Balanced()
    page.feed(ticker._repr_html_())
    assert page.open == []
    for text in ("operator.ticker, controller stock", "every 2 s", "as recorded", ".reconciles"):
        assert text in page.cells, text


def test_what_the_target_says_is_no_html(ticker):
    bad = "<script>alert(1)</script>"
    cause = ticker.verdict["causes"][0] | {"subject": bad, "location": bad, "controller": bad}
    data = ticker.verdict | {"causes": [cause], "target": ticker.verdict["target"] | {"name": bad},
                             "lost": 7, "complete": False}  # fmt: skip
    text = card(data, bad, ["wakeups"])
    assert "<script" not in text
    assert "7 lost" in text
    assert "counts are lower bounds; the recording has no end" in text


def test_of_many_causes_the_first_are_shown(ticker):
    data = ticker.verdict | {"causes": ticker.verdict["causes"][:1] * 15}
    assert "and 3 more causes" in card(data, "x", [])


def test_every_table_is_declared():
    declared = {name for name, value in vars(Opened).items() if type(value).__name__ == "_Table"}
    assert declared == {table.name for table in TABLES}
