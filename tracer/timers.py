"""The pending timers of a running Go process, read from its memory.

Nothing is stopped, locked or written: the process goes on, so that what is read may change under
our hands. All heaps are read, then each timer and whom it wakes, then heaps and timers once more.
If they aren't the same, all is read again, a bounded number of times; what never comes to rest is
counted, but not told.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from whowoke.analysis.errors import PermissionDeniedError, UnsupportedError, WhowokeError
from whowoke.tracer.anchors import Anchors
from whowoke.tracer.heaps import Heap, heaps_of, read_all
from whowoke.tracer.memory import Changed, Memory, Struct
from whowoke.tracer.privileges import how_to_read
from whowoke.tracer.target import Target
from whowoke.tracer.waiters import Waiters, Wakes

MAX_PROCESSORS = 1 << 12
TRIES = 10
PAUSE_S = 0.001  # grows with each try

FOREVER_NS = (1 << 63) - 1  # runtime.maxWhen

# A process may use that few timers without a rest; if more don't hold still, they aren't timers.
_MAY_CHANGE = 3

_Entry = tuple[int, int, int]  # the heap, the timer, when the heap says that it is due


@dataclass(frozen=True, slots=True)
class PendingTimer:
    """A timer that is going to fire.

    ``due_ns`` is CLOCK_MONOTONIC of this machine, FOREVER_NS for never, ``period_ns`` 0 for once.
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
    that changed while they were read, ``later`` those beyond the ``MAX_TIMERS`` soonest of a P,
    which weren't looked at; ``tries`` how often it was read.
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
        self._heaps = heaps_of(memory)

    def read(self) -> Reading:
        """Read all timers once, until nothing changes meanwhile or ``TRIES`` times.

        Raises UnsupportedError where memory isn't laid out as it should be, WhowokeError where the
        process has ended, PermissionDeniedError where it may not be read.
        """
        best: Reading | None = None
        reason = ""
        for number in range(1, TRIES + 1):
            try:
                found = self._try()
            except Changed as changed:
                reason = str(changed)
            else:
                best = found if best is None or found.unsettled <= best.unsettled else best
                best.tries = number
                if not found.unsettled:
                    break
            time.sleep(PAUSE_S * number)
        if best is None or (best.unsettled > _MAY_CHANGE and not best.timers and not best.stopped):
            raise self._refuse(reason or "none of them holds still")
        best.timers.sort(key=lambda timer: timer.due_ns)
        return best

    def _try(self) -> Reading:
        found = Reading(now_ns=time.monotonic_ns())
        of = [p + self._anchors.timers for p in self._processors()]
        found.processors = len(of)
        heaps, found.later = read_all(self._heaps, of)
        entries = [(timers, *row) for timers, heap in heaps.items() for row in heap.tolist()]
        read = [self._look(entry) for entry in entries]
        changed = self._moved(heaps)
        for entry, seen in zip(entries, read, strict=True):
            if seen is None or entry in changed or not self._is_same(seen[0]):
                changed.add(entry)
            elif seen[1] is None:
                found.stopped += 1
            else:
                found.timers.append(seen[1])
        found.unsettled = len({address for _, address, _ in changed})
        return found

    def _look(self, entry: "_Entry") -> tuple[Struct, PendingTimer | None] | None:
        """A timer as it was read and what it is going to do; None if that doesn't fit together."""
        timers, address, when = entry
        try:
            timer = self._memory.struct("runtime.timer", address)
            return timer, self._timer(timer, when, timers)
        except Changed:
            return None

    def _is_same(self, timer: Struct) -> bool:
        try:
            return self._memory.struct(timer.name, timer.address).raw == timer.raw
        except Changed:
            return False

    def _moved(self, heaps: dict[int, Heap]) -> "set[_Entry]":
        """What came into a heap or left one since it was read."""
        moved: set[_Entry] = set()
        again, _ = read_all(self._heaps, list(heaps))
        for timers, before in heaps.items():
            after = again[timers]
            if not np.array_equal(before, after):
                old, new = ({(timers, *row) for row in h.tolist()} for h in (before, after))
                moved |= old ^ new
        return moved

    # ------------------------------------------------------------ structs

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

    def _timer(self, timer: Struct, when_ns: int, timers: int) -> PendingTimer | None:
        """The timer of a heap's entry, None for a stopped one; Changed if both disagree."""
        when = self._heaps.due(timer, when_ns, timers)
        if when is None:
            return None
        if not 0 < when <= FOREVER_NS:
            raise Changed("a timer is due at no time")
        wakes = self._waiters.follow(timer)
        due_ns = when if when == FOREVER_NS else when - self._clock_ns
        return PendingTimer(timer.address, due_ns, timer.word("period"), wakes)

    def _refuse(self, reason: str) -> UnsupportedError:
        return UnsupportedError(
            f"process {self._memory.target.pid}: its timers aren't where Go has them ({reason})",
            "try again; if it stays so, please report the output of: go version -m",
        )


def clock_offset_ns(target: Target) -> int:
    """How far the process's CLOCK_MONOTONIC is ahead of ours: not 0 in another time namespace.

    From /proc/PID/timens_offsets, time_namespaces(7). UnsupportedError where it can't be told.
    """
    ours, theirs = (_clock(pid) for pid in ("self", str(target.pid)))
    return theirs - ours


def _clock(pid: str) -> int:
    folder = Path("/proc") / pid
    try:
        own, children = ((folder / "ns" / n).readlink() for n in ("time", "time_for_children"))
        text = (folder / "timens_offsets").read_text()
    except FileNotFoundError:
        return 0  # a kernel before 5.6 or without time namespaces
    except PermissionError:
        raise PermissionDeniedError(
            f"process {pid}: its clock can't be read by this user", how_to_read()
        ) from None
    except OSError as error:
        raise WhowokeError(
            f"process {pid}: its clock can't be read ({error.strerror})", "it may have ended"
        ) from None
    if own != children:
        # The offsets are those of its children.
        raise UnsupportedError(
            f"process {pid} is about to change its time namespace", "try again a little later"
        )
    offsets = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    seconds, rest = offsets.get("monotonic", ["0", "0"])
    return int(seconds) * 10**9 + int(rest)
