"""How much a recording may cost the target: over it, tiers are taken off in the order of ``tiers``.

Each hit adds its cost to its tier's, in the kernel, which stops a tier's programs at once when that
has spent what it may (bpf/maps.h). The budget is a share of a CPU that may be saved up for a burst:
the start of an operator, a resync of all objects. What a hit costs is its breakpoint, measured at
the start (``calibrate.py``), and its program, measured meanwhile (``statistics.py``).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from whowoke.analysis.capture.reader import Loss
from whowoke.tracer import tiers
from whowoke.tracer.calibrate import TrapCosts
from whowoke.tracer.engine import Engine

# A program with a record and a stack, until it is measured; probes.toml has what others need more.
RECORD_NS = 700
# Seconds of the budget that may be spent at once.
BURST_S = 10.0
# A tier that costs less of the budget is not what is too much.
CHEAP = 0.1

# The stacks of wakers have a budget of their own beside that of the rest.
WALKS_SHARE, WALKS_PROGRAM = 0.25, "on_sched_waking"
# A walk of ten frames, Linux 6.18.
WALK_NS = 2500

RunCost = Callable[[str], int | None]


class Budget:
    """Watches the hits of one recording. ``share`` is of one CPU."""

    def __init__(self, engine: Engine, share: float, traps: TrapCosts, now_ns: int) -> None:
        self._engine = engine
        self._share = share
        self._traps = traps
        self._tiers = list(tiers.ORDER)
        self._burst_ns = int(share * BURST_S * 1e9)
        self._since_ns = self._checked_ns = now_ns
        self._base_ns = self._spent()
        self._limits_ns = self._base_ns
        self._stopped = self._counts()
        self._left_out = {tier: self._left_out_of(tier) for tier in tiers.TRACEPOINTS}
        for tier, kind in tiers.TRACEPOINTS.items():
            engine.tiers["cost_ns"][tier] = kind.cost_ns
            engine.tiers["bare_ns"][tier] = kind.bare_ns
        self._priced = 0
        self._run_cost_ns: RunCost = lambda _: None
        self.price(self._run_cost_ns)
        self._set_limits(0)

    def price(self, run_cost_ns: RunCost) -> None:
        """Tell the kernel what a hit of each site costs; sites may have been added meanwhile."""
        self._run_cost_ns = run_cost_ns
        for index, planned in enumerate(self._engine.plan.sites):
            run_ns = run_cost_ns(tiers.hit_program(planned.probe.tier))
            if run_ns is None:
                run_ns = RECORD_NS + planned.probe.extra_ns
            self._engine.sites["cost_ns"][index] = self._traps.of(planned.site.kind) + run_ns
        self._priced = len(self._engine.plan.sites)

    @property
    def spent_ns(self) -> int:
        """What all hits have cost the target so far."""
        return sum(self._spent().values())

    @property
    def is_exceeded(self) -> bool:
        """Whether that is off without which the rest tells nothing."""
        return tiers.ORDER[-1] not in self._tiers and not self._engine.is_taking_off

    def check(self, now_ns: int) -> list[Loss]:
        """Take off what cost too much; says as losses what that is, and what hits were stopped.

        That is the first tier without which the rest keeps within the budget, else as many as it
        takes, in their order; not those that cost next to nothing.
        """
        if self._priced < len(self._engine.plan.sites):
            self.price(self._run_cost_ns)
        losses = self._stops(now_ns)
        self._checked_ns = now_ns
        spent_ns, earned_ns = self._spent(), self._share * (now_ns - self._since_ns)
        window_ns = {tier: spent_ns[tier] - self._base_ns[tier] for tier in self._tiers}
        debt_ns = sum(window_ns.values()) - earned_ns
        stopped = any(spent_ns[tier] > self._limits_ns[tier] for tier in self._tiers)
        over = debt_ns > (self._burst_ns / 2 if stopped else self._burst_ns)
        # What is being taken off still costs: older kernels need 0.1 s for each probe.
        if over and not self._engine.is_taking_off:
            losses += self._take_off(_over(window_ns, earned_ns), now_ns)
            debt_ns = sum(window_ns[tier] for tier in self._tiers) - earned_ns
        if debt_ns <= 0:
            self._since_ns, self._base_ns = now_ns, spent_ns
        self._set_limits(max(0, int(debt_ns)))
        return losses

    def _spent(self) -> dict[int, int]:
        return {tier: int(self._engine.tiers["spent_ns"][tier]) for tier in tiers.ORDER}

    def _set_limits(self, debt_ns: int) -> None:
        """A tier may spend what is left of the burst; one that is being taken off nothing."""
        left_ns = max(0, self._burst_ns - debt_ns)
        spent_ns = self._spent()
        self._limits_ns = {t: spent_ns[t] + left_ns if t in self._tiers else 0 for t in tiers.ORDER}
        for tier, limit_ns in self._limits_ns.items():
            self._engine.tiers["limit_ns"][tier] = limit_ns

    def _counts(self) -> npt.NDArray[np.uint64]:
        return self._engine.sites["stopped"].copy()

    def _stops(self, now_ns: int) -> list[Loss]:
        """Hits that the kernel stopped since the last check, by program."""
        counts = self._counts()
        new = counts - self._stopped
        self._stopped = counts
        programs: dict[str, int] = {}
        for index in np.flatnonzero(new):
            program = self._engine.plan.sites[index].probe.program
            programs[program] = programs.get(program, 0) + int(new[index])
        for tier, kind in tiers.TRACEPOINTS.items():
            before, self._left_out[tier] = self._left_out[tier], self._left_out_of(tier)
            if self._left_out[tier] > before:
                programs[kind.programs[0]] = self._left_out[tier] - before
        return [
            Loss(now_ns, f"over budget: {name} stopped", count, self._checked_ns)
            for name, count in programs.items()
        ]

    def _left_out_of(self, tier: int) -> int:
        return int(self._engine.tiers["left_out"][tier])

    def _take_off(self, gone: list[int], now_ns: int) -> list[Loss]:
        self._tiers = [tier for tier in self._tiers if tier not in gone]
        gone = [tier for tier in gone if tier in self._engine.attached]
        if gone:
            self._engine.take_off(gone)
        return [
            Loss(now_ns, f"over budget: {name} taken off", 1, now_ns)
            for name in self._programs(gone)
        ]

    def _programs(self, gone: list[int]) -> list[str]:
        """What the probes and tracepoints of these tiers run, each once."""
        kinds = [kind for tier, kind in tiers.TRACEPOINTS.items() if tier in gone]
        names = [program for kind in kinds for program in kind.programs]
        sites = self._engine.plan.sites
        names += [planned.probe.program for planned in sites if planned.probe.tier in gone]
        return list(dict.fromkeys(names))


class Walks:
    """What the stacks of wakers may cost, a quarter of the rest's ``share`` of one CPU.

    Over it the kernel side takes none until more is earned: all wake-ups of threads are recorded,
    but not in what context they were made. Saved up is as much as for the rest.
    """

    def __init__(self, engine: Engine, share: float, now_ns: int) -> None:
        self._tier = engine.tiers[tiers.WALKS : tiers.WALKS + 1]
        self._share = share * WALKS_SHARE
        self._burst_ns = int(self._share * BURST_S * 1e9)
        self._filled_ns = now_ns
        self._tier["cost_ns"] = WALK_NS
        self._tier["limit_ns"] = self._tier["spent_ns"] + self._burst_ns

    @property
    def spent_ns(self) -> int:
        """What the walks have cost the target so far."""
        return int(self._tier["spent_ns"][0])

    @property
    def left_out(self) -> int:
        """Wake-ups of threads that were recorded without the waker's stack."""
        return int(self._tier["left_out"][0])

    def check(self, now_ns: int) -> None:
        """Let be spent what was earned since the last time."""
        earned_ns = int(self._share * (now_ns - self._filled_ns))
        self._filled_ns = now_ns
        limit_ns = int(self._tier["limit_ns"][0]) + earned_ns
        self._tier["limit_ns"] = min(limit_ns, self.spent_ns + self._burst_ns)

    def price(self, run_cost_ns: RunCost) -> None:
        """Take the program's mean run time, as long as that has a walk in each run."""
        run_ns = run_cost_ns(WALKS_PROGRAM)
        if run_ns and not self.left_out:
            self._tier["cost_ns"] = run_ns


def _over(window_ns: dict[int, int], earned_ns: float) -> list[int]:
    """The tiers to take off; ``window_ns`` is in their order."""
    left_ns = sum(window_ns.values())
    for tier, cost_ns in window_ns.items():
        if left_ns - cost_ns <= earned_ns:
            return [tier]
    gone = []
    for tier, cost_ns in window_ns.items():
        if left_ns > earned_ns and cost_ns > CHEAP * earned_ns:
            gone.append(tier)
            left_ns -= cost_ns
    return gone
