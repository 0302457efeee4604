"""Reconciles that had another goroutine work for them: what it handed back isn't known."""

import numpy as np

from whowoke.analysis.asking.askers import load_known
from whowoke.analysis.asking.contacts import Exchanges
from whowoke.analysis.asking.family import Family, signed
from whowoke.analysis.asking.requests import Requests
from whowoke.analysis.rules.causes import Rules
from whowoke.analysis.rules.frames import CaptureLike, Code, Rows, Stack, matches_any
from whowoke.analysis.rules.lookup import MISSING, last_before
from whowoke.analysis.waking.chains import AWAITING, SAME_CALL_NS

# What a goroutine waits for that isn't another one's work: its turn, an answer.
OWN_WAITS = ("lock", *AWAITING)


class Waits:
    """Goroutines that were made ready and had waited for something that another one gives."""

    def __init__(self, capture: CaptureLike, code: Code, rules: Rules) -> None:
        self._code, self._rules, self._known = code, rules, load_known().stacks
        self._given: dict[tuple[int, int], bool] = {}
        ready = capture.records("goroutine_ready", self._are_given)
        self.ts, self.waker, self.woken = (
            signed(ready[name]) for name in ("ts_ns", "goid", "woken_goid")
        )

    def _are_given(self, ready: Rows) -> Rows:
        """Which of these are such ones."""
        waits = zip(ready["parked_stack"].tolist(), ready["woken_start"].tolist(), strict=True)
        return np.fromiter((self._is_given(*wait) for wait in waits), bool, len(ready))

    def _is_given(self, stack: int, start: int) -> bool:
        if (stack, start) not in self._given:
            self._given[stack, start] = self._gets_something(stack, start)
        return self._given[stack, start]

    def _gets_something(self, stack: int, start: int) -> bool:
        frames = self._code.stack(stack, start)
        if self._has("unseen_answers", frames):
            return True
        if self._rules.waits_for(frames) in OWN_WAITS or self._has("gets_nothing", frames):
            return False
        innermost = self._code.stack(stack)[:1]
        # Only the runtime lets a goroutine wait, below a function of the standard library.
        return not any(
            self._code.owner(frame.function) != "std" or self._has("stopped", innermost)
            for frame in innermost
        )

    def _has(self, key: str, frames: Stack) -> bool:
        return any(matches_any(self._known[key], frame.function) for frame in frames)


def handed(capture: CaptureLike, waits: Waits, family: Family, exchanges: Exchanges) -> Rows:
    """For each reconcile whether a stranger made one of its goroutines go on with something."""
    result = np.zeros(len(family.start), bool)
    rows = np.flatnonzero(waits.waker != 0)
    ts, woken = waits.ts[rows], waits.woken[rows]
    run = family.reconcile_of(woken, ts)
    stranger = (run != MISSING) & (family.reconcile_of(waits.waker[rows], ts) != run)
    stranger &= ~exchanges.of_transport(woken, ts) & ~_by_timer(capture, woken, ts)
    result[run[stranger]] = True
    return result


def handed_out(waits: Waits, requests: Requests, family: Family) -> Rows:
    """For each reconcile whether a stranger asked for something that it had made go on.

    That may be done before the reconcile waits for it, or after its end.
    """
    result = np.zeros(len(family.start), bool)
    stranger = (requests["run"] == MISSING) & (requests["goid"] != 0) & ~requests.notes()
    ts, goid = requests["ts_ns"][stranger], requests["goid"][stranger]
    wake = last_before(goid, ts, waits.woken, waits.ts)
    wake = wake[wake != MISSING]
    run = family.reconcile_of(waits.waker[wake], waits.ts[wake])
    result[run[run != MISSING]] = True
    return result


def _by_timer(capture: CaptureLike, woken: Rows, ts: Rows) -> Rows:
    """Which goroutines a timer made ready, by way of whoever ran."""
    wanted = set(woken.tolist())

    def wakes_one(fires: Rows) -> Rows:
        goids = signed(fires["woken_goid"]).tolist()
        return np.fromiter((goid in wanted for goid in goids), bool, len(fires))

    fires = capture.records("timer_fire", wakes_one)
    times = signed(fires["ts_ns"])
    fire = last_before(woken, ts, signed(fires["woken_goid"]), times)
    if not len(fires):
        return np.zeros(len(woken), bool)
    found: Rows = (fire != MISSING) & (ts - times[fire] < SAME_CALL_NS)
    return found
