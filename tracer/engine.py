"""The kernel side at work: compile in a child, attach, count, detach."""

import json
import os
import socket
import subprocess
import sys
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from whowoke import bpf
from whowoke.analysis.capture import schema
from whowoke.analysis.errors import UnsupportedError, WhowokeError
from whowoke.tracer import kernel, uprobes
from whowoke.tracer.btf import field_offsets
from whowoke.tracer.plan import MAX_SITES, Plan
from whowoke.tracer.ring import Ring
from whowoke.tracer.target import Target

PAGE = 4096
MAX_THREADS = 4096
RING_PAGES = {"threads": 1024, "go": 1024, "texts": 512}
# For tests: pages of each ring, so that records find no room.
RING_PAGES_VARIABLE = "WHOWOKE_RING_PAGES"
LOST_KINDS = 64
LOAD_TIMEOUT_S = 120.0

# Raw tracepoints, attached in this order: new threads are noticed before the known ones are added.
TRACEPOINTS = {
    "sched_process_exit": "on_sched_process_exit",
    "sys_exit": "on_sys_exit",
    "sys_enter": "on_sys_enter",
    "sched_switch": "on_sched_switch",
    "sched_waking": "on_sched_waking",
    "signal_generate": "on_signal_generate",
}

# System calls that wait, touch the network or files, or await a child:
# arch/x86/entry/syscalls/syscall_64.tbl.
SYSCALLS = {
    "read": 0,
    "write": 1,
    "close": 3,
    "pread64": 17,
    "nanosleep": 35,
    "connect": 42,
    "sendto": 44,
    "recvfrom": 45,
    "wait4": 61,
    "futex": 202,
    "clock_nanosleep": 230,
    "epoll_wait": 232,
    "waitid": 247,
    "openat": 257,
    "epoll_pwait": 281,
    "accept4": 288,
    "epoll_pwait2": 441,
}
# Offsets of di, si and r14 (Go's g) in struct pt_regs, x86-64.
SYSCALL_REGISTERS = {"WW_SYSCALL_FIRST": 112, "WW_SYSCALL_SECOND": 104, "WW_SYSCALL_G": 8}

MAPS = ("threads_ring", "go_ring", "texts_ring", "lost", "hits", "threads")


def ring_pages() -> dict[str, int]:
    """Pages of each ring."""
    given = os.environ.get(RING_PAGES_VARIABLE)
    return dict.fromkeys(RING_PAGES, int(given)) if given else RING_PAGES


def macros(plan: Plan, tgid: int) -> dict[str, str]:
    """All macros that the C source needs."""
    wanted = " || ".join(f"number == {number}" for number in SYSCALLS.values())
    sizes = {f"WW_{name.upper()}_PAGES": str(pages) for name, pages in ring_pages().items()}
    limits = {
        "WW_MAX_SITES": str(MAX_SITES),
        "WW_MAX_THREADS": str(MAX_THREADS),
        "WW_MAX_ITEMS": "8",
        "WW_TGID": str(tgid),
        "WW_SYSCALLS": f"({wanted})",
        "WW_CONNECT": str(SYSCALLS["connect"]),
        "WW_ACCEPT4": str(SYSCALLS["accept4"]),
    }
    registers = {name: str(offset) for name, offset in SYSCALL_REGISTERS.items()}
    task = field_offsets("task_struct", ("pid", "tgid"))
    fields = {f"TASK_{name.upper()}": str(offset) for name, offset in task.items()}
    return {"G_GOID": "0"} | plan.macros | sizes | limits | registers | fields


