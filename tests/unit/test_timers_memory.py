"""Reading timers from the memory of a process that is made by hand: changing, wrong, hostile."""

import random
from contextlib import suppress

import pytest

from tests.unit.go_memory import ALLP, BASE, BIAS, MODIFIED, RUNNING, ZOMBIE, FakeProcess
from whowoke.analysis.errors import UnsupportedError, WhowokeError
from whowoke.tracer import heaps as heaps_module
from whowoke.tracer import memory as memory_module
from whowoke.tracer import timers as timers_module
from whowoke.tracer.timers import FOREVER_NS, TRIES


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(timers_module, "PAUSE_S", 0)


# One version for each way in which Go has laid out its heaps of timers, or a context.
LAYOUTS = ("1.19", "1.20", "1.22", "1.26")


@pytest.mark.parametrize("version", LAYOUTS)
def test_timers_of_all_processors_are_sorted_by_their_time(version):
    process = FakeProcess(version, processors=3)
    one, two = process.goroutine(11), process.goroutine(12)
    process.ticker(500, 40, one, p=2)
    process.timer(300, "runtime.goroutineReady", two)
    process.timer(FOREVER_NS, "runtime.other", 0, p=1)
    found = process.reader().read()
    assert [(t.due_ns, t.period_ns, t.wakes.kind) for t in found.timers] == [
        (300, 0, "sleep"),
        (500, 40, "channel"),
        (FOREVER_NS, 0, "runtime"),
    ]
    sleeper, receiver, nobody = (t.wakes.waiter for t in found.timers)
    assert (sleeper.goid, receiver.goid, nobody) == (12, 11, None)
    assert receiver.start == process.code("main.run")
    assert receiver.stack == (process.code("main.wait") + 5, process.code("main.run") + 5)
    assert (found.processors, found.stopped, found.unsettled, found.tries) == (3, 0, 0, 1)


def test_a_stopped_timer_is_counted_and_a_modified_one_has_its_own_time():
    process = FakeProcess()
    process.timer(0, "runtime.other", 0, state=1 | MODIFIED | ZOMBIE, heap_when=100)
    process.timer(900, "runtime.other", 0, state=1 | MODIFIED, heap_when=200)
    found = process.reader().read()
    assert [timer.due_ns for timer in found.timers] == [900]
    assert found.stopped == 1


def test_a_timer_between_two_states_is_read_again():
    process = FakeProcess()
    timer = process.timer(900, "runtime.other", 0, heap_when=200)

    def settle(reads):
        if reads > 30:
            process.field("runtime.timer", timer, "when", 200)

    process.on_read = settle
    found = process.reader().read()
    assert [timer.due_ns for timer in found.timers] == [200]
    assert found.unsettled == 0
    assert 1 < found.tries < TRIES


def test_a_locked_timer_is_read_again():
    process = FakeProcess()
    timer = process.timer(200, "runtime.other", 0)
    process.field("runtime.timer", timer, "mu", 1)
    process.on_read = lambda reads: process.field("runtime.timer", timer, "mu", int(reads < 30))
    found = process.reader().read()
    assert len(found.timers) == 1
    assert found.tries > 1


def test_a_timer_that_comes_meanwhile_is_not_missed():
    process = FakeProcess()
    process.timer(500, "runtime.other", 0)

    def add(reads):
        if reads == 8:
            process.timer(100, "runtime.other", 0)

    process.on_read = add
    found = process.reader().read()
    assert [timer.due_ns for timer in found.timers] == [100, 500]
    assert found.tries == 2


def test_what_never_rests_is_counted_and_the_rest_is_told():
    process = FakeProcess(processors=2)
    busy = process.timer(300, "runtime.other", 0)
    process.timer(900, "runtime.other", 0, p=1)
    process.on_read = lambda reads: process.field("runtime.timer", busy, "period", reads)
    found = process.reader().read()
    assert [timer.due_ns for timer in found.timers] == [900]
    assert (found.unsettled, found.tries) == (1, TRIES)


