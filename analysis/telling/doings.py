"""What goroutines did for one wake-up, as steps of its story."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import names
from whowoke.analysis.queueing.queues import Add, Done, Get, Ready
from whowoke.analysis.rules.frames import Rows, place
from whowoke.analysis.telling.steps import Step, or_none, telling, woken_facts

QueueEvent = Add | Ready | Get | Done
OPERATIONS = {Add: "queue_add", Ready: "queue_ready", Get: "queue_get", Done: "queue_done"}
EXCHANGES = ("read", "write", "sendto", "recvfrom", "connect", "accept4")
# Waits for these are over without handing on a cause.
_LOCK, _ANSWERS = "lock", ("answer", "own_answer")


class Doings:
    """Steps of the goroutines that work for a wake-up, by its row number in ``analysis.base``."""

    def __init__(self, analysis: Analysis, number: int) -> None:
        self._analysis = analysis
        self._number = number
        self._code = analysis.code
        self._strings = analysis.capture.strings

    def steps(self) -> Iterator[Step]:
        """All of them, not yet in the order of time."""
        yield from self._continuations()
        yield from self._readied()
        yield from self._created()
        yield from self._timers_set()
        yield from self._exchanges()
        yield from self._informers()
        yield from self._queues()
        yield from self._reconciles()

    def are_asked_by(self, number: int) -> bool:
        """Whether another wake-up brings the answer to a request of this one."""
        return self._number in self._analysis.chains.answers.get(number, [])

    # ------------------------------------------------------------ goroutines

    def _is_ours(self, goid: int, ts_ns: int) -> bool:
        return bool(goid) and self._analysis.chains.cause(goid, ts_ns) == self._number

    def _mine(self, name: str) -> Iterator[dict[str, Any]]:
        """Records of a kind that goroutines made while they worked for this wake-up."""
        rows = self._analysis.capture.records(name)
        for row in rows[np.isin(rows["goid"], self._goroutines)].tolist():
            record = dict(zip(rows.dtype.names or (), row, strict=True))
            if self._is_ours(record["goid"], record["ts_ns"]):
                yield record

    @cached_property
    def _goroutines(self) -> Rows:
        """All goroutines that ever worked for this wake-up."""
        found = self._analysis.chains.history.goroutines(self._number)
        return np.array(list(found), np.uint64)

    def _readied(self) -> Iterator[Step]:
        """Goroutines made ready by those of the story, and answers that its own waited for."""
        rows = self._analysis.capture.records("goroutine_ready")
        ours = np.isin(rows["goid"], self._goroutines) | np.isin(
            rows["woken_goid"], self._goroutines
        )
        for row in rows[ours].tolist():
            record = dict(zip(rows.dtype.names or (), row, strict=True))
            ts, by, woken = record["ts_ns"], record["goid"], record["woken_goid"]
            if not self._is_ours(by, ts) and not (by and self._is_ours(woken, ts)):
                continue
            waits = self._code.stack(record["parked_stack"], record["woken_start"])
            wait = self._analysis.rules.waits_for(waits)
            facts = woken_facts(self._code, woken, record["woken_start"], waits)
            cause = self._analysis.chains.cause(woken if self._is_ours(by, ts) else by, ts)
            facts["wakeup_id"] = None if cause is None else cause + 1
            if self._is_ours(by, ts) and wait != _LOCK:
                foreign = cause != self._number and wait in _ANSWERS
                kind = "answers" if foreign else "goroutine_ready"
                yield Step(ts, kind, record["tid"], by, facts)
            elif not self._is_ours(by, ts) and wait in _ANSWERS:
                yield Step(ts, "answered", record["tid"], by, facts)

    def _created(self) -> Iterator[Step]:
        for record in self._mine("goroutine_new"):
            start = self._code.function_name(record["new_start"]) or None
            facts = {"new_goroutine_id": record["new_goid"], "new_start": start}
            yield Step(record["ts_ns"], "goroutine_new", record["tid"], record["goid"], facts)

    def _continuations(self) -> Iterator[Step]:
        for number in sorted(self._analysis.chains.answers):
            if number != self._number and self.are_asked_by(number):
                row = self._analysis.base.iloc[number].to_dict()
                waits = self._code.stack(row["parked_stack"], row["start"])
                facts = {"wakeup_id": number + 1, "fd": int(row["fd"])}
                facts |= woken_facts(self._code, int(row["goid"]), int(row["start"]), waits)
                yield Step(int(row["ts_ns"]), "continuation", int(row["tid"]), facts=facts)

    def _timers_set(self) -> Iterator[Step]:
        for record in self._mine("timer_arm"):
            ts = record["ts_ns"]
            facts = {
                "due_in_ns": record["due_ns"] - ts,
                "period_ns": record["period_ns"],
                "set": telling(self._code, self._code.stack(record["stack"])),
                "calls": self._code.function_name(record["function"]) or None,
            }
            yield Step(ts, "timer_arm", record["tid"], record["goid"], facts)
        for record in self._mine("sleep"):
            set_by = telling(self._code, self._code.stack(record["stack"]))
            facts = {"due_in_ns": record["sleep_ns"], "set": set_by}
            yield Step(record["ts_ns"], "sleep", record["tid"], record["goid"], facts)

    def _exchanges(self) -> Iterator[Step]:
        """What they sent, received, opened or accepted, at the end of the system call."""
        calls = self._analysis.calls
        calls = calls[calls["goroutine_id"].isin(self._goroutines.tolist())]
        for row in calls[calls["name"].isin(EXCHANGES) & calls["fd"].notna()].to_dict("records"):
            goid, ts = int(row["goroutine_id"]), int(row["ts_ns"])
            # Less than 0 is -errno; of connect -EINPROGRESS, the usual answer.
            if not self._is_ours(goid, ts) or (row["result"] <= 0 and row["name"] != "connect"):
                continue
            peer = None if pd.isna(row["peer"]) else row["peer"] or None
            facts = {"call": row["name"], "fd": int(row["fd"]), "peer": peer}
            facts |= {"bytes": or_none(row["bytes"])}
            yield Step(ts + int(row["duration_ns"]), "exchange", int(row["tid"]), goid, facts)

    # ------------------------------------------------------------ operator

    def _informers(self) -> Iterator[Step]:
        for record in self._mine("informer_event"):
            if record["old"] and record["old"] == record["new"]:
                what = "resync"
            else:
                what = "initial" if record["initial"] else "change"
            facts = {"what": what}
            yield Step(record["ts_ns"], "informer_event", record["tid"], record["goid"], facts)

    def _item(self, key: tuple[int, int, int]) -> dict[str, Any]:
        queue, namespace, name = key
        return {
            "controller": self._analysis.operations.controllers.get(queue) or None,
            "namespace": self._strings.get(namespace),
            "name": self._strings.get(name),
        }

    def _queues(self) -> Iterator[Step]:
        queues = self._analysis.operations.queues
        events: list[QueueEvent] = [*queues.adds, *queues.readies, *queues.gets, *queues.dones]
        for event in events:
            if not self._is_ours(event.goid, event.ts_ns):
                continue
            facts = self._item(event.key)
            if isinstance(event, Add):
                causes = names(self._analysis.attribution.of_add(event))
                facts |= {"after_ns": event.after_ns, "rate_limited": event.rate_limited}
                facts |= {"cause": causes or "unknown"}
            kind = OPERATIONS[type(event)]
            yield Step(event.ts_ns, kind, event.tid, event.goid, facts)

    def _reconciles(self) -> Iterator[Step]:
        """Reconciles on goroutines of the story, and those of items that it handed over."""
        queues = self._analysis.operations.queues
        handed = {
            id(add.get.reconcile)
            for ready in queues.readies
            if self._is_ours(ready.goid, ready.ts_ns)
            for add in ready.adds
            if add.get is not None and add.get.reconcile is not None
        }
        for number, reconcile in enumerate(self._analysis.operations.reconciles, 1):
            goid, start = reconcile.goid, reconcile.start_ns
            if not self._is_ours(goid, start) and id(reconcile) not in handed:
                continue
            causes = self._analysis.attribution.of_reconcile(reconcile)
            facts = self._item(reconcile.key) | {"reconcile_id": number}
            facts |= {"controller": reconcile.controller or None}
            began = {"triggers": len(reconcile.triggers()), "causes": names(causes)}
            yield Step(start, "reconcile_start", None, goid, facts | began)
            if reconcile.end_ns is None:
                continue
            frame = self._code.symbol(reconcile.return_pc) if reconcile.return_pc else None
            ended = {
                "result": reconcile.result,
                "requeue_after_ns": reconcile.requeue_after_ns or None,
                "location": place(frame, "returned").location if frame else None,
                "duration_ns": reconcile.end_ns - start,
            }
            yield Step(reconcile.end_ns, "reconcile_end", None, goid, facts | ended)
