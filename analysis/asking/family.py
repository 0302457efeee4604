"""Which reconcile a goroutine works for: its own one, or the one that it was created in."""

from collections.abc import Sequence

import numpy as np

from whowoke.analysis.queueing.queues import Reconcile
from whowoke.analysis.rules.frames import CaptureLike, Rows
from whowoke.analysis.rules.lookup import MISSING, last_before, next_after

FOREVER = 1 << 62


class Family:
    """The goroutines of all reconciles. A reconcile is the number of its row, -1 is none.

    ``start``, ``until`` and ``goid`` have one entry for each reconcile; where the end of one wasn't
    seen (``ended`` is false), its goroutine's next one ends it. ``previous`` is the last one of the
    same object by the same controller that ended; ``follows`` says that none came between.
    ``links`` are the goroutines that were created for reconciles: time, creator, child.
    """

    def __init__(self, capture: CaptureLike, reconciles: Sequence[Reconcile]) -> None:
        self.start = _numbers(r.start_ns for r in reconciles)
        self.goid = _numbers(r.goid for r in reconciles)
        end = _numbers(MISSING if r.end_ns is None else r.end_ns for r in reconciles)
        self.ended = end != MISSING
        self.until = np.where(self.ended, end, self._next_start())
        self.previous, self.follows = _previous(reconciles)
        self.links: list[tuple[int, int, int]] = []
        self._children: dict[int, tuple[int, int]] = {}
        self._follow(capture)
        children = sorted(self._children.items())
        self._child = _numbers(child for child, _ in children)
        self._since = _numbers(since for _, (_, since) in children)
        self._run = _numbers(run for _, (run, _) in children)

    def _next_start(self) -> Rows:
        following = next_after(self.goid, self.start + 1, self.goid, self.start)
        known = following != MISSING
        after = np.full(len(self.start), FOREVER)
        after[known] = self.start[following[known]] - 1
        return after

    def _follow(self, capture: CaptureLike) -> None:
        """Hand reconciles from goroutine to goroutine, in the order of time."""
        rows = capture.records("goroutine_new")
        ts, goid, child = (signed(rows[name]) for name in ("ts_ns", "goid", "new_goid"))
        own = self._own(goid, ts)
        until = self.until.tolist()
        for at, creator, new, mine in zip(
            ts.tolist(), goid.tolist(), child.tolist(), own.tolist(), strict=True
        ):
            run = self._children.get(creator, (MISSING, 0))[0] if mine == MISSING else mine
            if run != MISSING and at <= until[run]:
                self._children[new] = (run, at)
                self.links.append((at, creator, new))

    def _own(self, goid: Rows, ts: Rows) -> Rows:
        """The reconcile that runs on each goroutine itself."""
        run = last_before(goid, ts, self.goid, self.start)
        if not len(self.start):
            return run
        return np.where((run != MISSING) & (ts <= self.until[run]) & (goid != 0), run, MISSING)

    def reconcile_of(self, goid: Rows, ts: Rows) -> Rows:
        """The reconcile that each goroutine worked for at that time."""
        run = self._own(goid, ts)
        if not len(self._child):
            return run
        at = np.minimum(np.searchsorted(self._child, goid), len(self._child) - 1)
        child = (self._child[at] == goid) & (self._since[at] <= ts)
        child &= ts <= self.until[self._run[at]]
        return np.where((run == MISSING) & child, self._run[at], run)


def signed(values: Rows) -> Rows:
    """Numbers as 64 bits with a sign; what is beyond them, as no sound capture has it, wraps."""
    found: Rows = values.astype(np.int64)
    return found


def _numbers(values: object) -> Rows:
    bits = [value & 0xFFFF_FFFF_FFFF_FFFF for value in values]  # type: ignore[attr-defined]
    return signed(np.array(bits, np.uint64))


def _previous(reconciles: Sequence[Reconcile]) -> tuple[Rows, Rows]:
    """``Family.previous`` and ``Family.follows``."""
    last: dict[object, int] = {}
    ended: dict[object, int] = {}
    found, follows = [], []
    for number, reconcile in enumerate(reconciles):
        about = (reconcile.controller, reconcile.key)
        found.append(ended.get(about, MISSING))
        follows.append(last.get(about, MISSING) == found[-1])
        last[about] = number
        if reconcile.end_ns is not None:
            ended[about] = number
    return np.array(found, np.int64), np.array(follows, bool)
