"""One test for each rule that names a wake-up by what it runs, wakes or was set by."""

import pytest

from tests.unit.go_stacks import (
    AFTER_FUNC,
    CACHE,
    CR,
    H2,
    IN_LOG,
    IN_METRICS,
    IN_OWN_READ,
    IN_POLLER,
    IN_RENEW,
    IN_RESYNC,
    PQ,
    SEND_TIME,
    SLEEP,
)
from tests.unit.synthetic import Synthetic
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.rules.catalogue import ORIGINS, as_markdown
from whowoke.analysis.rules.causes import load_rules
from whowoke.analysis.rules.frames import Code, matches, plain_name
from whowoke.analysis.tables.columns import TABLE_BY_NAME

KINDS = {"timer", "descriptor", "gc", "signal", "queue", "watch", "request", "answer"}
WORKQUEUE = "k8s.io/client-go/util/workqueue"
WAIT = "k8s.io/apimachinery/pkg/util/wait"
LEADER = "k8s.io/client-go/tools/leaderelection.(*LeaderElector)"
POLL = "internal/poll.runtime_pollWait"

# rule, origin, cause, what waits, and what else the timer has.
TIMERS = [
    ("scavenger", "runtime", "runtime.scavenger", ("runtime.bgscavenge",),
     {"callback": "runtime.(*scavengerState).init.func1"}),
    ("priorityqueue-metrics", "controller-runtime", "workqueue.metrics", IN_METRICS,
     {"period_ms": 500}),
    ("workqueue-metrics", "client-go", "workqueue.metrics",
     (f"{WORKQUEUE}.(*Typed[go.shape.string]).updateUnfinishedWorkLoop",), {"period_ms": 500}),
    ("priorityqueue-log", "controller-runtime", "workqueue.log_state", IN_LOG,
     {"period_ms": 10_000}),
    ("workqueue-heartbeat", "client-go", "workqueue.heartbeat",
     (f"{WORKQUEUE}.(*delayingType[go.shape.string]).waitingLoop",), {"period_ms": 10_000}),
    ("queue-due", "unknown", "unknown",
     (f"{WORKQUEUE}.(*delayingType[go.shape.string]).waitingLoop",), {}),
    ("resync", "client-go", "informer.resync", IN_RESYNC, {}),
    ("resync", "client-go", "informer.resync",
     ("runtime.selectgo", f"{CACHE}.(*Reflector).ListAndWatch.func1"), {}),
    ("leader-renew", "client-go", "leader_election.renew", IN_RENEW, {}),
    ("leader-acquire", "client-go", "leader_election.acquire",
     ("k8s.io/apimachinery/pkg/util/wait.BackoffUntil", f"{LEADER}.acquire", "main.main"), {}),
    ("rewatch", "client-go", "informer.rewatch",
     ("k8s.io/apimachinery/pkg/util/wait.BackoffUntil", f"{CACHE}.(*Reflector).watch"), {}),
    ("relist", "client-go", "informer.relist",
     ("k8s.io/apimachinery/pkg/util/wait.BackoffUntil", f"{CACHE}.(*Reflector).RunWithContext"),
     {}),
    ("certwatcher", "controller-runtime", "certwatcher.poll",
     ("sigs.k8s.io/controller-runtime/pkg/certwatcher.(*CertWatcher).Start",),
     {"period_ms": 10_000}),
    ("http2-ping", "client-go", "http2.ping", (),
     {"callback": AFTER_FUNC, "function": f"{H2}.(*ClientConn).healthCheck-fm"}),
    ("http-server-deadline", "inbound", "http.other", (POLL, "net/http.(*conn).serve"),
     {"callback": "runtime.netpollReadDeadline"}),
    ("transport-deadline", "client-go", "transport.other", (),
     {"callback": AFTER_FUNC, "function": "net/http.(*persistConn).closeConnIfStillIdle-fm"}),
    ("throttled", "client-go", "request.throttled",
     ("golang.org/x/time/rate.(*Limiter).wait",
      "k8s.io/client-go/rest.(*Request).tryThrottleWithInfo", "main.ask"), {}),
    ("informer-sync", "client-go", "informer.sync",
     ("k8s.io/apimachinery/pkg/util/wait.poller.func1", f"{CACHE}.WaitForCacheSync"), {}),
    ("mutation-detector", "client-go", "informer.mutation_detector",
     (f"{CACHE}.(*defaultCacheMutationDetector).Run",), {}),
    ("event-broadcaster", "client-go", "events.broadcast",
     ("k8s.io/apimachinery/pkg/util/wait.BackoffUntil",
      "k8s.io/client-go/tools/events.(*eventBroadcasterImpl).StartRecordingToSink.func1"), {}),
    ("client-certificate", "client-go", "transport.certificate",
     ("k8s.io/apimachinery/pkg/util/wait.BackoffUntil",
      "k8s.io/client-go/transport.(*dynamicClientCert).Run"), {}),
    ("source-retry", "controller-runtime", "source.retry",
     ("k8s.io/apimachinery/pkg/util/wait.loopConditionUntilContext",
      f"{CR}/internal/source.(*Kind[...]).Start.func1"), {}),
    ("std-library", "library", "library.ticker", ("database/sql.(*DB).connectionCleaner",), {}),
    ("runtime-trace", "runtime", "runtime.trace",
     ("time.Sleep", "runtime.traceStartReadCPU.func1"), {"callback": SLEEP}),
    ("cron", "operator", "operator.cron",
     ("github.com/robfig/cron/v3.(*Cron).run", "main.schedule"), {}),
    ("operator-sleep", "operator", "operator.sleep", ("time.Sleep", "main.nap"),
     {"callback": SLEEP}),
    ("operator-ticker", "operator", "operator.ticker", IN_POLLER, {"period_ms": 5000}),
    ("operator-timer", "operator", "operator.timer", IN_POLLER, {}),
    ("library", "library", "library.ticker", ("runtime.selectgo", "github.com/some/lib.(*P).loop"),
     {"period_ms": 5000}),
]  # fmt: skip
DESCRIPTORS = [
    ("http-server", "inbound", "http.other", (POLL, "net.(*netFD).accept", "net/http.Serve")),
    ("http-server", "inbound", "http.other", (POLL, "net/http.(*connReader).backgroundRead")),
    ("client-reader", "client-go", "transport.other", (POLL, f"{H2}.(*ClientConn).readLoop")),
    ("client-reader", "client-go", "transport.other", (POLL, "net/http.(*persistConn).readLoop")),
    ("grpc-reader", "outbound", "network.response",
     (POLL, "google.golang.org/grpc/internal/transport.(*http2Client).reader")),
    ("network-response", "outbound", "network.response", IN_OWN_READ),
    ("file-event", "os", "file.event", (POLL, "github.com/fsnotify/fsnotify.(*X).readEvents")),
    ("file-event", "os", "file.event", (POLL, "os.(*File).Read", "main.follow")),
]  # fmt: skip
# Tested in test_peers.py and test_origins.py.
ELSEWHERE = {"inbound-connection", "answer-before", "signal", "forced-gc"}


