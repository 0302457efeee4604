"""How the tests call the command in this process, and what an error looks like."""

from typer.testing import CliRunner

from whowoke.tracer.cli import app


def invoke(*args):
    result = CliRunner().invoke(app, [str(arg) for arg in args], prog_name="whowoke")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def is_two_lines(text):
    first, second = text.splitlines()
    return first.startswith("whowoke: ") and second.startswith("  hint: ")
