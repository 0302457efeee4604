"""The line of progress: on a terminal only, and nothing is left of it."""

import io
import sys

import pytest

from tests.unit.commands import invoke
from whowoke.analysis import progress as module
from whowoke.analysis.progress import ERASE_LINE, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.001)


def shown(terminal, text):
    """Wait for a text on the terminal, as long as it takes."""
    while text not in terminal.getvalue():
        pass
    return True


def test_a_terminal_is_told_what_is_done(hurried, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("analysing it\x1b[31m") as step:
        assert shown(terminal, "analysing it\N{REPLACEMENT CHARACTER}[31m … ")
        step("writing wakeups")
        assert shown(terminal, f"{ERASE_LINE}writing wakeups … 0 s")
    assert terminal.getvalue().endswith(ERASE_LINE)


def test_it_ends_with_what_it_is_about(hurried, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(ValueError, match="wrong"), progress("x"):
        raise ValueError("wrong")
    assert terminal.getvalue().endswith(ERASE_LINE)


def test_a_pipe_is_told_nothing(hurried, monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with progress("x") as step:
        step("y")
    assert pipe.getvalue() == ""


def test_no_colour_where_none_is_wanted(tree, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    for args in (("--help",), ("diff", "--help"), ("show", tree / "tests/golden/ticker.whowoke")):
        assert "\x1b[3" not in invoke(*args).output
