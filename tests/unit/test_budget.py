"""What the probes may cost: what is saved up for bursts, what is stopped, what is taken off."""

from types import SimpleNamespace

import numpy as np
import pytest

from whowoke.tracer import tiers
from whowoke.tracer.budget import BURST_S, RECORD_NS, WALK_NS, WALKS_SHARE, Budget, Walks
from whowoke.tracer.calibrate import TrapCosts
from whowoke.tracer.engine import SITE_DTYPE, TIER_DTYPE

SECOND = 10**9
SHARE = 0.01
# 1 % of a CPU.
EARNED_NS = SECOND // 100
BURST_NS = int(BURST_S * EARNED_NS)
TRAPS = TrapCosts(emulated_ns=800, stepped_ns=10_000, measured=True)


# One site a tier, in the order of the plan.
PROGRAMS = {3: "reads", 2: "links", 1: "timers"}


class FakeEngine:
    """One site a tier; ``hit`` does what the kernel side does at so many hits.

    ``pass_by`` does it for a tier of tracepoints.
    """

    def __init__(self) -> None:
        self.attached = [tiers.ALWAYS, *tiers.ORDER]
        self.is_taking_off = False
        self.sites = np.zeros(8, SITE_DTYPE)
        self.tiers = np.zeros(tiers.COUNT, TIER_DTYPE)
        self.plan = SimpleNamespace(sites=[])
        for tier in (3, 2, 1):
            self.add_site(tier)

    @property
    def probes(self) -> list[str]:
        return [name for tier, name in PROGRAMS.items() if tier in self.attached]

    def add_site(self, tier: int, kind: str = "push", extra_ns: int = 0) -> None:
        probe = SimpleNamespace(tier=tier, program=PROGRAMS[tier], extra_ns=extra_ns)
        self.sites["tier"][len(self.plan.sites)] = tier
        self.plan.sites.append(SimpleNamespace(probe=probe, site=SimpleNamespace(kind=kind)))

    def hit(self, index: int, hits: int) -> int:
        """The hits that were recorded."""
        site = self.sites[index]
        tier = self.tiers[site["tier"]]
        left = (int(tier["limit_ns"]) - int(tier["spent_ns"])) // int(site["cost_ns"])
        recorded = min(hits, max(left, 0))
        tier["spent_ns"] += hits * int(site["cost_ns"])
        site["stopped"] += hits - recorded
        return recorded

    def pass_by(self, number: int, times: int) -> int:
        """The records that were made."""
        tier, recorded = self.tiers[number], 0
        for _ in range(times):
            if tier["spent_ns"] > tier["limit_ns"]:
                tier["left_out"] += 1
            else:
                tier["spent_ns"] += tier["cost_ns"]
                recorded += 1
        return recorded

    def spend(self, costs_ns: tuple[int, ...]) -> None:
        for tier, cost_ns in zip((3, 2, 1), costs_ns, strict=True):
            self.tiers["spent_ns"][tier] += cost_ns

    def take_off(self, gone: list[int]) -> None:
        self.attached = [tier for tier in self.attached if tier not in gone]


def budget_of(engine: FakeEngine) -> Budget:
    return Budget(engine, SHARE, TRAPS, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("costs_ms", "left"),
    [
        ((8, 1, 1), ["reads", "links", "timers"]),
        ((80, 10, 10), ["reads", "links", "timers"]),
        ((120, 1, 1), ["links", "timers"]),
        ((1, 120, 1), ["reads", "timers"]),
        ((1, 1, 120), ["reads", "links"]),
        ((90, 90, 1), ["timers"]),
        ((90, 90, 90), []),
        ((0.5, 90, 90), ["reads"]),
    ],
)
def test_what_costs_too_much_is_taken_off(costs_ms: tuple[int, ...], left: list[str]) -> None:
    engine = FakeEngine()
    budget = budget_of(engine)
    engine.spend(tuple(cost * 1_000_000 for cost in costs_ms))
    losses = budget.check(SECOND)
    assert engine.probes == left
    assert [loss.kind.endswith("taken off") for loss in losses] == [True] * (3 - len(left))
    assert budget.check(2 * SECOND) == []


