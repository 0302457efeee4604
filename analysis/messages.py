"""What a command prints, and the one place where an error becomes text and an exit code.

Without the parser of the command line: a recorder tells as much, and has no room for that.
"""

import io
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from whowoke.analysis.errors import DataIncompleteError, WhowokeError
from whowoke.analysis.texts import printable

DEBUG_VARIABLE = "WHOWOKE_DEBUG"
PLAIN = str.maketrans({"█": "#", "·": ".", "…": "..."})
EXIT_BROKEN_PIPE = 141  # what a shell reports for a command that SIGPIPE ended
EXIT_INTERRUPTED = 130


def exit_code_of(run: Callable[[], Any]) -> int:
    """Run a command: its exit code, with what went wrong told in at most two lines."""
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        code = after_broken_pipe()
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except WhowokeError as err:
        for row in err.rows:
            tell(row)
        code = _tell(str(err), err.hint, err.exit_code)
    except Exception as err:  # noqa: BLE001
        code = _tell_foreign(err)
    return code if isinstance(code, int) else 0


def show(text: str) -> None:
    """Print text on stdout; control characters are replaced, for names come from the target."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
        text = _plain(text, sys.stdout.encoding)
    sys.stdout.write(printable(text, keep="\n") + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """Print one line on stderr."""
    tell_raw(printable(text) + "\n")


def tell_raw(text: str) -> None:
    """Write on stderr what may move a terminal's cursor."""
    if sys.stderr:  # None where it was closed
        sys.stderr.write(text)
        sys.stderr.flush()


def check_lossless(lost: int) -> None:
    """DataIncompleteError where anything was lost."""
    if lost:
        raise DataIncompleteError(
            f"{lost:,} lost, and --fail-on-loss was given",
            "counts are lower bounds; whowoke info FILE says what was lost and when",
        )


def after_broken_pipe() -> int:
    """The exit code where a reader went away, and nothing that is left for it."""
    # What is still buffered would fail again when Python exits.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
    return EXIT_BROKEN_PIPE


def _tell(message: str, hint: str, code: int) -> int:
    tell(f"whowoke: {message}")
    if hint:
        tell(f"  hint: {hint}")
    return code


def _tell_foreign(err: Exception) -> int:
    """Errors of the command line's parser, which typer keeps private, and those that are ours."""
    format_message = getattr(err, "format_message", None)
    if callable(format_message):
        if not format_message():
            return 2  # no arguments at all: the help was printed
        context = getattr(err, "ctx", None)
        command = context.command_path if context else "whowoke"
        return _tell(str(format_message()), f"see: {command} --help", getattr(err, "exit_code", 2))
    if os.environ.get(DEBUG_VARIABLE):
        for line in "".join(traceback.format_exception(err)).splitlines():
            tell(line)
    return _tell(
        f"internal error: {type(err).__name__}: {err}",
        f"please report it with the output of: {DEBUG_VARIABLE}=1 whowoke …",
        1,
    )


def _plain(text: str, encoding: str) -> str:
    """The text, with plain characters for ours that the encoding lacks."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(PLAIN)
    return text