def test_who_waits_counts_only_if_it_waits_there():
    process = FakeProcess()
    running = process.goroutine(9, status=RUNNING)
    process.ticker(100, 0, running)
    process.ticker(200, 0, process.goroutine(10))
    found = process.reader().read()
    assert [timer.wakes.waiter.goid for timer in found.timers] == [10]
    assert found.unsettled == 1


def test_a_channel_of_another_timer_and_a_waiter_of_another_channel_are_not_believed():
    process = FakeProcess()
    waiting = process.goroutine(9)
    process.timer(100, "time.sendTime", process.channel(waiting, timer=77), chan=1)
    channel = process.channel(waiting)
    sudog = process.reader()._memory.field("runtime.hchan", channel, "recvq")
    process.field("runtime.sudog", sudog, "c", 99)
    process.timer(200, "time.sendTime", channel)
    assert process.reader().read().unsettled == 2


@pytest.mark.parametrize("version", LAYOUTS)
def test_a_send_wakes_one_and_a_context_all_that_wait(version):
    process = FakeProcess(version)
    first, second, third = (process.goroutine(goid) for goid in (21, 22, 23))
    process.ticker(100, 0, first, second)
    done, context, closure = process.channel(second, third), process.alloc(160), process.alloc(64)
    at = process.layout.at
    name = "WithDeadline" if version in ("1.19", "1.20") else "WithDeadlineCause"
    process.words(closure, process.code(f"context.{name}.func2"), context)
    # Go 1.20 has a pointer to the inner context.
    inner = process.alloc(160) if version == "1.20" else context
    process.number(context, inner)
    process.words(inner + at("context.cancelCtx", "done"), 0x5555, done)
    timer = process.timer(200, "time.goFunc", closure)
    inside = at("time.Timer", "r") if process.of_old else at("runtime.timeTimer", "timer")
    process.field("context.timerCtx", context, "timer", timer - inside)
    ticker, deadline = (timer.wakes for timer in process.reader().read().timers)
    assert (ticker.waiter.goid, ticker.waiter.others) == (21, 0)
    assert (deadline.kind, deadline.waiter.goid, deadline.waiter.others) == ("function", 22, 1)
    # A context that has another timer isn't the one that this one ends.
    process.field("context.timerCtx", context, "timer", timer)
    assert process.reader().read().timers[1].wakes.waiter is None


def test_a_deadline_wakes_who_waits_at_the_descriptor():
    process = FakeProcess()
    at = process.layout.at
    for callback, side in (
        ("runtime.netpollReadDeadline", "rg"),
        ("runtime.netpollDeadline", "wg"),
    ):
        poll = process.alloc(512)
        process.field("runtime.pollDesc", poll, "fd", 6)
        process.field("runtime.pollDesc", poll, side, process.goroutine(ord(side[0])))
        itself = poll + at("runtime.pollDesc", "self")
        process.number(itself, poll)
        process.timer(100 + ord(side[0]), callback, itself)
    found = [timer.wakes for timer in process.reader().read().timers]
    assert [(w.kind, w.fd, w.waiter.goid) for w in found] == [
        ("deadline", 6, ord("r")),
        ("deadline", 6, ord("w")),
    ]


def test_a_stack_is_walked_upwards_within_its_bounds_only():
    process = FakeProcess()
    goroutine = process.goroutine(9, frames=())
    bp = (
        process.reader()
        ._memory.struct("runtime.g", goroutine)
        .word("sched", process.layout.at("runtime.gobuf", "bp"))
    )
    process.words(bp, bp, process.code("main.wait") + 1)  # points at itself
    process.timer(100, "runtime.goroutineReady", goroutine)
    (timer,) = process.reader().read().timers
    assert timer.wakes.waiter.stack == (process.code("main.wait") + 1,)


def test_an_endless_list_of_waiters_ends():
    process = FakeProcess()
    channel = process.channel(process.goroutine(9))
    sudog = process.reader()._memory.field("runtime.hchan", channel, "recvq")
    process.field("runtime.sudog", sudog, "next", sudog)
    process.timer(100, "time.sendTime", channel)
    assert process.reader().read().timers[0].wakes.waiter.goid == 9


def refused(process):
    with pytest.raises(UnsupportedError) as caught:
        process.reader().read()
    assert caught.value.hint
    return str(caught.value)


