"""The verbs on files, and the one place where an error becomes text and an exit code.

Nothing that is slow to import is imported before a verb runs: ``--help`` answers at once.
"""

import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from whowoke.analysis import completion
from whowoke.analysis.errors import DataIncompleteError, UsageError, WhowokeError
from whowoke.analysis.progress import progress
from whowoke.analysis.texts import printable
from whowoke.analysis.window import EVERYTHING, Limits

if TYPE_CHECKING:
    from whowoke.analysis.capture.reader import Capture

DEBUG_VARIABLE = "WHOWOKE_DEBUG"
PLAIN = str.maketrans({"█": "#", "·": ".", "…": "..."})
EXIT_BROKEN_PIPE = 141  # what a shell reports for a command that SIGPIPE ended

CAPTURE = typer.Argument(
    metavar="FILE", help="A capture.", show_default=False, autocompletion=completion.captures
)
File = Annotated[Path, CAPTURE]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Spans = Annotated[
    list[Path] | None,
    typer.Option("--spans", metavar="FILE", help="Its JSON log, or OTLP/JSON spans; repeatable."),
]
FailOnLoss = Annotated[
    bool, typer.Option("--fail-on-loss", help="Exit with 4 where anything was lost.")
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="From then on: 10s after its start, or RFC 3339."),
]
To = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Until then: 60s, or RFC 3339.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


class ErrorsToExitCodes(TyperGroup):
    """Turns every exception into at most two lines on stderr and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and exit."""
        run = super().main
        arguments = (args, prog_name, complete_var, False, windows_expand_args)
        sys.exit(exit_code_of(lambda: run(*arguments, **extra)))

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a reader that went away is told from other errors of the system."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise typer.Exit(_after_broken_pipe()) from None


def exit_code_of(run: Callable[[], Any]) -> int:
    """Run a command: its exit code, with what went wrong told in at most two lines."""
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        code = _after_broken_pipe()
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except typer.Exit as end:
        code = end.exit_code
    except WhowokeError as err:
        code = _tell(str(err), err.hint, err.exit_code)
    except Exception as err:  # noqa: BLE001
        code = _tell_foreign(err)
    return code if isinstance(code, int) else 0


