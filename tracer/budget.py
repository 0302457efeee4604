"""How much the probes may cost the target: over it, they are taken off, second tier first.

The cost of a hit was measured on Linux 6.18 (see shared facts in ARCHITECTURE.md): an emulated
``push`` with a record and a user stack, or an instruction that the kernel must single-step.
"""

import numpy as np
import numpy.typing as npt

from whowoke.analysis.capture import Loss
from whowoke.tracer.engine import Engine

HIT_COST_NS = {"push": 1_500, "other": 11_000}
TIERS = (2, 1)


class Budget:
    """Watches the hits of one recording. ``share`` is of one CPU."""

    def __init__(self, engine: Engine, share: float) -> None:
        self._engine = engine
        self._share = share
        self._tiers = list(TIERS)
        self._spent_ns = 0
        self._checked_ns = 0

    def check(self, now_ns: int) -> list[Loss]:
        """Take a tier off where the time since the last check cost too much; says so as a loss."""
        total_ns = int((self._engine.hits() * self._costs_ns()).sum())
        spent_ns = total_ns - self._spent_ns
        elapsed_ns = now_ns - self._checked_ns
        first = self._checked_ns == 0
        self._spent_ns, self._checked_ns = total_ns, now_ns
        # What is being taken off still costs: older kernels need 0.1 s for each probe.
        if first or self._engine.is_taking_off or not self._tiers:
            return []
        if spent_ns <= self._share * elapsed_ns:
            return []
        tier = self._tiers.pop(0)
        sites = self._engine.plan.sites
        programs = {planned.probe.program for planned in sites if planned.probe.tier == tier}
        removed = [program for program in self._engine.attached if program in programs]
        self._engine.take_off(removed)
        return [Loss(now_ns, f"over budget: {program} taken off", 1) for program in removed]

    def _costs_ns(self) -> npt.NDArray[np.uint64]:
        """What a hit of each site costs; sites may have been added meanwhile."""
        sites = self._engine.plan.sites
        costs = [
            HIT_COST_NS.get(s.site.kind, HIT_COST_NS["other"]) + s.probe.extra_ns for s in sites
        ]
        return np.array(costs, "<u8")
