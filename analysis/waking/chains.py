"""Causes handed from goroutine to goroutine: one pass in time order over who made whom ready."""

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from whowoke.analysis.rules.causes import Rules
from whowoke.analysis.rules.frames import CaptureLike, Code
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


@dataclass
class Activation:
    """What a goroutine did from one wake-up to the next: ``end_ns`` is when it was woken again.

    ``readied`` has stack, start function and id of each goroutine that it made runnable.
    """

    goid: int
    start_ns: int
    end_ns: int
    readied: list[tuple[int, int, int]] = field(default_factory=list)


@dataclass
class Chains:
    """What each goroutine's cause was at each time. Wake-ups are row numbers, None is unknown.

    ``answers`` are the causes of the goroutines that a wake-up brought answers to, ``ended`` of the
    transport's own ones, whose answers were over. ``streams`` has, beside each cause, the goroutine
    of the watch stream through which it came (0 for none); ``children`` the goroutines that were
    created for a wake-up; ``listing`` the goroutines of the streams that began with a list.
    """

    times: dict[int, list[int]] = field(default_factory=dict)
    causes: dict[int, list[int | None]] = field(default_factory=dict)
    direct: dict[int, Activation] = field(default_factory=dict)
    answers: dict[int, list[int | None]] = field(default_factory=dict)
    ended: dict[int, list[int | None]] = field(default_factory=dict)
    streams: dict[int, list[int]] = field(default_factory=dict)
    children: dict[int, list[int]] = field(default_factory=dict)
    listing: set[int] = field(default_factory=set)
    blind: list[tuple[int, int]] = field(default_factory=list)

    def is_blind(self, activation: Activation) -> bool:
        """Whether links may have been lost while a goroutine was at work."""
        start, end = activation.start_ns, activation.end_ns
        return any(start < last and first < end for first, last in self.blind)

    def cause(self, goid: int, ts_ns: int) -> int | None:
        """The wake-up that this goroutine's work follows from at that time."""
        index = self.epoch(goid, ts_ns)
        return self.causes[goid][index] if index >= 0 else None

    def epoch(self, goid: int, ts_ns: int) -> int:
        """How often it had been woken by then, less one; -1 before the first time that was seen."""
        times = self.times.get(goid)
        return bisect_right(times, ts_ns) - 1 if times else -1

    def stream(self, goid: int, ts_ns: int) -> int:
        """The goroutine of the watch stream that this one's work follows from, 0 for none."""
        index = self.epoch(goid, ts_ns)
        return self.streams[goid][index] if index >= 0 else 0

    def hand(self, goid: int, ts_ns: int, cause: int | None, stream: int = 0) -> None:
        """A goroutine goes on for that cause from here."""
        self.times.setdefault(goid, []).append(ts_ns)
        self.causes.setdefault(goid, []).append(cause)
        self.streams.setdefault(goid, []).append(stream)


