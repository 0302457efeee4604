"""Causes handed from goroutine to goroutine: one pass in time order over who made whom ready."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
import pandas as pd

from whowoke.analysis.rules.causes import Rules
from whowoke.analysis.rules.frames import CaptureLike, Code, Rows, probe_sites
from whowoke.analysis.waking.history import Activation, Activations, Grouped, History, Steps
from whowoke.analysis.waking.lossy import FOREVER, lossy_spans
from whowoke.analysis.waking.peers import Peers

# From a timer's expiry to the ready of the goroutine that it wakes: microseconds, on one thread.
SAME_CALL_NS = 1_000_000

# What goroutines wait for that go on with their own cause when it comes.
AWAITING = ("answer", "own_answer", "sending")
# The mode of a descriptor on which a goroutine waits until it may write.
WRITE = ord("w")

# In the order in which they come where they have the same time.
LOSING, SEEING, FIRE, DESCRIPTOR, READY, NEW = range(6)

# Without these it isn't seen who made whom ready. Their programs are named after them.
LINKS = ("timer_fire", "netpoll_ready", "goroutine_ready", "goroutine_new")
WAKEUP = ("ts_ns", "tid", "goid", "parked_stack", "start", "function")
FIRED = ("ts_ns", "tid", "goid", "number", "function")
CAME = ("ts_ns", "tid", "goid", "number", "parked_stack", "start")
BLOCK = 10_000

Event = tuple[int, ...]


@dataclass
class Chains:
    """What each goroutine's cause was at each time. Wake-ups are row numbers, None is unknown.

    ``answers`` are the causes of the goroutines that a wake-up brought answers to, ``ended`` of the
    transport's own ones, whose answers were over; ``askers`` are those of them of which no cause
    is known. ``history`` has, beside each cause, the goroutine
    of the watch stream through which it came (0 for none); ``children`` are the goroutines that
    were created for a wake-up; ``listing`` those of the streams that began with a list.
    """

    history: History = field(default_factory=lambda: Steps().history())
    direct: Activations = field(default_factory=Activations)
    answers: dict[int, list[int | None]] = field(default_factory=dict)
    ended: dict[int, list[int | None]] = field(default_factory=dict)
    askers: dict[int, list[int]] = field(default_factory=dict)
    children: Grouped = field(default_factory=lambda: Grouped(0, width=1))
    listing: set[int] = field(default_factory=set)
    blind: list[tuple[int, int]] = field(default_factory=list)

    def is_blind(self, activation: Activation) -> bool:
        """Whether links may have been lost while a goroutine was at work."""
        start, end = activation.start_ns, activation.end_ns
        return any(start < last and first < end for first, last in self.blind)

    def cause(self, goid: int, ts_ns: int) -> int | None:
        """The wake-up that this goroutine's work follows from at that time."""
        return self.history.cause(goid, ts_ns)

    def epoch(self, goid: int, ts_ns: int) -> int:
        """How often it had been woken by then, less one; -1 before the first time that was seen."""
        return self.history.epoch(goid, ts_ns)

    def stream(self, goid: int, ts_ns: int) -> int:
        """The goroutine of the watch stream that this one's work follows from, 0 for none."""
        return self.history.stream(goid, ts_ns)

    def readied(self, wakeup: int) -> list[tuple[int, ...]]:
        """Stack, start function and id of each goroutine that a wake-up's one made runnable."""
        return self.direct.readied.get(wakeup)


