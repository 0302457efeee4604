"""The machine's files: /proc, and what runtimes and the kubelet know of a container.

All below ``root``, so that a test may give a machine of its own.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer.buildinfo import build_info
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.finding.names import checked
from whowoke.tracer.versions import read_table

MAX_READ = 4 << 20
KUBELET_LOGS = "var/log/containers"
KUBELET_PODS = "var/log/pods"
NAMES = ("namespace", "pod", "pod_uid", "container", "image")


@cache
def _runtimes() -> tuple[Mapping[str, Any], ...]:
    return tuple(read_table("finding/runtimes.toml")["runtime"])


@dataclass(frozen=True, slots=True)
class Stat:
    """Of /proc/PID/stat: the start in clock ticks since boot, and the state's letter."""

    start_ticks: int
    state: str


class Host:
    """A machine by its root folder; what isn't there is empty."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.proc = root / "proc"

    def pids(self) -> list[int]:
        """All processes."""
        try:
            return sorted(int(name) for name in os.listdir(self.proc) if name.isdecimal())
        except OSError:
            return []

    def read(self, pid: int, name: str) -> str:
        """A file of a process."""
        return read_text(self.proc / str(pid) / name)

    def link(self, pid: int, name: str) -> str:
        """Where a link of a process leads."""
        try:
            return str((self.proc / str(pid) / name).readlink())
        except OSError:
            return ""

    def stat(self, pid: int) -> Stat | None:
        """When a process started; None once it is gone."""
        # The comm in parentheses may hold spaces and parentheses itself.
        fields = self.read(pid, "stat").rpartition(")")[2].split()
        return Stat(int(fields[19]), fields[0]) if len(fields) > 19 else None

    def go_version(self, pid: int) -> str:
        """The version of Go that its program was built with; empty if it isn't Go."""
        try:
            with ElfFile.open(self.proc / str(pid) / "exe") as elf:
                return build_info(elf).go_version
        except (WhowokeError, OSError):
            return ""

    def by_runtime(self, container_id: str) -> dict[str, str]:
        """Names that the container's runtime keeps, and the runtime's own; empty if it has none."""
        found: dict[str, str] = {}
        for row in _runtimes():
            values: Any = _json(self.root / row["file"].format(id=container_id))
            for key in row["within"]:
                values = values.get(key) if isinstance(values, dict) else None
            if isinstance(values, dict):
                names = {
                    name: checked(name, values.get(row[name])) for name in NAMES if name in row
                }
                found |= {name: text for name, text in names.items() if text}
                found["runtime"] = row["name"]
        return found

    def by_kubelet(self, container_id: str, pod_uid: str) -> dict[str, str]:
        """Names in those of its logs: POD_NAMESPACE_CONTAINER-ID.log, folders NAMESPACE_POD_UID."""
        for name in _names(self.root / KUBELET_LOGS) if container_id else ():
            if name.endswith(f"-{container_id}.log"):
                parts = name.removesuffix(f"-{container_id}.log").split("_")
                if len(parts) == 3:
                    return _checked(zip(("pod", "namespace", "container"), parts, strict=True))
        for name in _names(self.root / KUBELET_PODS) if pod_uid else ():
            parts = name.split("_")
            if len(parts) == 3 and parts[2] == pod_uid:
                return _checked(zip(("namespace", "pod"), parts[:2], strict=True))
        return {}


def read_text(path: Path) -> str:
    """A file's text, ``MAX_READ`` bytes at most; empty if it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_READ).decode("utf-8", "replace")
    except OSError:
        return ""


def _checked(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found = {name: checked(name, text) for name, text in pairs}
    return found if all(found.values()) else {}


def _json(path: Path) -> object:
    try:
        return json.loads(read_text(path) or "null")
    except (ValueError, RecursionError):
        return None


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
