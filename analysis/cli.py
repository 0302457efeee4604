"""The verbs on files, and what all verbs share of the command line.

Nothing that is slow to import is imported before a verb runs: ``--help`` answers at once.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from whowoke.analysis import completion
from whowoke.analysis.errors import DataIncompleteError, UsageError
from whowoke.analysis.messages import (
    EXIT_INTERRUPTED,
    after_broken_pipe,
    check_lossless,
    exit_code_of,
    show,
    tell,
)
from whowoke.analysis.progress import progress
from whowoke.analysis.window import EVERYTHING, Limits

if TYPE_CHECKING:
    from whowoke.analysis.capture.reader import Capture

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
        parse = super().main
        arguments = (args, prog_name, complete_var, False, windows_expand_args)

        def run() -> Any:
            try:
                return parse(*arguments, **extra)
            except typer.Exit as end:
                return end.exit_code
            except typer.Abort:
                return EXIT_INTERRUPTED

        sys.exit(exit_code_of(run))

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a reader that went away is told from other errors of the system."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise typer.Exit(after_broken_pipe()) from None


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