def only_wakeup(capture):
    (row,) = analyse(capture)["wakeups"].to_dict("records")
    return row


@pytest.mark.parametrize(
    ("rule", "origin", "cause", "parked", "more"), TIMERS, ids=[t[0] for t in TIMERS]
)
def test_timer(rule, origin, cause, parked, more):
    c = Synthetic()
    c.at(5).fire(10 if parked else 0, parked, **more)
    row = only_wakeup(c)
    assert (row["origin"], row["cause"]) == (origin, cause)
    assert row["evidence"] == (
        "none" if origin == "unknown" else "probe" if not parked else "stack"
    )
    rules = {r.name: r for r in load_rules().rules}
    assert (rules[rule].origin, rules[rule].cause) == (origin, cause)


@pytest.mark.parametrize(("rule", "origin", "cause", "parked"), DESCRIPTORS)
def test_descriptor(rule, origin, cause, parked):
    c = Synthetic()
    c.at(5).descriptor(10, parked)
    row = only_wakeup(c)
    assert (row["origin"], row["cause"]) == (origin, cause)


def test_forced_collection():
    c = Synthetic()
    c.at(5).record("gc_start", goid=3, trigger=1)
    assert only_wakeup(c)["cause"] == "runtime.gc"


def test_every_rule_has_a_test():
    tested = {row[0] for row in (*TIMERS, *DESCRIPTORS)}
    others = {r.name for r in load_rules().rules if r.kind in ("queue", "watch", "request")}
    assert {rule.name for rule in load_rules().rules} == tested | others | ELSEWHERE


