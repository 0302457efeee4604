"""Which tiers are taken off when the probes cost too much."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from whowoke.tracer.budget import Budget

SECOND = 10**9


class FakeEngine:
    """One site a tier, whose hits a test sets."""

    def __init__(self) -> None:
        self.attached = ["reads", "links", "timers"]
        self.is_taking_off = False
        self.counts = np.zeros(3, "<u8")
        self.plan = SimpleNamespace(sites=[self._site(tier) for tier in (3, 2, 1)])

    def _site(self, tier: int) -> Any:
        probe = SimpleNamespace(tier=tier, program=self.attached[3 - tier], extra_ns=0)
        return SimpleNamespace(probe=probe, site=SimpleNamespace(kind="push"))

    def hits(self) -> "np.ndarray[Any, Any]":
        return self.counts.copy()

    def take_off(self, programs: list[str]) -> None:
        self.attached = [program for program in self.attached if program not in programs]


# 1 % of a second is 10 ms: 6,666 hits of 1.5 µs.
@pytest.mark.parametrize(
    ("hits", "left"),
    [
        ((6_000, 600, 60), ["reads", "links", "timers"]),
        ((20_000, 600, 60), ["links", "timers"]),
        ((600, 20_000, 60), ["reads", "timers"]),
        ((600, 60, 20_000), ["reads", "links"]),
        ((20_000, 20_000, 60), ["timers"]),
        ((20_000, 20_000, 20_000), []),
    ],
)
def test_what_costs_too_much_is_taken_off(hits: tuple[int, ...], left: list[str]) -> None:
    engine = FakeEngine()
    budget = Budget(engine, 0.01)  # type: ignore[arg-type]
    assert budget.check(SECOND) == []
    engine.counts += np.array(hits, "<u8")
    losses = budget.check(2 * SECOND)
    assert engine.attached == left
    assert len(losses) == 3 - len(left)
    assert budget.check(3 * SECOND) == []


def test_a_site_that_was_added_meanwhile_counts() -> None:
    engine = FakeEngine()
    budget = Budget(engine, 0.01)  # type: ignore[arg-type]
    budget.check(SECOND)
    engine.plan.sites.append(engine.plan.sites[2])
    engine.counts = np.array([0, 0, 0, 20_000], "<u8")
    budget.check(2 * SECOND)
    assert engine.attached == ["reads", "links"]
