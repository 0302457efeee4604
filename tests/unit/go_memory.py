"""A Go process that exists in memory only: processors, timers, goroutines, field by field."""

import os

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer.anchors import Anchors
from whowoke.tracer.memory import Layout, Memory, layout_of
from whowoke.tracer.pclntab import Function
from whowoke.tracer.timers import TimerReader
from whowoke.tracer.waiters import Waiters

BASE, SIZE = 0x10000, 1 << 18
# Addresses as linked; the process is loaded ``BIAS`` above them.
BIAS = 0x2000
ALLP, GOMAXPROCS, TIMERS = 0x10100 - BIAS, 0x10140 - BIAS, 0x600
HEAPED, MODIFIED, ZOMBIE = 1, 2, 4
# timer.status of Go 1.19 to 1.22.
OLD_WAITING, OLD_DELETED, OLD_MODIFYING, OLD_MODIFIED = 1, 3, 6, 7
WAITING, RUNNING = 4, 2
FUNCTIONS = (
    *("time.sendTime", "time.goFunc", "runtime.goroutineReady"),
    *("runtime.netpollReadDeadline", "runtime.netpollWriteDeadline", "runtime.netpollDeadline"),
    *(
        "context.WithDeadlineCause.func2",
        "context.WithDeadline.func2",
        "runtime.other",
        "main.run",
        "main.wait",
    ),
)


class FakeTable:
    """A function table with ``FUNCTIONS``, each 64 bytes of code."""

    def __init__(self):
        self.entries = {name: 0x1000 + 64 * index for index, name in enumerate(FUNCTIONS)}

    def function_at(self, pc):
        for name, entry in self.entries.items():
            if entry <= pc < entry + 64:
                return Function(name, entry, entry + 64, "x.go", 1)
        return None


