"""How much the probes may cost the target: over it, they are taken off, the last tier first.

The cost of a hit was measured on Linux 6.18 (see shared facts in ARCHITECTURE.md): an emulated
``push`` with a record and a user stack, or an instruction that the kernel must single-step.
"""

import numpy as np
import numpy.typing as npt

from whowoke.analysis.capture.reader import Loss
from whowoke.tracer.engine import Engine

HIT_COST_NS = {"push": 1_500, "other": 11_000}
# Reads and requests, who woke whom, and what says which timer and reconcile it was.
TIERS = (3, 2, 1)


class Budget:
    """Watches the hits of one recording. ``share`` is of one CPU."""

    def __init__(self, engine: Engine, share: float) -> None:
        self._engine = engine
        self._share = share
        self._tiers = list(TIERS)
        self._spent_ns = np.zeros(0, "<u8")
        self._checked_ns = 0

    def check(self, now_ns: int) -> list[Loss]:
        """Take off what cost too much since the last check; says so as a loss.

        That is the first tier without which the rest keeps within the budget, else as many as it
        takes, in their order.
        """
        total_ns = self._engine.hits() * self._costs_ns()
        before_ns = np.pad(self._spent_ns, (0, len(total_ns) - len(self._spent_ns)))
        spent_ns, elapsed_ns = total_ns - before_ns, now_ns - self._checked_ns
        first = self._checked_ns == 0
        self._spent_ns, self._checked_ns = total_ns, now_ns
        # What is being taken off still costs: older kernels need 0.1 s for each probe.
        if first or self._engine.is_taking_off:
            return []
        return self._take_off(self._over(spent_ns, self._share * elapsed_ns), now_ns)

    def _over(self, spent_ns: npt.NDArray[np.uint64], allowed_ns: float) -> list[int]:
        """The tiers to take off."""
        tiers = np.array([planned.probe.tier for planned in self._engine.plan.sites])
        costs_ns = {tier: int(spent_ns[tiers == tier].sum()) for tier in self._tiers}
        total_ns = sum(costs_ns.values())
        if total_ns <= allowed_ns:
            return []
        for tier, cost_ns in costs_ns.items():
            if total_ns - cost_ns <= allowed_ns:
                return [tier]
        return [
            t for n, t in enumerate(self._tiers) if sum(list(costs_ns.values())[n:]) > allowed_ns
        ]

    def _take_off(self, tiers: list[int], now_ns: int) -> list[Loss]:
        self._tiers = [tier for tier in self._tiers if tier not in tiers]
        sites = self._engine.plan.sites
        programs = {planned.probe.program for planned in sites if planned.probe.tier in tiers}
        removed = [program for program in self._engine.attached if program in programs]
        if removed:
            self._engine.take_off(removed)
        return [Loss(now_ns, f"over budget: {program} taken off", 1) for program in removed]

    def _costs_ns(self) -> npt.NDArray[np.uint64]:
        """What a hit of each site costs; sites may have been added meanwhile."""
        sites = self._engine.plan.sites
        costs = [
            HIT_COST_NS.get(s.site.kind, HIT_COST_NS["other"]) + s.probe.extra_ns for s in sites
        ]
        return np.array(costs, "<u8")
