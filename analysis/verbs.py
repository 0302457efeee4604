"""The verbs that make files of captures, and that compare two of them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whowoke.analysis import completion
from whowoke.analysis.cli import (
    File,
    Force,
    From,
    Json,
    Spans,
    To,
    check_complete,
    open_capture,
)
from whowoke.analysis.errors import DataIncompleteError
from whowoke.analysis.messages import show, tell
from whowoke.analysis.progress import progress
from whowoke.analysis.window import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from whowoke.analysis.capture.reader import Capture
    from whowoke.analysis.comparing.conditions import Condition


def export(
    file: File,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PATH", help="Where to: a folder, or a file.")
    ],
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="csv, parquet, ndjson: a folder with "
            "a file for each table; perfetto, folded: a file.",
            autocompletion=completion.formats,
        ),
    ] = "csv",
    weight: Annotated[
        str,
        typer.Option(
            metavar="wakeups|cpu",
            help="What folded stacks are weighted by.",
            autocompletion=completion.weights,
        ),
    ] = "wakeups",
    start: From = None,
    end: To = None,
    force: Force = False,
    spans: Spans = None,
) -> None:
    """Write a capture's tables, a Perfetto timeline or folded stacks; of each process its own.

    Example: whowoke export op-4242.whowoke --format parquet -o tables
    """
    from whowoke.analysis.output import export as exporters

    limits = Limits.parse(start, end)
    exporters.check(format_name, output, force, weight)
    capture = open_capture(file, spans, several=True)
    places = [output]
    if len(capture.processes) > 1:
        numbers = [one.number for one in capture.processes]
        places = [exporters.place_of(format_name, output, number) for number in numbers]
        for place in places:
            exporters.check(format_name, place, force, weight)
    for one, place in zip(capture.processes, places, strict=True):
        _export(one, place, format_name, weight, limits, force)
    check_complete(capture)


def _export(
    capture: "Capture", output: Path, format_name: str, weight: str, limits: Limits, force: bool
) -> None:
    """Export one process."""
    from whowoke.analysis.model import Analysis
    from whowoke.analysis.output import export as exporters
    from whowoke.analysis.output.results import Results

    with progress(f"analysing {capture.path}") as step:
        analysis = Analysis(capture, limits)
        source = Results(analysis).source(weight, lambda name: step(f"writing {name}"))
        written = exporters.export(source, format_name, output, force)
    for note in source.notes:
        tell(note)
    tell(f"wrote {f'{len(written)} tables to ' if len(written) > 1 else ''}{output}")


def report(
    file: File,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.html", help="Where to; else beside FILE."),
    ] = None,
    force: Force = False,
    redact: Annotated[
        bool, typer.Option("--redact", help="Replace names of objects and hosts.")
    ] = False,
    source_path: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="The target's source, for its lines; repeatable."),
    ] = None,
    start: From = None,
    end: To = None,
    spans: Spans = None,
) -> None:
    """Write a page to look at: the answer, timeline, gaps, tables and evidence, offline.

    Example: whowoke report op-4242.whowoke -o op.html
    """
    from whowoke.analysis.page import report as pages

    limits = Limits.parse(start, end)
    output = output or pages.default_output(file)
    pages.check(output, file, force)
    capture = open_capture(file, spans)
    with progress(f"making a page of {file}"):
        made = pages.make(capture, source_path or (), redact, limits)
    pages.write(made, output)
    tell(f"wrote {output} ({len(made.text) / 1e6:.1f} MB)")
    for sentence in made.left_out:
        tell(sentence)
    if made.left:
        tell(f"not replaced, for the page has these words of its own: {', '.join(made.left)}")
    check_complete(capture)


def diff(
    before: Annotated[
        Path,
        typer.Argument(
            metavar="A",
            help="The capture before.",
            show_default=False,
            autocompletion=completion.captures,
        ),
    ],
    after: Annotated[
        Path,
        typer.Argument(
            metavar="B",
            help="The capture after.",
            show_default=False,
            autocompletion=completion.captures,
        ),
    ],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="End with 1 if so: 'wakeups>+10%'; repeatable.",
            autocompletion=completion.metrics,
        ),
    ] = None,
    start: From = None,
    end: To = None,
    as_json: Json = False,
) -> None:
    """Compare two captures, before and after a change: causes, rates, sleep.

    Example: whowoke diff before.whowoke after.whowoke --fail-if 'wakeups>+10%'
    """
    from whowoke.analysis.comparing.conditions import parse

    limits, conditions = Limits.parse(start, end), [parse(text) for text in fail_if or ()]
    captures = [open_capture(file) for file in (before, after)]
    from whowoke.analysis.comparing.diff import Comparison
    from whowoke.analysis.comparing.sides import side_of
    from whowoke.analysis.model import Analysis

    with progress("comparing") as step:
        sides = []
        for capture in captures:
            step(f"analysing {capture.path}")
            sides.append(side_of(str(capture.path), Analysis(capture, limits)))
        comparison = Comparison(*sides)
        text = json.dumps(comparison.json(), indent=2) if as_json else comparison.text()
    show(text)
    _end_diff(comparison.judged(conditions))
    for capture in captures:
        check_complete(capture)


def _end_diff(judged: "Sequence[tuple[Condition, bool | None]]") -> None:
    """Exit code 1 where a condition holds, DataIncompleteError where that isn't known."""
    for condition, holds in judged:
        if holds:
            tell(f"it holds: {condition.text}")
    if any(holds for _, holds in judged):
        raise typer.Exit(1)
    for condition, holds in judged:
        if holds is None:
            raise DataIncompleteError(
                f"it isn't known whether {condition.text}", "record both with what it needs"
            )


def add_verbs(app: typer.Typer) -> None:
    """Mount them."""
    app.command()(export)
    app.command()(report)
    app.command()(diff)
