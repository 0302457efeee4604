"""Which reconciles changed nothing and learned nothing, and what that rests on."""

from collections.abc import Callable

import pytest

from tests.unit.askings import API, BY_HTTP, OPENAT, READ, Asking
from tests.unit.go_stacks import IN_CHANNEL, IN_LOCK, IN_ROUND_TRIP
from tests.unit.synthetic import WORKER
from whowoke.analysis.asking.redundancy import PROBES
from whowoke.analysis.waking.chains import LINKS

DB = "10.0.0.9:6379"
IN_SEND = ("runtime.chansend", "main.(*Web).Reconcile")
IN_GRPC = ("runtime.selectgo", "google.golang.org/grpc/internal/transport.(*recvBufferReader).read")
IN_LOG = ("internal/poll.runtime_Semacquire", "internal/poll.(*fdMutex).rwlock", "os.(*File).Write")


def twice(work: Callable[[Asking], object], c: Asking | None = None, **result: float) -> Asking:
    """Two reconciles of one object that do the same."""
    c = c or Asking()
    c.reader("Pod")
    for _ in range(2):
        with c.run(**result):
            work(c)
    return c


def verdict(c: Asking) -> str:
    return c.verdicts()[-1]


def test_nothing_new_and_nothing_written() -> None:
    c = twice(lambda c: [c.cached("p", "1"), c.listed(2, 7), c.get_pod("p", "1")], after_ms=5)
    assert c.verdicts() == ["unknown", "yes"]
    assert c.reason() == "all 3 Kubernetes reads unchanged"
    assert c.counts() == (2, 1, 0, 0)


def test_the_first_has_nothing_to_compare_with() -> None:
    c = Asking()
    with c.run():
        c.cached("p", "1")
    assert (verdict(c), c.reason()) == ("unknown", "the first that was seen of this object")


def test_nothing_asked_at_all() -> None:
    c = twice(lambda c: None)
    assert (verdict(c), c.reason()) == ("yes", "it read nothing and wrote nothing")


def test_one_read() -> None:
    assert twice(lambda c: c.cached("p", "1")).reason() == "the one Kubernetes read unchanged"


def test_something_read_differs() -> None:
    c = twice(lambda c: c.cached("p", "1"))
    with c.run():
        c.cached("p", "2")
    assert (verdict(c), c.reason()) == ("no", "Pod ns/p changed")
    with c.run():
        c.cached("p", found=False)
    assert (verdict(c), c.reason()) == ("no", "Pod ns/p is gone")


def test_many_differences_are_told_in_short() -> None:
    c = Asking()
    c.reader("Pod")
    for version in ("1", "2"):
        with c.run():
            for name in "abcde":
                c.cached(name, version)
    assert c.reason() == "Pod ns/a changed, Pod ns/b changed, Pod ns/c changed and 2 more"


def test_a_write_without_effect() -> None:
    c = twice(lambda c: [c.cached("p", "5"), c.put("p", "5", "5")])
    expected = "the one Kubernetes read unchanged, one write changed nothing"
    assert (verdict(c), c.reason()) == ("yes", expected)
    assert c.counts() == (1, 0, 1, 0)


def test_a_write_with_effect_also_of_the_first() -> None:
    c = Asking()
    with c.run():
        c.ask("PUT", "/apis/x.io/v1/namespaces/ns/widgets/w/status")
        c.answer()
        c.decoded("w", "6", "5", type_name="*api.Widget")
    assert (verdict(c), c.reason()) == ("no", "wrote status of Widget ns/w")


@pytest.mark.parametrize(
    ("method", "path", "reason"),
    [
        ("POST", "/api/v1/namespaces/ns/pods", "created pods ns"),
        ("DELETE", "/api/v1/namespaces/ns/pods/p", "deleted pods ns/p"),
        ("DELETE", "/api/v1/namespaces/ns/pods", "deleted all of pods ns"),
    ],
)
def test_other_writes(method: str, path: str, reason: str) -> None:
    c = Asking()
    with c.run():
        c.ask(method, path)
        c.answer()
    assert (verdict(c), c.reason()) == ("no", reason)


def test_a_write_of_which_nothing_is_known() -> None:
    c = twice(lambda c: [c.cached("p", "1"), c.ask("PATCH", "/api/v1/nodes/n"), c.answer(504)])
    assert verdict(c) == "unknown"
    expected = "the one Kubernetes read unchanged; whether it changed nodes n isn't known"
    assert c.reason() == expected