class _Walk:
    """The pass: who is woken takes the waker's cause, but for locks and answers."""

    def __init__(self, wakeups: pd.DataFrame, code: Code, rules: Rules, peers: Peers) -> None:
        count = len(wakeups)
        self.chains = Chains(direct=Activations(count), children=Grouped(count, width=1))
        self._steps = Steps()
        self._peers = peers
        self._code = code
        self._rules = rules
        self._descriptor: list[bool] = (wakeups["kind"] == "descriptor").tolist()
        self._fd, self._mode = wakeups["fd"].to_numpy(), wakeups["mode"].to_numpy()
        self._current: dict[int, int | None] = {}
        self._stream: dict[int, int] = {}
        self._serving: dict[int, int] = {}
        self._woken_by_timer: dict[int, tuple[int, int]] = {}
        self._called_by_timer: dict[int, tuple[int, int]] = {}
        self._waits: dict[tuple[int, int], str] = {}
        self._blind = 0

    def blind(self, ts: int, losing: bool) -> None:
        """Links are being lost, or no more: what goroutines go on for isn't known."""
        self._blind += 1 if losing else -1
        for goid, cause in self._current.items():
            if cause is not None:
                self._steps.add(goid, ts, None, 0)
        self._current.clear()
        self._woken_by_timer.clear()
        self._called_by_timer.clear()

    def waits_for(self, stack_id: int, start: int) -> str:
        """What the goroutine waits for, see ``Rules.waits_for``."""
        key = (stack_id, start)
        if key not in self._waits:
            self._waits[key] = self._rules.waits_for(self._code.stack(stack_id, start))
        return self._waits[key]

    def fire(self, ts: int, tid: int, wakeup: int, woken: int, function: int) -> None:
        """A timer fired: it wakes a goroutine, or makes one of its function."""
        if woken:
            self._start(ts, woken, wakeup)
            self._woken_by_timer[tid] = (woken, ts)
        if function:
            self._called_by_timer[tid] = (wakeup, ts)

    def descriptor(self, ts: int, wakeup: int, woken: int, wait: str) -> None:
        """A descriptor became ready, maybe with the answer to that goroutine's own request.

        A forced collection comes here too: its goroutine begins something.
        """
        if self._descriptor[wakeup] and self._answers_itself(ts, wakeup, woken, wait):
            answered = self._current.get(woken)
            self.chains.answers.setdefault(wakeup, []).append(answered)
            if answered is None:
                self.chains.askers.setdefault(wakeup, []).append(woken)
        else:
            self._start(ts, woken, wakeup)

    def _answers_itself(self, ts: int, wakeup: int, woken: int, wait: str) -> bool:
        """Whether the woken goroutine waits for the other side of a connection to go on.

        It waits until it may write, or for an answer: by its stack, or it has written there since
        it was woken last.
        """
        fd, mode = self._fd.item(wakeup), self._mode.item(wakeup)
        if wait in ("own_answer", "answer") or mode == WRITE:
            return True
        # Not known is not an answer either: the wake-up's own cause isn't known then.
        if wait or self._peers.is_inbound(fd, ts) is not False:
            return False
        cause = self._current.get(woken)
        if cause is not None and self._descriptor[cause] and self._fd.item(cause) == fd:
            return False  # it acknowledged what the peer sent, and the peer sends more
        return self._peers.wrote(woken, fd, self._steps.last_ns(woken), ts)

    def ready(self, ts: int, goid: int, tid: int, woken: int, stack_id: int, start: int) -> None:
        """One goroutine made another runnable."""
        expected, since = self._woken_by_timer.pop(tid, (0, 0))
        if woken == expected and (goid == 0 or ts - since < SAME_CALL_NS):
            return
        wait = self.waits_for(stack_id, start)
        if wait == "lock":
            return
        cause = self._current.get(goid) if goid else None
        serving = self._serving.get(goid) if goid else None
        if wait in AWAITING and self._is_answer(goid, cause, woken, wait):
            return
        if self._stream.get(goid) == goid and self._rules.is_list(
            self._code.stack(stack_id, start)
        ):
            self.chains.listing.add(goid)
        if serving is not None:
            self.chains.direct.readied.add(serving, stack_id, start, woken)
        self._hand(ts, woken, cause, woken if wait == "stream" else self._stream.get(goid, 0))

    def _is_answer(self, goid: int, cause: int | None, woken: int, wait: str) -> bool:
        """Whether an answer came, and not the end of patience: the asking goroutine goes on."""
        if cause is None:
            return goid != 0
        if not self._descriptor[cause]:
            return False
        answered = self._current.get(woken)
        if answered != cause:
            table = self.chains.ended if wait == "sending" else self.chains.answers
            table.setdefault(cause, []).append(answered)
            if answered is None:
                self.chains.askers.setdefault(cause, []).append(woken)
        return True

    def new(self, ts: int, goid: int, tid: int, child: int) -> None:
        """A goroutine was created: by another, or as the function of a timer."""
        if goid == 0 and tid in self._called_by_timer:
            self._start(ts, child, self._called_by_timer.pop(tid)[0])
        else:
            cause = self._current.get(goid) if goid else None
            if cause is not None:
                self.chains.children.add(cause, child)
            self._hand(ts, child, cause, self._stream.get(goid, 0))

    def ended(self) -> Chains:
        """What was found, once all is told."""
        self.chains.history = self._steps.history()
        return self.chains

    def _start(self, ts: int, goid: int, wakeup: int) -> None:
        self._hand(ts, goid, wakeup)
        self.chains.direct.start(wakeup, goid, ts)
        self._serving[goid] = wakeup

    def _hand(self, ts: int, goid: int, cause: int | None, stream: int = 0) -> None:
        before = self._serving.pop(goid, None)
        if before is not None:
            self.chains.direct.end(before, ts)
        cause = None if self._blind else cause
        self._current[goid] = cause
        self._stream[goid] = stream if cause is not None else 0
        self._steps.add(goid, ts, cause, self._stream[goid])


