"""Recording goes on in a fresh interpreter, with the same arguments, errors and exit codes."""

import os
import pickle
import sys
from pathlib import Path

import pytest

from tests.unit.commands import is_two_lines
from whowoke.tracer import recorder


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been executed."""
    seen: list[list[str]] = []
    monkeypatch.setattr(recorder, "_started", True)
    monkeypatch.setattr(os, "execv", lambda _, argv: seen.append(argv))
    monkeypatch.setattr(sys, "argv", ["whowoke", "record", "-p", "7"])
    monkeypatch.delitem(sys.modules, "whowoke.tracer.record", raising=False)
    return seen


def test_arguments_go_through_a_pipe(executed: list[list[str]]) -> None:
    arguments = {"pid": 7, "output": Path("x"), "spans": [Path("y")], "command": None}
    recorder.begin_anew(arguments)
    [argv] = executed
    assert argv[0] == sys.executable
    assert argv[-3:] == ["record", "-p", "7"]
    with open(int(argv[-4]), "rb") as pipe:
        assert pickle.load(pipe) == arguments


def test_nothing_happens_in_a_program_that_uses_the_parts(
    executed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_started", False)
    recorder.begin_anew({"pid": 7})
    assert executed == []


def test_a_command_line_that_is_too_long_stays(executed: list[list[str]]) -> None:
    recorder.begin_anew({"command": ["x" * recorder.MAX_ARGUMENTS]})
    assert executed == []


@pytest.mark.parametrize(
    ("arguments", "code"), [(("-p", "999999999"), 1), (("7",), 2), (("--nope",), 2)]
)
def test_errors_are_those_of_the_command(run, arguments: tuple[str, ...], code: int) -> None:
    done = run("record", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert is_two_lines(done.stderr)
