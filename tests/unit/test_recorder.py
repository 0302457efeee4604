"""A child reads the command line of ``record``: the same options, errors and exit codes."""

import subprocess
import sys

import pytest

from tests.unit.commands import is_two_lines

# A recorder in place of the real one, in the process that would record.
RECORDER = """
import sys, types
def record(options, progress=None, say=None, is_last=False):
    from whowoke.tracer.options import RecordSummary
    print(sorted({"typer", "rich", "pydantic"} & sys.modules.keys()), options)
    return RecordSummary(7, "op", None, 0, 0, 3, 0, notes=["a note"], timing_ns={"load": 1_500_000})
sys.modules["whowoke.tracer.record"] = types.SimpleNamespace(record=record)
from whowoke.tracer.__main__ import main
sys.argv = ["whowoke", "record", *sys.argv[1:]]
main()
"""


def recorded(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", before + RECORDER, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)


def test_the_process_that_records_has_no_parser() -> None:
    done = recorded("-p", "7", "-d", "3s", "--spans", "x", "--spans", "y")
    assert (done.returncode, done.stderr) == (0, "a note\n")
    assert done.stdout.startswith("[] RecordOptions(duration_ns=3000000000, ")
    assert "pids=(7,)" in done.stdout
    assert "spans=(PosixPath('x'), PosixPath('y'))" in done.stdout


def test_what_is_to_be_told_is_told() -> None:
    done = recorded("-p", "7", "--timing", "--fail-on-loss")
    assert done.returncode == 4
    note, step, error, hint = done.stderr.splitlines()
    assert (note, step.split()) == ("a note", ["1.5", "ms", "load"])
    assert error.startswith("whowoke: 3 lost")
    assert hint.startswith("  hint: ")
    assert recorded("--dry-run", "-p", "7").stdout.endswith("\na note\n")


@pytest.mark.parametrize(
    ("arguments", "code"), [(("-p", "999999999"), 1), (("7",), 2), (("--nope",), 2)]
)
def test_errors_are_those_of_the_command(run, arguments: tuple[str, ...], code: int) -> None:
    done = run("record", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert is_two_lines(done.stderr)


def test_a_parser_that_dies_is_told() -> None:
    before = (
        "import os, signal, sys\n"
        "os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    done = recorded("-p", "7", before=before)
    assert (done.returncode, done.stdout) == (1, "")
    assert is_two_lines(done.stderr)
    assert "status -9" in done.stderr
