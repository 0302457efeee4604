"""client-go's own queues, and controllers without controller-runtime."""

import pytest

from tests.unit.go_stacks import CACHE, CR, IN_LISTENER, IN_POP, IN_RESYNC, SHAPE
from tests.unit.scenes import reasons
from tests.unit.synthetic import HANDLER, MS, WORKER, Synthetic
from whowoke.analysis.output.outputs import analyse

WQ = "k8s.io/client-go/util/workqueue"
TYPED = f"{WQ}.(*Typed[{SHAPE}])"
DELAYING = f"{WQ}.(*delayingType[{SHAPE}])"
LIMITING = f"{WQ}.(*rateLimitingType[{SHAPE}])"
HANDLE = f"{CR}/internal/controller.(*Controller[{SHAPE}]).reconcileHandler"
LOOP = 90
WAITS = ("runtime.selectgo", f"{DELAYING}.waitingLoop")
PROCESS = "main.(*Controller).processNextWorkItem"
QUEUE, METRICS, WRAPPER = 0x5000, 0x6000, 0x7000


class Classic(Synthetic):
    """A capture of a queue of client-go."""

    def site(self, function: str) -> int:
        sites = self.metadata.setdefault("sites", [{"function": ""}])
        row = {"function": function, "probe": "queue"}
        if row not in sites:
            sites.append(row)
        return sites.index(row)

    def put(
        self,
        goid: int,
        name: str,
        stack: tuple[str, ...],
        after_ms: float = 0,
        queue: int = QUEUE,
        metrics: int = METRICS,
    ) -> None:
        """Add, or AddAfter; ``stack`` without the function itself."""
        function = f"{DELAYING}.AddAfter" if after_ms else f"{TYPED}.Add"
        self.record(
            "queue_add",
            goid=goid,
            site=self.site(function),
            queue=queue,
            metrics=metrics,
            after_ns=int(after_ms * MS),
            stack=self.stack((function, *stack)),
            **self.key(name),
        )

    def readied(self, goid: int, name: str, metrics: int = METRICS) -> None:
        self.record("queue_ready", goid=goid, metrics=metrics, **self.key(name))

    def got(self, name: str, goid: int = WORKER, metrics: int = METRICS) -> None:
        site = self.site(f"{WQ}.(*defaultQueueMetrics[{SHAPE}]).get")
        self.record("queue_get", goid=goid, site=site, metrics=metrics, **self.key(name))

    def done(
        self, name: str, goid: int = WORKER, queue: int = QUEUE, metrics: int = METRICS
    ) -> None:
        self.record(
            "queue_done",
            goid=goid,
            site=self.site(f"{TYPED}.Done"),
            queue=queue,
            metrics=metrics,
            stack=self.stack((f"{TYPED}.Done", f"{PROCESS}.func1", "main.(*Controller).run")),
            **self.key(name),
        )

    def moved(self, ms: float, name: str, *, dirty: bool = False) -> None:
        """A delay is over: the waiting loop adds the item, which is ready unless it was already."""
        self.at(ms).fire(LOOP, WAITS)
        self.put(LOOP, name, (f"{DELAYING}.waitingLoop",))
        if not dirty:
            self.readied(LOOP, name)

    def worked(self, name: str, after_ms: float = 0, error: bool = False, line: int = 10) -> None:
        """Get, Reconcile and Done by a worker of controller-runtime."""
        self.got(name)
        self.record(
            "reconcile_start",
            goid=WORKER,
            queue=WRAPPER,
            controller=self.text("web"),
            **self.key(name),
        )
        pc = self.symbol(f"main.(*Web).Reconcile@{line}")
        self.record("reconcile_return", goid=WORKER, pc=pc)
        self.record(
            "reconcile_result",
            goid=WORKER,
            requeue_after_ns=int(after_ms * MS),
            error=int(error),
        )
        if error:
            self.put(WORKER, name, (f"{LIMITING}.AddRateLimited", HANDLE), after_ms=5)
        elif after_ms:
            self.put(WORKER, name, (HANDLE,), after_ms=after_ms)
        self.done(name)

    def resynced(self, ms: float, name: str) -> None:
        self.at(ms).fire(80, IN_RESYNC, timer=int(ms))
        self.ready(80, 61, IN_POP)
        self.ready(61, HANDLER, IN_LISTENER)
        self.informer(HANDLER, 5, 5)
        self.put(HANDLER, name, (f"{CACHE}.(*processorListener).run",))


