"""Informers and their event handlers, read from the memory of running operators."""

import time
from typing import Any

import pytest

from tests import fixtures, versions
from tests.recording import Recording
from tests.system.conftest import Recorder

SOURCE = "sigs.k8s.io/controller-runtime/pkg/internal/source.EventHandler"
SOURCE_OLD = "sigs.k8s.io/controller-runtime/pkg/source/internal.EventHandler"
OWN_HANDLERS = 37
RECORDED_S = 4


def queues(recording: Recording) -> dict[str, int]:
    """The queue of each controller, as its reconciles have it."""
    starts = recording.capture.records("reconcile_start")
    rows = starts[["controller", "queue"]].tolist()
    return {recording.capture.strings[controller]: queue for controller, queue in rows}


def by_kind(recording: Recording) -> dict[str, dict[str, Any]]:
    found = {informer["kind"]: informer for informer in recording.capture.metadata["informers"]}
    assert len(found) == len(recording.capture.metadata["informers"])
    return found


def test_each_informer_has_its_handlers_and_these_lead_to_their_queues(
    cluster: fixtures.Cluster, record: Recorder
) -> None:
    with (
        fixtures.operator("handlers", cluster, period="1s") as operator,
        record(operator.pid) as recording,
    ):
        time.sleep(RECORDED_S)
    queue, informers = queues(recording), by_kind(recording)
    assert set(queue) == {"greeting", "other"}
    assert queue["greeting"] != queue["other"]

    def leads_to(*controllers: str) -> list[dict[str, Any]]:
        return [{"type": SOURCE, "queue": queue[name]} for name in controllers]

    def handlers(kind: str) -> list[dict[str, Any]]:
        return sorted(informers[kind]["handlers"], key=str)

    own = [{"type": name, "queue": None} for name in ("*main.Counter", "main.noteAdd")]
    many = [{"type": "main.addMany.func1", "queue": None}] * OWN_HANDLERS
    assert handlers("ConfigMap") == sorted(leads_to("greeting", "other"), key=str)
    assert handlers("Secret") == sorted(own + leads_to("greeting"), key=str)
    assert handlers("Pod") == leads_to("greeting")
    assert handlers("Deployment") == leads_to("greeting")
    assert handlers("Service") == []
    assert handlers("ServiceAccount") == many
    forms = {kind: informer["form"] for kind, informer in informers.items()}
    assert forms == {
        "ConfigMap": "typed",
        "Secret": "typed",
        "Deployment": "typed",
        "Service": "typed",
        "Pod": "metadata",
        "ServiceAccount": "unstructured",
    }
    assert informers["Deployment"]["group"] == "apps"
    assert {(i["version"], i["kind"]) for i in informers.values()} == {("v1", k) for k in forms}
    readers = recording.capture.records("cache_reader")
    kinds = [recording.capture.strings[kind] for kind in readers["object_kind"].tolist()]
    named = dict(zip(readers["reader"].tolist(), kinds, strict=True))
    assert recording.capture.metadata["informers_complete"] is True
    found = {informer["reader"]: kind for kind, informer in informers.items()}
    assert named.items() <= found.items()
    assert set(found.values()) - set(named.values()) == {"Deployment"}


@pytest.mark.parametrize("name", versions.chosen("operator"))
def test_a_version_of_controller_runtime_is_read(
    name: str, cluster: fixtures.Cluster, record: Recorder
) -> None:
    build = versions.by_name(name)
    namespace = f"{name}-informers".replace(".", "-")
    with (
        fixtures.operator(build.binary, cluster, period="1s", namespace=namespace) as operator,
        record(operator.pid) as recording,
    ):
        time.sleep(RECORDED_S)
    (queue,) = queues(recording).values()
    assert recording.capture.metadata["informers_complete"] is True
    (informer,) = recording.capture.metadata["informers"]
    assert (informer["kind"], informer["version"], informer["form"]) == ("ConfigMap", "v1", "typed")
    (handler,) = informer["handlers"]
    assert handler["type"] in (SOURCE, SOURCE_OLD)
    assert handler["queue"] == queue


def test_nothing_is_known_of_an_operator_that_has_ended(
    cluster: fixtures.Cluster, record: Recorder
) -> None:
    with (
        fixtures.operator("requeue", cluster, period="1s") as operator,
        record(operator.pid) as recording,
    ):
        time.sleep(RECORDED_S)
        operator.stop()
        recording.process.wait(60)
    assert recording.capture.metadata["ended"] == "target exited"
    assert "informers" not in recording.capture.metadata
