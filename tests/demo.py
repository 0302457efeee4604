"""``make demo``: run the demo operators on the test cluster, record them, say what wakes them.

Leaves the captures, a report of each to look at, their CSV tables and verdict.json in build/demo.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests import api, fixtures, redis_server

FOLDER = fixtures.ROOT / "build" / "demo"
WHOWOKE = (sys.executable, "-m", "whowoke.tracer")
VERDICT = (
    *("origin", "cause", "controller", "function", "location", "location_kind"),
    *("median_gap_ns", "schedule", "reconciles", "wakeups"),
)
# Three compilers at a time, in a virtual machine perhaps.
READY_S = 300
NEED_DATABASE = ("poller",)
console = Console(stderr=True)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("operators", nargs="+")
    parser.add_argument("--period", default="15s")
    parser.add_argument("--seconds", type=int, default=70)
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whowoke-demo-")))
        console.print("starting etcd and kube-apiserver …")
        cluster = stack.enter_context(fixtures.cluster(folder))
        running = {}
        for name in asked.operators:
            arguments = []
            if name in NEED_DATABASE:
                database = stack.enter_context(redis_server.running_redis(folder / f"{name}-redis"))
                console.print(f"redis is running at {database.address}")
                arguments = [f"--database={database.address}"]
            console.print(f"starting the operator {name}, period {asked.period} …")
            running[name] = stack.enter_context(
                fixtures.operator(name, cluster, period=asked.period, arguments=arguments)
            )
        with disturbed(cluster, running, asked.seconds / 2):
            record(running, asked.seconds)
    verdicts = {name: tell(name, asked.period) for name in asked.operators}
    path = FOLDER / "verdict.json"
    path.write_text(json.dumps(verdicts, indent=2) + "\n")
    folder = FOLDER.relative_to(Path.cwd())
    console.print(f"captures, CSV tables and verdict.json are in {folder}")
    for name in asked.operators:
        console.print(f"to look at in a browser: {folder / name}.html")


@contextmanager
def disturbed(
    cluster: fixtures.Cluster, running: dict[str, fixtures.Operator], seconds: float
) -> Iterator[None]:
    """Let somebody else change something that a poller reads, once."""

    def scale(namespace: str) -> None:
        name = f"{namespace}-0-db"
        change = api.Api(cluster).scale(namespace, name, ready=3)
        console.print(f"the StatefulSet {name} got ready, version {change.resource_version}")

    timers = [
        threading.Timer(seconds, scale, [operator.namespace])
        for name, operator in running.items()
        if name in NEED_DATABASE
    ]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


def record(running: dict[str, fixtures.Operator], seconds: int) -> None:
    """Record all operators at the same time."""
    with ExitStack() as stack:
        recorders = {}
        for name, operator in running.items():
            (FOLDER / f"{name}.ready").unlink(missing_ok=True)
            recorders[name] = stack.enter_context(recorder(name, operator.pid, seconds))
        for name, popen in recorders.items():
            ready = FOLDER / f"{name}.ready"
            fixtures.wait_until(ready.exists, READY_S, f"the recorder of {name}", popen)
            ready.unlink()
        show_progress(f"recording {', '.join(running)}", recorders, seconds)
        failed = [name for name, popen in recorders.items() if popen.wait(READY_S)]
    if failed:
        sys.exit(f"recording failed: {', '.join(failed)}")


@contextmanager
def recorder(name: str, pid: int, seconds: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Run ``whowoke record``, and end it with us."""
    output, ready = FOLDER / f"{name}.whowoke", FOLDER / f"{name}.ready"
    argv = [*WHOWOKE, "record", "-p", str(pid), "-d", f"{seconds}s", "--force"]
    popen = subprocess.Popen([*argv, "-o", str(output), "--ready-file", str(ready)])
    try:
        yield popen
    finally:
        if popen.poll() is None:
            popen.terminate()
            popen.wait(60)


def show_progress(what: str, recorders: "dict[str, subprocess.Popen[bytes]]", seconds: int) -> None:
    """A bar on a terminal, until the recorders have ended or the time is over."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console.print(f"{what} for {seconds} s")
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=seconds * 10)
        for _ in range(seconds * 10):
            progress.advance(task)
            if all(popen.poll() is not None for popen in recorders.values()):
                return
            try:
                next(iter(recorders.values())).wait(0.1)
            except subprocess.TimeoutExpired:
                continue


def tell(name: str, period: str) -> dict[str, Any]:
    """Print what wakes an operator, export its tables and its report; returns the verdict.

    That is what explain says of it, and of the cause that leads to most of its periodic reconciles.
    """
    capture, tables = FOLDER / f"{name}.whowoke", FOLDER / name
    run("export", str(capture), "--format", "csv", "-o", str(tables), "--force")
    source = fixtures.ROOT / "tests" / "operators"
    page = (str(FOLDER / f"{name}.html"), "--force", "--source-path", str(source))
    run("report", str(capture), "-o", *page)
    print(f"\n── {name} " + "─" * 60, flush=True)
    subprocess.run([*WHOWOKE, "explain", str(capture)], check=True)
    everything = json.loads(run("explain", str(capture), "--json"))
    periodic = json.loads(run("explain", str(capture), "--period", period, "--json"))
    causes = [cause for cause in periodic["causes"] if cause["reconciles"]]
    if not causes:
        sys.exit(f"{name}: no reconciles every {period}: see {capture}")
    best = max(causes, key=lambda cause: cause["reconciles"])
    return everything | {key: best[key] for key in VERDICT}


def run(*arguments: str) -> str:
    """The standard output of a whowoke command."""
    return subprocess.run(
        [*WHOWOKE, *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    main()