def test_a_resync_leaves_the_waiting_requeue_alone():
    c = Classic()
    c.at(1).worked("a", after_ms=15, line=5)
    c.resynced(10, "a")
    c.readied(HANDLER, "a")
    c.worked("a")
    c.moved(16.2, "a")
    c.worked("a")
    assert reasons(c) == [(0, "unknown"), (1, "informer.resync"), (1, "requeue.after")]
    tables = analyse(c)
    assert set(tables["reconciles"]["controller"]) == {"web"}
    assert tables["wakeups"].iloc[-1][["cause", "location"]].tolist() == [
        "requeue.after",
        "main.go:5",
    ]
    # The move of what is due isn't an add, and the ready rows are those that the metric counts.
    assert tables["queue"]["operation"].tolist() == [
        *("get", "add", "done"),
        *("add", "ready", "get", "done"),
        *("ready", "get", "done"),
    ]


def test_a_delay_that_is_over_while_the_item_is_in_the_queue_is_a_trigger_too():
    c = Classic()
    c.at(1).worked("a", after_ms=10)
    c.resynced(10, "a")
    c.readied(HANDLER, "a")
    c.moved(11.2, "a", dirty=True)
    c.at(20).worked("a")
    assert reasons(c)[1] == (2, "requeue.after;informer.resync")


def test_the_shorter_of_two_delays_takes_the_longer_with_it():
    c = Classic()
    c.at(1).worked("a", after_ms=50, line=5)
    c.at(5).put(42, "a", ("main.soon@8",), after_ms=5)
    c.moved(10.2, "a")
    c.worked("a")
    assert reasons(c)[1] == (1, "operator.timer")
    c.moved(60, "a")
    c.worked("a")
    assert reasons(c)[2] == (0, "unknown"), "that timer was taken along"


def test_a_delay_set_before_the_recording_is_told_once():
    c = Classic()
    c.resynced(5, "a")
    c.readied(HANDLER, "a")
    c.worked("a")
    c.moved(10, "a")
    c.worked("a")
    wakeups = analyse(c)["wakeups"]
    assert wakeups.iloc[-1]["subject"] == "set before the recording"
    c.moved(20, "a")
    c.worked("a")
    assert analyse(c)["wakeups"]["subject"].isna().tolist()[-1]


def test_a_rate_limited_item_has_its_real_delay():
    c = Classic()
    c.at(1).worked("a", error=True)
    c.moved(6.2, "a")
    c.worked("a")
    assert reasons(c)[1] == (1, "requeue.error")
    add = analyse(c)["queue"].query("operation == 'add'").iloc[0]
    assert add["rate_limited"]
    assert add["after_ns"] == 5 * MS


def test_an_add_after_nothing_is_one_add():
    c = Classic()
    c.record(
        "queue_add", goid=42, site=c.site(f"{DELAYING}.AddAfter"), queue=QUEUE, metrics=METRICS,
        after_ns=-5, stack=c.stack((f"{DELAYING}.AddAfter", "main.soon")), **c.key("a"),
    )  # fmt: skip
    c.put(42, "a", (f"{DELAYING}.AddAfter", "main.soon"))
    assert (analyse(c)["queue"]["operation"] == "add").sum() == 1


def test_a_worker_that_is_faster_than_the_waiting_loop():
    """The item is due, but another Get comes before it is moved: it is of the next one."""
    c = Classic()
    c.at(1).worked("a", after_ms=10)
    c.resynced(10, "a")
    c.readied(HANDLER, "a")
    c.at(11.2).fire(LOOP, WAITS)
    c.put(LOOP, "a", (f"{DELAYING}.waitingLoop",))
    c.worked("a")
    c.readied(LOOP, "a")
    c.worked("a")
    assert reasons(c)[1:] == [(1, "informer.resync"), (1, "requeue.after")]


