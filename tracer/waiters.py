"""Whom a Go timer wakes: from its callback and argument to the goroutine and where that is parked.

The callbacks are those of src/time/sleep.go and src/runtime/time.go, netpoll.go. What a pointer
leads to counts only where it points back, or where the goroutine there really waits; else Changed
is raised and the caller reads again.
"""

from dataclasses import dataclass, replace
from typing import Literal

from whowoke.tracer.memory import Changed, Memory, Struct
from whowoke.tracer.pclntab import FunctionTable

MAX_FRAMES = 64
MAX_WAITERS = 64
MAX_STACK = 1 << 30  # runtime.maxstacksize on 64-bit machines

_WAITING = 4  # _Gwaiting; the collector may hold it meanwhile, which adds _Gscan
_SCAN = 0x1000
_LOCKED_DESCRIPTOR = 2  # pdNil, pdReady and pdWait are no goroutines
_WORD = 8
_TIME_TIMER = ("runtime.timeTimer", "timer")
# The first since Go 1.21.
_CONTEXTS = ("context.WithDeadlineCause.", "context.WithDeadline.")

Kind = Literal["channel", "function", "sleep", "deadline", "runtime"]


@dataclass(frozen=True, slots=True)
class Waiter:
    """A parked goroutine: id, start function and the return addresses of its stack.

    Addresses are those of the running process, ``stack`` innermost first. ``others`` counts the
    goroutines behind it that the same event wakes.
    """

    goid: int
    start: int
    stack: tuple[int, ...]
    others: int = 0


@dataclass(frozen=True, slots=True)
class Wakes:
    """What a timer does when it fires.

    ``callback`` and ``function`` (of an AfterFunc, else 0) are addresses of the running process;
    ``fd`` is the descriptor of a deadline, else None; ``waiter`` None where nobody waits for it.
    """

    kind: Kind
    callback: int
    function: int = 0
    fd: int | None = None
    waiter: Waiter | None = None


