"""The pending timers of a running Go process, read from its memory.

Nothing is stopped, locked or written: the process goes on, so that what is read may change under
our hands. Each heap is read, then each of its timers and whom it wakes, then heap and timers once
more. What isn't the same both times is read again, a bounded number of times, and what never comes
to rest is counted, not told. src/runtime/time.go of Go 1.23 to 1.27: ``timers``, ``timer``.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from whowoke.analysis.errors import UnsupportedError
from whowoke.tracer.anchors import Anchors
from whowoke.tracer.memory import Changed, Memory, Struct
from whowoke.tracer.target import Target
from whowoke.tracer.waiters import Waiters, Wakes

MAX_PROCESSORS = 1 << 12
MAX_HEAP = 1 << 20  # timers of one P; their 16 MiB are read at once
MAX_TIMERS = 10_000  # of one P, the soonest, that are looked at one by one
TRIES = 10
PAUSE_S = 0.001

# Bits of timer.state.
_HEAPED, _MODIFIED, _ZOMBIE = 1, 2, 4
# Of a runtime.mutex: held or waited for. The other bits are a list of waiting threads.
_LOCK_BITS = 0xFF
_TOP = 1 << 47  # user space ends there
_ENTRY = 16

Heap = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class PendingTimer:
    """A timer that is going to fire.

    ``due_ns`` is CLOCK_MONOTONIC of this machine, ``period_ns`` 0 for once.
    """

    address: int
    due_ns: int
    period_ns: int
    wakes: Wakes


@dataclass
class Reading:
    """What was read.

    ``timers`` are in the order in which they are due. ``now_ns`` is CLOCK_MONOTONIC when the
    reading began. ``stopped`` counts stopped timers that still lie in a heap, ``unsettled`` those
    that changed in every try, ``later`` those beyond the ``MAX_TIMERS`` soonest, which weren't
    looked at; ``tries`` how often a heap had to be read at most.
    """

    now_ns: int
    processors: int = 0
    timers: list[PendingTimer] = field(default_factory=list)
    stopped: int = 0
    unsettled: int = 0
    later: int = 0
    tries: int = 0


class TimerReader:
    """Reads the timers of one process, as often as it is asked."""

    def __init__(self, memory: Memory, anchors: Anchors, bias: int, waiters: Waiters) -> None:
        """``bias`` is what the loader added to the addresses of ``anchors``."""
        self._memory = memory
        self._anchors = anchors
        self._bias = bias
        self._waiters = waiters
        self._clock_ns = clock_offset_ns(memory.target)

    def read(self) -> Reading:
        """Read all timers once.

        Raises UnsupportedError where memory isn't laid out as it should be, WhowokeError where the
        process has ended, PermissionDeniedError where it may not be read.
        """
        processors = self._retry(self._processors)
        reading = Reading(now_ns=time.monotonic_ns(), processors=len(processors))
        for processor in processors:
            self._read_heap(processor + self._anchors.timers, reading)
        reading.timers.sort(key=lambda timer: timer.due_ns)
        return reading

    # ------------------------------------------------------------ processors

    def _retry(self, read: "_Read") -> list[int]:
        for _ in range(TRIES):
            try:
                return read()
            except Changed as changed:
                reason = str(changed)
                time.sleep(PAUSE_S)
        raise self._refuse(reason)

    def _processors(self) -> list[int]:
        """Addresses of all P; each knows its own number, and there are GOMAXPROCS of them."""
        memory, bias = self._memory, self._bias
        where, count, capacity = memory.words(self._anchors.allp + bias, 3)
        expected = int.from_bytes(memory.read(self._anchors.gomaxprocs + bias, 4), "little")
        if not 1 <= count <= min(capacity, MAX_PROCESSORS) or count != expected:
            raise Changed(f"{count} processors of {capacity}, GOMAXPROCS {expected}")
        found = memory.words(where, count)
        offset = memory.layout.at("runtime.p", "id")
        for number, address in enumerate(found):
            own = int.from_bytes(memory.read(address + offset, 4), "little")
            if own != number:
                raise Changed(f"processor {number} has number {own}")
        return list(found)

    # ------------------------------------------------------------ one heap

    def _read_heap(self, timers: int, reading: Reading) -> None:
        """Add the timers of the ``runtime.timers`` at an address, as soon as they hold still."""
        for attempt in range(1, TRIES + 1):
            reading.tries = max(reading.tries, attempt)
            try:
                found = self._try_heap(timers)
            except Changed as changed:
                found, reason = None, str(changed)
            if found is not None and not found.unsettled:
                break
            time.sleep(PAUSE_S)
        if found is None:
            raise self._refuse(reason)
        reading.timers += found.timers
        reading.stopped += found.stopped
        reading.unsettled += found.unsettled
        reading.later += found.later

    def _try_heap(self, timers: int) -> Reading:
        found = Reading(now_ns=0)
        heap = self._heap(timers)
        order = np.argsort(heap[:, 1], kind="stable")[:MAX_TIMERS]
        found.later = len(heap) - len(order)
        first: list[tuple[int, Struct, PendingTimer | None]] = []
        for address, when in heap[order].tolist():
            try:
                before = self._memory.struct("runtime.timer", address)
                first.append((address, before, self._timer(before, when, timers)))
            except Changed:
                found.unsettled += 1
        same = Counter(map(tuple, self._heap(timers).tolist()))
        entries = heap[order].tolist()
        whens = {address: when for address, when in entries}
        for address, before, timer in first:
            after = self._memory.struct("runtime.timer", address)
            if after.raw != before.raw or not same[address, whens[address]]:
                found.unsettled += 1
            elif timer is None:
                found.stopped += 1
            else:
                found.timers.append(timer)
        return found

    def _heap(self, timers: int) -> Heap:
        """Address and time of each timer in a heap; its length and least time are known twice."""
        head = self._memory.struct("runtime.timers", timers)
        where, length, capacity = (head.word("heap", 8 * index) for index in range(3))
        if length != head.number("len", 4) or not length <= min(capacity, MAX_HEAP):
            raise Changed(f"a heap of {length} timers, of {capacity}")
        heap = np.frombuffer(self._memory.read(where, _ENTRY * length), "<u8").reshape(length, 2)
        least = int(heap[0, 1]) if length else 0
        if least != head.word("minWhenHeap") or (length and int(heap[:, 1].min()) != least):
            raise Changed("the first timer of a heap isn't the soonest")
        return heap

    def _timer(self, timer: Struct, when_ns: int, timers: int) -> PendingTimer | None:
        """The timer of a heap's entry, None for a stopped one; Changed if both disagree."""
        state, when = timer.number("state", 1), timer.word("when")
        known = _HEAPED | _MODIFIED | _ZOMBIE
        if timer.word("mu") & _LOCK_BITS or state != timer.number("astate", 1):
            raise Changed("a timer is being changed")
        if timer.word("ts") != timers or not state & _HEAPED or state & ~known:
            raise Changed(f"no timer of this heap at {timer.address:#x}")
        if state & _ZOMBIE:
            return None
        # A modified timer has its new time already; the heap learns it later.
        if not 0 < when < 1 << 63 or (when != when_ns and not state & _MODIFIED):
            raise Changed("a timer isn't due when its heap says")
        wakes = self._waiters.follow(timer)
        return PendingTimer(timer.address, when - self._clock_ns, timer.word("period"), wakes)

    def _refuse(self, reason: str) -> UnsupportedError:
        return UnsupportedError(
            f"process {self._memory.target.pid}: its timers aren't where Go has them ({reason})",
            "try again; if it stays so, please report the output of: go version -m",
        )
