"""Which container and pod a process is in, by /proc/PID/cgroup: cgroups(7).

A line is ``hierarchy:controllers:path``; cgroup v2 has one line, v1 one for each hierarchy. The
kubelet names a pod's cgroup after its uid, the runtime a container's after its id, each in the way
of its cgroup driver: ``…/kubepods/burstable/podUID/ID`` (cgroupfs), ``…/kubepods-burstable-podUID
.slice/cri-containerd-ID.scope`` (systemd, the uid's dashes as underscores).

Who may make cgroups below its own may call them as it likes. So what stands first in a path counts:
that was made by the machine's own runtime.
"""

import re
from dataclasses import dataclass

MAX_LINES = 64
# What a runtime's systemd driver writes before the id.
RUNTIMES = {
    "cri-containerd": "containerd",
    "nerdctl": "containerd",
    "crio": "cri-o",
    "docker": "docker",
    "libpod": "podman",
}
_POD = re.compile(
    r"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=\.slice\b|[/:]|$)"
)
_ID = re.compile(r"(?:^|[/:])(?:([a-z][a-z-]*)[-:])?([0-9a-f]{64})(?=\.scope(?:/|$)|/|$)")
# conmon is CRI-O's and podman's monitor of a container, outside of it.
_MONITORS = ("crio-conmon", "libpod-conmon")


@dataclass(frozen=True, slots=True)
class Membership:
    """The container that a process is in; all empty where it is in none.

    ``runtime`` is empty where the path doesn't tell it, ``pod_uid`` has dashes (a static pod's is
    a hash and has none).
    """

    container_id: str = ""
    pod_uid: str = ""
    runtime: str = ""


def membership(text: str) -> Membership:
    """What the lines of /proc/PID/cgroup say: the first that names a pod, else a container."""
    found = [_of_path(path) for path in _paths(text)]
    ranked = sorted(found, key=lambda m: (not (m.pod_uid and m.container_id), not m.container_id))
    return ranked[0] if ranked else Membership()


def _paths(text: str) -> list[str]:
    rows = [line.split(":", 2) for line in text.splitlines()[:MAX_LINES]]
    return [row[2].removesuffix(" (deleted)") for row in rows if len(row) == 3]


def _of_path(path: str) -> Membership:
    pod = _POD.search(path)
    start = pod.end() if pod else 0
    for found in _ID.finditer(path, start):
        prefix, container_id = found[1] or "", found[2]
        if prefix in _MONITORS:
            continue
        # Docker's cgroupfs driver has no prefix, but a folder of its own.
        parent = "docker" if path.startswith("/docker/") and not pod else ""
        return Membership(container_id, _uid(pod), RUNTIMES.get(prefix, parent))
    return Membership(pod_uid=_uid(pod))


def _uid(pod: re.Match[str] | None) -> str:
    return pod[1].replace("_", "-") if pod else ""
