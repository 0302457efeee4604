"""What tests and the demo run: a cluster, operators on it, and the program `timers`.

`make fixtures` builds the programs. Everything started here ends with its `with` block, and by a
signal from the kernel should this process be killed. Start from the main thread: the kernel sends
that signal when the thread ends that started the child.
"""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build" / "bin"
TIMERS_SOURCE = ROOT / "tests" / "operators" / "timers" / "kinds.go"
COUNTERS = ("controller_runtime_reconcile_total", "workqueue_adds_total")
SETTLED_S = 0.2

Sample = tuple[str, frozenset[tuple[str, str]]]
Metrics = dict[Sample, float]
T = TypeVar("T")


class FixtureError(Exception):
    """A program of the tests is missing, ended early or wasn't ready in time."""


@dataclass(frozen=True)
class Cluster:
    """A running API server."""

    kubeconfig: Path
    audit_log: Path
    pid: int


@dataclass(frozen=True)
class Operator:
    """A running operator that reconciled each of its objects at least once."""

    pid: int
    namespace: str
    metrics_url: str
    health_url: str
    log: Path
    popen: subprocess.Popen[bytes]

    def stop(self) -> int:
        """End it now; returns its exit code."""
        return _stop(self.popen)


@dataclass(frozen=True)
class Timers:
    """The running program `timers`."""

    pid: int
    output: Path
    popen: subprocess.Popen[bytes]

    def start(self) -> int:
        """Let the timers start; returns the time, in ns of CLOCK_MONOTONIC."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(b"start\n")
        self.popen.stdin.flush()
        return int(self._wait_line("start", 10))

    def done(self, seconds: float = 60) -> dict[str, dict[str, int]]:
        """Wait for the end; returns what really happened by kind: period_ns, expiries, overdue."""
        result: dict[str, dict[str, int]] = json.loads(self._wait_line("done", seconds))
        return result

    def _wait_line(self, word: str, seconds: float) -> str:
        def found() -> str | None:
            match = re.search(rf"^{word} (.*)\n", self.output.read_text(), re.MULTILINE)
            return match[1] if match else None

        return wait_until(found, seconds, f"timers: the line {word}", self.popen)


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Run an API server below a folder; its audit log stays there."""
    folder.mkdir(parents=True, exist_ok=True)
    state, audit_log = folder / "cluster", folder / "audit.log"
    argv = [program_path("cluster"), "--dir", str(state), "--audit-log", str(audit_log)]
    with running_program(argv, folder / "cluster.err") as popen:
        wait_until((state / "ready").exists, 120, "the cluster", popen, folder / "cluster.err")
        yield Cluster(state / "kubeconfig", audit_log, popen.pid)


@contextmanager
def operator(
    program: str | Path,
    on: Cluster,
    *,
    period: str | None = None,
    namespace: str | None = None,
    objects: int = 3,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    log_name: str | None = None,
) -> Iterator[Operator]:
    """Run an operator, by its name in build/bin or by its path, until it reconciled its objects.

    Without objects, as for a standby, it is waited for until it is healthy.
    """
    path = Path(program) if isinstance(program, Path) else Path(program_path(program))
    namespace = namespace or path.name
    metrics_port, health_port = free_ports(2)
    argv = [str(path), f"--kubeconfig={on.kubeconfig}", f"--namespace={namespace}"]
    argv += [f"--metrics-addr=127.0.0.1:{metrics_port}", f"--health-addr=127.0.0.1:{health_port}"]
    argv += [f"--period={period}"] if period else []
    log = on.audit_log.parent / f"{log_name or namespace}.log"
    url = f"http://127.0.0.1:{metrics_port}/metrics"
    health_url = f"http://127.0.0.1:{health_port}/healthz"
    own = os.environ | dict(environment or {})
    with running_program([*argv, *arguments], log, env=own) as popen:
        ready = _reconciled(url, objects) if objects else _healthy(health_url)
        wait_until(ready, 60, f"{path.name}: its first reconciles", popen, log)
        yield Operator(popen.pid, namespace, url, health_url, log, popen)


