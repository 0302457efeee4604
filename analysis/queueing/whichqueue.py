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

from whowoke.analysis.rules.frames import CaptureLike, Rows


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


def as_rows(records: Rows) -> Iterator[Row]:
    """Records one by one, without a copy of each."""
    columns = {name: records[name] for name in records.dtype.names or ()}
    columns["queue"] = (
        columns["queue"].copy() if "queue" in columns else np.zeros_like(columns["goid"])
    )
    return (Row(columns, number) for number in range(len(records)))


Event = tuple[int, str, Row]
Item = tuple[int, int]

# Queues of client-go: a delayed item waits beside the queue; an add for at once leaves it there.
CLASSIC = "k8s.io/client-go/util/workqueue."
_CLOSURES = re.compile(r"(\.func\d+|\.gowrap\d+|\.deferwrap\d+|\.\d+)+$")


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
    sites = capture.metadata.get("sites")
    functions = {
        index: str(site.get("function", ""))
        for index, site in enumerate(sites if isinstance(sites, list) else [])
        if isinstance(site, dict)
    }
    return {index: name for index, name in functions.items() if name.startswith(CLASSIC)}


def name_queues(
    events: Iterable[Event],
    classic: Collection[int],
    strings: dict[int, str],
    caller: Callable[[int], str],
) -> QueueNames:
    """Give each record of a queue its ``queue``; ``events`` are in the order of time.

    ``caller`` is the function outside of the queue's code that a stack was called by.
    """
    events = list(events)
    of_metrics = _of_metrics(events)
    real = _name_starts_and_gets(events, of_metrics)
    _name_readies(events, of_metrics)
    names = QueueNames()
    for _, name, row in events:
        if name == "reconcile_start":
            names.controllers[row["queue"]] = strings.get(row["controller"], "")
    for _, name, row in events:
        if name == "queue_done" and row["site"] in classic and row["queue"] not in real:
            names.plain.add(row["queue"])
            function = _CLOSURES.sub("", caller(row["stack"]))
            names.controllers.setdefault(row["queue"], function)
    return names


def _of_metrics(events: list[Event]) -> dict[int, set[int]]:
    """Queues by their metrics object; by what a controller says where nothing else does."""
    found: dict[int, set[int]] = {}
    said: dict[int, set[int]] = {}
    for _, name, row in events:
        if name in ("queue_add", "queue_done", "reconcile_start") and row["metrics"]:
            table = said if name == "reconcile_start" else found
            table.setdefault(row["metrics"], set()).add(row["queue"])
    return said | found


def _only(queues: set[int] | None) -> int | None:
    return next(iter(queues)) if queues and len(queues) == 1 else None


def _name_starts_and_gets(events: list[Event], of_metrics: dict[int, set[int]]) -> set[int]:
    """Name them by the done that follows; returns the queues of controllers."""
    queues = {row["queue"] for _, name, row in events if name in ("queue_add", "queue_done")}
    done: dict[int, tuple[int, Item]] = {}
    wrapped: dict[int, int] = {}
    for _, name, row in reversed(events):
        queue, item = done.get(row["goid"], (0, None))
        if name == "queue_done":
            done[row["goid"]] = (row["queue"], item_of(row))
        elif name == "reconcile_start":
            if row["queue"] not in queues and item == item_of(row):
                wrapped[row["queue"]] = queue
        elif name == "queue_get":
            known = _only(of_metrics.get(row["metrics"]))
            row["queue"] = known or (queue if item == item_of(row) else row["metrics"])
    starts = [row for _, name, row in events if name == "reconcile_start"]
    for row in starts:
        row["queue"] = wrapped.get(row["queue"], row["queue"])
    return {row["queue"] for row in starts}


def _name_readies(events: list[Event], of_metrics: dict[int, set[int]]) -> None:
    """Name them by their metrics, else by the add before it on the same goroutine."""
    added: dict[int, int] = {}
    for _, name, row in events:
        if name == "queue_add":
            added[row["goid"]] = row["queue"]
        elif name == "queue_ready":
            known = _only(of_metrics.get(row["metrics"]))
            row["queue"] = known or added.get(row["goid"], row["metrics"])
