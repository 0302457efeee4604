"""The verb ``live``: a recorder, an analyst and a view, each in a process of its own."""

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whowoke.analysis import completion
from whowoke.analysis.cli import Force, exclusive
from whowoke.analysis.durations import parse_duration
from whowoke.analysis.errors import UnsupportedError, UsageError, WhowokeError
from whowoke.analysis.messages import tell
from whowoke.tracer import flags
from whowoke.tracer.finding.arguments import (
    Container,
    Kubeconfig,
    Name,
    Namespace,
    Pid,
    Pod,
    Selector,
    given,
)
from whowoke.tracer.finding.telling import the_one
from whowoke.tracer.options import default_output

if TYPE_CHECKING:
    from whowoke.tracer.live.analyst import Job
    from whowoke.tracer.live.app import Session
    from whowoke.tracer.live.recorder import Recorder


def live(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="A capture, also one being written.",
            show_default=False,
            autocompletion=completion.captures,
        ),
    ] = None,
    pid: Pid = None,
    pod: Pod = None,
    selector: Selector = None,
    name: Name = None,
    namespace: Namespace = "",
    container: Container = "",
    kubeconfig: Kubeconfig = None,
    window: Annotated[
        str, typer.Option(metavar="TIME", help="How much of the last time is counted.")
    ] = "5m",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Keep the capture there.")
    ] = None,
    force: Force = False,
    kept: Annotated[
        str | None,
        typer.Option("--keep", metavar="TIME|SIZE", help="Of -o keep only the last 10m, or 100MB."),
    ] = None,
    budget: flags.Budget = "1%",
) -> None:  # fmt: skip
    """Watch who wakes an operator now: record and look at it, or follow a capture.

    Needs a terminal, and root to record. Keys are at the bottom; q or Ctrl-C ends it in order.

    Example: whowoke live -p 4242
    """
    exclusive(**{"FILE": file, **given([pid] if pid else None, pod, selector, name)})
    if file and output:
        raise UsageError("nothing is recorded: FILE is there already", "leave out -o")
    if kept and not output:
        raise UsageError("--keep without -o", "say where: -o FILE; or how much is shown: --window")
    window_ns = parse_duration(window)
    _check_terminal()
    if file:
        _follow(file, window_ns)
        return
    pid = _found(pid, pod, selector, name, namespace, container, kubeconfig)
    # The view shows one process.
    arguments = ["-p", str(pid), "--no-follow", "--budget", budget]
    arguments += ["--force"] if force else []
    arguments += ["--kubeconfig", str(kubeconfig)] if kubeconfig else []
    if not output:
        # What came before the window tells the causes of what began in it.
        kept = f"{2 * window_ns}ns"
    arguments += ["--keep", kept] if kept else []
    _record(arguments, window_ns, output)


def _found(
    pid: int | None,
    pod: str | None,
    selector: str | None,
    name: str | None,
    namespace: str,
    container: str,
    kubeconfig: Path | None,
) -> int:
    """The pid of the process that is meant, found by this process: the recorder has no terminal."""
    from whowoke.tracer.doctor import ensure_recordable

    # Who may not record may not find either, and would be told that there is nobody.
    ensure_recordable()
    with the_one(pid, pod, selector, name, namespace, container, kubeconfig) as target:
        return target.pid


def _check_terminal() -> None:
    from importlib.util import find_spec

    if find_spec("textual") is None:
        raise UnsupportedError(
            "the Python package textual is not installed",
            "install it with: pip install 'whowoke[live]'",
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("live needs a terminal", "for a text or a file: whowoke explain")


def _follow(file: Path, window_ns: int) -> None:
    from whowoke.analysis.capture.reader import Capture
    from whowoke.tracer.live.analyst import Job
    from whowoke.tracer.live.app import LiveApp, Session

    if (count := len(Capture.open(file).processes)) > 1:
        raise UsageError(f"{file} has {count} processes", f"choose one: {file}#1 to {file}#{count}")
    with _analyst(Job(file, window_ns)) as (connection, reader):
        LiveApp(Session(connection, str(file), kept=str(file), readers=(reader,))).run()


def _record(arguments: list[str], window_ns: int, output: Path | None) -> None:
    from whowoke.tracer.live.analyst import Job
    from whowoke.tracer.live.app import LiveApp
    from whowoke.tracer.live.recorder import Recorder

    with tempfile.TemporaryDirectory(prefix="whowoke-") as name:
        folder = Path(name)
        capture = output or folder / "capture.whowoke"
        tell("attaching …")
        since_ns = time.monotonic_ns()
        with Recorder(arguments, capture, folder) as recorder:
            recorder.wait_ready()
            job = Job(capture, window_ns, since_ns, recorder.pid, folder)
            with _analyst(job) as (connection, reader):
                session = _session(connection, recorder, output, reader)
                app = LiveApp(session)
                app.run()
            tell("detaching …")
            code = recorder.end()
        _end(recorder, session, app.is_kept, code)


def _session(
    connection: "multiprocessing.connection.Connection",
    recorder: "Recorder",
    output: Path | None,
    reader: int,
) -> "Session":
    from whowoke.analysis.capture.reader import Capture
    from whowoke.tracer.live.app import Session

    if output:
        title = f"attached, recording into {output}"
        return Session(connection, title, recorder, str(output), readers=(reader,))
    said = Capture.open(recorder.output).metadata
    keep_as = default_output(str(said.get("name", "")), int(said.get("pid", 0)))
    title = f"{said.get('name')} ({said.get('pid')})"
    return Session(connection, title, recorder, keep_as=str(keep_as), readers=(reader,))


@contextmanager
def _analyst(job: "Job") -> "Iterator[tuple[multiprocessing.connection.Connection, int]]":
    """The analyst's end of a pipe, and its pid; it ends with the block."""
    from whowoke.tracer.live.analyst import Bye, run

    # A fork would take the recorder's descriptors along.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run, args=(theirs, job), name="whowoke-analyst")
    process.start()
    theirs.close()
    try:
        yield ours, process.pid or 0
    finally:
        if process.is_alive():
            ours.send(Bye())
        process.join(0.5)
        if process.is_alive():
            # In an analysis: nothing of it is needed any more.
            process.terminate()
            process.join()
        ours.close()


def _end(recorder: "Recorder", session: "Session", is_kept: bool, code: int) -> None:
    """Say what was recorded; keep it where that is wanted."""
    from whowoke.tracer.live.recorder import RecorderError

    messages = recorder.messages()
    if code:
        raise RecorderError(messages, code)
    for line in messages:
        if line.startswith("recorded ") or (session.kept and line.startswith("wrote ")):
            tell(line)
    if is_kept and session.keep_as:
        keep(recorder.output, Path(session.keep_as))


def keep(capture: Path, path: Path) -> None:
    """Copy a capture to where it stays, its owner's as any other; nothing is replaced."""
    from whowoke.analysis.capture.reader import sudo_owner

    path = next(p for p in _free(path) if not p.exists())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target, capture.open("rb") as source:
            if owner := sudo_owner():
                os.fchown(target.fileno(), *owner)
            shutil.copyfileobj(source, target)
    except OSError as err:
        raise WhowokeError(
            f"cannot keep the capture as {path}: {err.strerror}", "say where to keep it: -o FILE"
        ) from None
    tell(f"wrote {path} ({path.stat().st_size:,} bytes)")


def _free(path: Path) -> Iterator[Path]:
    yield path
    number = 1
    while True:
        number += 1
        yield path.with_name(f"{path.stem}.{number}{path.suffix}")


def add_verbs(app: typer.Typer) -> None:
    """Mount it."""
    app.command()(live)
