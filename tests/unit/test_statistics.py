"""What the programs cost, from what the kernel counts while it is asked to."""

import os
from collections.abc import Iterator

import pytest

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer import kernel
from whowoke.tracer.kernel import Runs
from whowoke.tracer.statistics import OFF_NS, ON_NS, Statistics


class FakeKernel:
    """Programs of which one runs 100 times for 500 ns at each look, while statistics are on."""

    def __init__(self) -> None:
        self.on: list[int] = []
        self.looks = 0

    def enable(self) -> int:
        self.on.append(os.open(os.devnull, os.O_RDONLY))
        return self.on[-1]

    def runs(self, fd: int) -> Runs:
        if fd != 1:
            return Runs(7, 1, 0)
        self.looks += 1
        return Runs(50_000 * self.looks, 100 * self.looks, 0)

    def is_on(self) -> bool:
        return bool(self.on) and os.path.exists(f"/proc/self/fd/{self.on[-1]}")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKernel]:
    found = FakeKernel()
    monkeypatch.setattr(kernel, "program_runs", found.runs)
    yield found
    assert not found.is_on()


def test_samples_are_short_and_rare(fake: FakeKernel) -> None:
    statistics = Statistics({"busy": 1, "quiet": 2}, fake.enable)
    assert statistics.step(0) is False
    assert fake.is_on()
    assert statistics.step(ON_NS // 2) is False
    assert statistics.step(ON_NS) is True
    assert not fake.is_on()
    assert statistics.step(ON_NS + OFF_NS - 1) is False
    assert not fake.is_on()
    statistics.step(ON_NS + OFF_NS)
    assert fake.is_on()
    statistics.end(2 * ON_NS + OFF_NS)
    assert statistics.run_cost_ns("busy") == 500
    assert statistics.run_cost_ns("quiet") is None
    assert statistics.described() == {
        "sampled_ns": 2 * ON_NS,
        "share": 0.00005,
        "programs": {"busy": {"run_ns": 100_000, "runs": 200}},
    }


def test_a_kernel_without_statistics_is_told(
    fake: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> int:
        raise WhowokeError("no")

    statistics = Statistics({"busy": 1}, refused)
    assert statistics.step(0) is statistics.step(ON_NS) is False
    statistics.end(2 * ON_NS)
    assert statistics.described() == {"sampled_ns": 0, "share": None, "programs": {}}