def test_events_and_leases_change_nothing_that_it_looks_after() -> None:
    def work(c: Asking) -> None:
        c.cached("p", "1")
        c.ask("POST", "/api/v1/namespaces/ns/events")
        c.answer(201)
        c.put("l", "9", "8", resource="leases")

    c = twice(work)
    expected = "the one Kubernetes read unchanged, wrote an Event, wrote a Lease"
    assert (verdict(c), c.reason()) == ("yes", expected)
    assert c.counts() == (1, 0, 2, 0)


@pytest.mark.parametrize("now", [{"after_ms": 7}, {}])
def test_another_result(now: dict[str, float]) -> None:
    c = Asking()
    for result in ({"after_ms": 5.0}, now):
        with c.run(**result):
            c.cached("p", "1")
    assert (verdict(c), c.reason()) == ("no", "its result differs")


def test_what_others_answer_is_not_known() -> None:
    c = Asking()
    c.peer(11, DB)
    twice(lambda c: [c.cached("p", "1"), c.call(WORKER, READ, 11, result=50)], c)
    assert verdict(c) == "unknown"
    assert c.reason() == (
        f"the one Kubernetes read unchanged; {DB} answered with the same number of bytes, "
        "its content isn't known"
    )
    assert c.counts() == (1, 0, 0, 1)
    with c.run():
        c.cached("p", "1")
        c.call(WORKER, READ, 11, result=51)
    assert (verdict(c), c.reason()) == ("no", f"{DB} answered with another number of bytes")


def test_http_answers_and_files_are_not_known() -> None:
    c = twice(lambda c: [c.ask("GET", "/s", stack=BY_HTTP, host="db:80"), c.answer()])
    told = "db:80 answered with the same status, its content isn't known"
    assert (verdict(c), c.reason()) == ("unknown", told)
    c = twice(lambda c: c.call(WORKER, OPENAT, 0))
    assert (verdict(c), c.reason()) == ("unknown", "it read a file, the content isn't known")


def test_a_review_is_a_read_whose_answer_is_not_known() -> None:
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    c = twice(lambda c: [c.ask("POST", path), c.answer(201)])
    assert (verdict(c), c.counts()) == ("unknown", (0, 1, 0, 0))


def test_another_question_or_one_less() -> None:
    c = twice(lambda c: [c.cached("p", "1"), c.cached("q", "1")])
    with c.run():
        c.cached("p", "1")
    expected = "the one Kubernetes read unchanged; it asked for less than the last time"
    assert (verdict(c), c.reason()) == ("unknown", expected)
    with c.run():
        c.cached("p", "1")
        c.cached("q", "1")
    expected = "1 of 2 Kubernetes reads unchanged; Pod ns/q wasn't asked for the last time"
    assert (verdict(c), c.reason()) == ("unknown", expected)


def test_a_read_that_is_not_known() -> None:
    c = twice(lambda c: c.cached("p"))
    assert c.reason() == "the answer about Pod ns/p isn't known"


def test_the_end_was_not_seen() -> None:
    c = twice(lambda c: c.cached("p", "1"))
    with c.run(ended=False):
        c.cached("p", "1")
    assert (verdict(c), c.reason()) == ("unknown", "its end wasn't seen")
    with c.run():
        c.cached("p", "1")
    assert verdict(c) == "unknown"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("cache_read", "unknown"),
        ("syscall", "unknown"),
        ("skipped on_http_request", "unknown"),
        ("goroutine_new", "unknown"),
        ("over budget: on_sleep taken off", "unknown"),
        ("thread_waking", "yes"),
        ("skipped on_sched_switch", "yes"),
        ("text", "yes"),
    ],
)
def test_losses(kind: str, expected: str) -> None:
    c = twice(lambda c: c.cached("p", "1"))
    c.lost.append((c.now, kind, 1))
    assert verdict(c) == expected


def test_a_loss_long_before_or_after_does_no_harm() -> None:
    c = Asking()
    c.lost.append((0, "cache_read", 1))
    twice(lambda c: c.cached("p", "1"), c.at(10))
    c.lost.append((c.at(5000).now, "cache_read", 1))
    assert verdict(c) == "yes"


def test_without_the_probes_nothing_is_known() -> None:
    c = twice(lambda c: c.cached("p", "1"))
    c.metadata["sites"] = [{"probe": name} for name in (*LINKS, "http_request", "http_response")]
    assert c.verdicts() == ["unknown", "unknown"]
    assert (c.reason(), c.counts()) == ("recorded without store_get", (None, 0, 0, 0))
    c.metadata["sites"] = [{"probe": name} for name in PROBES]
    assert verdict(c) == "unknown"  # it isn't seen who makes whom ready
    c.metadata["sites"] = [{"probe": name} for name in (*LINKS, *PROBES)]
    assert verdict(c) == "yes"