@contextmanager
def timers(folder: Path, *arguments: str, program: str = "timers") -> Iterator[Timers]:
    """Run `timers` until it is ready to be started; arguments as `--ticker=11`."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "timers.out"
    argv = [program_path(program), *arguments]
    with running_program(argv, output, stdin=subprocess.PIPE) as popen:
        running = Timers(popen.pid, output, popen)
        running._wait_line("ready", 10)
        yield running


def woken(*kinds: Mapping[str, int]) -> range:
    """How many of the expiries of some kinds of timers may have woken their goroutines.

    Whether one that was overdue still did depends on who came first.
    """
    expiries = sum(kind["expiries"] for kind in kinds)
    return range(expiries - sum(kind["overdue"] for kind in kinds), expiries + 1)


def timers_line(kind: str, what: str = "arms") -> int:
    """Line in timers/kinds.go which arms the timer of a kind (or, for early, waits for it)."""
    for number, line in enumerate(TIMERS_SOURCE.read_text().splitlines(), start=1):
        if line.endswith(f"// {what} {kind}"):
            return number
    raise FixtureError(f"no line in {TIMERS_SOURCE} {what} {kind}")


def scrape(url: str) -> Metrics:
    """All samples of a Prometheus text page, by name and labels."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=10) as response:
        text = response.read().decode()
    samples: Metrics = {}
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match:
            labels = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or "")
            samples[match[1], frozenset(labels)] = float(match[3])
    return samples


def settled_scrape(url: str, seconds: float = 30) -> Metrics:
    """Scrape until two scrapes 200 ms apart agree on the counters of reconciles and queue adds."""

    def settled() -> Metrics | None:
        first = scrape(url)
        time.sleep(SETTLED_S)
        second = scrape(url)
        return second if _counters(first) == _counters(second) else None

    return wait_until(settled, seconds, f"{url}: counters that stand still")


def wait_until(
    condition: Callable[[], T | None],
    seconds: float,
    what: str,
    popen: subprocess.Popen[bytes] | None = None,
    log: Path | None = None,
) -> T:
    """Return the first true value; an error if the process ends before it or the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if popen is not None and popen.poll() is not None:
            raise FixtureError(f"{what}: ended with {popen.returncode}{_tail(log)}")
        if time.monotonic() > deadline:
            raise FixtureError(f"{what}: not there after {seconds:g} s{_tail(log)}")
        time.sleep(0.02)


def _reconciled(url: str, objects: int) -> Callable[[], bool]:
    def reconciled() -> bool:
        try:
            samples = scrape(url)
        except OSError:
            return False
        done = (value for (name, _), value in samples.items() if name == COUNTERS[0])
        return sum(done) >= objects

    return reconciled


def _healthy(url: str) -> Callable[[], bool]:
    def healthy() -> bool:
        try:
            scrape(url)
        except OSError:
            return False
        return True

    return healthy


def _counters(samples: Metrics) -> Metrics:
    return {sample: value for sample, value in samples.items() if sample[0] in COUNTERS}


@contextmanager
def running_program(
    argv: list[str], output: Path, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, its output in a file; it ends with the context, or with this process."""
    with output.open("wb") as file:
        popen = subprocess.Popen(
            ["/usr/bin/setpriv", "--pdeathsig", "TERM", "--", *argv],
            stdout=file,
            stderr=subprocess.STDOUT,
            **{"stdin": subprocess.DEVNULL, **options},
        )
    try:
        yield popen
    finally:
        _stop(popen)


def _stop(popen: subprocess.Popen[bytes], seconds: float = 20) -> int:
    if popen.stdin is not None and not popen.stdin.closed:
        popen.stdin.close()
    if popen.poll() is None:
        popen.send_signal(signal.SIGTERM)
    try:
        return popen.wait(seconds)
    except subprocess.TimeoutExpired:
        popen.kill()
        return popen.wait()


def program_path(name: str) -> str:
    """Where a program of build/bin is."""
    path = PROGRAMS / name
    if not path.exists():
        raise FixtureError(f"{path} is missing: run `make fixtures`")
    return str(path)


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody has at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


def _tail(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-10:]
    return "".join(f"\n  {line}" for line in lines)