def test_a_little_too_much_for_long_is_taken_off_too() -> None:
    engine = FakeEngine()
    budget = budget_of(engine)
    for second in range(1, 100):
        engine.spend((2 * EARNED_NS, 0, 0))
        if budget.check(second * SECOND):
            break
    assert second == BURST_S
    assert engine.probes == ["links", "timers"]


def test_what_is_within_the_budget_stays_for_ever() -> None:
    engine = FakeEngine()
    budget = budget_of(engine)
    for second in range(1, 1000):
        engine.spend((EARNED_NS // 2, EARNED_NS // 4, EARNED_NS // 4))
        assert budget.check(second * SECOND) == []


def test_a_burst_is_recorded_and_a_runaway_stopped_at_once() -> None:
    engine = FakeEngine()
    budget = budget_of(engine)
    cost_ns = int(engine.sites["cost_ns"][1])
    allowed = BURST_NS // cost_ns
    assert engine.hit(1, allowed) == allowed
    assert engine.hit(1, 1000) == 0
    told = {loss.kind: loss.count for loss in budget.check(SECOND // 10)}
    assert told == {"over budget: links stopped": 1000, "over budget: links taken off": 1}
    # Until its probes are gone it stays stopped, and the others may go on.
    assert engine.hit(1, 10) == 0
    assert engine.hit(0, 10) == engine.hit(2, 10) == 10
    assert [loss.count for loss in budget.check(SECOND // 5)] == [10]


@pytest.mark.parametrize(
    ("tier", "first"), [(tiers.CALLS, "on_sys_enter"), (tiers.THREADS, "on_sched_switch")]
)
def test_calls_and_switches_have_a_limit_too(tier: int, first: str) -> None:
    engine = FakeEngine()
    budget = budget_of(engine)
    allowed = BURST_NS // tiers.TRACEPOINTS[tier].cost_ns + 1
    assert engine.pass_by(tier, allowed + 1000) == allowed
    told = {loss.kind: loss.count for loss in budget.check(SECOND // 10)}
    gone = tiers.TRACEPOINTS[tier].programs
    expected = {f"over budget: {name} taken off": 1 for name in gone}
    assert told == {f"over budget: {first} stopped": 1000} | expected
    assert engine.probes == ["reads", "links", "timers"]
    assert set(tiers.TRACEPOINTS) - set(engine.attached) == {tier}
    assert engine.pass_by(tier, 10) == 0
    assert [loss.count for loss in budget.check(SECOND // 5)] == [10]


@pytest.mark.parametrize(
    ("shares", "gone"),
    [
        ((0.3, 0.3, 0.3), ()),
        ((1.5, 0.1, 0.8), (tiers.CALLS,)),
        ((0.2, 0.0, 1.5), (3,)),
        ((0.8, 0.8, 0.8), (tiers.CALLS, tiers.THREADS)),
        ((0.05, 1.2, 1.2), (tiers.THREADS, 3)),
    ],
)
def test_calls_and_switches_go_before_what_says_more(
    shares: tuple[float, ...], gone: tuple[int, ...]
) -> None:
    engine = FakeEngine()
    budget = budget_of(engine)
    for second in range(1, 100):
        for tier, share in zip((tiers.CALLS, tiers.THREADS, 3), shares, strict=True):
            if tier in engine.attached:
                engine.tiers["spent_ns"][tier] += int(share * EARNED_NS)
        budget.check(second * SECOND)
    assert [tier for tier in tiers.ORDER if tier not in engine.attached] == list(gone)


@pytest.mark.parametrize(("costs_ms", "exceeded"), [((1, 120, 1), False), ((1, 1, 120), True)])
def test_without_timers_there_is_nothing_to_tell(costs_ms: tuple[int, ...], exceeded: bool) -> None:
    engine = FakeEngine()
    budget = budget_of(engine)
    engine.spend(tuple(cost * 1_000_000 for cost in costs_ms))
    budget.check(SECOND)
    engine.is_taking_off = True
    assert not budget.is_exceeded, "they still come off"
    engine.is_taking_off = False
    assert budget.is_exceeded == exceeded


def test_while_probes_come_off_no_more_are_taken_off() -> None:
    engine = FakeEngine()
    budget = budget_of(engine)
    engine.is_taking_off = True
    engine.spend((2 * BURST_NS, 0, 0))
    assert budget.check(SECOND) == []
    assert engine.probes == ["reads", "links", "timers"]


def test_a_recorder_that_slept_takes_nothing_off_for_it() -> None:
    engine = FakeEngine()
    budget = budget_of(engine)
    engine.hit(1, BURST_NS // int(engine.sites["cost_ns"][1]) + 7)
    losses = budget.check(60 * SECOND)
    assert [(loss.kind, loss.count) for loss in losses] == [("over budget: links stopped", 7)]
    assert engine.hit(1, 10) == 10


def test_sites_cost_what_was_measured() -> None:
    engine = FakeEngine()
    engine.add_site(3, "return", extra_ns=3_000)
    budget = budget_of(engine)
    costs = engine.sites["cost_ns"].tolist()
    assert costs[:4] == [800 + RECORD_NS] * 3 + [10_000 + RECORD_NS + 3_000]
    budget.price({tiers.hit_program(3): 5_000}.get)
    costs = engine.sites["cost_ns"].tolist()
    assert costs[:4] == [5_800, 800 + RECORD_NS, 800 + RECORD_NS, 15_000]


def test_a_site_that_was_added_meanwhile_counts() -> None:
    engine = FakeEngine()
    budget = budget_of(engine)
    budget.price({tiers.hit_program(1): 200}.get)
    engine.add_site(1)
    budget.check(SECOND)
    assert engine.sites["cost_ns"][3] == 1_000
    engine.hit(3, BURST_NS // 1_000 + 10)
    budget.check(2 * SECOND)
    assert engine.probes == ["reads", "links"]


def walks_of(engine: FakeEngine) -> Walks:
    return Walks(engine, SHARE, 0)  # type: ignore[arg-type]


def walk(engine: FakeEngine, times: int) -> int:
    """What the kernel side does when threads are woken: how often it took a stack."""
    tier, taken = engine.tiers[0], 0
    for _ in range(times):
        if tier["spent_ns"] > tier["limit_ns"]:
            tier["left_out"] += 1
        else:
            tier["spent_ns"] += tier["cost_ns"]
            taken += 1
    return taken


def test_stacks_of_wakers_are_taken_as_far_as_their_share_goes_and_come_back() -> None:
    engine = FakeEngine()
    walks = walks_of(engine)
    at_once = int(BURST_NS * WALKS_SHARE) // WALK_NS
    assert walk(engine, 20_000) == pytest.approx(at_once, abs=1)
    assert walks.left_out == pytest.approx(20_000 - at_once, abs=1)
    walks.check(SECOND)
    assert walk(engine, 20_000) == pytest.approx(EARNED_NS * WALKS_SHARE / WALK_NS, abs=1)
    walks.check(1000 * SECOND)
    assert walk(engine, 20_000) == pytest.approx(at_once, abs=1)
    assert walks.spent_ns == pytest.approx(2.1 * at_once * WALK_NS, rel=0.01)


def test_a_walk_costs_what_was_measured_while_all_runs_had_one() -> None:
    engine = FakeEngine()
    walks = walks_of(engine)
    walks.price({"on_sched_waking": 1000}.get)
    assert engine.tiers["cost_ns"][0] == 1000
    walk(engine, 10**5)
    walks.price({"on_sched_waking": 100}.get)
    assert engine.tiers["cost_ns"][0] == 1000