def test_a_probe_that_a_program_needs_was_left_out() -> None:
    c = twice(lambda c: c.cached("p", "1"))
    c.metadata["sites"] = [{"probe": name} for name in (*LINKS, *PROBES)]
    c.metadata["missing"] = ["client-go v9 is in no table: no informer, store_list"]
    assert (verdict(c), c.reason()) == ("unknown", "recorded without store_list")
    assert c.counts() == (None, 0, 0, 0)
    c.metadata["missing"] = ["no leader election", 7, "no controller-runtime: no cache_list_end"]
    assert verdict(c) == "yes"
    c.metadata["sites"].append({"probe": "cache_list"})
    assert (verdict(c), c.reason()) == ("unknown", "recorded without cache_list_end")


@pytest.mark.parametrize(
    ("by", "parked", "expected"),
    [
        (55, IN_CHANNEL, "unknown"),
        (55, ("sync.runtime_notifyListWait", "main.wait"), "unknown"),
        (55, IN_LOCK, "yes"),
        (55, IN_ROUND_TRIP, "yes"),
        (55, IN_SEND, "yes"),
        (55, IN_LOG, "yes"),
        (55, IN_GRPC, "unknown"),
        (55, ("runtime.asyncPreempt", "main.(*Web).Reconcile"), "yes"),
        (55, ("runtime.mallocgcTiny", "main.(*Web).Reconcile"), "yes"),
        (55, ("main.(*Web).Reconcile",), "yes"),
        (55, (), "unknown"),
        (0, IN_CHANNEL, "yes"),
        (100, IN_CHANNEL, "yes"),
    ],
)
def test_what_strangers_hand_over_is_not_known(
    by: int, parked: tuple[str, ...], expected: str
) -> None:
    c = twice(lambda c: [c.new(WORKER, 100), c.cached("p", "1"), c.ready(by, WORKER, parked)])
    assert verdict(c) == expected


def test_in_its_own_request_a_goroutine_waits_for_the_transport() -> None:
    def work(c: Asking) -> None:
        c.ask("GET", "/api/v1/namespaces/ns/pods/p")
        c.new(WORKER, 100)
        c.ready(55, WORKER, IN_CHANNEL)
        c.ready(55, 100, IN_CHANNEL)
        c.answer()
        c.ready(55, 100, IN_CHANNEL)
        c.decoded("p", "1")

    assert verdict(twice(work)) == "yes"


def test_a_timer_hands_nothing_over() -> None:
    c = twice(lambda c: c.fire(WORKER, IN_CHANNEL))
    assert verdict(c) == "yes"


def test_a_stranger_may_be_done_before_it_is_waited_for() -> None:
    def work(c: Asking) -> None:
        c.ready(WORKER, 55, IN_CHANNEL)
        c.cached("p", "1", goid=55)

    c = twice(work)
    told = "another goroutine worked for it, what that gave isn't known"
    assert (verdict(c), c.reason()) == ("unknown", told)


def test_a_stranger_may_work_when_the_reconcile_is_over() -> None:
    def work(c: Asking) -> None:
        c.cached("p", "1")
        c.ready(WORKER, 55, IN_CHANNEL)

    c = twice(work)
    assert verdict(c) == "yes"
    c.ready(70, 55, IN_LOCK)
    c.put("p", "2", "1")
    c.cached("p", "2", goid=55)
    assert verdict(c) == "unknown"


def test_the_event_broadcaster_is_no_such_stranger() -> None:
    def work(c: Asking) -> None:
        c.cached("p", "1")
        c.ready(WORKER, 55, IN_CHANNEL)
        c.ask("POST", "/api/v1/namespaces/ns/events", goid=55, host=API)
        c.answer(201, goid=55)

    assert verdict(twice(work)) == "yes"


def test_what_only_a_log_tells_is_unknown() -> None:
    c = Asking()
    for _ in range(2):
        with c.run(goid=0):
            pass
    assert (verdict(c), c.counts()) == ("unknown", (None, None, None, None))


def test_workers_side_by_side() -> None:
    c = Asking()
    c.reader("Pod")
    for _ in range(2):
        with c.run("a", goid=70), c.run("b", goid=71):
            c.cached("p", "1", goid=70)
            c.cached("q", "1", goid=71)
            child = c.now
            c.new(70, child)
            c.cached("r", "1", goid=child)
    assert c.verdicts() == ["unknown", "unknown", "yes", "yes"]
    assert [row[0] for row in c.requests("reconcile_id")] == [1, 2, 1, 3, 4, 3]