class Waiters:
    """Follows timers to those who wait for them."""

    def __init__(self, memory: Memory, table: FunctionTable, bias: int) -> None:
        """``bias`` is what the loader added to the addresses of ``table``."""
        self._memory = memory
        self._table = table
        self._bias = bias
        self._by_callback = {
            "time.sendTime": self._channel,
            "time.goFunc": self._function,
            "runtime.goroutineReady": self._sleep,
            "runtime.netpollReadDeadline": self._deadline,
            "runtime.netpollWriteDeadline": self._deadline,
            "runtime.netpollDeadline": self._deadline,
        }

    def follow(self, timer: Struct) -> Wakes:
        """Say what a ``runtime.timer`` does; Changed where memory doesn't fit together."""
        callback = self._memory.word(timer.word("f"))
        name = self._entry(callback)
        if not name:
            raise Changed(f"{callback:#x} isn't a function")
        known = self._by_callback.get(name)
        wakes = Wakes("runtime", callback)
        return known(timer, wakes) if known else wakes

    def _entry(self, address: int) -> str:
        """Name of the function that begins at an address, empty for none."""
        linked = address - self._bias
        function = self._table.function_at(linked) if linked > 0 else None
        return function.name if function and function.entry == linked else ""

    def _channel(self, timer: Struct, wakes: Wakes) -> Wakes:
        channel = timer.word("arg", _WORD)
        # Up to Go 1.22 and with asynctimerchan=1 no channel knows its timer.
        if self._memory.layout.has(timer.name, "isChan") and timer.number("isChan", 1):
            back = self._memory.field("runtime.hchan", channel, "timer")
            if back != timer.address:
                raise Changed(f"channel {channel:#x} has another timer")
        # A send wakes one receiver.
        waiter = self._receiver(channel)
        return replace(wakes, kind="channel", waiter=waiter and replace(waiter, others=0))

    def _sleep(self, timer: Struct, wakes: Wakes) -> Wakes:
        return replace(wakes, kind="sleep", waiter=self._goroutine(timer.word("arg", _WORD)))

    def _function(self, timer: Struct, wakes: Wakes) -> Wakes:
        closure = timer.word("arg", _WORD)
        function = self._memory.word(closure)
        name = self._entry(function)
        if not name:
            raise Changed(f"{function:#x} isn't a function")
        waiter = self._context(timer, closure) if name.startswith(_CONTEXTS) else None
        return replace(wakes, kind="function", function=function, waiter=waiter)

    def _context(self, timer: Struct, closure: int) -> Waiter | None:
        """Who receives from the Done channel of the context that a deadline ends."""
        memory, layout = self._memory, self._memory.layout
        # What the closure captured first; it is the context if that has our timer.
        context = memory.word(closure + _WORD)
        try:
            time_timer = memory.field("context.timerCtx", context, "timer")
        except Changed:
            return None
        # What a *time.Timer points to: both have the runtime's timer in it.
        public = ("time.Timer", "r") if layout.has("time.Timer", "r") else _TIME_TIMER
        if time_timer + layout.at(*public) != timer.address:
            return None
        inner = context + layout.at("context.timerCtx", "cancelCtx")
        # Go 1.20 has a pointer there, too small to be the struct.
        if layout.at("context.timerCtx", "timer") == layout.at("context.timerCtx", "cancelCtx") + 8:
            inner = memory.word(inner)
        kind, channel = memory.words(inner + layout.at("context.cancelCtx", "done"), 2)
        return self._receiver(channel) if kind and channel else None

    def _deadline(self, timer: Struct, wakes: Wakes) -> Wakes:
        memory, layout = self._memory, self._memory.layout
        # The argument is an interface whose data points at pollDesc.self.
        itself = timer.word("arg", _WORD)
        descriptor = memory.word(itself)
        if itself != descriptor + layout.at("runtime.pollDesc", "self"):
            raise Changed(f"no descriptor at {descriptor:#x}")
        poll = memory.struct("runtime.pollDesc", descriptor)
        name = self._entry(wakes.callback)
        sides = ["rg"] if "Read" in name else ["wg"] if "Write" in name else ["rg", "wg"]
        waiting = [poll.word(side) for side in sides if poll.word(side) > _LOCKED_DESCRIPTOR]
        waiter = self._goroutine(waiting[0]) if waiting else None
        if waiter:
            waiter = replace(waiter, others=len(waiting) - 1)
        return replace(wakes, kind="deadline", fd=poll.word("fd"), waiter=waiter)

    def _receiver(self, channel: int) -> Waiter | None:
        """The first goroutine that receives from a channel, and how many are behind it."""
        layout = self._memory.layout
        queue = layout.at("runtime.waitq", "first")
        first = self._memory.field("runtime.hchan", channel + queue, "recvq")
        if not first:
            return None
        sudog = self._memory.struct("runtime.sudog", first)
        if sudog.word("c") != channel:
            raise Changed(f"the waiter at {first:#x} waits for another channel")
        others, behind = 0, sudog.word("next")
        while behind and others < MAX_WAITERS:
            others += 1
            behind = self._memory.field("runtime.sudog", behind, "next")
        return replace(self._goroutine(sudog.word("g")), others=others)

    def _goroutine(self, address: int) -> Waiter:
        """A goroutine that is parked and stays so while it is read."""
        before = self._memory.struct("runtime.g", address)
        status = before.number("atomicstatus", 4) & ~_SCAN
        goid, start = before.word("goid"), before.word("startpc")
        if status != _WAITING or not goid or not self._entry(start):
            raise Changed(f"no parked goroutine at {address:#x}")
        stack = self._stack(before)
        if self._memory.struct("runtime.g", address).raw != before.raw:
            raise Changed(f"goroutine {goid} ran while it was read")
        return Waiter(goid, start, stack)

    def _stack(self, goroutine: Struct) -> tuple[int, ...]:
        """Return addresses up the frame pointers from where it was parked."""
        layout = self._memory.layout
        low = goroutine.word("stack", layout.at("runtime.stack", "lo"))
        high = goroutine.word("stack", layout.at("runtime.stack", "hi"))
        sp = goroutine.word("sched", layout.at("runtime.gobuf", "sp"))
        bp = goroutine.word("sched", layout.at("runtime.gobuf", "bp"))
        if not low < sp < high <= low + MAX_STACK:
            raise Changed(f"no stack from {low:#x} to {high:#x}")
        found: list[int] = []
        lowest = sp
        while len(found) < MAX_FRAMES and lowest <= bp <= high - 2 * _WORD:
            lowest = bp + 2 * _WORD
            bp, address = self._memory.words(bp, 2)
            # What starts a goroutine returns to goexit, which has no frame.
            if not address:
                break
            found.append(address)
        return tuple(found)
