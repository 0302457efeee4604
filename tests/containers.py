"""Programs in cgroups and namespaces such as a container runtime makes them, without a runtime."""

import contextlib
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import api, fixtures

# Goes into the cgroup itself, so that it is there from its first instruction on.
ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


def new_id() -> str:
    """An id as runtimes draw them."""
    return secrets.token_hex(32)


@contextmanager
def cgroup_root(folder: Path) -> Iterator[Path]:
    """Where this machine's cgroups of version 2 can be made; mounted below a folder if need be."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    for _, mounted, kind, options, *_ in mounts:
        if kind == "cgroup2" and "rw" in options.split(","):
            yield Path(mounted)
            return
    place = folder / "cgroup"
    place.mkdir()
    subprocess.run(["mount", "-t", "cgroup2", "none", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@dataclass
class Pods:
    """Cgroups of pods; ``start`` runs a program as a pod's container."""

    root: Path
    made: list[Path] = field(default_factory=list)

    def cgroup(self, uid: str, container_id: str) -> Path:
        """As containerd makes it with the systemd driver."""
        folder = self.root / "kubepods.slice" / f"kubepods-pod{uid.replace('-', '_')}.slice"
        folder = folder / f"cri-containerd-{container_id}.scope"
        folder.mkdir(parents=True, exist_ok=True)
        self.made.append(folder)
        return folder

    def enter(self, pid: int, uid: str, container_id: str) -> None:
        """Move a running process into a pod's container."""
        (self.cgroup(uid, container_id) / "cgroup.procs").write_text(str(pid))

    @contextmanager
    def timers(
        self,
        folder: Path,
        uid: str,
        container_id: str,
        *arguments: str,
        says: Mapping[str, str] | None = None,
    ) -> Iterator[fixtures.Timers]:
        """The program `timers` in a container with a host name of its own."""
        folder.mkdir(parents=True, exist_ok=True)
        output = folder / "timers.out"
        enter = ["sh", "-c", ENTER, str(self.cgroup(uid, container_id))]
        argv = ["unshare", "--uts", *enter, fixtures.program_path("timers"), *arguments]
        environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", **(says or {})}
        with fixtures.running_program(
            argv, output, stdin=subprocess.PIPE, env=environment
        ) as popen:
            running = fixtures.Timers(popen.pid, output, popen)
            running._wait_line("ready", 10)
            yield running

    def wrapped(self, folder: Path, program: Path, uid: str, container_id: str) -> Path:
        """A script that runs a program, under its name, as the container of a pod."""
        place = self.cgroup(uid, container_id) / "cgroup.procs"
        folder.mkdir(parents=True, exist_ok=True)
        script = folder / program.name
        script.write_text(f'#!/bin/sh\necho $$ > "{place}" && exec "{program}" "$@"\n')
        script.chmod(0o755)
        return script

    def remove(self) -> None:
        """Take the cgroups away; those that others have made meanwhile stay."""
        for folder in reversed(self.made):
            for place in (folder, folder.parent, folder.parent.parent):
                with contextlib.suppress(OSError):
                    place.rmdir()


@contextmanager
def pods(folder: Path) -> Iterator[Pods]:
    """Cgroups that end with the context."""
    with cgroup_root(folder) as root:
        made = Pods(root)
        try:
            yield made
        finally:
            made.remove()


def make_pod(cluster: api.Api, name: str, app: str, container_id: str) -> str:
    """A pod as if a kubelet ran it; returns its uid."""
    image = "registry.example.com/op:1.2"
    made = cluster.create(
        "/api/v1/namespaces/default/pods",
        {
            "metadata": {"name": name, "labels": {"app": app}},
            "spec": {"containers": [{"name": "manager", "image": image}]},
        },
    )
    status = {"name": "manager", "image": image, "imageID": "", "ready": True, "restartCount": 0}
    status["containerID"] = f"containerd://{container_id}"
    path = f"/api/v1/namespaces/default/pods/{name}/status"
    cluster.patch(path, {"status": {"containerStatuses": [status]}})
    return str(made["metadata"]["uid"])
