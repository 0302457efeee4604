"""Pods as the Kubernetes API knows them: names to uids and container ids. The extra ``kube``."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whowoke.analysis.errors import UnsupportedError, UsageError, WhowokeError
from whowoke.tracer.finding.names import checked

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_KUBECONFIG = Path("~/.kube/config")
# While it is asked for pods that came later, nothing is drained.
TIMEOUT_S = 3.0
# A static pod's cgroup has this instead of the uid: kubernetes pkg/kubelet/types/pod_update.go.
CONFIG_HASH = "kubernetes.io/config.hash"


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod: what its cgroup may be named after, and name and image of containers by their id."""

    namespace: str
    name: str
    uids: frozenset[str]
    containers: Mapping[str, tuple[str, str]]


class Pods:
    """Asks the API for pods; ``ask`` gets keyword arguments of lightkube's ``list``."""

    def __init__(self, ask: Callable[..., Iterator[Any]]) -> None:
        self._ask = ask

    def named(self, namespace: str, name: str) -> list[Pod]:
        """The pod of that name, if there is one."""
        return self._list(namespace=namespace, fields={"metadata.name": name})

    def labelled(self, labels: Mapping[str, str], namespace: str = "") -> list[Pod]:
        """All pods with these labels, of one namespace or of all."""
        return self._list(namespace=namespace or "*", labels=dict(labels))

    def everywhere(self) -> list[Pod]:
        """All pods."""
        return self._list(namespace="*")

    def _list(self, **query: Any) -> list[Pod]:
        try:
            return [_pod(found) for found in self._ask(**query)]
        except Exception as err:  # noqa: BLE001 (the library's own, and those of three below it)
            raise WhowokeError(
                f"the Kubernetes API gives no pods: {_first_line(err)}",
                "try: kubectl get pods with the same kubeconfig",
            ) from None


def connect(kubeconfig: Path | None = None) -> Pods | None:
    """The cluster of a kubeconfig, of $KUBECONFIG, of the pod that we run in, or of the usual file.

    None where none of these is there. UnsupportedError where the extra isn't installed.
    """
    told = os.environ.get("KUBECONFIG", "").split(os.pathsep)
    files = [kubeconfig] if kubeconfig else [Path(text) for text in told if text]
    inside = not files and "KUBERNETES_SERVICE_HOST" in os.environ
    inside = inside and (SERVICE_ACCOUNT / "token").exists()
    files = files or [DEFAULT_KUBECONFIG.expanduser()]
    path = next((file for file in files if file.exists()), None)
    if path is None and kubeconfig is not None:
        raise UsageError(f"there is no kubeconfig {kubeconfig}", "give another --kubeconfig FILE")
    return None if path is None and not inside else Pods(_lister(None if inside else path))


def _lister(path: Path | None) -> Callable[..., Iterator[Any]]:
    """``path`` None is the service account of our own pod."""
    try:
        from lightkube import Client, KubeConfig
        from lightkube.resources.core_v1 import Pod as Resource
    except ImportError:
        raise UnsupportedError(
            "the Kubernetes API can't be asked: lightkube isn't installed",
            "pip install 'whowoke[kube]', or name the process with -p or --name",
        ) from None
    try:
        config = KubeConfig.from_file(path) if path else KubeConfig.from_service_account()
        timeout: Any = TIMEOUT_S
        client = Client(config.get(), timeout=timeout)
    except Exception as err:  # noqa: BLE001 (the library's own, and those of three below it)
        raise WhowokeError(
            f"the Kubernetes API can't be asked by {path or SERVICE_ACCOUNT}: {_first_line(err)}",
            "try: kubectl get pods with the same kubeconfig",
        ) from None
    return lambda **query: iter(client.list(Resource, **query))


def _first_line(err: Exception) -> str:
    return next(iter(str(err).splitlines()), type(err).__name__)


def _pod(found: Any) -> Pod:
    """What the API says is checked as well: it is printed, and kept."""
    about, status = found.metadata, found.status
    annotations = about.annotations or {}
    rows = [
        *(getattr(status, "initContainerStatuses", None) or []),
        *(getattr(status, "containerStatuses", None) or []),
    ]
    # containerd://ID, cri-o://ID
    containers = {
        str(row.containerID or "").rpartition("//")[2]: (
            checked("container", row.name),
            checked("image", row.image),
        )
        for row in rows
    }
    uids = {checked("pod_uid", uid) for uid in (about.uid, annotations.get(CONFIG_HASH))}
    return Pod(
        checked("namespace", about.namespace),
        checked("pod", about.name),
        frozenset(uids - {""}),
        {key: names for key, names in containers.items() if key},
    )
