"""Records of one kind in the order of time, a part at a time.

A record is written when what it tells of is over, so a system call that lasted an hour comes an
hour late. Few do: these are looked for first and kept, all others wait until no earlier one comes.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

# Other records are written at most so long after some that came later.
LATE_NS = 60_000_000_000
# Fewer than go into one part of a table, so that each is one.
ROWS = 40_000


class Parted(Protocol):
    """What is needed of a capture."""

    def parts(self, *names: str) -> Iterable[tuple[str, np.ndarray]]:
        """Records of several kinds with their kind's name, part by part, nearly in order."""


def in_order(capture: Parted, name: str, least: int = ROWS) -> Iterator[np.ndarray]:
    """The rows of a record kind, sorted by ``ts_ns``: in parts what ``records`` gives in one.

    Most parts have about as many rows as ``least`` says; none is empty.
    """
    found = [rows[is_late] for rows, is_late, _ in _arrivals(capture, name)]
    if not found:
        return
    late = _sorted(found)
    waiting: list[np.ndarray] = []
    enough = least
    for rows, is_late, latest_ns in _arrivals(capture, name):
        waiting.append(rows[~is_late])
        if sum(map(len, waiting)) < enough:
            continue
        merged = np.concatenate(waiting)
        until_ns = max(0, latest_ns - LATE_NS)
        early = merged["ts_ns"] < until_ns
        count = int(np.searchsorted(late["ts_ns"], until_ns))
        # Of the same time, what came late was written last.
        yield from _some(_sorted([merged[early], late[:count]]))
        waiting, late = [merged[~early]], late[count:]
        enough = len(waiting[0]) + least
    yield from _some(_sorted([*waiting, late]))


def _arrivals(capture: Parted, name: str) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Each part, which of its rows are late, and the latest time until its end."""
    latest_ns = 0
    for _, rows in capture.parts(name):
        times = rows["ts_ns"].astype(np.int64)
        is_late = times < latest_ns - LATE_NS
        latest_ns = max(latest_ns, int(times.max(initial=0)))
        yield rows, is_late, latest_ns


def _some(rows: np.ndarray) -> Iterator[np.ndarray]:
    if len(rows):
        yield rows


def _sorted(parts: list[np.ndarray]) -> np.ndarray:
    rows = np.concatenate(parts)
    return rows[np.argsort(rows["ts_ns"], kind="stable")]
