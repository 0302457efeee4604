"""What reconciles read, and whether an event for it exists."""

import pandas as pd
import pytest

from tests.unit.asking import MS, OTHER, OWN, checked, heard, informer, read
from tests.unit.go_stacks import IN_LISTENER, IN_POP, IN_READ_LOOP, IN_WATCH
from tests.unit.scenes import resynced, watched
from tests.unit.synthetic import HANDLER, QUEUE, Synthetic
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.tables.columns import CHECKS
from whowoke.analysis.verdicts.listeners import (
    Kind,
    informers_of,
    is_same,
    kind_of_type,
    resource_of,
)


def answer(rows, listeners):
    """(event, evidence) of the only thing that is asked."""
    (row,) = checked(rows, listeners).table.to_dict("records")
    return row["event"], row["evidence"]


NOT_TOLD = "watched; whether a handler leads here isn't known"
SOMEWHERE = "watched; where its handler leads isn't known"
CACHED = [
    ([informer("Pod", OWN)], "handled", "a handler leads to this controller"),
    ([informer("Pod", OWN, OTHER, OWN)], "handled", "2 handlers lead to this controller"),
    ([informer("Pod", None, OWN)], "handled", "a handler leads to this controller"),
    ([informer("Pod")], "unhandled", "watched, but its informer has no handler"),
    ([informer("Pod", OTHER)], "unhandled", "watched, but its one handler leads elsewhere"),
    (
        [informer("Pod", OTHER, OTHER)],
        "unhandled",
        "watched, but none of its 2 handlers leads here",
    ),
    ([informer("Pod", None, OTHER)], "unknown", "watched; where its 2 handlers lead isn't known"),
    ([informer("Pod", None)], "unknown", SOMEWHERE),
    (None, "unknown", NOT_TOLD),
    ([informer("Node")], "unknown", NOT_TOLD),
    ([informer("Pod", handlers=None)], "unknown", NOT_TOLD),
    ([informer("Pod"), informer("Pod", OWN)], "handled", "a handler leads to this controller"),
    ([informer("Pod", OWN, group="other.io")], "unknown", NOT_TOLD),
]


@pytest.mark.parametrize(("informers", "event", "evidence"), CACHED)
def test_a_cached_read(informers, event, evidence):
    assert answer([read("Pod")], heard(informers)) == (event, evidence)


LIVE = [
    ([], "unwatched", "asked live twice; nobody watches it"),
    (None, "unknown", "asked live twice; whether anybody watches it isn't known"),
    ([informer("Pod")], "unhandled", "asked live twice; its informer has no handler"),
    ([informer("Pod", OWN)], "handled", "asked live twice; a handler leads to this controller"),
    ([informer("Pod", None)], "unknown", f"asked live twice; {SOMEWHERE}"),
]


@pytest.mark.parametrize(("informers", "event", "evidence"), LIVE)
def test_a_live_read(informers, event, evidence):
    rows = [read("pods", how="api", object_kind="Pod"), read("pods", how="api")]
    table = checked(rows, heard(informers)).table
    assert table["object_kind"].tolist() == ["Pod"], "the kind is learned from the other request"
    assert (table["event"][0], table["evidence"][0]) == (event, evidence)


def test_a_live_read_of_an_unknown_kind_is_told_by_its_resource():
    rows = [read("backups", how="api", group="shop.io")]
    assert checked(rows, heard([])).table["object_kind"][0] == "backups"
    assert answer(rows, heard([informer("Backup", group="shop.io")]))[0] == "unhandled"
    assert answer(rows, heard([informer("Backup", group="other.io")]))[0] == "unwatched"


def test_a_watch_that_was_seen_is_somebodys():
    asks = read("pods", how="api")
    for listeners in (heard([], types={"*v1.Pod"}), heard([], types={"/v1, Kind=Pod"})):
        assert answer([asks], listeners)[0] == "unknown"
    watches = read("pods", run=None, how="api", verb="watch")
    event, evidence = answer([asks, watches], heard([]))
    assert (event, evidence[:21]) == ("unknown", "asked live once; watc")


def test_a_handler_that_was_seen_to_add():
    led = {"shop": {"*v1.Pod"}, "other": {"*v1.Node"}}
    assert answer([read("Pod")], heard(None, led=led))[0] == "handled"
    assert answer([read("Node")], heard(None, led=led))[0] == "unknown"
    listers = [read("Pod", version=None)]
    assert answer(listers, heard(None, led=led))[0] == "handled"


def test_a_go_type_says_nothing_where_two_groups_have_such_a_kind():
    led = {"shop": {"*v1.Service"}}
    rows = [read("Service", group="serving.example.io"), read("Service")]
    table = checked(rows, heard(None, led=led)).table
    assert table["event"].tolist() == ["unknown", "unknown"]
    led = {"shop": {"serving.example.io/v1, Kind=Service"}}
    table = checked(rows, heard(None, led=led)).table
    assert (
        table.set_index("group", drop=False)["event"].to_dict()["serving.example.io"] == "handled"
    )
    assert "unknown" in table["event"].tolist()


OUTSIDE = [
    (read("redis:6379", how="connection"), "redis:6379 isn't Kubernetes"),
    (read("vault:8200", how="http", verb="GET"), "vault:8200 isn't Kubernetes"),
    (read("", how="file", verb="read"), "a file or a child process, not Kubernetes"),
    (read("", how="api", path="/version"), "/version is no object"),
    (read("", how="api", path="/api/v1", object_kind="APIResourceList"), "/api/v1 is no object"),
    (
        read("pods", how="api", subresource="log"),
        "log is made when it is asked for, no watch has it",
    ),
    (
        read("subjectaccessreviews", how="api", verb="create", group="authorization.k8s.io"),
        "a question to the API server, no object",
    ),
    (
        read("pods", how="api", group="metrics.k8s.io", verb="list"),
        "metrics.k8s.io is measured when it is asked for, it offers no watch",
    ),
]


