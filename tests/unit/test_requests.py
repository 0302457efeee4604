"""What reconciles read and write, told as requests."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.unit.askings import (
    API,
    BY_CACHE,
    BY_HTTP,
    BY_REFLECTOR,
    BY_WATCH,
    OPENAT,
    OWN,
    READ,
    WAIT4,
    WRITE,
    Asking,
)
from tests.unit.go_stacks import CACHE, IN_READ_LOOP
from tests.unit.synthetic import WORKER
from whowoke.analysis.capture.reader import Keep
from whowoke.analysis.capture.schema import RECORD_BY_NAME, Record, record_dtype
from whowoke.analysis.model import Analysis

DB = "10.0.0.9:6379"
FILE, SOCKET = 9, 11


def test_a_cached_read_has_the_kind_of_its_cache_and_the_operators_line() -> None:
    c = Asking()
    c.reader("Pod")
    with c.run():
        c.cached("a", "1")
    columns = ("kind", "verb", "version", "object_kind", "namespace", "name", "found")
    assert c.requests(*columns) == [("cache", "get", "v1", "Pod", "ns", "a", True)]
    assert c.requests("reconcile_id", "resource_version", "function", "location") == [
        (1, "1", "main.(*Web).Reconcile", "main.go:20")
    ]


def test_a_lister_is_known_by_the_go_type() -> None:
    c = Asking()
    with c.run():
        c.cached("a", "1", reader=0, type_name="*v1.ConfigMap")
        c.cached("b", reader=0, found=False)
    assert c.requests("object_kind", "found") == [("ConfigMap", True), (None, False)]


def test_informers_read_their_own_stores_for_nobody() -> None:
    c = Asking()
    with c.run():
        c.cached("a", "1", stack=(f"{CACHE}.(*threadSafeMap).Get", f"{CACHE}.processDeltas"))
        c.cached("a", "1", stack=(f"{CACHE}.(*cache).Get", f"{CACHE}.(*RealFIFO).Pop"))
    assert c.requests("kind") == []


def test_an_api_request_is_told_as_the_audit_log_tells_it() -> None:
    c = Asking()
    with c.run():
        c.ask("", "/apis/apps/v1/namespaces/ns/deployments/d/scale")
        c.at(3).answer(200)
        c.ask("GET", "/apis/apps/v1/deployments")
        c.answer(403)
        c.ask("GET", "/version")
        c.ask("GET", "/api/v1/pods", stack=BY_WATCH)
    columns = ("verb", "group", "resource", "subresource", "name", "status", "host")
    assert c.requests(*columns) == [
        ("get", "apps", "deployments", "scale", "d", 200, API),
        ("list", "apps", "deployments", None, None, 403, API),
        ("get", None, None, None, None, None, API),
        ("watch", None, "pods", None, None, None, API),
    ]
    assert c.requests("path", "duration_ns")[0] == (None, 2_999_000)
    assert c.requests("path")[2] == ("/version",)


def test_a_request_is_of_the_api_by_its_stack_or_its_server() -> None:
    c = Asking()
    with c.run():
        c.ask("GET", "/api/v1/pods", stack=BY_HTTP)
        c.ask("GET", "/api/v1/pods", stack=BY_HTTP, host="other:80")
        c.ask("GET", "/api/v1/pods")
    assert c.requests("kind", "verb", "resource") == [
        ("api", "list", "pods"),
        ("http", "GET", None),
        ("api", "list", "pods"),
    ]


def test_the_decoded_answer_gives_kind_version_and_a_new_objects_name() -> None:
    c = Asking()
    with c.run():
        c.ask("POST", "/api/v1/namespaces/ns/pods")
        c.answer(201)
        c.decoded("pod-x7", "9")
        c.ask("GET", "/api/v1/namespaces/ns/pods")
        c.answer()
        c.decoded("", "12", type_name="*v1.PodList", objects=3, versions=5)
        c.ask("DELETE", "/api/v1/namespaces/ns/pods/pod-x7")
        c.answer()
    assert c.requests("verb", "object_kind", "name", "resource_version", "objects") == [
        ("create", "Pod", "pod-x7", "9", None),
        ("list", "Pod", None, "12", 3),
        ("delete", "Pod", "pod-x7", None, None),
    ]


def test_nothing_is_paired_over_a_gap() -> None:
    c = Asking()
    with c.run():
        c.answer(200)  # its request was lost
        c.decoded("a", "1")
        c.ask("GET", "/api/v1/namespaces/ns/pods/a")
        c.ask("GET", "/api/v1/namespaces/ns/pods/b")  # nested, or the answer was lost
        c.answer(200)
        c.answer(404)
        c.decoded("b", "2")
    assert c.requests("name", "status", "resource_version") == [("a", None, None), ("b", 200, None)]


def test_answers_of_other_goroutines_and_of_none_are_not_its_own() -> None:
    c = Asking()
    with c.run():
        c.ask("GET", "/api/v1/pods")
        c.answer(200, goid=99)
        c.ask("GET", "/api/v1/pods", goid=0)
        c.answer(200, goid=0)
    assert c.requests("status", "goroutine_id") == [(None, WORKER), (None, None)]


def test_unknown_hashes_stay_unknown() -> None:
    c = Asking()
    with c.run():
        unseen = dict.fromkeys(("http_method", "host", "path", "stack"), 2**64 - 1)
        c.record("http_request", goid=WORKER, **unseen)
        unseen = dict.fromkeys(("reader", "object_type", "object_name", "stack"), 2**63)
        c.record("cache_read", goid=WORKER, objects=1, **unseen)
    columns = ("kind", "verb", "host", "path", "object_kind", "function")
    assert c.requests(*columns) == [
        ("http", None, None, None, None, None),
        ("cache", "get", None, None, None, None),
    ]


def test_requests_belong_to_the_reconcile_whose_family_makes_them() -> None:
    c = Asking()
    c.cached("before", "1")
    with c.run():
        c.new(WORKER, 100)
        c.new(100, 101)
        c.cached("child", "1", goid=101)
        c.cached("other", "1", goid=55)
    c.cached("late", "1", goid=101)
    with c.run("b"):
        c.cached("next", "1")
        c.cached("child", "1", goid=101)
    owners = dict.fromkeys(("before", "other", "late"))
    assert dict(c.requests("name", "reconcile_id")[:4]) == owners | {"child": 1}
    assert c.requests("name", "reconcile_id")[4:] == [("next", 2), ("child", None)]


def test_without_an_end_a_reconcile_lasts_until_its_goroutines_next_one() -> None:
    c = Asking()
    with c.run(ended=False):
        c.cached("a", "1")
    with c.run("b"):
        c.cached("b", "1")
    assert c.requests("name", "reconcile_id") == [("a", 1), ("b", 2)]


def test_reflectors_ask_for_no_reconcile() -> None:
    c = Asking()
    with c.run():
        c.new(WORKER, 100)
        c.ask("GET", "/api/v1/pods", goid=100, stack=BY_REFLECTOR)
    assert c.requests("reconcile_id", "verb") == [(None, "list")]


def test_a_connection_is_one_row_with_its_bytes() -> None:
    c = Asking()
    c.peer(SOCKET, DB)
    with c.run():
        c.call(WORKER, WRITE, SOCKET, result=30)
        c.call(WORKER, READ, SOCKET, result=-11)
        c.descriptor(WORKER, ("internal/poll.runtime_pollWait", OWN), fd=SOCKET)
        c.call(WORKER, READ, SOCKET, result=500)
        c.call(WORKER, READ, SOCKET, result=12)
    columns = ("kind", "host", "sent_bytes", "received_bytes", "function", "location")
    assert c.requests(*columns) == [
        ("connection", DB, 30, 512, "main.(*Web).Reconcile", "main.go:20")
    ]


def test_a_connection_that_is_not_waited_for_has_the_usual_place() -> None:
    c = Asking()
    c.peer(SOCKET, DB)
    for waits in (True, False):
        with c.run():
            c.call(WORKER, WRITE, SOCKET, result=30)
            if waits:
                c.descriptor(WORKER, ("internal/poll.runtime_pollWait", OWN), fd=SOCKET)
            c.call(WORKER, READ, SOCKET, result=5)
    assert c.requests("location", "same") == [("main.go:20", None)] * 2
    assert "answered with the same number of bytes" in c.reason()


def test_files_and_programs_are_told_the_output_is_not() -> None:
    c = Asking()
    with c.run():
        c.call(WORKER, OPENAT, -100 & 0xFFFF_FFFF, result=FILE)
        c.call(WORKER, READ, FILE, result=100)
        c.call(WORKER, READ, FILE, result=0)
        c.call(WORKER, WRITE, 2, result=80)
        c.call(WORKER, WAIT4, 1234, result=1234)
        c.call(WORKER, WRITE, FILE, result=5)
    assert c.requests("kind", "verb", "received_bytes") == [
        ("file", "read", 100),
        ("file", "exec", 0),
        ("file", "write", 0),
    ]


def test_what_wakes_the_runtimes_poller_is_no_file() -> None:
    c = Asking()
    with c.run():
        c.call(WORKER, WRITE, 4, result=8)
    c.call(0, READ, 4, result=8)
    assert c.requests("kind") == []


def test_connections_of_the_http_client_are_its_requests() -> None:
    c = Asking()
    c.peer(SOCKET, API)
    c.peer(12, "10.0.0.5:80")
    c.descriptor(200, IN_READ_LOOP, fd=12)
    with c.run():
        c.ask("GET", "/api/v1/namespaces/ns/pods/a")
        c.new(WORKER, 100)  # dials
        c.peer(13, "10.0.0.7:443")
        c.call(100, OPENAT, 0, result=FILE)
        c.call(100, WRITE, 13, result=10)
        c.answer()
        c.call(100, WRITE, 13, result=10)
        c.call(WORKER, WRITE, 13, result=10)  # tells that it has read
        c.call(WORKER, WRITE, SOCKET, result=10)
        c.call(WORKER, WRITE, 12, result=10)
    assert c.requests("kind") == [("api",)]


def test_a_descriptor_may_be_anothers_later() -> None:
    c = Asking()
    c.peer(SOCKET, "10.0.0.5:80")
    c.descriptor(200, IN_READ_LOOP, fd=SOCKET)
    c.call(200, 3, SOCKET, result=0)
    c.peer(SOCKET, DB)
    with c.run():
        c.call(WORKER, WRITE, SOCKET, result=10)
    assert c.requests("kind", "host") == [("connection", DB)]


def test_only_reconciles_have_connections() -> None:
    c = Asking()
    c.peer(SOCKET, DB)
    c.call(WORKER, WRITE, SOCKET)
    assert c.requests("kind") == []


def test_the_stack_of_a_cached_read_may_be_cut() -> None:
    c = Asking()
    with c.run():
        c.cached("a", "1", stack=BY_CACHE[:2])
    assert c.requests("function") == [(None,)]


class Hostile(Asking):
    """Any records at all, of few goroutines, descriptors and texts, in any order."""

    def __init__(self, seed: int, small: int) -> None:
        super().__init__()
        self._random, self._small = np.random.default_rng(seed), small
        for text in ("GET", "PUT", "/api/v1/namespaces/a/pods/b", "MODIFIED", "*v1.Pod", API):
            self.text(text)
        self.stack(BY_HTTP)
        self.stack(BY_REFLECTOR)
        self._rows_of = {name: self._any(record) for name, record in RECORD_BY_NAME.items()}

    def _any(self, record: Record) -> np.ndarray:
        found = np.zeros(300, record_dtype(record))
        for name in found.dtype.names or ():
            limits = np.iinfo(found.dtype[name])
            top = limits.max if self._small == 0 else self._small
            values = self._random.integers(0, top, 300, found.dtype[name], endpoint=True)
            odd = self._random.random(300) < 0.05
            found[name] = np.where(odd, limits.max, values)
        found["kind"] = record.kind
        return found[np.argsort(found["ts_ns"], kind="stable")]

    def parts(self, *names: str) -> Iterator[tuple[str, np.ndarray]]:
        return ((name, self.records(name)) for name in names)

    def records(self, name: str, keep: Keep | None = None) -> np.ndarray:
        rows = self._rows_of[name]
        return rows if keep is None else rows[keep(rows)]


@pytest.mark.parametrize("small", [0, 3, 12])
def test_hostile_records_make_tables_all_the_same(small: int) -> None:
    for seed in range(4):
        analysis = Analysis(Hostile(seed, small))
        runs = len(analysis.operations.reconciles)
        assert len(analysis.redundancy) == runs
        owners = analysis.requests["reconcile_id"].dropna()
        assert owners.between(1, runs).all()


def test_nothing_was_recorded() -> None:
    analysis = Analysis(Asking())
    assert (len(analysis.requests), analysis.redundancy) == (0, [])
