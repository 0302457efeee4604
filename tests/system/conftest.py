"""What system tests share: one test cluster, recordings that are ready before anything counts."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests import blind_poller, fixtures, scene
from tests.recording import Edge, Recording, quiet_edge, recording

__all__ = ["Edge", "Recorder", "Recording", "quiet_edge"]

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


@pytest.fixture(scope="session")
def cases(
    cluster: fixtures.Cluster, whowoke: Sequence[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, scene.Case]:
    """Operators that check something: one recording of each serves all tests."""
    folder = tmp_path_factory.mktemp("scene")
    return scene.play(cluster, folder, whowoke, [blind_poller.generate(scene.SEED, folder)])


@pytest.fixture(params=scene.WITH_DIARY)
def case(cases: dict[str, scene.Case], request: pytest.FixtureRequest) -> scene.Case:
    """Each of them that keeps a diary."""
    found = cases[request.param]
    found.recording.assert_nothing_lost()
    return found


@pytest.fixture(autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.fail("system tests load BPF programs: run them as root")
