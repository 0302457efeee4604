"""Reconciles, and the queue events around them, put together from the operator's records."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from whowoke.analysis.causes import Rules
from whowoke.analysis.frames import CaptureLike, Code, matches_any
from whowoke.analysis.queues import Add, Done, Get, Key, Queues, Ready, Reconcile

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


@dataclass
class Operations:
    """What the operator did: all queue events and reconciles, in the order of time each."""

    queues: Queues
    reconciles: list[Reconcile]
    controllers: dict[int, str]
    resync_types: dict[int, str]
    _ready_times: dict[int, list[int]] = field(default_factory=dict)
    _ready_rows: dict[int, list[Ready]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for ready in self.queues.readies:
            self._ready_times.setdefault(ready.goid, []).append(ready.ts_ns)
            self._ready_rows.setdefault(ready.goid, []).append(ready)

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
    finished: Reconcile | None = None
    result: str = ""
    return_pc: int = 0
    informer: str = ""
    informer_ns: int = 0


class _Replay:
    def __init__(self, capture: CaptureLike, code: Code, rules: Rules) -> None:
        self.queues = Queues()
        self.reconciles: list[Reconcile] = []
        self.controllers: dict[int, str] = {}
        self._strings = capture.strings
        self._code = code
        self._rules = rules
        self._queue_of_metrics = self._name_queues(capture)
        self._goroutines: dict[int, _Goroutine] = {}
        self._callers: dict[int, str] = {}

    def _name_queues(self, capture: CaptureLike) -> dict[int, int]:
        rows = np.unique(capture.records("reconcile_start")[["queue", "metrics", "controller"]])
        for queue, _, controller in rows.tolist():
            self.controllers[queue] = self._strings.get(controller, "")
        return {metrics: queue for queue, metrics, _ in rows.tolist()}

    def _key(self, queue: int, row: dict[str, Any]) -> Key:
        return (queue, row["namespace"], row["object_name"])

    def _metrics_key(self, row: dict[str, Any]) -> Key:
        return self._key(self._queue_of_metrics.get(row["metrics"], row["metrics"]), row)

    def handle(self, name: str, row: dict[str, Any]) -> None:
        """One record, in the order of time."""
        goroutine = self._goroutines.setdefault(row["goid"], _Goroutine())
        getattr(self, f"_{name}")(row, goroutine)

    def _reconcile_start(self, row: dict[str, Any], goroutine: _Goroutine) -> None:
        controller = self._strings.get(row["controller"], "")
        key = self._key(row["queue"], row)
        reconcile = Reconcile(row["ts_ns"], row["goid"], key, controller)
        self.queues.start(reconcile)
        self.reconciles.append(reconcile)
        self._goroutines[row["goid"]] = _Goroutine(running=reconcile)

    def _reconcile_return(self, row: dict[str, Any], goroutine: _Goroutine) -> None:
        goroutine.return_pc = row["pc"]

    def _reconcile_result(self, row: dict[str, Any], goroutine: _Goroutine) -> None:
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
            reconcile.requeue_after_ns = row["requeue_after_ns"]
            reconcile.return_pc = goroutine.return_pc
        goroutine.running, goroutine.finished, goroutine.result = None, reconcile, result

    def _informer_event(self, row: dict[str, Any], goroutine: _Goroutine) -> None:
        if row["old"] and row["old"] == row["new"]:
            goroutine.informer = "informer_resync"
        else:
            goroutine.informer = "informer_initial" if row["initial"] else "informer_change"
        goroutine.informer_ns = row["ts_ns"]

    def _queue_add(self, row: dict[str, Any], goroutine: _Goroutine) -> None:
        add = Add(
            ts_ns=row["ts_ns"],
            goid=row["goid"],
            tid=row["tid"],
            key=self._key(row["queue"], row),
            after_ns=max(0, row["after_ns"]),
            rate_limited=bool(row["rate_limited"]),
            priority=row["priority"],
            stack=row["stack"],
        )
        self._explain(add, goroutine)
        self.queues.add(add)

    def _explain(self, add: Add, goroutine: _Goroutine) -> None:
        """Say by whom an item is added: the requeue of a result, an informer, or own code."""
        caller = self._caller(add.stack)
        if caller == "requeue" and goroutine.running is None:
            add.return_pc = goroutine.return_pc
            # A result that was lost still shows in the delay: only RequeueAfter has one.
            result = goroutine.result or ("" if add.rate_limited else "requeue_after")
            add.event = {
                "error": "result_error",
                "requeue": "result_requeue",
                "requeue_after": "result_after",
            }.get(result, "result_unknown")
        elif caller == "handler" and goroutine.informer:
            add.event = goroutine.informer
        elif add.after_ns or add.rate_limited:
            add.event = "delayed_add"
        elif goroutine.running is not None:
            add.reconcile = goroutine.running

    def _caller(self, stack_id: int) -> str:
        if stack_id not in self._callers:
            self._callers[stack_id] = self._classify(stack_id)
        return self._callers[stack_id]

    def _classify(self, stack_id: int) -> str:
        frames = [frame.function for frame in self._code.stack(stack_id)]
        table = self._rules.requeue
        caller = next((name for name in frames if not matches_any(table["queues"], name)), "")
        if matches_any(table["callers"], caller):
            return "requeue"
        return "handler" if any(matches_any(table["handlers"], name) for name in frames) else ""

    def _queue_ready(self, row: dict[str, Any], goroutine: _Goroutine) -> None:
        self.queues.ready(Ready(row["ts_ns"], row["goid"], row["tid"], self._metrics_key(row)))

    def _queue_get(self, row: dict[str, Any], goroutine: _Goroutine) -> None:
        self.queues.get(Get(row["ts_ns"], row["goid"], row["tid"], self._metrics_key(row)))

    def _queue_done(self, row: dict[str, Any], goroutine: _Goroutine) -> None:
        self.queues.done(Done(row["ts_ns"], row["goid"], row["tid"], self._key(row["queue"], row)))


def replay(capture: CaptureLike, code: Code, rules: Rules) -> Operations:
    """Play the operator's records again in the order of time."""
    steps = _Replay(capture, code, rules)
    events: list[tuple[int, str, dict[str, Any]]] = []
    for name in NAMES:
        rows = capture.records(name)
        columns = rows.dtype.names or ()
        events += [(row[0], name, dict(zip(columns, row, strict=True))) for row in rows.tolist()]
    events.sort(key=lambda event: event[0])
    for _, name, row in events:
        steps.handle(name, row)
    arms = np.unique(capture.records("resync_arm")[["goid", "type_name"]])
    types = {goid: capture.strings.get(name, "") for goid, name in arms.tolist()}
    return Operations(steps.queues, steps.reconciles, steps.controllers, types)
