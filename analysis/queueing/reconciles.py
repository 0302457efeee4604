"""Reconciles, and the queue events around them, put together from the operator's records."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

import numpy as np

from whowoke.analysis.queueing.queues import Add, Done, Get, Key, Queues, Ready, Reconcile
from whowoke.analysis.queueing.whichqueue import (
    Events,
    QueueNames,
    Row,
    classic_sites,
    name_queues,
)
from whowoke.analysis.rules.causes import Rules
from whowoke.analysis.rules.frames import CaptureLike, Code, matches_any

NAMES = (
    "reconcile_start",
    "reconcile_return",
    "reconcile_result",
    "informer_event",
    "queue_add",
    "queue_ready",
    "queue_get",
    "queue_done",
)
# By what Reconcile returned.
RESULT_EVENTS = {
    "error": "result_error",
    "requeue": "result_requeue",
    "requeue_after": "result_after",
}
# In client-go's queues: who moves what is due, and who chooses the delay.
WAITING_LOOP = (
    "k8s.io/client-go/util/workqueue.(*delayingType[...]).waitingLoop",
    "k8s.io/client-go/util/workqueue.(*delayingType).waitingLoop",
)
RATE_LIMITED = (
    "k8s.io/client-go/util/workqueue.(*rateLimitingType[...]).AddRateLimited",
    "k8s.io/client-go/util/workqueue.(*rateLimitingType).AddRateLimited",
)


@dataclass
class Operations:
    """What the operator did: all queue events and reconciles, in the order of time each."""

    queues: Queues
    reconciles: list[Reconcile]
    controllers: dict[int, str]
    resync_types: dict[int, str]
    _ready_times: dict[int, list[int]] = field(default_factory=dict)
    _ready_rows: dict[int, list[Ready]] = field(default_factory=dict)
    _runs: dict[int, list[Reconcile]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for ready in sorted([*self.queues.readies, *self.queues.dues], key=lambda r: r.ts_ns):
            self._ready_times.setdefault(ready.goid, []).append(ready.ts_ns)
            self._ready_rows.setdefault(ready.goid, []).append(ready)
        for reconcile in self.reconciles:
            self._runs.setdefault(reconcile.goid, []).append(reconcile)

    def running(self, goid: int, ts_ns: int) -> Reconcile | None:
        """The reconcile that a goroutine was at work on at that time."""
        runs = self._runs.get(goid, [])
        index = bisect_right(runs, ts_ns, key=lambda run: run.start_ns) - 1
        run = runs[index] if index >= 0 else None
        return run if run and (run.end_ns is None or ts_ns <= run.end_ns) else None

    def readied_by(self, goid: int, start_ns: int, end_ns: int) -> list[Ready]:
        """Items that a goroutine made ready in that time."""
        times = self._ready_times.get(goid, [])
        rows = self._ready_rows.get(goid, [])
        return rows[bisect_left(times, start_ns) : bisect_left(times, end_ns)]

    def queue_of(self, goid: int) -> int | None:
        """The queue whose items a goroutine makes ready, None if it was not seen to."""
        rows = self._ready_rows.get(goid)
        return rows[0].key[0] if rows else None


@dataclass
class _Goroutine:
    """What a goroutine did last, as far as it explains its next add."""

    running: Reconcile | None = None
    plain_key: Key | None = None
    finished: Reconcile | None = None
    result: str = ""
    return_pc: int = 0
    return_values: tuple[int, int, int] = (0, 0, 0)
    informer: str = ""
    informer_ns: int = 0


class _Replay:
    def __init__(
        self, strings: dict[int, str], code: Code, rules: Rules, classic: dict[int, str]
    ) -> None:
        self.queues = Queues()
        self.reconciles: list[Reconcile] = []
        self.names = QueueNames()
        self._strings = strings
        self._code = code
        self._rules = rules
        self._classic = classic
        self._goroutines: dict[int, _Goroutine] = {}
        self._callers: dict[int, str] = {}
        self._keys: dict[Key, Key] = {}
        self._numbers: dict[int, int] = {}

    def _key(self, row: Row) -> Key:
        key = (row["queue"], row["namespace"], row["object_name"])
        return self._keys.setdefault(key, key)

    def _once(self, number: int) -> int:
        """The same number, which many events have, as one object: a day has a million of them."""
        return self._numbers.setdefault(number, number)

    def _event(self, row: Row) -> tuple[int, int, int, Key]:
        """What all events of a queue have: time, goroutine, thread, key."""
        return row["ts_ns"], self._once(row["goid"]), self._once(row["tid"]), self._key(row)

    def begin(self, events: Events) -> None:
        """Find what plain workers were at work on when the recording began: done, but never got."""
        seen = set()
        for name, row in events:
            known = name in ("queue_get", "queue_done") and row["queue"] in self.names.plain
            if known and row["goid"] not in seen:
                seen.add(row["goid"])
                if name == "queue_done":
                    self._goroutines[row["goid"]] = _Goroutine(plain_key=self._key(row))

    def handle(self, name: str, row: Row) -> None:
        """One record, in the order of time."""
        goroutine = self._goroutines.setdefault(row["goid"], _Goroutine())
        getattr(self, f"_{name}")(row, goroutine)

    def _reconcile_start(self, row: Row, goroutine: _Goroutine) -> None:
        self._start(row, self._strings.get(row["controller"], ""), plain=False)

    def _start(self, row: Row, controller: str, *, plain: bool) -> None:
        reconcile = Reconcile(row["ts_ns"], self._once(row["goid"]), self._key(row), controller)
        self.queues.start(reconcile)
        self.reconciles.append(reconcile)
        plain_key = reconcile.key if plain else None
        self._goroutines[row["goid"]] = _Goroutine(running=reconcile, plain_key=plain_key)

    def _reconcile_return(self, row: Row, goroutine: _Goroutine) -> None:
        # Of nested Reconciles the innermost with the result decided, the outer ones passed it on.
        values = (row["requeue"], row["requeue_after_ns"], row["error"])
        if not goroutine.return_pc or goroutine.return_values != values:
            goroutine.return_pc, goroutine.return_values = self._once(row["pc"]), values

    def _reconcile_result(self, row: Row, goroutine: _Goroutine) -> None:
        # The order in which controller-runtime looks at them.
        if row["error"]:
            result = "error"
        elif row["requeue_after_ns"] > 0:
            result = "requeue_after"
        else:
            result = "requeue" if row["requeue"] else "success"
        reconcile = goroutine.running
        if reconcile is not None:
            reconcile.end_ns, reconcile.result = row["ts_ns"], result
            reconcile.requeue_after_ns = self._once(row["requeue_after_ns"])
            reconcile.return_pc = goroutine.return_pc
        goroutine.running, goroutine.finished, goroutine.result = None, reconcile, result

    def _informer_event(self, row: Row, goroutine: _Goroutine) -> None:
        if row["old"] and row["old"] == row["new"]:
            goroutine.informer = "informer_resync"
        else:
            goroutine.informer = "informer_initial" if row["initial"] else "informer_change"
        goroutine.informer_ns = row["ts_ns"]

    def _queue_add(self, row: Row, goroutine: _Goroutine) -> None:
        add = Add(
            *self._event(row),
            after_ns=self._once(max(0, row["after_ns"])),
            rate_limited=bool(row["rate_limited"]),
            priority=self._once(row["priority"]),
            stack=self._once(row["stack"]),
        )
        if row["site"] in self._classic and not self._is_add(add, row["site"]):
            return
        self._explain(add, goroutine)
        self.queues.add(add)

    def _is_add(self, add: Add, site: int) -> bool:
        """Whether an add to client-go's queue is one, not the move of an item that is due."""
        functions = [frame.function for frame in self._code.stack(add.stack)]
        if any(matches_any(WAITING_LOOP, function) for function in functions):
            self.queues.due(Ready(add.ts_ns, add.goid, add.tid, add.key))
            return False
        add.rate_limited = any(matches_any(RATE_LIMITED, function) for function in functions)
        add.waiting = add.after_ns > 0
        # Without a delay AddAfter calls Add, which is recorded too.
        return add.waiting or not self._classic[site].endswith(".AddAfter")

    def _explain(self, add: Add, goroutine: _Goroutine) -> None:
        """Say by whom an item is added: the requeue of a result, an informer, or own code."""
        kind, running = self._kind_of_caller(add.stack), goroutine.running
        if kind == "requeue" and running is None:
            add.return_pc = goroutine.return_pc
            # A result that was lost still shows in the delay: only RequeueAfter has one.
            result = goroutine.result or ("" if add.rate_limited else "requeue_after")
            add.event = RESULT_EVENTS.get(result, "result_unknown")
        elif kind == "handler" and goroutine.informer:
            add.event = goroutine.informer
        elif not add.after_ns and not add.rate_limited:
            add.reconcile = running
        elif goroutine.plain_key == add.key:
            goroutine.result = "requeue" if add.rate_limited else "requeue_after"
            add.event = RESULT_EVENTS[goroutine.result]
            if running is not None:
                running.requeue_after_ns = None if add.rate_limited else add.after_ns
                running.asked_stack = add.stack
        else:
            add.event = "delayed_add"

    def caller(self, stack_id: int) -> str:
        """The innermost function of a stack outside of the queue's code."""
        queues = self._rules.requeue["queues"]
        names = (frame.function for frame in self._code.stack(stack_id))
        return next((name for name in names if not matches_any(queues, name)), "")

    def _kind_of_caller(self, stack_id: int) -> str:
        if stack_id not in self._callers:
            self._callers[stack_id] = self._classify(stack_id)
        return self._callers[stack_id]

    def _classify(self, stack_id: int) -> str:
        table = self._rules.requeue
        if matches_any(table["callers"], self.caller(stack_id)):
            return "requeue"
        frames = [frame.function for frame in self._code.stack(stack_id)]
        return "handler" if any(matches_any(table["handlers"], name) for name in frames) else ""

    def _queue_ready(self, row: Row, goroutine: _Goroutine) -> None:
        self.queues.ready(Ready(*self._event(row)))

    def _queue_get(self, row: Row, goroutine: _Goroutine) -> None:
        self.queues.get(Get(*self._event(row)))
        if row["queue"] in self.names.plain:
            self._start(row, self.names.controllers[row["queue"]], plain=True)

    def _queue_done(self, row: Row, goroutine: _Goroutine) -> None:
        self.queues.done(Done(*self._event(row)))
        if goroutine.plain_key == self._key(row):
            if reconcile := goroutine.running:
                reconcile.end_ns, reconcile.result = row["ts_ns"], goroutine.result or "success"
            self._goroutines[row["goid"]] = _Goroutine()


def replay(capture: CaptureLike, code: Code, rules: Rules) -> Operations:
    """Play the operator's records again in the order of time."""
    classic = classic_sites(capture)
    steps = _Replay(capture.strings, code, rules, classic)
    events = Events((name, capture.records(name)) for name in NAMES)
    steps.names = name_queues(events, classic, capture.strings, steps.caller)
    steps.begin(events)
    for name, row in events:
        steps.handle(name, row)
    arms = np.unique(capture.records("resync_arm")[["goid", "type_name"]])
    types = {goid: capture.strings.get(name, "") for goid, name in arms.tolist()}
    return Operations(steps.queues, steps.reconciles, steps.names.controllers, types)
