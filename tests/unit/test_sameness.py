"""Whether answers are those of the last time, whether writes changed anything."""

import pytest

from tests.unit.askings import API, BY_HTTP, BY_REFLECTOR, READ, Asking
from tests.unit.synthetic import WORKER

GOOD = "/api/v1/namespaces/ns/pods/p"
UNKNOWN_TYPE = "*unstructured.Unstructured"


def same(c: Asking) -> list[object]:
    """``same`` of each request, in order."""
    return [row[0] for row in c.requests("same")]


def changed(c: Asking) -> object:
    """``changed`` of the last request."""
    return c.requests("changed")[-1][0]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"version": "1"}, {"version": "1"}, True),
        ({"version": "1"}, {"version": "2"}, False),
        ({"version": "1", "pointers": 5}, {"version": "1", "pointers": 6}, True),
        ({"version": "1", "pointers": 5}, {"version": "2", "pointers": 5}, False),
        ({"pointers": 5}, {"pointers": 5}, True),
        ({"pointers": 5}, {"pointers": 6}, False),
        ({"version": "1", "pointers": 5}, {"pointers": 6}, False),
        ({}, {"pointers": 6}, None),
        ({}, {}, None),
        ({"version": "1"}, {}, None),
        ({"found": False}, {"found": False}, True),
        ({"found": False}, {"version": "1"}, False),
        ({"version": "1"}, {"found": False}, False),
        ({"pointers": 5}, {"found": False}, None),
    ],
)
def test_cached_objects(before: dict, now: dict, expected: bool | None) -> None:
    c = Asking()
    for answer in (before, now):
        with c.run():
            c.cached("p", **answer)
    assert same(c) == [None, expected]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((2, 7, 0), (2, 7, 0), True),
        ((2, 7, 0), (2, 8, 0), False),
        ((2, 7, 0), (3, 7, 0), False),
        ((2, 7, 4), (2, 8, 4), False),
        ((2, 0, 4), (2, 0, 4), True),
        ((2, 0, 4), (2, 0, 5), None),
        ((2, 0, 4), (1, 0, 4), None),
        ((0, 9, 9), (0, 9, 9), True),
        ((0, 0, 0), (0, 0, 0), None),
    ],
)
def test_cached_lists(before: tuple, now: tuple, expected: bool | None) -> None:
    c = Asking()
    for answer in (before, now):
        with c.run():
            c.listed(*answer)
    assert same(c) == [None, expected]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((200, "1"), (200, "1"), True),
        ((200, "1"), (200, "2"), False),
        ((404, ""), (404, ""), True),
        ((404, ""), (200, "1"), False),
        ((200, "1"), (404, ""), False),
        ((403, ""), (403, ""), None),
        ((200, ""), (200, ""), None),
        ((200, ""), (404, ""), False),
        ((500, ""), (200, "1"), False),
        ((0, ""), (0, ""), None),
    ],
)
def test_live_objects(before: tuple, now: tuple, expected: bool | None) -> None:
    c = Asking()
    for status, version in (before, now):
        with c.run():
            c.ask("GET", GOOD)
            c.answer(status)
            c.decoded("p", version, failed=not version)
    assert same(c) == [None, expected]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((2, 7, "90"), (2, 7, "91"), True),
        ((2, 7, "90"), (2, 8, "91"), False),
        ((2, 0, "90"), (2, 0, "90"), True),
        ((2, 0, "90"), (2, 0, "91"), None),
        ((0, 0, ""), (0, 0, ""), None),
    ],
)
def test_live_lists(before: tuple, now: tuple, expected: bool | None) -> None:
    c = Asking()
    for objects, versions, version in (before, now):
        with c.run():
            c.ask("GET", "/api/v1/pods")
            c.answer()
            c.decoded("", version, type_name="*v1.PodList", objects=objects, versions=versions)
    assert same(c) == [None, expected]