def test_every_rule_says_what_it_is_and_gives_a_cause_of_the_documents():
    documented = TABLE_BY_NAME["wakeups"].dtypes
    assert {"origin", "cause"} <= set(documented)
    for rule in load_rules().rules:
        assert rule.explanation
        assert rule.versions
        assert rule.advice or rule.origin == "unknown"
        assert rule.kind in KINDS
        assert rule.cause.split(".")[0]
        assert rule.origin


def test_the_page_of_causes_is_current(tree):
    page = (tree / "docs" / "causes.md").read_text()
    assert page == as_markdown() + "\n", (
        "run: python -m whowoke.analysis.rules.catalogue > docs/causes.md"
    )


def test_the_page_has_every_cause_and_no_test_program():
    page = as_markdown()
    for rule in load_rules().rules:
        assert rule.origin == "unknown" or (rule.origin in ORIGINS and f"`{rule.cause}`" in page)
    assert "whowoke.test" not in page


def test_causes_are_those_of_the_architecture(tree):
    text = (tree / "ARCHITECTURE.md").read_text()
    for rule in load_rules().rules:
        assert rule.origin == "unknown" or f"`{rule.cause}`" in text, rule.cause


def polled(*stacks):
    """A ticker's goroutine that only hands on, and lets goroutines with these stacks go on."""
    c = Synthetic()
    relay = ("runtime.selectgo", f"{WAIT}.PollImmediateUntilWithContext.poller.func1.1@297")
    for index in range(3):
        c.at(index * 10).fire(9, relay, timer=1, period_ms=10)
        for goid, stack in enumerate(stacks, 40):
            c.ready(9, goid, stack)
    return analyse(c)["wakeups"].iloc[-1]


def test_ticks_that_are_handed_on_are_whose_who_waited_for_them():
    row = polled(("runtime.selectgo", f"{WAIT}.waitForWithContext", f"{CACHE}.WaitForCacheSync"))
    assert (row["origin"], row["cause"]) == ("client-go", "informer.sync")
    row = polled(("runtime.selectgo", f"{WAIT}.waitForWithContext", "main.look@31"))
    assert (row["cause"], row["function"]) == ("operator.ticker", "main.look")
    assert row["location"].endswith(":31")


def test_ticks_that_nobody_takes_are_unknown():
    assert polled()["cause"] == "unknown"


def test_what_no_rule_fits_is_unknown_with_its_evidence():
    c = Synthetic()
    c.at(5).fire(10, ("runtime.selectgo", "k8s.io/client-go/tools/other.(*x).loop@7"))
    row = only_wakeup(c)
    assert (row["origin"], row["cause"], row["evidence"]) == ("unknown", "unknown", "none")
    assert row["location"].endswith(":7")
    assert row["location_kind"] == "waiting"


def test_a_timer_that_wakes_nobody_and_was_set_unseen_is_unknown():
    c = Synthetic()
    c.at(5).fire()
    assert only_wakeup(c)["cause"] == "unknown"


def test_the_operators_own_line_comes_first():
    c = Synthetic()
    c.at(5).fire(10, ("k8s.io/apimachinery/pkg/util/wait.X", f"{LEADER}.renew", "main.lead@33"))
    row = only_wakeup(c)
    assert (row["function"], row["cause"]) == ("main.lead", "leader_election.renew")
    assert row["location"].endswith(":33")


def test_packages_of_the_main_module_are_the_operators():
    c = Synthetic()
    c.at(5).fire(10, ("runtime.selectgo", "example.com/op/internal/poll.(*P).Run@8"))
    row = only_wakeup(c)
    assert (row["origin"], row["function"]) == ("operator", "example.com/op/internal/poll.(*P).Run")


def test_armed_is_told_where_it_was_seen_and_waiting_where_not():
    c = Synthetic()
    c.at(1).fire(10, ("runtime.chanrecv", "main.wait@20"))
    c.at(2).arm(10, 5, ("time.NewTimer", "main.wait@12"))
    c.at(7).fire(10, ("runtime.chanrecv", "main.wait@20"))
    tables = analyse(c)
    assert tables["wakeups"]["location_kind"].tolist() == ["waiting", "armed"]
    assert [text.split(":")[1] for text in tables["wakeups"]["location"]] == ["20", "12"]
    assert len(tables["causes"]) == 1, "one cause, though the first was set before the recording"
    assert tables["causes"]["location_kind"].tolist() == ["armed"]


