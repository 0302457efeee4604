"""The C source for a plan, and what bcc makes of it: kept for the next start, made by a child.

What differs between two targets with the same versions (process, addresses) isn't compiled in, so
that one compilation serves them all. bcc needs seconds for it, and 100 MB.
"""

import json
import os
import platform
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from whowoke import bpf
from whowoke.analysis.errors import UnsupportedError, WhowokeError
from whowoke.tracer import tiers
from whowoke.tracer.apart import in_child
from whowoke.tracer.btf import field_offsets
from whowoke.tracer.compiled import PARAMETER_BASE, Compiled
from whowoke.tracer.loader import SYSTEM_PACKAGES
from whowoke.tracer.plan import MAX_SITES, Plan

COMPILE_TIMEOUT_S = 300.0
CFLAGS = ("-Wno-unused-function", "-Wno-unused-variable")
MAX_THREADS = 4096
MAX_PROGRAMS = 64
RING_PAGES = {"threads": 1024, "go": 1024, "texts": 512}
# For tests: pages of each ring, so that records find no room.
RING_PAGES_VARIABLE = "WHOWOKE_RING_PAGES"
LOST_KINDS = 64

# Macros of a process, not of the versions that it is made of.
LATER = ("PC_", "READ_ONLY_")
# Raw tracepoints, attached in this order: new threads are noticed before the known ones are added.
TRACEPOINTS = {
    "sched_process_exit": "on_sched_process_exit",
    "sched_process_fork": "on_sched_process_fork",
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


def ring_pages() -> dict[str, int]:
    """Pages of each ring."""
    given = os.environ.get(RING_PAGES_VARIABLE)
    return dict.fromkeys(RING_PAGES, int(given)) if given else RING_PAGES


def _parameters(plan: Plan) -> list[str]:
    """Macros that get their value when the programs are loaded: ``WW_PARAMETER`` in bpf/maps.h."""
    return ["WW_TGID", *sorted(name for name in plan.macros if name.startswith(LATER))]


def macros(plan: Plan) -> dict[str, str]:
    """All macros that the C source needs."""
    wanted = " || ".join(f"number == {number}" for number in SYSCALLS.values())
    sizes = {f"WW_{name.upper()}_PAGES": str(pages) for name, pages in ring_pages().items()}
    limits = {
        "WW_PARAMETER_BASE": f"{PARAMETER_BASE:#x}ULL",
        "WW_MAX_SITES": str(MAX_SITES),
        "WW_MAX_PROGRAMS": str(MAX_PROGRAMS),
        "WW_TIERS": str(tiers.COUNT),
        "WW_WALKS_TIER": str(tiers.WALKS),
        "WW_THREADS_TIER": str(tiers.THREADS),
        "WW_CALLS_TIER": str(tiers.CALLS),
        "WW_MAX_THREADS": str(MAX_THREADS),
        "WW_MAX_ITEMS": "8",
        "WW_SYSCALLS": f"({wanted})",
        "WW_CONNECT": str(SYSCALLS["connect"]),
        "WW_ACCEPT4": str(SYSCALLS["accept4"]),
    }
    registers = {name: str(offset) for name, offset in SYSCALL_REGISTERS.items()}
    task = field_offsets("task_struct", ("pid", "tgid"))
    fields = {f"TASK_{name.upper()}": str(offset) for name, offset in task.items()}
    later = {name: f"WW_PARAMETER({n})" for n, name in enumerate(_parameters(plan))}
    return {"G_GOID": "0"} | plan.macros | sizes | limits | registers | fields | later


def parameters(plan: Plan, tgid: int) -> list[int]:
    """The values of a target, in the order of their numbers."""
    values = {"WW_TGID": str(tgid)} | plan.macros
    return [int(values[name].removesuffix("ULL"), 0) for name in _parameters(plan)]


def compiled(plan: Plan) -> tuple[Compiled, bool]:
    """The programs of a plan, and whether they were kept from an earlier run."""
    return in_child(lambda: _kept_or_compiled(plan))


def _kept_or_compiled(plan: Plan) -> tuple[Compiled, bool]:
    # Its checksums need OpenSSL, 4 MB.
    from whowoke.tracer import cache

    lines = "".join(f"#define {name} {value}\n" for name, value in macros(plan).items())
    source = lines + bpf.source(plan.parts)
    request = {
        "headers": str(bpf.headers()),
        "source": source,
        "cflags": CFLAGS,
        "maps": bpf.map_names(source),
        "programs": [tiers.HIT_PROGRAM, *TRACEPOINTS.values(), *plan.by_program()],
    }
    name = cache.key(json.dumps(request), platform.release(), platform.machine(), _bcc_identity())
    if kept := cache.read(name):
        try:
            return Compiled.decoded(kept), True
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
    answer = _ask_loader(request)
    cache.write(name, answer)
    return Compiled.decoded(answer), False


def _bcc_identity() -> bytes:
    """The version of bcc that would compile; reading it is faster than importing bcc."""
    spec = find_spec("bcc")
    folder = Path(spec.origin).parent if spec and spec.origin else Path(SYSTEM_PACKAGES, "bcc")
    try:
        return (folder / "version.py").read_bytes()
    except OSError:
        return b""


def _ask_loader(request: dict[str, Any]) -> bytes:
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
        ours.settimeout(COMPILE_TIMEOUT_S)
        body = json.dumps(request).encode()
        answer, reason = b"", "it ended without an answer"
        try:
            ours.sendall(len(body).to_bytes(8, "little") + body)
            answer = _received(ours, int.from_bytes(_received(ours, 8), "little"))
        except OSError as err:
            reason = str(err)
        finally:
            if not answer:
                child.kill()
            output, _ = child.communicate()
    printed = output.decode("utf-8", "replace").strip()
    if not answer:
        raise WhowokeError(
            f"the BPF compiler failed: {reason}: {_last_lines(printed)}", "see: whowoke doctor"
        )
    value = json.loads(answer)
    if "error" in value:
        _raise(value, printed)
    return answer


def _received(channel: socket.socket, size: int) -> bytes:
    """That many bytes, b"" where it ends before. A time-out makes MSG_WAITALL wait for nothing."""
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(size - len(parts))
        if not part:
            return b""
        parts += part
    return bytes(parts)


def _raise(answer: dict[str, Any], printed: str) -> NoReturn:
    kinds = {kind.exit_code: kind for kind in (WhowokeError, UnsupportedError)}
    detail = f" ({_last_lines(printed)})" if printed else ""
    raise kinds.get(answer["exit"], WhowokeError)(answer["error"] + detail, answer["hint"])


def _last_lines(text: str) -> str:
    return " / ".join(text.splitlines()[-6:])
