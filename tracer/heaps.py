"""The heaps of a Go process's timers, one for each P, in both ways in which Go has laid them out.

src/runtime/time.go: ``timers`` and ``timer`` of Go 1.23 to 1.27; ``timer`` of Go 1.19 to 1.22,
where the heap is ``p.timers`` of runtime2.go.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from whowoke.tracer.memory import Changed, Memory, Struct

MAX_HEAP = 1 << 20  # timers of all P; the 16 MiB of one are read at once
MAX_TIMERS = 10_000  # of one P, the soonest, that are looked at one by one
MAX_LOOKED_AT = 100_000  # of all P

# Bits of timer.state.
_HEAPED, _MODIFIED, _ZOMBIE = 1, 2, 4
_KNOWN_BITS = _HEAPED | _MODIFIED | _ZOMBIE
# Of a runtime.mutex: held or waited for. The other bits are a list of waiting threads.
_LOCK_BITS = 0xFF
_ENTRY = 16
# timer.status of Go 1.19 to 1.22, as far as a timer keeps it for more than a moment.
_WAITING, _DELETED, _MODIFIED_EARLIER, _MODIFIED_LATER = 1, 3, 7, 8
_CHILDREN = 4

Heap = npt.NDArray[np.uint64]
EMPTY: Heap = np.zeros((0, 2), np.uint64)


class Heaps(Protocol):
    """How the heap of one P and its timers lie in memory. Changed is raised on what doesn't fit."""

    def read(self, heap: int, limit: int) -> tuple[Heap, int]:
        """Address and time of the ``limit`` soonest timers, and how many more there are."""

    def due(self, timer: Struct, when_ns: int, heap: int) -> int | None:
        """When a timer of that heap is due, on the process's clock; None for a stopped one."""


@dataclass(frozen=True)
class HeapsOfPairs:
    """Go 1.23 and newer: ``runtime.timers``, whose heap has each timer with its time."""

    memory: Memory

    def read(self, heap: int, limit: int) -> tuple[Heap, int]:
        """See ``Heaps``. The length and the least time are known twice."""
        head = self.memory.struct("runtime.timers", heap)
        where, length, capacity = (head.word("heap", 8 * index) for index in range(3))
        if length != head.number("len", 4) or not length <= min(capacity, MAX_HEAP):
            raise Changed(f"a heap of {length} timers, of {capacity}")
        if not length:
            return EMPTY, 0
        found = np.frombuffer(self.memory.read(where, _ENTRY * length), "<u8").reshape(length, 2)
        if not int(found[0, 1]) == int(found[:, 1].min()) == head.word("minWhenHeap"):
            raise Changed("the first timer of a heap isn't the soonest")
        soonest = found[np.argsort(found[:, 1], kind="stable")[:limit]]
        return soonest, length - len(soonest)

    def due(self, timer: Struct, when_ns: int, heap: int) -> int | None:
        """See ``Heaps``."""
        state, when = timer.number("state", 1), timer.word("when")
        if timer.word("mu") & _LOCK_BITS or state != timer.number("astate", 1):
            raise Changed("a timer is being changed")
        if timer.word("ts") != heap or not state & _HEAPED or state & ~_KNOWN_BITS:
            raise Changed(f"no timer of this heap at {timer.address:#x}")
        if state & _ZOMBIE:
            return None
        # A modified timer has its new time already; the heap learns it later.
        if when != when_ns and not state & _MODIFIED:
            raise Changed("a timer isn't due when its heap says")
        return when


@dataclass(frozen=True)
class HeapsOfPointers:
    """Go 1.19 to 1.22: ``runtime.p`` itself, whose heap has addresses of timers alone."""

    memory: Memory

    def read(self, heap: int, limit: int) -> tuple[Heap, int]:
        """See ``Heaps``. From the top of the heap, so that many timers cost no more reads."""
        memory, at = self.memory, self.memory.layout.at
        where, length, capacity = memory.words(heap + at("runtime.p", "timers"), 3)
        number = int.from_bytes(memory.read(heap + at("runtime.p", "numTimers"), 4), "little")
        if length != number or not length <= min(capacity, MAX_HEAP):
            raise Changed(f"a heap of {length} timers, of {capacity}")
        if not length:
            return EMPTY, 0
        timers = np.frombuffer(memory.read(where, 8 * length), "<u8").tolist()
        first = memory.field("runtime.timer", timers[0], "when")
        if first != memory.field("runtime.p", heap, "timer0When"):
            raise Changed("the first timer of a heap isn't the soonest")
        found: list[tuple[int, int]] = []
        next_ones = [(first, 0)]
        while next_ones and len(found) < limit:
            when, index = heapq.heappop(next_ones)
            found.append((timers[index], when))
            behind = _CHILDREN * index + 1
            for child in range(behind, min(behind + _CHILDREN, length)):
                later = memory.field("runtime.timer", timers[child], "when")
                if later < when:
                    raise Changed("a heap's timers aren't in order")
                heapq.heappush(next_ones, (later, child))
        return np.array(found, np.uint64), length - len(found)

    def due(self, timer: Struct, when_ns: int, heap: int) -> int | None:
        """See ``Heaps``."""
        status = timer.number("status", 4)
        if timer.word("pp") != heap or timer.word("when") != when_ns:
            raise Changed(f"no timer of this heap at {timer.address:#x}")
        if status == _DELETED:
            return None
        # The heap, too, learns the new time of a modified timer later.
        if status in (_MODIFIED_EARLIER, _MODIFIED_LATER):
            return timer.word("nextwhen")
        if status != _WAITING:
            raise Changed("a timer is being changed")
        return when_ns


def read_all(heaps: Heaps, of: Sequence[int]) -> tuple[dict[int, Heap], int]:
    """The soonest timers of each heap, and how many more there are in all."""
    limit = min(MAX_TIMERS, MAX_LOOKED_AT // len(of))
    found: dict[int, Heap] = {}
    later = total = 0
    for heap in of:
        found[heap], more = heaps.read(heap, limit)
        later += more
        total += len(found[heap]) + more
        if total > MAX_HEAP:
            raise Changed(f"more than {MAX_HEAP:,} timers")
    return found, later


def heaps_of(memory: Memory) -> Heaps:
    """The heaps of the process's version of Go."""
    of_pairs = memory.layout.has("runtime.timers", "heap")
    return HeapsOfPairs(memory) if of_pairs else HeapsOfPointers(memory)