@pytest.mark.parametrize(("status", "expected"), [(200, None), (500, False)])
def test_of_others_only_a_difference_is_known(status: int, expected: bool | None) -> None:
    c = Asking()
    for answer in (200, status):
        with c.run():
            c.ask("GET", "/state", stack=BY_HTTP, host="db:80")
            c.answer(answer)
    assert same(c) == [None, expected]


@pytest.mark.parametrize(("size", "expected"), [(500, None), (501, False)])
def test_of_connections_only_a_difference_is_known(size: int, expected: bool | None) -> None:
    c = Asking()
    c.peer(11, "10.0.0.9:6379")
    for received in (500, size):
        with c.run():
            c.call(WORKER, READ, 11, result=received)
    assert same(c) == [None, expected]


def test_other_objects_controllers_and_places_are_other_questions() -> None:
    c = Asking()
    with c.run("a"):
        c.cached("p", "1")
    with c.run("b"):
        c.cached("p", "1")
    with c.run("a"):
        c.cached("q", "1")
        c.cached("p", "1", stack=("main.(*Web).Reconcile@99",))
    assert same(c) == [None] * 4


def test_equal_questions_are_compared_regardless_of_their_order() -> None:
    c = Asking()
    for versions in ((1, 2), (2, 1), (2, 2), (2, 2, 2), (3,)):
        with c.run():
            for version in versions:
                c.listed(1, version)
    # Of (2, 1) the second 2 may be new, or may be the 1 of before that changed.
    assert same(c)[2:] == [True, True, True, None, True, True, None, False]


def test_with_one_answer_unknown_no_difference_is() -> None:
    c = Asking()
    with c.run():
        c.cached("p")
        c.cached("p", "1")
    with c.run():
        c.cached("p", "2")
    assert same(c)[-1] is None


@pytest.mark.parametrize(
    ("collected", "events", "listed", "expected"),
    [
        (True, 2, False, None),
        (True, 1, False, True),
        (True, 0, True, None),
        (False, 2, True, True),
    ],
)
def test_an_address_may_be_used_anew(
    collected: bool, events: int, listed: bool, expected: bool | None
) -> None:
    c = Asking()
    with c.run():
        c.cached("p", pointers=5)
        c.cached("q", "1", pointers=5)
    for version in range(events):
        c.event("MODIFIED", "x", str(version))
    if listed:
        c.ask("GET", "/api/v1/pods", goid=60, stack=BY_REFLECTOR)
    if collected:
        c.record("gc_start")
    with c.run():
        c.cached("p", pointers=5)
        c.cached("q", "1", pointers=5)
    kinds = c.requests("kind", "same")
    assert [same for kind, same in kinds if kind == "cache"][2:] == [expected, True]


def test_another_address_may_come_from_another_list() -> None:
    c = Asking()
    with c.run():
        c.cached("p", pointers=5)
    c.ask("GET", "/api/v1/pods", goid=60, stack=BY_REFLECTOR)
    with c.run():
        c.cached("p", pointers=6)
    assert same(c)[-1] is None


def test_a_reconcile_without_an_end_is_nothing_to_compare_with() -> None:
    c = Asking()
    with c.run():
        c.cached("p", "1")
    with c.run(ended=False):
        c.cached("p", "2")
    with c.run():
        c.cached("p", "1")
    assert same(c) == [None, False, None]


@pytest.mark.parametrize(
    ("sent", "answer", "expected"), [("5", "5", False), ("5", "6", True), ("", "6", None)]
)
def test_writes_by_their_versions(sent: str, answer: str, expected: bool | None) -> None:
    c = Asking()
    with c.run():
        c.put("p", answer, sent)
    assert changed(c) is expected


@pytest.mark.parametrize(("answer", "expected"), [("5", False), ("6", True)])
def test_writes_without_a_version_by_the_last_one_seen(answer: str, expected: bool) -> None:
    for source in ("read", "event", "get"):
        c = Asking()
        with c.run():
            if source == "read":
                c.cached("p", "5")
            elif source == "event":
                c.event("MODIFIED", "p", "5")
            else:
                c.get_pod("p", "5")
            c.put("p", answer, "")
        assert changed(c) is expected


