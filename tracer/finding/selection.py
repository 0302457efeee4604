"""What a user may say to name the processes to look at, and whether it fits."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from whowoke.analysis.errors import UsageError
from whowoke.tracer.finding.names import Identity, checked

COMM_SIZE = 15  # of /proc/PID/comm
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_LABEL = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._/-]{0,315}[A-Za-z0-9])?)==?([A-Za-z0-9._-]{0,63})")


@dataclass(frozen=True, slots=True)
class PodName:
    """``NS/POD`` or ``NS/POD/CONTAINER``; or the uid that cgroups have: ``UID[/CONTAINER]``."""

    namespace: str
    pod: str
    container: str = ""
    uid: str = ""

    @classmethod
    def parse(cls, text: str) -> "PodName":
        """UsageError where it cannot be one."""
        parts = text.split("/")
        if _UID.fullmatch(parts[0]) and len(parts) <= 2:
            container = "".join(parts[1:])
            if len(parts) == 1 or checked("container", container):
                return cls("", "", container, parts[0])
        kinds = ("namespace", "pod", "container")[: len(parts)]
        if len(parts) not in (2, 3) or not all(map(checked, kinds, parts)):
            raise UsageError(
                f"{text!r} names no pod", "give NAMESPACE/POD or NAMESPACE/POD/CONTAINER"
            )
        return cls(*parts)

    def fits(self, identity: Identity) -> bool:
        """Whether that is it; a container whose name isn't known may be the one."""
        if self.container not in ("", identity.container) and identity.container:
            return False
        if self.uid:
            return identity.pod_uid == self.uid
        return (identity.namespace, identity.pod) == (self.namespace, self.pod)

    def __str__(self) -> str:
        return "/".join(filter(None, (self.uid, self.namespace, self.pod, self.container)))


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a process and the one that comes after it have in common."""

    executable: str
    identity: Identity

    def fits(self, executable: str, identity: Identity) -> bool:
        """Whether it may be the next one: of the same pod and container, with the same program."""
        own, other = self.identity, identity
        if _plain(executable) != _plain(self.executable):
            return False
        if own.pod:
            same = (own.namespace, own.pod) == (other.namespace, other.pod)
            # A container that has just begun may not be known by its name yet.
            return same and (own.container == other.container or not other.container)
        return own.container_id == other.container_id


@dataclass(frozen=True, slots=True)
class Selection:
    """Which processes are meant: one of ``pids``, ``pod``, ``labels``, ``name`` and ``like``.

    ``name`` is a pattern for the command or the executable's file name. ``everything`` takes all
    that fit, else several are an error; pids and labels name several anyway. ``namespace`` and
    ``container`` narrow labels down. ``kubeconfig`` is for the API server that knows the pods.
    """

    pids: tuple[int, ...] = ()
    pod: PodName | None = None
    labels: tuple[tuple[str, str], ...] = ()
    namespace: str = ""
    container: str = ""
    name: str = ""
    like: tuple[Likeness, ...] = ()
    everything: bool = False
    kubeconfig: Path | None = None

    @property
    def takes_all(self) -> bool:
        """Whether several processes are recorded, not one of several chosen."""
        return self.everything or bool(self.labels) or bool(self.pids)

    @property
    def told(self) -> str:
        """In words: ``of pod x/y``."""
        if self.pod:
            return f"of pod {self.pod}"
        if self.labels:
            where = f" in {self.namespace}" if self.namespace else ""
            return f"of pods with {','.join(f'{k}={v}' for k, v in self.labels)}{where}"
        return f"called {self.name!r}" if self.name else f"of pid {self.pids}"

    def is_called(self, command: str, executable: str) -> bool:
        """Whether a process's comm or its executable's file name fits ``name``."""
        base = Path(_plain(executable)).name
        names = (command, base)
        return (
            self.name in names
            or (len(self.name) > COMM_SIZE and command == self.name[:COMM_SIZE])
            or any(fnmatchcase(name, self.name) for name in names)
        )


def _plain(executable: str) -> str:
    """The path of a program that was replaced on disk meanwhile, too."""
    return executable.removesuffix(" (deleted)")


def parse_labels(text: str) -> tuple[tuple[str, str], ...]:
    """``K=V,K=V``; UsageError for anything else."""
    found = [_LABEL.fullmatch(part.strip()) for part in text.split(",")]
    if not all(found):
        raise UsageError(f"{text!r} is no selector", "give labels as KEY=VALUE,KEY=VALUE")
    return tuple((match[1], match[2]) for match in found if match)