@pytest.mark.parametrize(("row", "evidence"), OUTSIDE)
def test_what_has_no_event(row, evidence):
    assert answer([row], heard([])) == ("outside", evidence)


def test_writes_and_watches_are_no_checks():
    rows = [
        read("pods", how="api", verb=v) for v in ("create", "update", "patch", "delete", "watch")
    ]
    rows.append(read("Pod", run=None))
    checks = checked(rows, heard([]))
    assert len(checks.table) == 0
    assert list(checks.table.columns) == list(CHECKS.dtypes)
    assert checks.wrote == {0}


def test_an_event_or_a_write_without_effect_is_no_change():
    rows = [
        read("events", 1, "api", verb="create", changed=True),
        read("pods", 2, "api", verb="update", changed=False),
        read("pods", 3, "api", verb="update", changed=None),
        read("pods", 4, "api", verb="update", changed=True),
    ]
    assert checked(rows, heard([])).wrote == {2, 3}


def test_answers_and_delays_are_counted():
    rows = [
        read("Pod", 1, ts_ns=9 * MS, function="main.f", location="a.go:1"),
        read("Pod", 2, same=True, ts_ns=9 * MS, event_ns=8 * MS, function="main.g"),
        read("Pod", 3, same=False, ts_ns=9 * MS, event_ns=4 * MS, function="main.g"),
        read("Pod", 3, same=False, ts_ns=9 * MS, event_ns=3 * MS, function="main.g"),
        read("Node", 3),
    ]
    first, second = checked(rows, heard([informer("Pod", OWN)])).table.to_dict("records")
    found = (first["object_kind"], first["reads"], first["same"], first["differing"])
    assert found == ("Pod", 4, 1, 2)
    assert (first["noticed_after_ns"], first["function"]) == (5 * MS, "main.g")
    assert (first["handlers"], first["own_handlers"]) == (1, 1)
    assert (second["object_kind"], pd.isna(second["noticed_after_ns"])) == ("Node", True)


def test_a_place_that_is_known_is_told():
    rows = [read("redis:1", run, "connection") for run in (1, 2, 3)]
    rows.append(read("redis:1", 4, "connection", function="main.f", location="a.go:3"))
    assert checked(rows, heard([])).table["location"].tolist() == ["a.go:3"]


def test_informers_that_make_no_sense_do_no_harm():
    assert informers_of({"informers": 7}) is None
    assert informers_of({}) is None
    rows = [1, None, {}, {"handlers": 3}, {"kind": ["x"], "handlers": [4, {"queue": "x"}]}]
    found = informers_of({"informers": rows})
    assert [informer.queues for informer in found] == [None, None, [None, None]]


def test_kinds_and_resources():
    assert kind_of_type("*v1.ConfigMap") == Kind(None, "v1", "ConfigMap")
    assert kind_of_type("*api.Shop") == Kind(None, None, "Shop")
    assert kind_of_type("apps/v1, Kind=Deployment") == Kind("apps", "v1", "Deployment")
    assert kind_of_type("/v1, Kind=Pod") == Kind("", "v1", "Pod")
    assert kind_of_type("*unstructured.Unstructured") is None
    names = ("Pod", "Ingress", "NetworkPolicy", "Endpoints", "StatefulSet")
    resources = ["pods", "ingresses", "networkpolicies", "endpoints", "statefulsets"]
    assert list(map(resource_of, names)) == resources
    assert is_same(Kind("apps", "v1", "Deployment"), Kind("apps", "v1beta1", "Deployment"))
    assert not is_same(Kind("apps", "v1", "Pod"), Kind("", "v1", "Pod"))
    assert not is_same(Kind(None, "v1", "Pod"), Kind("", "v2", "Pod"))


def test_an_add_of_a_handler_tells_its_type_also_without_controller_runtime():
    c = Synthetic()
    c.at(5).descriptor(50, IN_READ_LOOP)
    c.ready(50, 60, IN_WATCH)
    c.watch_event(60, "MODIFIED", "*v1.Pod", "a")
    c.ready(60, 61, IN_POP)
    c.ready(61, HANDLER, IN_LISTENER)
    c.add(HANDLER, "a", ("main.enqueue", "k8s.io/client-go/tools/cache.(*processorListener).run"))
    c.add(HANDLER, "b", ("main.other",), queue=OTHER)
    c.record("reconcile_start", goid=7, queue=QUEUE, controller=c.text("web"), **c.key("a"))
    c.record("reconcile_start", goid=8, queue=OTHER, controller=c.text("own"), **c.key("b"))
    assert Analysis(c).checks.listeners.led == {"web": {"*v1.Pod"}}


def test_a_resync_tells_the_type_too():
    c = Synthetic()
    c.at(1).reconcile("b")
    resynced(c, 5, "a")
    c.reconcile("a")
    assert Analysis(c).checks.listeners.led == {"web": {"*v1.Pod"}}


def test_a_capture_tells_who_adds_and_what_is_watched():
    c = Synthetic()
    c.at(1).reconcile("b")
    watched(c, 5, "a")
    c.record("watch_event", goid=60, event_type=c.text("BOOKMARK"), object_type=c.text("*v1.Pod"))
    c.reconcile("a")
    c.metadata["informers"] = [informer("Pod", QUEUE)]
    listeners = Analysis(c).checks.listeners
    assert listeners.queues == {"web": {QUEUE}}
    assert listeners.types == {"*v1.Pod"}
    assert listeners.of("web", Kind("", "v1", "Pod")).own == 1
    assert "checks" in analyse(c)