def test_an_own_function_of_a_timer_is_its_callback():
    c = Synthetic()
    c.at(5).fire(callback=AFTER_FUNC, function="main.again@40")
    row = only_wakeup(c)
    assert (row["cause"], row["location_kind"]) == ("operator.timer", "callback")
    assert row["location"].endswith(":40")


def test_a_context_deadline_has_the_line_that_set_it():
    c = Synthetic()
    c.at(1).arm(5, 4, ("context.WithDeadline", "main.ask@9"), callback=AFTER_FUNC)
    c.at(5).fire(callback=AFTER_FUNC, function="context.WithDeadlineCause.func2")
    row = only_wakeup(c)
    assert (row["cause"], row["function"], row["location_kind"]) == (
        "operator.timer", "main.ask", "armed",
    )  # fmt: skip


def test_a_period_alone_does_not_make_a_ticker():
    c = Synthetic()
    for index in range(3):
        c.at(index * 10).fire(10, IN_POLLER, timer=index + 1, period_ms=10)
    assert set(analyse(c)["wakeups"]["cause"]) == {"operator.timer"}


def test_a_timer_that_comes_back_is_a_ticker():
    c = Synthetic()
    for index in range(3):
        c.at(index * 10).fire(10, IN_POLLER, timer=1, period_ms=10)
    assert set(analyse(c)["wakeups"]["cause"]) == {"operator.ticker"}


def test_a_resync_is_of_its_reflectors_type():
    c = Synthetic()
    c.at(1).fire(80, IN_RESYNC)
    c.record("resync_arm", goid=80, type_name=c.text("*v1.Secret"), period_ns=7)
    assert only_wakeup(c)["subject"] == "*v1.Secret"


def test_a_librarys_module_is_the_subject():
    c = Synthetic()
    c.at(1).fire(80, ("runtime.selectgo", "github.com/some/lib/sub.(*P).loop"), period_ms=3)
    assert only_wakeup(c)["subject"] == "github.com/some/lib"


def test_a_stack_that_was_cut_is_known_by_its_goroutines_start():
    c = Synthetic()
    c.at(1).fire(80, ("runtime.selectgo",), start="main.(*poller).Start.gowrap1", period_ms=3)
    assert only_wakeup(c)["cause"] == "operator.ticker"


def test_names_are_matched_without_type_arguments():
    assert plain_name(f"{PQ}.logState").endswith("priorityqueue.(*priorityqueue[...]).logState")
    assert plain_name("gopkg.in/yaml%2ev3.F[a[b], c].G") == "gopkg.in/yaml.v3.F[...].G"
    assert matches("a.(*T).run", "a.(*T).run.func1")
    assert matches("a.(*T).run", "a.(*T).run-fm")
    assert not matches("a.(*T).watch", "a.(*T).watchList")
    assert matches("a.f.func1$", "a.f.func1")
    assert not matches("a.f.func1$", "a.f.func1.1")


def test_modules_are_told_apart():
    c = Synthetic()
    c.metadata["modules"] = {"go.uber.org/zap": "v1", "k8s.io/api": "v1", "go": "go1.26"}
    code = Code(c, ("k8s.io/client-go",))
    assert code.owner("runtime.selectgo") == "std"
    assert code.owner("net/http.(*conn).serve") == "std"
    assert code.owner("main.main") == "operator"
    assert code.owner("k8s.io/client-go/rest.X") == "plumbing"
    assert code.module("k8s.io/api/core/v1.X") == "k8s.io/api"
    assert code.module("go.uber.org/zap.X") == "go.uber.org/zap"
    assert code.module("github.com/un/known/pkg.X") == "github.com/un/known"


def test_sleep_has_its_line_though_its_timer_was_set_in_the_scheduler():
    c = Synthetic()
    c.at(1).sleep(5, 20, ("time.Sleep", "main.nap@14"))
    c.at(21).fire(5, ("time.Sleep", "main.nap@14"), callback=SLEEP)
    row = only_wakeup(c)
    assert (row["cause"], row["location_kind"]) == ("operator.sleep", "armed")
    assert row["armed_period_ns"] == 20_000_000
    assert SEND_TIME != SLEEP
