"""Recordings of running programs, for tests: ready before anything counts, read afterwards."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from tests import fixtures
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.telling.explain import Explanation, explain

WHOWOKE = (sys.executable, "-m", "whowoke.tracer")
READY_S = 60
MARGIN_S = 0.5


@dataclass
class Recording:
    """A running ``whowoke record``; after the ``with`` block its capture can be read."""

    path: Path
    process: subprocess.Popen[str]
    messages: list[str] = field(default_factory=list)

    def finish(self) -> int:
        """End it as Ctrl-C does; returns its exit code."""
        if self.process.poll() is None:
            time.sleep(MARGIN_S)
            self.process.send_signal(signal.SIGINT)
        if self.process.stderr and not self.process.stderr.closed:
            _, messages = self.process.communicate(timeout=READY_S)
            self.messages = messages.splitlines()
        return self.process.returncode

    @cached_property
    def capture(self) -> Capture:
        return Capture.open(self.path)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        return analyse(self.capture)

    def explain(self, period_ns: int | None = None) -> Explanation:
        return explain(self.capture, period_ns)

    def assert_nothing_lost(self) -> None:
        assert self.capture.complete
        assert self.capture.losses.to_dict("records") == []


@contextmanager
def recording(
    pid: int, path: Path, *options: str, whowoke: Sequence[str] = WHOWOKE
) -> Iterator[Recording]:
    """Record a process within the context, in which all probes are attached."""
    ready = path.with_suffix(".ready")
    argv = [*whowoke, "record", "-p", str(pid), "-d", "10m", "-o", str(path)]
    process = subprocess.Popen(
        [*argv, "--ready-file", str(ready), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running, deadline = Recording(path, process), time.monotonic() + READY_S
    try:
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                running.finish()
                raise fixtures.FixtureError(f"no probes attached: {running.messages}")
            time.sleep(0.02)
        yield running
    finally:
        code = running.finish()
    assert code == 0, running.messages


@dataclass(frozen=True)
class Edge:
    """A moment around which the operator's counters stood still."""

    ts_ns: int
    metrics: fixtures.Metrics

    def count(self, name: str, **labels: str) -> int:
        return int(
            sum(
                value
                for (found, pairs), value in self.metrics.items()
                if found == name and labels.items() <= dict(pairs).items()
            )
        )


def quiet_edge(url: str, seconds: float = 30) -> Edge:
    """Scrape until two scrapes 200 ms apart agree; the edge lies between the two."""

    def counters(metrics: fixtures.Metrics) -> fixtures.Metrics:
        return {key: value for key, value in metrics.items() if key[0] in fixtures.COUNTERS}

    def settled() -> Edge | None:
        first = fixtures.scrape(url)
        middle_ns = time.monotonic_ns()
        time.sleep(fixtures.SETTLED_S)
        second = fixtures.scrape(url)
        return Edge(middle_ns, second) if counters(first) == counters(second) else None

    return fixtures.wait_until(settled, seconds, f"{url}: counters that stand still")
