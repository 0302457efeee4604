"""What system tests share: one test cluster, recordings that are ready before anything counts."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest

from tests import fixtures
from tests.recording import Recording, recording

Recorder = Callable[..., AbstractContextManager[Recording]]


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory, whowoke: Sequence[str]) -> Recorder:
    """``record(pid)``: a context in which all probes are attached."""
    folder, count = tmp_path_factory.mktemp("captures"), 0

    @contextmanager
    def run(pid: int, *options: str) -> Iterator[Recording]:
        nonlocal count
        count += 1
        path = folder / f"{count}.whowoke"
        with recording(pid, path, *options, whowoke=whowoke) as running:
            yield running

    return run


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fixtures.Cluster]:
    """One API server for all tests."""
    with fixtures.cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.fail("system tests load BPF programs: run them as root")


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