class _Walk:
    """The pass: who is woken takes the waker's cause, but for locks and answers."""

    def __init__(self, wakeups: pd.DataFrame, code: Code, rules: Rules, peers: Peers) -> None:
        self.chains = Chains()
        self._peers = peers
        self._code = code
        self._rules = rules
        self._descriptor: list[bool] = (wakeups["kind"] == "descriptor").tolist()
        self._fd: list[tuple[int, int]] = list(zip(wakeups["fd"], wakeups["mode"], strict=True))
        self._current: dict[int, int | None] = {}
        self._stream: dict[int, int] = {}
        self._serving: dict[int, Activation] = {}
        self._woken_by_timer: dict[int, tuple[int, int]] = {}
        self._called_by_timer: dict[int, tuple[int, int]] = {}
        self._waits: dict[tuple[int, int], str] = {}
        self._blind = 0

    def blind(self, ts: int, losing: bool) -> None:
        """Links are being lost, or no more: what goroutines go on for isn't known."""
        self._blind += 1 if losing else -1
        for goid, cause in self._current.items():
            if cause is not None:
                self.chains.hand(goid, ts, None)
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
            self.chains.answers.setdefault(wakeup, []).append(self._current.get(woken))
        else:
            self._start(ts, woken, wakeup)

    def _answers_itself(self, ts: int, wakeup: int, woken: int, wait: str) -> bool:
        """Whether the woken goroutine waits for the other side of a connection to go on.

        It waits until it may write, or for an answer: by its stack, or it has written there since
        it was woken last.
        """
        fd, mode = self._fd[wakeup]
        if wait in ("own_answer", "answer") or mode == WRITE:
            return True
        if wait or self._peers.is_inbound(fd, ts):
            return False
        cause = self._current.get(woken)
        if cause is not None and self._descriptor[cause] and self._fd[cause][0] == fd:
            return False  # it acknowledged what the peer sent, and the peer sends more
        times = self.chains.times.get(woken)
        return self._peers.wrote(woken, fd, times[-1] if times else 0, ts)

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
            serving.readied.append((stack_id, start, woken))
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
        return True

    def new(self, ts: int, goid: int, tid: int, child: int) -> None:
        """A goroutine was created: by another, or as the function of a timer."""
        if goid == 0 and tid in self._called_by_timer:
            self._start(ts, child, self._called_by_timer.pop(tid)[0])
        else:
            cause = self._current.get(goid) if goid else None
            if cause is not None:
                self.chains.children.setdefault(cause, []).append(child)
            self._hand(ts, child, cause, self._stream.get(goid, 0))

    def _start(self, ts: int, goid: int, wakeup: int) -> None:
        self._hand(ts, goid, wakeup)
        activation = Activation(goid, ts, FOREVER)
        self.chains.direct[wakeup] = self._serving[goid] = activation

    def _hand(self, ts: int, goid: int, cause: int | None, stream: int = 0) -> None:
        before = self._serving.pop(goid, None)
        if before is not None:
            before.end_ns = ts
        cause = None if self._blind else cause
        self._current[goid] = cause
        self._stream[goid] = stream if cause is not None else 0
        self.chains.hand(goid, ts, cause, self._stream[goid])


def follow(
    capture: CaptureLike, wakeups: pd.DataFrame, code: Code, rules: Rules, peers: Peers
) -> Chains:
    """Hand causes from goroutine to goroutine, in the order of time.

    ``wakeups`` needs ``ts_ns``, ``kind``, ``tid``, ``goid``, ``start``, ``parked_stack``,
    ``function``, ``fd``, ``mode``; causes are numbers of its rows.
    """
    walk = _Walk(wakeups, code, rules, peers)
    walk.chains.blind = _blind_times(capture)
    marks = [
        (order, ts, 0, 0)
        for span in walk.chains.blind
        for order, ts in zip((LOSING, SEEING), span, strict=True)
    ]
    events: list[tuple[int, ...]] = [*marks, *_events(capture, wakeups)]
    events.sort(key=lambda event: (event[1], event[0]))
    for order, ts, tid, goid, *rest in events:
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
    return walk.chains


def _events(capture: CaptureLike, wakeups: pd.DataFrame) -> list[tuple[int, ...]]:
    ready, new = capture.records("goroutine_ready"), capture.records("goroutine_new")
    events = [
        (READY, *row)
        for row in zip(
            *(
                ready[name].tolist()
                for name in ("ts_ns", "tid", "goid", "woken_goid", "parked_stack", "woken_start")
            ),
            strict=True,
        )
    ]
    events += [
        (NEW, *row)
        for row in zip(
            *(new[name].tolist() for name in ("ts_ns", "tid", "goid", "new_goid")), strict=True
        )
    ]
    numbers = np.arange(len(wakeups))
    columns = ("ts_ns", "tid", "goid", "parked_stack", "start", "function")
    for number, kind, ts, tid, goid, stack, start, function in zip(
        numbers.tolist(),
        wakeups["kind"].tolist(),
        *(wakeups[name].tolist() for name in columns),
        strict=True,
    ):
        if kind in ("timer", "signal"):
            events.append((FIRE, ts, tid, goid, number, function))
        else:
            events.append((DESCRIPTOR, ts, tid, goid, number, stack, start))
    return events


def _blind_times(capture: CaptureLike) -> list[tuple[int, int]]:
    """From when to when links may have been lost: a probe was missing, full or taken off."""
    sites = capture.metadata.get("sites")
    if isinstance(sites, list):
        probes = {site.get("probe") for site in sites if isinstance(site, dict)}
        if not probes.issuperset(LINKS):
            return [(0, FOREVER)]
    return lossy_spans(capture.losses, lambda kind: any(link in kind for link in LINKS))