# --- without controller-runtime -------------------------------------------------------------------


def handled(c, name, *, after_ms=0.0, limited=False, goid=WORKER, queue=QUEUE, metrics=METRICS):
    c.got(name, goid, metrics)
    if limited:
        c.put(goid, name, (f"{LIMITING}.AddRateLimited", f"{PROCESS}@31"), 5, queue, metrics)
    elif after_ms:
        c.put(goid, name, (f"{PROCESS}@33",), after_ms, queue, metrics)
    c.done(name, goid, queue, metrics)


def test_a_plain_controller_reconciles_from_get_to_done():
    c = Classic()
    c.at(1)
    handled(c, "ns/a", after_ms=10)
    c.moved(11.2, "ns/a")
    handled(c, "ns/a")
    assert reasons(c) == [(0, "unknown"), (1, "requeue.after")]
    tables = analyse(c)
    frame = tables["reconciles"]
    assert set(frame["controller"]) == {PROCESS}
    assert frame["result"].tolist() == ["requeue_after", "success"]
    assert frame["requeue_after_ns"].tolist()[0] == 10 * MS
    assert frame["duration_ns"].notna().all()
    assert tables["wakeups"].iloc[-1]["location"] == "main.go:33"


def test_a_plain_controller_that_tries_again():
    c = Classic()
    c.at(1)
    handled(c, "a", limited=True)
    c.moved(6.2, "a")
    handled(c, "a")
    assert reasons(c)[1] == (1, "requeue.rate_limited")
    assert analyse(c)["reconciles"]["result"].tolist() == ["requeue", "success"]


@pytest.mark.parametrize(("limited", "cause"), [(False, "after"), (True, "rate_limited")])
def test_a_worker_that_was_at_work_before_the_recording_asks_for_a_requeue(limited, cause):
    c = Classic()
    c.at(1)
    function = f"{LIMITING}.AddRateLimited" if limited else f"{DELAYING}.AddAfter"
    c.put(WORKER, "a", (function, f"{PROCESS}@33"), after_ms=5)
    c.done("a")
    c.moved(6.2, "a")
    handled(c, "a")
    assert reasons(c) == [(1, f"requeue.{cause}")]


def test_an_item_that_another_one_asks_for_is_no_requeue():
    c = Classic()
    c.at(1).got("a")
    c.put(WORKER, "b", ("main.(*Controller).sync@40",), after_ms=5)
    c.done("a")
    c.moved(6.2, "b")
    handled(c, "b")
    assert reasons(c)[1] == (1, "operator.timer")


def test_queues_without_metrics_are_told_apart_by_goroutine():
    c, nothing = Classic(), 0x100
    for goid, queue, adder in ((WORKER, 0x1, 41), (WORKER + 1, 0x2, 42)):
        c.at(goid).put(adder, "a", ("main.enqueue",), queue=queue, metrics=nothing)
        c.readied(adder, "a", metrics=nothing)
        handled(c, "a", goid=goid, queue=queue, metrics=nothing)
    tables = analyse(c)
    assert (
        tables["queue"].groupby("queue_id")["operation"].apply(list).tolist()
        == [["add", "ready", "get", "done"]] * 2
    )
    assert tables["reconciles"]["triggers"].tolist() == [1, 1]


@pytest.mark.parametrize("suffix", ["", ".func1", ".func2.1", ".gowrap1"])
def test_a_plain_controller_has_the_name_of_its_worker(suffix: str):
    c = Classic()
    c.at(1).got("a")
    c.record(
        "queue_done", goid=WORKER, site=c.site(f"{TYPED}.Done"), queue=QUEUE, metrics=METRICS,
        stack=c.stack((f"{TYPED}.Done", f"{LIMITING}.Done", f"main.work{suffix}")), **c.key("a"),
    )  # fmt: skip
    assert set(analyse(c)["reconciles"]["controller"]) == {"main.work"}
