"""What happens in an operator, as the events that the recorder sees of it."""

from tests.unit.go_stacks import (
    BY_CHANNEL,
    BY_HANDLER,
    IN_ADD_BUFFER,
    IN_CHANNEL,
    IN_LISTENER,
    IN_POLLER,
    IN_POP,
    IN_READ_LOOP,
    IN_RESYNC,
    IN_WAITING,
    IN_WATCH,
)
from tests.unit.synthetic import ADDER, HANDLER, MS, WAITING
from whowoke.analysis.output.outputs import analyse


def due(c, ms, *names, waits=IN_WAITING, due_ns=None):
    """The delays of these items run out: one timer, which finds them all."""
    c.at(ms).fire(WAITING, waits, period_ms=10, due_ns=due_ns, timer=int(ms * 10))
    for name in names:
        c.item_ready(WAITING, name)


def watched(c, ms, name, new=2):
    """A watch event comes in and is handed on until a handler adds the item."""
    c.at(ms).descriptor(50, IN_READ_LOOP)
    c.ready(50, 60, IN_WATCH)
    c.ready(60, 61, IN_POP)
    c.ready(61, HANDLER, IN_LISTENER)
    c.informer(HANDLER, 1, new)
    c.add(HANDLER, name, BY_HANDLER)
    c.ready(HANDLER, ADDER, IN_ADD_BUFFER)
    c.item_ready(ADDER, name)


def resynced(c, ms, *names):
    c.at(ms).fire(80, IN_RESYNC, timer=int(ms))
    c.ready(80, 61, IN_POP)
    c.ready(61, HANDLER, IN_LISTENER)
    for name in names:
        c.informer(HANDLER, 5, 5)
        c.add(HANDLER, name, BY_HANDLER)
    c.record("resync_arm", goid=80, type_name=c.text("*v1.Pod"), period_ns=10 * MS)
    c.ready(HANDLER, ADDER, IN_ADD_BUFFER)
    for name in names:
        c.item_ready(ADDER, name)


def ticked(c, ms, *names):
    """The operator's poller hands events to a channel source, whose goroutine adds them."""
    c.at(ms).fire(40, IN_POLLER, period_ms=10, timer=4)
    c.ready(40, 41, IN_CHANNEL)
    c.ready(41, 42, IN_CHANNEL)
    for name in names:
        c.add(42, name, BY_CHANNEL)
    for name in names:
        c.item_ready(ADDER, name)


def reasons(capture):
    """(triggers, causes) of each reconcile."""
    frame = reconciles(capture)
    return list(zip(frame["triggers"], frame["causes"], strict=True))


def reconciles(capture):
    return analyse(capture)["reconciles"]


def wakeups(capture):
    return analyse(capture)["wakeups"]


def told(capture):
    """(cause, subject) of each wake-up."""
    frame = wakeups(capture).fillna({"subject": ""})
    return list(zip(frame["cause"], frame["subject"], strict=True))