def follow(
    capture: CaptureLike, wakeups: pd.DataFrame, code: Code, rules: Rules, peers: Peers
) -> Chains:
    """Hand causes from goroutine to goroutine, in the order of time.

    ``wakeups`` needs ``ts_ns``, ``kind``, ``tid``, ``goid``, ``start``, ``parked_stack``,
    ``function``, ``fd``, ``mode``; causes are numbers of its rows.
    """
    walk = _Walk(wakeups, code, rules, peers)
    walk.chains.blind = _blind_times(capture)
    for order, ts, tid, goid, *rest in _events(capture, wakeups, walk.chains.blind):
        if order in (LOSING, SEEING):
            walk.blind(ts, order == LOSING)
        elif order == FIRE:
            walk.fire(ts, tid, rest[0], goid, rest[1])
        elif order == DESCRIPTOR:
            walk.descriptor(ts, rest[0], goid, walk.waits_for(rest[1], rest[2]))
        elif order == READY:
            walk.ready(ts, goid, tid, *rest)
        else:
            walk.new(ts, goid, tid, rest[0])
    return walk.ended()


def _events(
    capture: CaptureLike, wakeups: pd.DataFrame, blind: list[tuple[int, int]]
) -> Iterator[Event]:
    """What the walk is fed with: order, time, thread, goroutine and more, in the order of time."""
    marks = [
        (order, ts, 0, 0)
        for span in blind
        for order, ts in zip((LOSING, SEEING), span, strict=True)
    ]
    marks.sort(key=_in_time)
    ready = ("ts_ns", "tid", "goid", "woken_goid", "parked_stack", "woken_start")
    new = ("ts_ns", "tid", "goid", "new_goid")
    fires = wakeups["kind"].isin(("timer", "signal")).to_numpy(bool)
    numbered = {name: wakeups[name].to_numpy() for name in WAKEUP} | {
        "number": np.arange(len(wakeups))
    }
    fired = {name: numbered[name][fires] for name in FIRED}
    came = {name: numbered[name][~fires] for name in CAME}
    return heapq.merge(
        marks,
        _rows(READY, capture.records("goroutine_ready"), ready),
        _rows(NEW, capture.records("goroutine_new"), new),
        _rows(FIRE, fired, FIRED),
        _rows(DESCRIPTOR, came, CAME),
        key=_in_time,
    )


def _in_time(event: Event) -> tuple[int, int]:
    return event[1], event[0]


def _rows(order: int, table: Mapping[str, Rows] | Rows, names: Sequence[str]) -> Iterator[Event]:
    """Rows as plain numbers, a block at a time."""
    columns = [table[name] for name in names]
    for first in range(0, len(columns[0]), BLOCK):
        block = (column[first : first + BLOCK].tolist() for column in columns)
        yield from zip(repeat(order), *block, strict=False)


def _blind_times(capture: CaptureLike) -> list[tuple[int, int]]:
    """From when to when links may have been lost: a probe was missing, full or taken off."""
    sites = probe_sites(capture)
    if sites is not None and not {site.probe for site in sites}.issuperset(LINKS):
        return [(0, FOREVER)]
    return lossy_spans(capture.losses, lambda kind: any(link in kind for link in LINKS))
