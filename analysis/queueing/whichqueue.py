"""Which queue a record is about, and whose queue that is.

Adds and dones name their queue. What became ready or was handed out names the queue's metrics
object, and all queues without metrics have the same one: then the goroutine tells. A controller may
hold a wrapper of its queue: the done that follows a reconcile names the queue itself.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from whowoke.analysis.rules.frames import CaptureLike, Rows, probe_sites


class Row:
    """A record of the operator; ``queue`` may be put into it, also where it has none."""

    __slots__ = ("_columns", "_number")

    def __init__(self, columns: dict[str, Rows], number: int) -> None:
        self._columns, self._number = columns, number

    def __getitem__(self, name: str) -> Any:
        """A value of it."""
        return self._columns[name].item(self._number)

    def __setitem__(self, name: str, value: int) -> None:
        self._columns[name][self._number] = value


Event = tuple[str, Row]


class Events:
    """Records of several kinds, each with its kind's name, in the order of time.

    Each is made when its turn comes, in every loop anew: a day has a million of them.
    """

    def __init__(self, records: Iterable[tuple[str, Rows]]) -> None:
        found = [(name, _columns(rows)) for name, rows in records]
        times = [columns["ts_ns"] for _, columns in found]
        order = np.argsort(np.concatenate(times), kind="stable")
        lengths = [len(part) for part in times]
        self._found = found
        self._kinds = np.repeat(np.arange(len(found), dtype=np.int8), lengths)[order]
        self._numbers = np.concatenate([np.arange(n, dtype=np.int32) for n in lengths])[order]

    def __iter__(self) -> Iterator[Event]:
        return self._made(self._kinds, self._numbers)

    def __reversed__(self) -> Iterator[Event]:
        return self._made(self._kinds[::-1], self._numbers[::-1])

    def _made(self, kinds: Rows, numbers: Rows) -> Iterator[Event]:
        for kind, number in zip(kinds.data, numbers.data, strict=True):
            name, columns = self._found[kind]
            yield name, Row(columns, number)


def _columns(records: Rows) -> dict[str, Rows]:
    columns = {name: records[name] for name in records.dtype.names or ()}
    columns["queue"] = (
        columns["queue"].copy() if "queue" in columns else np.zeros_like(columns["goid"])
    )
    return columns


Item = tuple[int, int]

# Queues of client-go: a delayed item waits beside the queue; an add for at once leaves it there.
CLASSIC = "k8s.io/client-go/util/workqueue."
_CLOSURE = re.compile(r"(func|gowrap|deferwrap)?\d+")


@dataclass
class QueueNames:
    """Names of queues by address; ``plain`` are those that no controller-runtime reconciles."""

    controllers: dict[int, str] = field(default_factory=dict)
    plain: set[int] = field(default_factory=set)


def item_of(row: Row) -> Item:
    """Namespace and name, as hashes."""
    return row["namespace"], row["object_name"]


def classic_sites(capture: CaptureLike) -> dict[int, str]:
    """Functions of client-go's queues by the index of their probe sites."""
    sites = enumerate(probe_sites(capture) or [])
    return {index: site.function for index, site in sites if site.function.startswith(CLASSIC)}


def name_queues(
    events: Events,
    classic: Collection[int],
    strings: dict[int, str],
    caller: Callable[[int], str],
) -> QueueNames:
    """Give each record of a queue its ``queue``; ``events`` are in the order of time.

    ``caller`` is the function outside of the queue's code that a stack was called by.
    """
    of_metrics = _of_metrics(events)
    real = _name_starts_and_gets(events, of_metrics)
    _name_readies(events, of_metrics)
    names = QueueNames()
    for name, row in events:
        if name == "reconcile_start":
            names.controllers[row["queue"]] = strings.get(row["controller"], "")
    for name, row in events:
        if name == "queue_done" and row["site"] in classic and row["queue"] not in real:
            names.plain.add(row["queue"])
            function = _enclosing(caller(row["stack"]))
            names.controllers.setdefault(row["queue"], function)
    return names


def _enclosing(function: str) -> str:
    """The function that a closure, or one within a closure, is in."""
    outer, dot, name = function.rpartition(".")
    while dot and _CLOSURE.fullmatch(name):
        function = outer
        outer, dot, name = function.rpartition(".")
    return function


def _of_metrics(events: Events) -> dict[int, set[int]]:
    """Queues by their metrics object; by what a controller says where nothing else does."""
    found: dict[int, set[int]] = {}
    said: dict[int, set[int]] = {}
    for name, row in events:
        if name in ("queue_add", "queue_done", "reconcile_start") and row["metrics"]:
            table = said if name == "reconcile_start" else found
            table.setdefault(row["metrics"], set()).add(row["queue"])
    return said | found


def _only(queues: set[int] | None) -> int | None:
    return next(iter(queues)) if queues and len(queues) == 1 else None


def _name_starts_and_gets(events: Events, of_metrics: dict[int, set[int]]) -> set[int]:
    """Name them by the done that follows; returns the queues of controllers."""
    queues = {row["queue"] for name, row in events if name in ("queue_add", "queue_done")}
    done: dict[int, tuple[int, Item]] = {}
    wrapped: dict[int, int] = {}
    for name, row in reversed(events):
        queue, item = done.get(row["goid"], (0, None))
        if name == "queue_done":
            done[row["goid"]] = (row["queue"], item_of(row))
        elif name == "reconcile_start":
            if row["queue"] not in queues and item == item_of(row):
                wrapped[row["queue"]] = queue
        elif name == "queue_get":
            known = _only(of_metrics.get(row["metrics"]))
            row["queue"] = known or (queue if item == item_of(row) else row["metrics"])
    starts = [row for name, row in events if name == "reconcile_start"]
    for row in starts:
        row["queue"] = wrapped.get(row["queue"], row["queue"])
    return {row["queue"] for row in starts}


def _name_readies(events: Events, of_metrics: dict[int, set[int]]) -> None:
    """Name them by their metrics, else by the add before it on the same goroutine."""
    added: dict[int, int] = {}
    for name, row in events:
        if name == "queue_add":
            added[row["goid"]] = row["queue"]
        elif name == "queue_ready":
            known = _only(of_metrics.get(row["metrics"]))
            row["queue"] = known or added.get(row["goid"], row["metrics"])