def test_a_version_that_was_there_before_is_no_change_of_ours() -> None:
    c = Asking()
    c.event("MODIFIED", "p", "6")
    with c.run():
        c.put("p", "6", "5")  # a patch of an object that was read earlier
    assert changed(c) is False


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("POST", "/api/v1/namespaces/ns/pods", 201, True),
        ("POST", "/api/v1/namespaces/ns/pods", 409, False),
        ("PATCH", GOOD, 201, True),
        ("PATCH", GOOD, 200, None),
        ("PUT", GOOD, 409, False),
        ("PUT", GOOD, 504, None),
        ("PUT", GOOD, 0, None),
        ("DELETE", GOOD, 200, True),
        ("DELETE", GOOD, 404, False),
        ("DELETE", "/api/v1/namespaces/ns/pods", 200, True),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", 201, None),
        ("POST", "/api/v1/namespaces/ns/serviceaccounts/x/token", 201, None),
        ("GET", GOOD, 200, None),
    ],
)
def test_writes_by_their_status(method: str, path: str, status: int, expected: bool | None) -> None:
    c = Asking()
    with c.run():
        c.ask(method, path)
        c.answer(status)
    assert changed(c) is expected


def applied(c: Asking) -> None:
    """An object without readable fields is written."""
    c.ask("PATCH", GOOD)
    c.answer()
    c.decoded(type_name=UNKNOWN_TYPE)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], None),
        ([(1010, "p")], True),
        ([(1900, "p")], None),
        ([(4000, "q")], False),
        ([(3500, "p"), (4000, "q")], None),
    ],
)
def test_unreadable_writes_by_the_watch_events_that_follow(
    events: list[tuple[int, str]], expected: bool | None
) -> None:
    c = Asking()
    c.at(10).event("ADDED", "p", "4")
    with c.at(1000).run():
        applied(c)
    for ms, name in events:
        c.at(ms).event("MODIFIED", name, str(ms))
    assert c.requests("verb", "changed") == [("patch", expected)]


def test_another_stream_says_nothing() -> None:
    c = Asking()
    c.at(10).event("ADDED", "p", "4", goid=60)
    with c.at(1000).run():
        applied(c)
    c.at(4000).event("MODIFIED", "q", "5", goid=61)
    assert changed(c) is None


@pytest.mark.parametrize(("name", "expected"), [("p", None), ("q", True)])
def test_an_event_that_two_writes_may_have_brought_is_nobodys(
    name: str, expected: bool | None
) -> None:
    c = Asking()
    c.at(10).event("ADDED", "p", "4")
    with c.at(990).run():
        c.put(name, "5", "4")
        applied(c.at(1000))
    c.at(1010).event("MODIFIED", "p", "5")
    assert c.requests("verb", "changed") == [("update", True), ("patch", expected)]


def test_a_difference_has_the_event_that_brought_it() -> None:
    c = Asking()
    c.reader("Pod")
    with c.run():
        c.cached("p", "1")
        c.cached("gone", "1")
        c.listed(1, 7)
        c.cached("r", "1")
    c.event("MODIFIED", "p", "2")
    second = c.event("MODIFIED", "p", "3")
    deleted = c.event("DELETED", "gone", "1")
    with c.run():
        c.cached("p", "3")
        c.cached("gone", found=False)
        c.listed(1, 8)
        c.cached("r", "2")
    assert [row[0] for row in c.requests("event_ns")[4:]] == [second, deleted, deleted, None]


def test_a_live_read_may_come_before_its_event() -> None:
    c = Asking()
    for version in ("1", "2"):
        with c.run():
            c.get_pod("p", version)
    c.event("MODIFIED", "p", "2")
    assert c.requests("same", "event_ns", "host")[-1] == (False, None, API)
