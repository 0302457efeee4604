"""The command ``whowoke``: the live verbs, and those of ``analysis/cli.py`` on files.

Nothing that is slow to import is imported before a verb runs: ``--help`` answers at once.
"""

import json
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
)
from whowoke.analysis.durations import parse_duration, parse_percent, parse_span
from whowoke.analysis.errors import UsageError
from whowoke.analysis.messages import show, tell
from whowoke.analysis.window import Limits
from whowoke.tracer import flags, recorder
from whowoke.tracer.beginning import give_to_caller
from whowoke.tracer.finding.arguments import (
    Container,
    Everything,
    Follow,
    Kubeconfig,
    Name,
    Namespace,
    Pid,
    Pids,
    Pod,
    Selector,
    given,
    selected,
)
from whowoke.tracer.finding.telling import the_one
from whowoke.tracer.live import command as live
from whowoke.tracer.options import RecordOptions
from whowoke.tracer.recorder import ENDLESS, Order
from whowoke.tracer.summaries import described

EXIT_NOT_SUPPORTED = 3

app = typer.Typer(
    name="whowoke",
    cls=ErrorsToExitCodes,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    pids: Pids = None,
    pod: Pod = None,
    selector: Selector = None,
    name: Name = None,
    namespace: Namespace = "",
    container: Container = "",
    everything: Everything = False,
    kubeconfig: Kubeconfig = None,
    duration: flags.Duration = "60s",
    period: flags.Only = None,
    as_json: Json = False,
    output: flags.Output = None,
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
    files.exclusive(**{"FILE": file, **given(pids, pod, selector, name)})
    period_ns, limits = parse_duration(period) if period else None, Limits.parse(start, end)
    if file is not None:
        files.explain_file(file, period_ns, as_json, spans, limits, fail_on_loss)
        return
    with tempfile.TemporaryDirectory(prefix="whowoke-") as folder:
        give_to_caller(folder)
        kept = output or Path(folder) / "capture.whowoke"
        options = RecordOptions(
            selection=selected(
                pids, pod, selector, name, namespace, container, everything, kubeconfig
            ),
            duration_ns=parse_duration(duration),
            output=kept,
            force=force,
            spans=tuple(spans or ()),
        )
        summary = recorder.record(options)
        # What was left out, the explanation says itself.
        for line in described(summary)[len(summary.notes) :] if output else ():
            tell(line)
        files.explain_file(kept, period_ns, as_json, limits=limits, fail_on_loss=fail_on_loss)


@app.command()
def record(
    context: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- CMD", help="A command to start.", show_default=False),
    ] = None,
    pids: Pids = None,
    pod: Pod = None,
    selector: Selector = None,
    name: Name = None,
    namespace: Namespace = "",
    container: Container = "",
    everything: Everything = False,
    kubeconfig: Kubeconfig = None,
    follow: Follow = None,
    duration: flags.Length = None,
    output: flags.Output = None,
    force: Force = False,
    budget: flags.Budget = "1%",
    ready_file: flags.ReadyFile = None,
    dry_run: flags.DryRun = False,
    list_probes: flags.ListProbes = False,
    as_json: Json = False,
    spans: Spans = None,
    keep: flags.Keep = None,
    rotate: flags.Rotate = None,
    periods: flags.Periods = 0,
    period: flags.Period = None,
    timing: flags.Timing = False,
    fail_on_loss: FailOnLoss = False,
) -> None:
    """Record a running operator into a capture file. Needs root; Ctrl-C ends it in order.

    Example: whowoke record -p 4242 -d 60s -o op.whowoke
    """
    files.exclusive(**given(pids, pod, selector, name), **{"-- CMD": command})
    if command and command[0].isdigit() and len(command) == 1:
        raise UsageError(f"{command[0]} is no command", f"for a process: -p {command[0]}")
    if as_json and not list_probes:
        raise UsageError("record prints nothing but the list of probes", "add --list-probes")
    if keep and rotate:
        raise UsageError("--keep and --rotate at once", "give one of them")
    if follow and (keep or rotate):
        raise UsageError("--follow with --keep or --rotate", "their files take one process only")
    if period and not periods:
        raise UsageError("--period without --periods", "say how often: --periods 5")
    # What keeps little, or ends by itself, lasts until then or until Ctrl-C.
    lasting = ENDLESS if keep or rotate or periods else "60s"
    options = RecordOptions(
        duration_ns=parse_duration(duration or lasting),
        keep=parse_span(keep) if keep else None,
        rotate=parse_span(rotate) if rotate else None,
        periods=periods,
        period_ns=parse_duration(period) if period else None,
        selection=selected(pids, pod, selector, name, namespace, container, everything, kubeconfig),
        follow=follow,
        command=tuple(command) if command else None,
        output=output,
        force=force,
        ready_file=ready_file,
        budget=parse_percent(budget),
        dry_run=dry_run,
        list_probes=list_probes,
        spans=tuple(spans or ()),
    )
    # To the process that waits for it, where there is one.
    carry_out = context.obj or recorder.carry_out
    carry_out(Order(options, as_json, timing, fail_on_loss))


@app.command()
def doctor(
    pid: Pid = None,
    pod: Pod = None,
    selector: Selector = None,
    name: Name = None,
    namespace: Namespace = "",
    container: Container = "",
    kubeconfig: Kubeconfig = None,
    as_json: Json = False,
) -> None:
    """Check what recording needs, on this machine and, where one is named, of a process.

    Example: whowoke doctor -p 4242
    """
    from whowoke.tracer.doctor import as_data, as_text, diagnose

    if pod or selector or name or namespace or container:
        with the_one(pid, pod, selector, name, namespace, container, kubeconfig) as target:
            pid = target.pid
    checks = diagnose(pid)
    show(json.dumps(as_data(checks), indent=2) if as_json else as_text(checks))
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(EXIT_NOT_SUPPORTED)


@app.command()
def timers(
    pid: Pid = None,
    pod: Pod = None,
    selector: Selector = None,
    name: Name = None,
    namespace: Namespace = "",
    container: Container = "",
    kubeconfig: Kubeconfig = None,
    as_json: Json = False,
) -> None:
    """Say what will wake a process next: its pending Go timers, read from its memory.

    Nothing is probed, stopped or written. Needs root or the right to trace the process.

    Example: whowoke timers -p 4242
    """
    from whowoke.tracer.forecast import forecast

    with the_one(pid, pod, selector, name, namespace, container, kubeconfig) as target:
        found = forecast(target)
    show(json.dumps(found.json(), indent=2) if as_json else found.text())


files.add_verbs(app)
verbs.add_verbs(app)
live.add_verbs(app)