def test_what_does_not_look_like_processors_is_refused():
    process = FakeProcess(processors=2)
    process.field("runtime.p", process.processors[1], "id", 7, 4)
    assert "processor 1 has number 7" in refused(process)
    process = FakeProcess(processors=2)
    process.words(ALLP + BIAS, process.slice(process.processors), 3, 4)
    assert "GOMAXPROCS" in refused(process)
    process = FakeProcess()
    process.words(ALLP + BIAS, 0, 0, 0)
    refused(process)


def test_timers_of_another_layout_are_refused():
    process = FakeProcess()
    for when in range(100, 110):
        timer = process.timer(when, "runtime.other", 0)
        process.field("runtime.timer", timer, "ts", 0)
    assert "timers aren't where Go has them" in refused(process)


@pytest.mark.parametrize(
    ("version", "struct", "heap", "count"),
    [("1.26", "runtime.timers", "heap", "len"), ("1.22", "runtime.p", "timers", "numTimers")],
)
def test_a_heap_that_says_it_is_huge_is_not_read(version, struct, heap, count):
    process = FakeProcess(version)
    timers = next(iter(process.heaps))
    process.words(timers + process.layout.at(struct, heap), 1 << 20, 1 << 30, 1 << 31)
    process.field(struct, timers, count, 1 << 30, 4)
    refused(process)
    assert process.largest < 1 << 16


@pytest.mark.parametrize("version", LAYOUTS)
def test_of_very_many_timers_the_soonest_are_read(version, monkeypatch):
    monkeypatch.setattr(heaps_module, "MAX_TIMERS", 10)
    process = FakeProcess(version)
    for when in random.Random(1).sample(range(1, 40), 30):
        process.timer(when, "runtime.other", 0)
    found = process.reader().read()
    dues = [timer.due_ns for timer in found.timers]
    assert dues == sorted(when for _, when in next(iter(process.heaps.values())))[:10]
    assert found.later == 20


def test_a_process_that_ends_meanwhile_is_told():
    process = FakeProcess()
    process.timer(100, "runtime.other", 0xDEAD)
    process.words(ALLP + BIAS, 0, 1, 1)
    process.alive = False
    with pytest.raises(WhowokeError, match="no memory"):
        process.reader().read()


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("version", ["1.22", "1.26"])
def test_memory_full_of_nonsense_does_no_harm(version, seed):
    """Whatever a hostile process writes: an answer or an error in bounded time."""
    chance = random.Random(seed)
    process = FakeProcess(version, processors=2)
    for index in range(8):
        process.ticker(100 + index, 50, process.goroutine(index + 1), p=index % 2)
    used = process._next - BASE
    for _ in range(chance.choice((1, 3, 30))):
        at = chance.randrange(0x100, used) & ~7
        value = chance.choice((0, 1, (1 << 64) - 1, 1 << 62, BASE + chance.randrange(used)))
        process.bytes[at : at + 8] = value.to_bytes(8, "little")
    with suppress(UnsupportedError):
        found = process.reader().read()
        assert len(found.timers) <= 8
        assert all(0 < timer.due_ns <= FOREVER_NS for timer in found.timers)
    assert process.largest <= 1 << 20
    assert process.reads < 10_000


@pytest.mark.parametrize("version", LAYOUTS)
def test_timers_of_all_processors_together_are_bounded(version, monkeypatch):
    process = FakeProcess(version, processors=4)
    for number in range(40):
        process.timer(100 + number, "runtime.other", 0, p=number % 4)
    monkeypatch.setattr(heaps_module, "MAX_LOOKED_AT", 20)
    found = process.reader().read()
    assert [timer.due_ns for timer in found.timers] == list(range(100, 120))
    assert found.later == 20
    monkeypatch.setattr(heaps_module, "MAX_HEAP", 39)
    refused(process)


def test_reads_are_counted(monkeypatch):
    process = FakeProcess()
    process.timer(100, "runtime.other", 0)
    assert process.reader().read().timers
    process.reads = 0
    monkeypatch.setattr(memory_module, "MAX_READS", 3)
    refused(process)
    assert process.reads == 3
