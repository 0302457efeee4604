"""Looks for the processes that are meant: by pid, name, pod or labels; and for those that follow.

Who a process is comes from its cgroup, names from the runtime's files, the kubelet's, the API, or
from its own words: the first that knows.
"""

import contextlib
import math
import os
import time
from dataclasses import dataclass, replace

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer.finding.cgroups import Membership, membership
from whowoke.tracer.finding.host import Host
from whowoke.tracer.finding.kubernetes import Pod, Pods, connect
from whowoke.tracer.finding.names import Identity
from whowoke.tracer.finding.ownwords import own_labels, own_names
from whowoke.tracer.finding.selection import Selection

API_INTERVAL_S = 5.0
# So long a new process may still become what is looked for, by an exec.
YOUNG_S = 60.0
# A share of its age, for which it is left alone after each look.
RESTING = 0.25
# They set a container up and then become its first process, by an exec.
SETTING_UP = ("runc", "crun", "youki", "conmon")


@dataclass(frozen=True, slots=True)
class Found:
    """A process that fits, at the moment when it was looked at."""

    pid: int
    start_ticks: int
    command: str
    executable: str
    identity: Identity


class Search:
    """Looks for what a selection means.

    ``asks_api`` says whether there is an API that answers, ``api_error`` why not.
    """

    def __init__(self, selection: Selection, host: Host | None = None) -> None:
        self.selection = selection
        self._host = host or Host()
        self._pods: Pods | None = None
        self._known: list[Pod] = []
        self._asked_s = 0.0
        self.asks_api = False
        self.api_error = ""
        # Pids that don't fit, and when to look at them again.
        self._others: dict[int, float] = {}

    def all(self) -> list[Found]:
        """Every process that fits, by pid."""
        self._ask()
        wanted = self.selection.pids or self._host.pids()
        found = [self._look(pid) for pid in wanted if pid != os.getpid()]
        return [process for process in found if process]

    def newcomers(self, known: set[tuple[int, int]]) -> list[Found]:
        """Processes that fit and aren't ``known``, by pid and start; cheap if asked often."""
        pids, now_s = set(self._host.pids()), time.monotonic()
        self._others = {pid: again_s for pid, again_s in self._others.items() if pid in pids}
        resting = {pid for pid, again_s in self._others.items() if again_s > now_s}
        there = {pid for pid, _ in known if pid in pids} | {os.getpid()}
        found = []
        for pid in sorted(pids - resting):
            if pid in there and self._start_ticks(pid) in {s for p, s in known if p == pid}:
                continue
            process = None if pid == os.getpid() else self._look(pid)
            if process and self._host.go_version(pid):
                found.append(process)
            else:
                self._pass_over(pid)
        return found

    def identity(self, pid: int) -> Identity:
        """The container and pod of a process."""
        if self.selection.kubeconfig and not self.asks_api:
            self._ask()
        return self._identity(pid, membership(self._host.read(pid, "cgroup")))

    def _pass_over(self, pid: int) -> None:
        """Look again the more rarely the older it is; once it is old, never."""
        start = self._start_ticks(pid)
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - start / os.sysconf("SC_CLK_TCK")
        rest_s = age_s * RESTING if age_s < YOUNG_S else math.inf
        self._others[pid] = time.monotonic() + rest_s

    def _start_ticks(self, pid: int) -> int:
        stat = self._host.stat(pid)
        return stat.start_ticks if stat else 0

    def _look(self, pid: int) -> Found | None:
        stat, executable = self._host.stat(pid), self._host.link(pid, "exe")
        if stat is None or stat.state in "ZX" or not executable:
            return None
        command = self._host.read(pid, "comm").rstrip("\n")
        if self.selection.name and not self.selection.is_called(command, executable):
            return None
        cgroup = membership(self._host.read(pid, "cgroup"))
        if (self.selection.pod or self.selection.labels) and _is_setting_up(command, executable):
            return None
        identity = self._identity(pid, cgroup)
        if not self._fits(pid, identity):
            return None
        return Found(pid, stat.start_ticks, command, executable, identity)

    def _fits(self, pid: int, identity: Identity) -> bool:
        pod, labels, like = self.selection.pod, self.selection.labels, self.selection.like
        if like:
            executable = self._host.link(pid, "exe")
            return any(one.fits(executable, identity) for one in like)
        if pod:
            # Where the API knows the pods, nobody else says who he is.
            said = identity.told_by == "process" and self.asks_api
            return pod.fits(identity) and not said
        if labels:
            own = dict(labels).items() <= own_labels(self._host, pid).items()
            within = self.selection.namespace in ("", identity.namespace)
            container = self.selection.container in ("", identity.container)
            told = identity.told_by == "api" or (self._pods is None and own and within)
            return told and container
        return True

    def _identity(self, pid: int, cgroup: Membership) -> Identity:
        found = Identity(cgroup.container_id, cgroup.runtime, cgroup.pod_uid)
        if self.asks_api:
            told = self._of_api(found)
            unknown = found.pod_uid and not (told and told.container)
            if unknown and time.monotonic() - self._asked_s >= API_INTERVAL_S:
                with contextlib.suppress(WhowokeError):
                    self._ask()
                told = self._of_api(found)
            if told:
                return told
        names = self._host.by_runtime(found.container_id) if found.container_id else {}
        if names.get("pod") or names.get("image"):
            return replace(found, **names, told_by="runtime")
        if names := self._host.by_kubelet(found.container_id, found.pod_uid):
            return replace(found, **names, told_by="kubelet")
        if names := own_names(self._host, pid):
            return replace(found, **names, told_by="process")
        return found

    def _of_api(self, found: Identity) -> Identity | None:
        for pod in self._known:
            if found.pod_uid in pod.uids or found.container_id in pod.containers:
                container, image = pod.containers.get(found.container_id, ("", ""))
                names = {"namespace": pod.namespace, "pod": pod.name}
                names |= {"container": container, "image": image}
                local = self._host.by_runtime(found.container_id) if not container else {}
                return replace(found, **(names | local), told_by="api")
        return None

    def _ask(self) -> None:
        """Ask the API what pods are meant, if there is one and the question needs it."""
        choice = self.selection
        by_name = choice.pod and not choice.pod.uid
        if not (by_name or choice.labels or choice.kubeconfig):
            return
        self._asked_s = time.monotonic()
        try:
            self._pods = self._pods or connect(choice.kubeconfig)
            if self._pods is None:
                return
            self._known = self._asked(self._pods)
        except WhowokeError as err:
            # A pod's name the machine may know as well.
            if not choice.pod or choice.kubeconfig:
                raise
            self.api_error = str(err)
        else:
            self.asks_api = True

    def _asked(self, pods: Pods) -> list[Pod]:
        choice = self.selection
        if choice.labels:
            return pods.labelled(dict(choice.labels), choice.namespace)
        if choice.pod and not choice.pod.uid:
            return pods.named(choice.pod.namespace, choice.pod.pod)
        return pods.everywhere()


def _is_setting_up(command: str, executable: str) -> bool:
    base = executable.removesuffix(" (deleted)").rpartition("/")[2]
    return command.startswith("runc:[") or base in SETTING_UP or "memfd:runc" in executable