def show(text: str) -> None:
    """Print text on stdout; control characters are replaced, for names come from the target."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
        text = _plain(text, sys.stdout.encoding)
    typer.echo(printable(text, keep="\n"))


def tell(text: str) -> None:
    """Print one line on stderr."""
    typer.echo(printable(text), err=True)


def info(file: File, as_json: Json = False) -> None:
    """Say what a capture holds.

    Example: whowoke info op-4242.whowoke
    """
    from whowoke.analysis.capture.reader import Capture
    from whowoke.analysis.telling.info import describe, summary_of_all

    facts = summary_of_all(Capture.open(file))
    show(json.dumps(facts, indent=2) if as_json else describe(facts))


def show_wakeup(
    file: File,
    wakeup_id: Annotated[
        int | None,
        typer.Argument(metavar="[WAKEUP_ID]", help="One of them; without it all are listed."),
    ] = None,
    cause: Annotated[
        str | None,
        typer.Option(
            metavar="GLOB",
            help="List those of such a cause: 'requeue.*'.",
            autocompletion=completion.causes,
        ),
    ] = None,
    start: From = None,
    end: To = None,
    as_json: Json = False,
    spans: Spans = None,
) -> None:
    """Show one wake-up, from the interrupt through threads and goroutines to the reconcile.

    Without WAKEUP_ID list the wake-ups.

    Example: whowoke show op-4242.whowoke 88
    """
    if wakeup_id is not None and (cause or start or end):
        raise UsageError(
            "one wake-up, or a list", "--cause, --from and --to are for a list: without WAKEUP_ID"
        )
    limits = Limits.parse(start, end)
    capture = open_capture(file, spans)
    from whowoke.analysis.model import Analysis
    from whowoke.analysis.telling.listing import Listing
    from whowoke.analysis.telling.show import story_of

    with progress(f"analysing {file}"):
        analysis = Analysis(capture, limits)
        found = Listing(analysis, cause) if wakeup_id is None else story_of(analysis, wakeup_id)
        text = json.dumps(found.json(), indent=2) if as_json else found.text()
    show(text)
    check_complete(capture)


def schema(as_json: Json = False) -> None:
    """Print every table and record with the units and meanings of its columns.

    Example: whowoke schema --json
    """
    from whowoke.analysis.output.reference import as_data, as_markdown

    show(json.dumps(as_data(), indent=2) if as_json else as_markdown())


def explain_file(
    file: Path,
    period_ns: int | None,
    as_json: bool,
    spans: Sequence[Path] | None = None,
    limits: Limits = EVERYTHING,
    fail_on_loss: bool = False,
) -> None:
    """Print why the target of a capture woke; DataIncompleteError after it for a cut capture.

    With ``fail_on_loss`` also for one in which anything was lost.
    """
    capture = open_capture(file, spans, several=True)
    with progress(f"analysing {file}"):
        explanation = _explanation(capture, period_ns, limits)
        text = json.dumps(explanation.json(), indent=2) if as_json else explanation.text()
    show(text)
    check_complete(capture)
    if fail_on_loss:
        check_lossless(sum(n for one in capture.processes for n in one.lost().values()))


def _explanation(capture: "Capture", period_ns: int | None, limits: Limits) -> Any:
    if len(capture.processes) > 1:
        from whowoke.analysis.telling.several import Explanations

        return Explanations(capture.processes, period_ns, limits)
    from whowoke.analysis.telling.explain import explain

    return explain(capture, period_ns, limits)


def open_capture(
    file: Path, log_files: Sequence[Path] | None = None, several: bool = False
) -> "Capture":
    """Open a capture for analysis; DataIncompleteError where it has no metadata yet.

    UsageError where it has ``several`` processes and that isn't asked for.
    """
    from whowoke.analysis.capture.reader import Capture

    capture = Capture.open(file)
    if not capture.metadata:
        raise DataIncompleteError(
            f"{file} ends before anything was recorded", "record again: whowoke record"
        )
    for note in capture.notes:
        tell(f"{file}: {note}")
    if len(capture.processes) > 1 and not several:
        first = ", ".join(f"{file}#{one.number} ({_name(one)})" for one in capture.processes[:4])
        raise UsageError(f"{file} has {len(capture.processes)} processes", f"choose one: {first}")
    for one in capture.processes:
        one.log_files = log_files or ()
    return capture


def _name(capture: "Capture") -> str:
    return f"{capture.metadata.get('name')}, pid {capture.metadata.get('pid')}"


def check_complete(capture: "Capture") -> None:
    """Say what its logs told; DataIncompleteError where the recording didn't end in order."""
    for note in dict.fromkeys(note for one in capture.processes for note in one.log_notes):
        tell(note)
    if not capture.complete:
        cut = capture.truncated_bytes
        behind = f"; {cut} bytes behind its last whole part were not read" if cut else ""
        raise DataIncompleteError(
            f"{capture.path} has no end: it is still being recorded, or was cut{behind}",
            "what was read is right, but counts are lower bounds",
        )


def check_lossless(lost: int) -> None:
    """DataIncompleteError where anything was lost."""
    if lost:
        raise DataIncompleteError(
            f"{lost:,} lost, and --fail-on-loss was given",
            "counts are lower bounds; whowoke info FILE says what was lost and when",
        )


def exclusive(**given: object) -> str:
    """The name of the one argument that was given; UsageError unless it is exactly one."""
    names = [name for name, value in given.items() if value]
    if len(names) != 1:
        what = "both " + " and ".join(names) if names else "nothing"
        raise UsageError(f"{what} to look at", f"give one of: {', '.join(given)}")
    return names[0]


def add_verbs(app: typer.Typer) -> None:
    """Mount the verbs that work on files."""
    app.command()(info)
    app.command()(schema)
    app.command("show")(show_wakeup)


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


def _after_broken_pipe() -> int:
    # What is still buffered would fail again when Python exits.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
    return EXIT_BROKEN_PIPE


def _plain(text: str, encoding: str) -> str:
    """The text, with plain characters for ours that the encoding lacks."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(PLAIN)
    return text
