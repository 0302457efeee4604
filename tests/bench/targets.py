"""The programs that are watched."""

import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import fixtures

READY_S = 10
SETTLE_S = 1.5
RECONCILES = "controller_runtime_reconcile_total"


class UnavailableError(Exception):
    """Something cannot be had on this machine or with this program; says why."""


def nothing() -> float:
    """The work of a program that isn't asked."""
    return 0


@dataclass(frozen=True)
class Watched:
    """A running program; ``work`` counts what it did so far, ``traced`` lets Go trace it for some
    seconds."""

    pid: int
    work: Callable[[], float]
    traced: Callable[[float], AbstractContextManager[None]]


@dataclass(frozen=True)
class Loops:
    """The running program `loops`."""

    pid: int
    output: Path
    calls: int

    def bursts(self, seconds: float) -> list[tuple[int, float]]:
        """Bursts of some seconds: when each ended, and the ns that a call took in it.

        They begin a little later: a tool that just attached, ours too, first measures itself.
        """
        time.sleep(SETTLE_S)
        start_ns = time.monotonic_ns()
        time.sleep(seconds)
        return [
            (end_ns, call_ns)
            for end_ns, call_ns in self.all_bursts()
            if end_ns - call_ns * self.calls >= start_ns
        ]

    def all_bursts(self) -> list[tuple[int, float]]:
        """All bursts so far."""
        lines = self.output.read_text().splitlines()[1:]
        rows = [line.split() for line in lines if line.count(" ") == 1]
        return [(int(end_ns), float(call_ns)) for end_ns, call_ns in rows]


@contextmanager
def loops(folder: Path, what: str, calls: int, every: str) -> Iterator[Loops]:
    """Run `loops`, its lines in a file."""
    output = folder / f"loops-{what}.out"
    argv = [fixtures.program_path("loops"), f"-what={what}", f"-calls={calls}", f"-every={every}"]
    with fixtures.running_program(argv, output, stdin=subprocess.PIPE) as popen:
        _wait_ready(output, popen)
        yield Loops(popen.pid, output, calls)


@contextmanager
def pingpong(folder: Path) -> Iterator[Watched]:
    """Run `pingpong`: its work are exchanges."""
    output = folder / "pingpong.out"
    argv = [fixtures.program_path("pingpong")]
    with fixtures.running_program(argv, output, stdin=subprocess.PIPE) as popen:
        _wait_ready(output, popen)
        stdin = popen.stdin
        assert stdin is not None

        @contextmanager
        def traced(_: float) -> Iterator[None]:
            stdin.write(b"trace\n")
            stdin.flush()
            yield
            stdin.write(b"stop\n")
            stdin.flush()

        yield Watched(popen.pid, lambda: exchanges(output), traced)


def exchanges(output: Path) -> int:
    """The exchanges that `pingpong` told so far."""
    lines = output.read_text().splitlines()[1:]
    return sum(int(line) for line in lines if line)


@contextmanager
def operator(
    name: str, cluster: fixtures.Cluster, namespace: str, *arguments: str, period: str
) -> Iterator[Watched]:
    """Run an operator with net/http/pprof: its work are reconciles."""
    (port,) = fixtures.free_ports(1)
    asked = [f"--pprof-addr=127.0.0.1:{port}", *arguments]
    with fixtures.operator(
        name, cluster, period=period, namespace=namespace, arguments=asked
    ) as running:
        yield Watched(
            running.pid,
            lambda: reconciles(running.metrics_url),
            lambda seconds: _traced(port, seconds),
        )


def reconciles(url: str) -> float:
    """What the operator's own metrics say."""
    samples = fixtures.scrape(url)
    return sum(value for (name, _), value in samples.items() if name == RECONCILES)


@contextmanager
def _traced(port: int, seconds: float) -> Iterator[None]:
    """Let somebody fetch the execution trace meanwhile."""
    url = f"http://127.0.0.1:{port}/debug/pprof/trace?seconds={seconds}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    read: list[int] = []

    def fetch() -> None:
        with direct.open(url, timeout=seconds + 60) as response:
            while data := response.read(1 << 20):
                read.append(len(data))

    thread = threading.Thread(target=fetch)
    thread.start()
    time.sleep(0.3)
    yield
    thread.join()
    if not sum(read):
        raise UnavailableError("net/http/pprof gave no trace")


def _wait_ready(output: Path, popen: "subprocess.Popen[bytes]") -> None:
    ready = lambda: output.read_text().startswith("ready ")  # noqa: E731
    fixtures.wait_until(ready, READY_S, f"{output.stem}: its first line", popen, output)
