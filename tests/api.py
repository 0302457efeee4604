"""Somebody else who changes objects on the test cluster, and what the API server wrote down."""

import json
import ssl
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests import fixtures

SOMEBODY = "somebody-else"


@dataclass(frozen=True)
class Change:
    """A write of somebody else: it happened between the two times of CLOCK_MONOTONIC."""

    start_ns: int
    end_ns: int
    resource_version: str


@dataclass(frozen=True)
class Audited:
    """A line of the audit log. The times are those of the API server's wall clock, in ns."""

    user_agent: str
    verb: str
    group: str
    version: str
    resource: str
    subresource: str
    namespace: str
    name: str
    status: int
    received_ns: int
    completed_ns: int


class Api:
    """The API of a test cluster, as its administrator."""

    def __init__(self, cluster: fixtures.Cluster) -> None:
        folder = cluster.kubeconfig.parent
        certificates = folder / "certificates"
        self.url = (folder / "ready").read_text().strip()
        context = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
        context.load_cert_chain(certificates / "admin.crt", certificates / "admin.key")
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def get(self, path: str) -> dict[str, Any]:
        """What is at a path."""
        return self._ask("GET", path)

    def create(self, path: str, thing: Mapping[str, Any]) -> dict[str, Any]:
        """Make an object in the collection at a path; returns it as the server has it."""
        return self._ask("POST", path, thing, "application/json")

    def patch(self, path: str, change: Mapping[str, Any]) -> Change:
        """Merge a change into the object at a path."""
        start_ns = time.monotonic_ns()
        answer = self._ask("PATCH", path, change)
        return Change(start_ns, time.monotonic_ns(), answer["metadata"]["resourceVersion"])

    def scale(self, namespace: str, name: str, ready: int) -> Change:
        """As a StatefulSet's controller would: so many instances are ready."""
        path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}/status"
        return self.patch(path, {"status": {"replicas": ready, "readyReplicas": ready}})

    def touch(self, path: str) -> Change:
        """Annotate the object at a path with the time."""
        touched = {"example.com/touched": str(time.time_ns())}
        return self.patch(path, {"metadata": {"annotations": touched}})

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        kind: str = "application/merge-patch+json",
    ) -> dict[str, Any]:
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": kind, "User-Agent": SOMEBODY},
            method=method,
        )
        with self._opener.open(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
            return answer


def audited(log: Path, user_agent: str) -> list[Audited]:
    """What the user agents that begin so asked for, in the order of the answers, watches too."""
    return [
        _audited(event)
        for line in log.read_text().splitlines()
        if (event := json.loads(line))["stage"] == "ResponseComplete"
        and event.get("userAgent", "").startswith(user_agent)
    ]


def _audited(event: dict[str, Any]) -> Audited:
    about = event.get("objectRef", {})
    return Audited(
        user_agent=event["userAgent"],
        verb=event["verb"],
        group=about.get("apiGroup", ""),
        version=about.get("apiVersion", ""),
        resource=about.get("resource", ""),
        subresource=about.get("subresource", ""),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        status=event["responseStatus"]["code"],
        received_ns=_wall_ns(event["requestReceivedTimestamp"]),
        completed_ns=_wall_ns(event["stageTimestamp"]),
    )


def _wall_ns(time_: str) -> int:
    return int(datetime.fromisoformat(time_).timestamp() * 1e6) * 1000
