"""The command ``whowoke``: the live verbs, and those of ``analysis/cli.py`` on files.

Nothing that is slow to import is imported before a verb runs: ``--help`` answers at once.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from whowoke.analysis import cli as files
from whowoke.analysis import verbs
from whowoke.analysis.cli import (
    CAPTURE,
    ErrorsToExitCodes,
    FailOnLoss,
    Force,
    From,
    Json,
    Spans,
    To,
    show,
    tell,
)
from whowoke.analysis.durations import format_duration, parse_duration, parse_percent, parse_span
from whowoke.analysis.errors import UsageError
from whowoke.analysis.window import Limits
from whowoke.tracer import completion as processes
from whowoke.tracer import recorder
from whowoke.tracer.beginning import give_to_caller, import_numpy
from whowoke.tracer.live import command as live
from whowoke.tracer.options import RecordOptions, RecordSummary
from whowoke.tracer.timing import table

EXIT_NOT_SUPPORTED = 3
ENDLESS = "8760h"
ERASE_LINE_END = "\x1b[K"

app = typer.Typer(
    name="whowoke",
    cls=ErrorsToExitCodes,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

PID = typer.Option(
    *("-p", "--pid"),
    min=1,
    metavar="PID",
    help="The running process.",
    autocompletion=processes.pids,
)
Pid = Annotated[int | None, PID]
Duration = Annotated[
    str, typer.Option("-d", "--duration", metavar="TIME", help="How long: 60s, 2m, 1m30s.")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where the capture goes.")
]


def _print_version(wanted: bool) -> None:
    if wanted:
        from whowoke.tracer.doctor import installed_version

        show(f"whowoke {installed_version()}")
        raise typer.Exit


@app.callback()
def _whowoke(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """Say why a running Go Kubernetes operator keeps waking up.

    Recording needs root, everything else doesn't. Reports go to stdout, messages to stderr.
    Exit codes: 0 done, 1 failed, 2 usage, 3 not permitted or not supported, 4 data incomplete.
    """


@app.command()
def explain(
    file: Annotated[Path | None, CAPTURE] = None,
    pid: Pid = None,
    duration: Duration = "60s",
    period: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only causes that come back about every 15s, say."),
    ] = None,
    as_json: Json = False,
    output: Output = None,
    force: Force = False,
    spans: Spans = None,
    start: From = None,
    end: To = None,
    fail_on_loss: FailOnLoss = False,
) -> None:
    """Say what wakes an operator: from a capture, or recording a running process first.

    The recording of `-p` is thrown away unless `-o` says where to keep it.

    Example: whowoke explain -p 4242 --period 15s
    """
    files.exclusive(**{"FILE": file, "-p PID": pid})
    period_ns, limits = parse_duration(period) if period else None, Limits.parse(start, end)
    if file is not None:
        files.explain_file(file, period_ns, as_json, spans, limits, fail_on_loss)
        return
    with tempfile.TemporaryDirectory(prefix="whowoke-") as folder:
        give_to_caller(folder)
        kept = output or Path(folder) / "capture.whowoke"
        options = RecordOptions(
            pid=pid,
            duration_ns=parse_duration(duration),
            output=kept,
            force=force,
            spans=tuple(spans or ()),
        )
        summary = _record(options)
        # What was left out, the explanation says itself.
        for line in _described(summary)[len(summary.notes) :] if output else ():
            tell(line)
        files.explain_file(kept, period_ns, as_json, limits=limits, fail_on_loss=fail_on_loss)


@app.command()
def record(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- CMD", help="A command to start.", show_default=False),
    ] = None,
    pid: Pid = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The one process of this name.",
            autocompletion=processes.names,
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option("-d", "--duration", metavar="TIME", help="How long: 60s (if not said), 2m."),
    ] = None,
    output: Output = None,
    force: Force = False,
    budget: Annotated[
        str, typer.Option(metavar="SHARE", help="What probes may cost, of one CPU.")
    ] = "1%",
    ready_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Made once all probes are attached.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be probed.")
    ] = False,
    spans: Spans = None,
    keep: Annotated[
        str | None, typer.Option(metavar="TIME|SIZE", help="Keep only the last 10m, or 100MB.")
    ] = None,
    rotate: Annotated[
        str | None,
        typer.Option(metavar="TIME|SIZE", help="Begin a new file every 1h, or 100MB."),
    ] = None,
    periods: Annotated[
        int, typer.Option(min=0, metavar="N", help="End once it came back so often.")
    ] = 0,
    period: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Of what comes back about every 15s, say."),
    ] = None,
    timing: Annotated[
        bool, typer.Option("--timing", help="Say what the start and the end took.")
    ] = False,
    fail_on_loss: FailOnLoss = False,
) -> None:
    """Record a running operator into a capture file. Needs root; Ctrl-C ends it in order.

    Example: whowoke record -p 4242 -d 60s -o op.whowoke
    """
    recorder.begin_anew(locals())
    files.exclusive(**{"-p PID": pid, "--name NAME": name, "-- CMD": command})
    if command and command[0].isdigit() and len(command) == 1:
        raise UsageError(f"{command[0]} is no command", f"for a process: -p {command[0]}")
    if keep and rotate:
        raise UsageError("--keep and --rotate at once", "give one of them")
    if period and not periods:
        raise UsageError("--period without --periods", "say how often: --periods 5")
    # What keeps little, or ends by itself, lasts until then or until Ctrl-C.
    lasting = ENDLESS if keep or rotate or periods else "60s"
    summary = _record(
        RecordOptions(
            duration_ns=parse_duration(duration or lasting),
            keep=parse_span(keep) if keep else None,
            rotate=parse_span(rotate) if rotate else None,
            periods=periods,
            period_ns=parse_duration(period) if period else None,
            pid=pid,
            name=name,
            command=tuple(command) if command else None,
            output=output,
            force=force,
            ready_file=ready_file,
            budget=parse_percent(budget),
            dry_run=dry_run,
            spans=tuple(spans or ()),
        )
    )
    for line in _described(summary):
        show(line) if dry_run else tell(line)
    for line in table(summary.timing_ns) if timing else ():
        tell(line)
    if fail_on_loss:
        files.check_lossless(summary.lost)


@app.command()
def doctor(pid: Pid = None, as_json: Json = False) -> None:
    """Check what recording needs, on this machine and, with `-p`, of a process.

    Example: whowoke doctor -p 4242
    """
    from whowoke.tracer.doctor import as_data, as_text, diagnose

    checks = diagnose(pid)
    show(json.dumps(as_data(checks), indent=2) if as_json else as_text(checks))
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(EXIT_NOT_SUPPORTED)


@app.command()
def timers(
    pid: Annotated[int, PID],
    as_json: Json = False,
) -> None:
    """Say what will wake a process next: its pending Go timers, read from its memory.

    Nothing is probed, stopped or written. Needs root or the right to trace the process.

    Example: whowoke timers -p 4242
    """
    from whowoke.tracer.forecast import forecast
    from whowoke.tracer.target import Target

    with Target.open(pid) as target:
        found = forecast(target)
    show(json.dumps(found.json(), indent=2) if as_json else found.text())


def _record(options: RecordOptions) -> RecordSummary:
    import_numpy()
    from whowoke.tracer.record import record as run

    if not sys.stderr.isatty():
        return run(options, say=tell)

    def progress(elapsed_s: float, records: int, lost: int) -> None:
        whole_s = options.duration_ns / 1e9
        whole = f" of {whole_s:.0f}" if options.duration_ns < parse_duration(ENDLESS) else ""
        text = f"recording {elapsed_s:.0f}{whole} s: {records:,} records, {lost:,} lost"
        typer.echo(f"\r{text}{ERASE_LINE_END}", err=True, nl=False)

    def say(text: str) -> None:
        typer.echo(f"\r{ERASE_LINE_END}", err=True, nl=False)
        tell(text)

    try:
        return run(options, progress, say)
    finally:
        typer.echo(f"\r{ERASE_LINE_END}", err=True, nl=False)


def _described(summary: RecordSummary) -> list[str]:
    if summary.output is None:
        return summary.notes
    ends = {
        "duration": "",
        "interrupted": ", interrupted",
        "target exited": ", the target exited",
        "target replaced": ", the target became another program (exec)",
        "periods": ", it came back often enough",
    }
    lasted = format_duration(summary.duration_ns)
    return [
        *summary.notes,
        (
            f"recorded {summary.name} ({summary.pid}) for {lasted}{ends[summary.ended]}: "
            f"{summary.records:,} records, {summary.lost:,} lost"
        ),
        f"wrote {summary.output} ({summary.size:,} bytes)",
    ]


files.add_verbs(app)
verbs.add_verbs(app)
live.add_verbs(app)


def main() -> None:
    """Run the command line and exit."""
    recorder.started()
    app(prog_name="whowoke")


if __name__ == "__main__":
    main()
