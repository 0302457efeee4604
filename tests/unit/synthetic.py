"""Captures built event by event, to test the analysis on exactly what it is to understand.

Functions are written as they stand in a binary; times are in milliseconds since the start.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tests.unit.go_stacks import BY_RESULT, SEND_TIME
from tests.unit.network import MS, Network
from whowoke.analysis.capture.chunks import Frame
from whowoke.analysis.capture.reader import Keep
from whowoke.analysis.capture.schema import RECORD_BY_NAME, record_dtype

QUEUE, METRICS = 0x1000, 0x2000
WORKER, WAITING, ADDER, HANDLER = 70, 71, 72, 73


class Synthetic(Network):
    """A capture whose records are given one by one. ``at`` moves the clock, each record by 1 µs."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {
            "name": "target",
            "pid": 1,
            "go_version": "go1.26.8",
            "main_module": "example.com/op",
            "modules": {"k8s.io/client-go": "v0.36.0", "github.com/some/lib": "v1.0.0"},
            "start_ns": 0,
            "clock_monotonic_ns": 0,
            "clock_realtime_ns": 1_700_000_000_000_000_000,
            "sysmon_tid": 2,
        }
        self.strings: dict[int, str] = {}
        self.stacks: dict[int, list[Frame]] = {}
        self.symbols: dict[int, Frame] = {}
        self.complete = True
        self.log_files: Sequence[Any] = ()
        self.log_notes: list[str] = []
        self.log_texts: list[bytes] = []
        self.lost: list[tuple[int, str, int]] = []
        self.now = 0
        self._rows: dict[str, list[dict[str, int]]] = {}
        self._hashes: dict[object, int] = {}

    @property
    def losses(self) -> pd.DataFrame:
        return pd.DataFrame(self.lost, columns=["ts_ns", "kind", "count"])

    def parts(self, *names: str) -> Iterator[tuple[str, np.ndarray]]:
        return ((name, self.records(name)) for name in names)

    def records(self, name: str, keep: Keep | None = None) -> np.ndarray:
        array = self.table(name)
        return array if keep is None else array[keep(array)]

    def table(self, name: str) -> np.ndarray:
        rows = sorted(self._rows.get(name, []), key=lambda row: row["ts_ns"])
        array = np.zeros(len(rows), record_dtype(RECORD_BY_NAME[name]))
        for index, row in enumerate(rows):
            for field, value in row.items():
                array[index][field] = value
        return array

    def logs(self) -> list[bytes]:
        return self.log_texts

    def _hash(self, of: object) -> int:
        return self._hashes.setdefault(of, len(self._hashes) + 1)

    def text(self, text: str) -> int:
        number = self._hash(("text", text))
        self.strings[number] = text
        return number

    def stack(self, functions: Sequence[str]) -> int:
        if not functions:
            return 0
        number = self._hash(tuple(functions))
        self.stacks[number] = [self.frame(function) for function in functions]
        return number

    def frame(self, function: str) -> Frame:
        """``name@12`` is line 12 of its file."""
        name, _, line = function.partition("@")
        return Frame(name, f"{name.split('(')[0].rstrip('.')}.go", int(line or 1))

    def symbol(self, function: str) -> int:
        number = self._hash(("symbol", function)) + 0x400000 if function else 0
        if function:
            self.symbols[number] = self.frame(function)
        return number

    def at(self, ms: float) -> "Synthetic":
        self.now = int(ms * MS)
        self.metadata["end_ns"] = max(self.metadata.get("end_ns", 0), self.now)
        return self

    def record(self, name: str, **fields: int) -> int:
        """Add a record; returns its time."""
        ts = fields.setdefault("ts_ns", self.now)
        fields.setdefault("tid", 1)
        self.now = max(self.now, ts) + 1000
        self.metadata["end_ns"] = max(self.metadata.get("end_ns", 0), self.now)
        self._rows.setdefault(name, []).append(fields)
        return ts

    # ------------------------------------------------------------ Go

    def fire(
        self,
        woken: int = 0,
        parked: Sequence[str] = (),
        *,
        timer: int = 1,
        period_ms: float = 0,
        callback: str = SEND_TIME,
        function: str = "",
        caller: str = "runtime.(*timers).run",
        due_ns: int | None = None,
        start: str = "",
        tid: int = 1,
    ) -> int:
        """A timer fires, and the goroutine that waits for it is made ready as Go does it."""
        ts = self.record(
            "timer_fire",
            timer=timer,
            due_ns=self.now if due_ns is None else due_ns,
            period_ns=int(period_ms * MS),
            callback=self.symbol(callback),
            function=self.symbol(function),
            woken_goid=woken,
            woken_start=self.symbol(start),
            parked_stack=self.stack(parked),
            caller=self.symbol(caller),
            tid=tid,
        )
        if woken and "maybeRunChan" not in caller:
            self.ready(0, woken, parked, tid=tid)
        return ts

    def arm(
        self,
        goid: int,
        delay_ms: float,
        stack: Sequence[str],
        *,
        timer: int = 1,
        period_ms: float = 0,
        callback: str = SEND_TIME,
        function: str = "",
    ) -> int:
        return self.record(
            "timer_arm",
            goid=goid,
            timer=timer,
            due_ns=self.now + int(delay_ms * MS),
            period_ns=int(period_ms * MS),
            callback=self.symbol(callback),
            function=self.symbol(function),
            stack=self.stack(stack),
        )

    def sleep(self, goid: int, sleep_ms: float, stack: Sequence[str]) -> int:
        return self.record("sleep", goid=goid, sleep_ns=int(sleep_ms * MS), stack=self.stack(stack))

    def descriptor(
        self, woken: int, parked: Sequence[str], fd: int = 5, tid: int = 1, mode: str = "r"
    ) -> int:
        return self.record(
            "netpoll_ready",
            fd=fd,
            mode=ord(mode),
            woken_goid=woken,
            parked_stack=self.stack(parked),
            tid=tid,
        )

    def ready(self, goid: int, woken: int, parked: Sequence[str], tid: int = 1) -> int:
        return self.record(
            "goroutine_ready", goid=goid, woken_goid=woken, parked_stack=self.stack(parked), tid=tid
        )

    def new(self, goid: int, child: int, tid: int = 1) -> int:
        return self.record("goroutine_new", goid=goid, new_goid=child, tid=tid)

    # ------------------------------------------------------------ operator

    def key(self, name: str) -> dict[str, int]:
        return {"namespace": self.text("ns"), "object_name": self.text(name)}

    def add(
        self,
        goid: int,
        name: str,
        stack: Sequence[str],
        after_ms: float = 0,
        rate_limited: bool = False,
        queue: int = QUEUE,
    ) -> int:
        return self.record(
            "queue_add",
            goid=goid,
            queue=queue,
            after_ns=int(after_ms * MS),
            rate_limited=int(rate_limited),
            stack=self.stack(stack),
            **self.key(name),
        )

    def item_ready(self, goid: int, name: str, metrics: int = METRICS) -> int:
        return self.record("queue_ready", goid=goid, metrics=metrics, **self.key(name))

    def get(self, name: str, metrics: int = METRICS) -> int:
        return self.record("queue_get", goid=ADDER, metrics=metrics, **self.key(name))

    def reconcile(
        self,
        name: str,
        *,
        after_ms: float = 0,
        error: bool = False,
        requeue: bool = False,
        line: int = 10,
        controller: str = "web",
        queue: int = QUEUE,
        metrics: int = METRICS,
        get: bool = True,
        work_ms: float = 1,
    ) -> int:
        """Hand an item out, reconcile it, and requeue it as controller-runtime does."""
        if get:
            self.get(name, metrics)
        start = self.record(
            "reconcile_start",
            goid=WORKER,
            queue=queue,
            metrics=metrics,
            controller=self.text(controller),
            **self.key(name),
        )
        self.now += int(work_ms * MS)
        pc = self.symbol(f"main.(*Web).Reconcile@{line}")
        self.record("reconcile_return", goid=WORKER, pc=pc)
        self.record(
            "reconcile_result",
            goid=WORKER,
            requeue=int(requeue),
            requeue_after_ns=int(after_ms * MS),
            error=int(error),
        )
        if error or requeue:
            self.add(WORKER, name, BY_RESULT, rate_limited=True, queue=queue)
        elif after_ms:
            self.add(WORKER, name, BY_RESULT, after_ms=after_ms, queue=queue)
        self.record("queue_done", goid=WORKER, queue=queue, **self.key(name))
        return start

    def informer(self, goid: int, old: int, new: int, initial: bool = False) -> int:
        return self.record("informer_event", goid=goid, old=old, new=new, initial=int(initial))

    # ------------------------------------------------------------ threads

    def waking(self, tid: int, kernel: Sequence[str] = (), waker: int = 9) -> int:
        return self.record(
            "thread_waking", tid=tid, waker_tid=waker, kernel_stack=self.stack(kernel)
        )

    def on(self, tid: int) -> int:
        return self.record("thread_on", tid=tid)

    def off(self, tid: int, state: int = 1) -> int:
        return self.record("thread_off", tid=tid, state=state)
