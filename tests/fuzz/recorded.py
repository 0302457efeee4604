"""A small capture with a record of every kind, to be changed by the fuzzer."""

import json

from tests.unit.askings import BY_HTTP, Asking
from tests.unit.go_stacks import IN_POLLER, IN_READ_LOOP, IN_ROUND_TRIP
from tests.unit.scenes import due, resynced, ticked, watched
from tests.unit.synthetic import ADDER, MS, WORKER
from whowoke.analysis.capture.schema import RECORDS

LOG = {"ts": 1_700_000_000.08, "msg": "Reconciling", "controller": "web", "namespace": "ns"}


def operator() -> Asking:
    """Two objects; a resync, a watch event, a ticker and requeues; reads, writes and logs."""
    c = Asking()
    c.metadata |= {
        "pid": 42,
        "sysmon_tid": 2,
        "sites": [
            {"probe": record.name, "function": "main.(*Web).Reconcile", "file": "web.go",
             "line": 9, "hits": 3, "tier": 1, "kind": "entry"}
            for record in RECORDS
        ],
        "sockets": [{"fd": 5, "local": "10.0.0.2:999", "peer": "10.0.0.1:443"}],
        "informers": [
            {"reader": 0x5000, "group": "", "version": "v1", "kind": "Pod", "form": "typed",
             "handlers": [{"type": "x", "queue": 0x1000}]}
        ],
        "informers_complete": True,
        "missing": ["something that isn't there"],
        "clocks": [[0, 1_700_000_000_000_000_000, 100], [90 * MS, 1_700_000_000_090_000_000, 90]],
        "hosts": ["node"],
        "namespace_pids": [42],
        "log_files": [{"name": "op.log", "lines": 2, "kept": 2}],
    }  # fmt: skip
    c.reader("Pod")
    c.peer(5, "10.0.0.1:443")
    c.record("thread_start", tid=8)
    for ms in (0, 30, 60):
        c.at(ms).waking(7, ("try_to_wake_up", "hrtimer_wakeup"))
        c.at(ms + 0.01).on(7)
        resynced(c, ms + 1, "a")
        watched(c, ms + 5, "b")
        c.watch_event(60, "MODIFIED", name="b")
        ticked(c, ms + 8, "a")
        due(c, ms + 10, "a")
        reconciled(c, "a", str(ms))
        reconciled(c, "b", "5")
        c.at(ms + 20).fire(40, IN_POLLER, period_ms=30, timer=4, tid=7)
        c.arm(40, 30, IN_POLLER, timer=4, period_ms=30)
        c.sleep(41, 5, IN_POLLER)
        c.call(41, 1, 9, 0.1)
        c.descriptor(44, IN_ROUND_TRIP)
        c.serve(45, "/healthz", "main.(*Web).Healthz")
        c.record("gc_start", goid=3, trigger=2)
        c.signal(15)
        c.new(40, 46)
        c.off(7)
    c.descriptor(50, IN_READ_LOOP)
    c.record("thread_exit", tid=8)
    c.lost.append((MS, "threads", 1))
    c.log_texts = [_line("11111111", LOG), _line("22222222", LOG | {"name": "b"})]
    return c


def reconciled(c: Asking, name: str, version: str) -> None:
    """A reconcile that reads, writes, asks and comes back after a while."""
    c.get(name)
    with c.run(name, after_ms=10):
        c.cached(name, version)
        c.listed(2, versions=9, pointers=3)
        c.get_pod(name, version)
        c.put(name, version + "1", version)
        c.ask("GET", "/status", host="example.com:80", stack=BY_HTTP)
        c.answer(500)
        c.record("reconcile_return", goid=WORKER, pc=c.symbol("main.(*Web).Reconcile@10"))
    c.add(WORKER, name, ("main.(*Web).Reconcile",), after_ms=10)
    c.record("queue_done", goid=WORKER, queue=0x1000, **c.key(name))
    c.item_ready(ADDER, name)


def _line(number: str, values: dict[str, object]) -> bytes:
    return json.dumps({"reconcileID": number, "name": "a"} | values).encode() + b"\n"
