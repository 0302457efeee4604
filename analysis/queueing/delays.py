"""Delayed adds by the time they are due."""

from bisect import bisect_right
from collections.abc import Iterable

from whowoke.analysis.queueing.queues import Add

# From the moment an item is due to the expiry of the timer that was set for it: scheduling only.
TIMER_SLACK_NS = 20_000_000


class Delays:
    """All delayed adds, of each queue and of all together."""

    def __init__(self, adds: Iterable[Add]) -> None:
        self._tables: dict[int | None, tuple[list[int], list[Add]]] = {None: ([], [])}
        delayed = [(a.due_ns, a) for a in adds if a.after_ns and a.due_ns is not None]
        for due_ns, add in sorted(delayed, key=lambda pair: pair[0]):
            for queue in (add.key[0], None):
                times, found = self._tables.setdefault(queue, ([], []))
                times.append(due_ns)
                found.append(add)

    @property
    def queues(self) -> int:
        """How many queues have delayed adds."""
        return len(self._tables) - 1

    def due(self, queue: int | None, ts_ns: int) -> Add | None:
        """The last add of a queue (of any for None) that was due just then."""
        times, adds = self._tables.get(queue, ([], []))
        index = bisect_right(times, ts_ns) - 1
        return adds[index] if index >= 0 and ts_ns - times[index] <= TIMER_SLACK_NS else None
