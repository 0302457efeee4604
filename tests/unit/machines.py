"""A machine made of files: processes in /proc, what runtimes and the kubelet keep, for `Host`."""

import json
import os
import sys
from pathlib import Path

from tests.unit import gobuild, programs

NOT_GO = Path(sys.executable).resolve()
HERTZ = os.sysconf("SC_CLK_TCK")


def go_program() -> Path:
    return gobuild.build(programs.SMALL, *gobuild.STRIPPED)


class Machine:
    """``root`` is its root folder; everything in it may be changed between two looks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proc").mkdir(parents=True)
        self.process(1, "init", NOT_GO, namespace="host")

    def process(
        self,
        pid,
        command="op",
        executable=None,
        cgroup="/",
        environ=(),
        start=100,
        namespace="own",
        state="S",
    ):
        """A process that runs; a Go program unless it is told."""
        folder = self.root / "proc" / str(pid)
        (folder / "ns").mkdir(parents=True)
        (folder / "root").mkdir()
        (folder / "comm").write_text(f"{command}\n")
        (folder / "cgroup").write_text(f"0::{cgroup}\n")
        (folder / "environ").write_bytes(b"".join(text.encode() + b"\0" for text in environ))
        fields = [state, *"0" * 18, str(start)]
        (folder / "stat").write_text(f"{pid} (a) b) {' '.join(fields)} 0\n")
        (folder / "exe").symlink_to(executable or go_program())
        (folder / "ns" / "uts").symlink_to(f"uts:[{namespace}]")
        return folder

    def end(self, pid):
        folder = self.root / "proc" / str(pid)
        (folder / "stat").unlink()
        (folder / "exe").unlink()
        folder.rename(self.root / f"ended-{pid}")

    def file(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def bundle(self, container_id, namespace, pod, container, image, uid=""):
        """What containerd keeps of a container that runs."""
        kinds = {
            "sandbox-namespace": namespace,
            "sandbox-name": pod,
            "container-name": container,
            "image-name": image,
            "sandbox-uid": uid,
        }
        annotations = {f"io.kubernetes.cri.{kind}": text for kind, text in kinds.items()}
        folder = "run/containerd/io.containerd.runtime.v2.task/k8s.io"
        text = json.dumps({"annotations": annotations})
        self.file(f"{folder}/{container_id}/config.json", text)


def pod_cgroup(uid, container_id, prefix="cri-containerd"):
    slices = f"/kubepods.slice/kubepods-pod{uid.replace('-', '_')}.slice"
    return f"{slices}/{prefix}-{container_id}.scope"