class Engine:
    """Programs, maps and links of one recording. ``close`` detaches everything.

    The kernel detaches as well when the process dies: links and maps live in descriptors only.
    """

    def __init__(self, plan: Plan, target: Target) -> None:
        self.plan = plan
        self._target = target
        self._links: dict[str, list[int]] = {}
        self._fds: dict[str, int] = {}
        self._counters: dict[str, npt.NDArray[np.uint64]] = {}
        self._closing: list[int] = []
        self.rings: dict[str, Ring] = {}

    def load(self) -> None:
        """Compile and load all programs; nothing is attached yet."""
        programs: list[dict[str, Any]] = [
            *({"name": name, "type": "RAW_TRACEPOINT"} for name in TRACEPOINTS.values()),
            *(
                {"name": name, "type": "KPROBE", "attach_type": uprobes.attach_type()}
                for name in self.plan.by_program()
            ),
        ]
        definitions = macros(self.plan, self._target.pid)
        lines = "".join(f"#define {name} {value}\n" for name, value in definitions.items())
        request = {
            "headers": str(bpf.headers()),
            "source": lines + bpf.source(self.plan.parts),
            "cflags": ["-Wno-unused-function", "-Wno-unused-variable"],
            "maps": MAPS,
            "programs": programs,
        }
        descriptors = _ask_loader(request)
        names = [*MAPS, *(program["name"] for program in programs)]
        self._fds = dict(zip(names, descriptors, strict=True))
        dtypes = {
            "threads": schema.ring_dtype("threads"),
            "go": schema.ring_dtype("go"),
            "texts": schema.TEXT_DTYPE,
        }
        for name, dtype in dtypes.items():
            self.rings[name] = Ring(self._fds[f"{name}_ring"], ring_pages()[name] * PAGE, dtype)
        for name, count in (("hits", MAX_SITES), ("lost", LOST_KINDS)):
            self._counters[name] = kernel.map_counters(self._fds[name], count)

    def attach(self) -> None:
        """Attach everything."""
        for name, program in TRACEPOINTS.items():
            self._links[program] = kernel.link_raw_tracepoint(self._fds[program], name)
        self._add_threads()
        for program, indexes in self.plan.by_program().items():
            if indexes:
                self.attach_sites(program, indexes)

    def attach_sites(self, program: str, indexes: list[int]) -> None:
        """Put one program on some of the plan's sites."""
        path = str(self._target.exe_path)
        offsets = [self.plan.sites[index].site.file_offset for index in indexes]
        cookies = [self.plan.sites[index].cookie(index) for index in indexes]
        # Kept one by one: what is attached is detached in order if the next one fails.
        links = self._links.setdefault(program, [])
        pid = self._target.pid
        for link in uprobes.links(self._fds[program], path, offsets, cookies, pid):
            links.append(link)

    def _add_threads(self) -> None:
        """Fill the map of threads until /proc shows none that is new."""
        fd = self._fds["threads"]
        empty = bytes(kernel.map_value_size(fd))
        known: set[int] = set()
        while new := set(self._target.thread_ids()) - known:
            for tid in new:
                kernel.map_update(fd, tid, empty)
            known |= new

    @property
    def attached(self) -> list[str]:
        """Programs that are attached now."""
        return list(self._links)

    def take_off(self, programs: list[str]) -> None:
        """Begin to close the links of some programs; each waits for the kernel, so all at once."""
        for program in programs:
            if links := self._links.pop(program, None):
                self._closing.append(_close_in_child(links))

    @property
    def is_taking_off(self) -> bool:
        """Whether links are still being closed."""
        self._closing = [pid for pid in self._closing if os.waitpid(pid, os.WNOHANG)[0] == 0]
        return bool(self._closing)

    def detach(self, programs: list[str]) -> None:
        """Take some programs off; nothing is being taken off any more when this returns."""
        self.take_off(programs)
        while self._closing:
            os.waitpid(self._closing[-1], 0)
            self._closing.pop()

    def close(self) -> None:
        """Detach everything and give up programs, maps and rings."""
        self.detach(self.attached)
        _close_all(list(self._fds.values()))
        self._fds.clear()

    def hits(self) -> npt.NDArray[np.uint64]:
        """Hits of each site since the attach, in the plan's order."""
        return self._counters["hits"][: len(self.plan.sites)].copy()

    def lost(self) -> dict[str, int]:
        """Records that found no room in a ring, by record name; ``text`` for strings and stacks."""
        counts = self._counters["lost"]
        names = {kind: record.name for kind, record in schema.RECORD_BY_KIND.items()} | {0: "text"}
        return {names.get(kind, str(kind)): int(n) for kind, n in enumerate(counts) if n}

    def skipped(self) -> dict[str, int]:
        """Program runs that the kernel skipped, by program."""
        programs = [name for name in self._fds if name not in MAPS]
        counts = {name: kernel.missed_runs(self._fds[name]) for name in programs}
        return {name: count for name, count in counts.items() if count}


def _close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _close_in_child(links: list[int]) -> int:
    """Let a child have the last copy of some links and end: its pid, to be waited for.

    A task with a pending SIGKILL cannot take a breakpoint out of another's memory (get_user_pages,
    mm/gup.c, then "leaking uprobe"), and it would stay for good. One that exits can't be killed.
    """
    end, ours = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ours)
            os.read(end, 1)
        finally:
            os._exit(0)
    os.close(end)
    _close_all(links)
    os.close(ours)
    return child


def _ask_loader(request: dict[str, Any]) -> list[int]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        # -P: nothing is imported from the current folder, which may be anybody's.
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "whowoke.tracer.loader"],
            stdin=theirs.fileno(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        theirs.close()
        ours.settimeout(LOAD_TIMEOUT_S)
        body = json.dumps(request).encode()
        try:
            ours.sendall(len(body).to_bytes(8, "little") + body)
            data, descriptors, _, _ = socket.recv_fds(ours, 1 << 16, 253)
        except OSError as err:
            data, descriptors = b"", []
            reason = str(err)
        else:
            reason = "it ended without an answer"
        finally:
            if not data:
                child.kill()
            output, _ = child.communicate()
    printed = output.decode("utf-8", "replace").strip()
    if not data:
        raise WhowokeError(
            f"the BPF compiler failed: {reason}: {_last_lines(printed)}", "see: whowoke doctor"
        )
    answer = json.loads(data)
    if "error" in answer:
        _raise(answer, printed)
    return descriptors


def _raise(answer: dict[str, Any], printed: str) -> NoReturn:
    kinds = {kind.exit_code: kind for kind in (WhowokeError, UnsupportedError)}
    detail = f" ({_last_lines(printed)})" if printed else ""
    raise kinds.get(answer["exit"], WhowokeError)(answer["error"] + detail, answer["hint"])


def _last_lines(text: str) -> str:
    return " / ".join(text.splitlines()[-6:])
