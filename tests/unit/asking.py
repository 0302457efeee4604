"""Rows of the table ``requests`` and metadata of informers, for tests of what follows from them."""

from whowoke.analysis.verdicts.checks import Checks
from whowoke.analysis.verdicts.listeners import Listeners, informers_of
from whowoke.analysis.verdicts.things import Request

OWN, OTHER = 0x10, 0x20
MS = 1_000_000


def read(kind_or_host, run=1, how="cache", **more):
    """One request of a reconcile: by default a cached Get of a kind."""
    row = {"ts_ns": 1, "reconcile_id": run, "goroutine_id": 1, "kind": how}
    if how == "cache":
        row |= {"verb": "get", "version": "v1", "object_kind": kind_or_host}
    elif how == "api":
        row |= {"verb": "get", "version": "v1", "resource": kind_or_host}
    else:
        row |= {"host": kind_or_host}
    return row | more


def informer(kind, *queues, group="", version="v1", **more):
    handlers = [{"type": "*source.EventHandler", "queue": queue} for queue in queues]
    return {"group": group, "version": version, "kind": kind, "handlers": handlers} | more


def heard(informers=(), **more):
    """Listeners of the controller ``shop``; without informers (None) nothing is told of them."""
    metadata = {} if informers is None else {"informers": list(informers)}
    queues = {"shop": {OWN}, "other": {OTHER}}
    return Listeners(informers_of(metadata), queues, is_complete=informers is not None, **more)


def checked(rows, listeners):
    """What ``shop`` asks in its reconciles, all of them."""
    requests = [Request(*map(row.get, Request._fields)) for row in rows]
    runs = {row.reconcile_id: "shop" for row in requests if row.reconcile_id is not None}
    return Checks(requests, runs, listeners, requests)