class FakeProcess:
    """Stands in for a Target. ``on_read`` is called with the number of each read before it."""

    def __init__(self, version="1.26", processors=1):
        self.pid = os.getpid()
        self.layout: Layout = layout_of(version)
        self.of_old = self.layout.has("runtime.p", "timer0When")
        self.timers_at = 0 if self.of_old else TIMERS
        self.table = FakeTable()
        self.bytes = bytearray(SIZE)
        self.alive = True
        self.reads = 0
        self.largest = 0
        self.on_read = None
        self._next = BASE + 0x1000
        self.heaps: dict[int, list[tuple[int, int]]] = {}
        self.processors = [self.alloc(0x2400) for _ in range(processors)]
        self.words(ALLP + BIAS, self.slice(self.processors), processors, processors + 1)
        self.number(GOMAXPROCS + BIAS, processors, 4)
        for number, address in enumerate(self.processors):
            self.field("runtime.p", address, "id", number, 4)
            self.heaps[address + self.timers_at] = []
            self.write_heap(address + self.timers_at)

    # ------------------------------------------------------------ what a Target does

    def read_memory(self, address, size):
        self.reads += 1
        self.largest = max(self.largest, size)
        if self.on_read:
            self.on_read(self.reads)
        if not BASE <= address <= BASE + SIZE - size:
            raise WhowokeError(f"no memory at {address:#x}")
        return bytes(self.bytes[address - BASE : address - BASE + size])

    def is_alive(self):
        return self.alive

    # ------------------------------------------------------------ writing

    def alloc(self, size):
        address, self._next = self._next, self._next + (size + 63) // 64 * 64
        return address

    def number(self, address, value, size=8):
        at = address - BASE
        self.bytes[at : at + size] = value.to_bytes(size, "little")

    def words(self, address, *values):
        for index, value in enumerate(values):
            self.number(address + 8 * index, value)

    def slice(self, values):
        address = self.alloc(8 * max(len(values), 1) + 64)
        self.words(address, *values)
        return address

    def field(self, name, address, field, value, size=8):
        self.number(address + self.layout.at(name, field), value, size)

    def code(self, function):
        return self.table.entries[function] + BIAS

    def write_heap(self, timers):
        entries = sorted(self.heaps[timers], key=lambda entry: entry[1])
        if self.of_old:
            heap = timers + self.layout.at("runtime.p", "timers")
            self.words(heap, self.slice([at for at, _ in entries]), len(entries), len(entries) + 2)
            self.field("runtime.p", timers, "numTimers", len(entries), 4)
            self.field("runtime.p", timers, "timer0When", entries[0][1] if entries else 0)
            return
        flat = [word for entry in entries for word in entry]
        heap = timers + self.layout.at("runtime.timers", "heap")
        self.words(heap, self.slice(flat), len(entries), len(entries) + 2)
        self.field("runtime.timers", timers, "len", len(entries), 4)
        least = entries[0][1] if entries else 0
        self.field("runtime.timers", timers, "minWhenHeap", least)

    # ------------------------------------------------------------ Go's objects

    def timer(self, when, callback, data, *, p=0, period=0, state=HEAPED, heap_when=None, chan=0):
        """A timer in the heap of a processor; returns its address."""
        address = self.alloc(160)
        timers = self.processors[p] + self.timers_at
        heap_when = when if heap_when is None else heap_when
        for field, value in (("period", period), ("f", self.slice([self.code(callback)]))):
            self.field("runtime.timer", address, field, value)
        self.number(address + self.layout.at("runtime.timer", "arg") + 8, data)
        if self.of_old:
            for field, value in (("pp", timers), ("when", heap_when), ("nextwhen", when)):
                self.field("runtime.timer", address, field, value)
            self.field("runtime.timer", address, "status", state, 4)
        else:
            for field, value in (("ts", timers), ("when", when)):
                self.field("runtime.timer", address, field, value)
            for field, value in (("astate", state), ("state", state), ("isChan", chan)):
                self.field("runtime.timer", address, field, value, 1)
        self.heaps[timers].append((address, heap_when))
        self.write_heap(timers)
        return address

    def goroutine(self, goid, *, status=WAITING, frames=("main.wait", "main.run")):
        """A parked goroutine whose stack returns into these functions; returns its address."""
        address, low = self.alloc(512), self.alloc(0x400)
        high, bp = low + 0x400, low + 0x100
        self.words(address + self.layout.at("runtime.g", "stack"), low, high)
        sched = address + self.layout.at("runtime.g", "sched")
        self.number(sched + self.layout.at("runtime.gobuf", "sp"), low + 0x80)
        self.number(sched + self.layout.at("runtime.gobuf", "bp"), bp)
        self.field("runtime.g", address, "atomicstatus", status, 4)
        self.field("runtime.g", address, "goid", goid)
        self.field("runtime.g", address, "startpc", self.code("main.run"))
        for function in frames:
            self.words(bp, bp + 0x40, self.code(function) + 5)
            bp += 0x40
        return address

    def channel(self, *goroutines, timer=0):
        """A channel on which goroutines wait."""
        address, before = self.alloc(160), 0
        for goroutine in reversed(goroutines):
            sudog = self.alloc(160)
            self.field("runtime.sudog", sudog, "g", goroutine)
            self.field("runtime.sudog", sudog, "c", address)
            self.field("runtime.sudog", sudog, "next", before)
            before = sudog
        self.field("runtime.hchan", address, "recvq", before)
        if not self.of_old:
            self.field("runtime.hchan", address, "timer", timer)
        return address

    def ticker(self, when, period, *goroutines, **options):
        """A time.Ticker on whose channel goroutines wait."""
        channel = self.channel(*goroutines)
        timer = self.timer(when, "time.sendTime", channel, period=period, chan=1, **options)
        if not self.of_old:
            self.field("runtime.hchan", channel, "timer", timer)
        return timer

    def reader(self):
        memory = Memory(self, self.layout)
        waiters = Waiters(memory, self.table, BIAS)
        return TimerReader(memory, Anchors(ALLP, GOMAXPROCS, self.timers_at), BIAS, waiters)
