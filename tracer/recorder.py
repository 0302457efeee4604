"""The process that records: the one that read the command line, begun anew without the parser.

typer brings pydantic for its options, 12 MB that a recorder would keep for hours. So the command's
arguments go through a pipe over an exec: same process, same pid, same terminal.
"""

import os
import pickle
import sys
from collections.abc import Mapping
from typing import Any

# What a pipe holds without a reader: pipe(7).
MAX_ARGUMENTS = 1 << 16
_started = False


def started() -> None:
    """Say that this process is the command ``whowoke``, not a program that uses its parts."""
    global _started  # noqa: PLW0603
    _started = True


def begin_anew(arguments: Mapping[str, Any]) -> None:
    """Go on as ``cli.record(**arguments)`` in a fresh interpreter; not where it is too late."""
    if not _started or "whowoke.tracer.record" in sys.modules:
        return
    data = pickle.dumps(dict(arguments))
    if len(data) > MAX_ARGUMENTS:
        return
    ours, theirs = os.pipe()
    with open(theirs, "wb") as pipe:
        pipe.write(data)
    os.set_inheritable(ours, True)
    sys.stdout.flush()
    sys.stderr.flush()
    # -P: nothing is imported from the current folder; the rest is for those who list processes.
    program = [sys.executable, "-P", "-m", "whowoke.tracer.recorder", str(ours)]
    os.execv(sys.executable, [*program, *sys.argv[1:]])  # noqa: S606


def main() -> None:
    """Record as the arguments in the pipe say, whose number is the first argument."""
    with open(int(sys.argv[1]), "rb") as pipe:
        # From this process as it was before.
        arguments = pickle.load(pipe)  # noqa: S301
    from whowoke.analysis.cli import exit_code_of
    from whowoke.tracer import cli

    sys.exit(exit_code_of(lambda: cli.record(**arguments)))


if __name__ == "__main__":
    main()
