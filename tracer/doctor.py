"""Says what recording needs of this machine and of a target, and what to do where it is missing."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from whowoke.analysis.errors import PermissionDeniedError, UnsupportedError, WhowokeError
from whowoke.tracer import kernel, uprobes
from whowoke.tracer.btf import VMLINUX, field_offsets

BCC_TIMEOUT_S = 60.0
INITIAL_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h

_CAP_SYS_PTRACE, _CAP_SYS_ADMIN, _CAP_PERFMON, _CAP_BPF = 19, 21, 38, 39
_BCC = "from whowoke.tracer.loader import import_bcc; print(import_bcc().__version__)"


@dataclass(frozen=True, slots=True)
class Check:
    """One prerequisite: ``found`` is what is there, ``advice`` what to do about it.

    ``fail`` means that nothing can be recorded, ``warn`` that something will be missing.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""


def diagnose(pid: int | None = None) -> list[Check]:
    """All checks of the machine and, with ``pid``, of that target."""
    checks = [check() for check in MACHINE_CHECKS]
    if pid is not None:
        checks += check_target(pid)
    return checks


def ensure_recordable() -> None:
    """Raise what is wrong with this user or machine before anything is made or attached."""
    for check in QUICK_CHECKS:
        result = check()
        if result.status == "fail":
            kind = PermissionDeniedError if check is check_privileges else UnsupportedError
            raise kind(f"cannot record: {result.name}: {result.found}", result.advice)


def as_data(checks: list[Check]) -> list[dict[str, Any]]:
    """The checks for JSON."""
    return [asdict(check) for check in checks]


def as_text(checks: list[Check]) -> str:
    """The checks for people: one line each, advice on a second."""
    lines = []
    for check in checks:
        lines.append(f"{check.status:<5} {check.name}: {check.found}")
        if check.advice:
            lines.append(f"      {check.advice}")
    return "\n".join(lines)


def check_privileges() -> Check:
    """CAP_SYS_ADMIN, or CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, in the initial user namespace."""
    capabilities = _capabilities()
    has = {bit: bool(capabilities >> bit & 1) for bit in range(64)}
    enough = has[_CAP_SYS_ADMIN] or (has[_CAP_BPF] and has[_CAP_PERFMON])
    if not enough or not has[_CAP_SYS_PTRACE]:
        return Check("privileges", "fail", f"user {os.geteuid()}, not enough", "run with sudo")
    if _read("/proc/self/uid_map").split() != ["0", "0", "4294967295"]:
        return Check(
            "privileges", "fail", "root of a user namespace only", "run as root of the machine"
        )
    return Check("privileges", "ok", f"user {os.geteuid()}, capabilities {capabilities:#x}")


def check_pid_namespace() -> Check:
    """The kernel side compares pids of the initial namespace."""
    if Path("/proc/self/ns/pid").stat().st_ino != INITIAL_PID_NAMESPACE:
        return Check(
            "pid namespace", "fail", "a container's own", "run on the node, or with hostPID: true"
        )
    return Check("pid namespace", "ok", "the machine's")


def check_architecture(machine: str | None = None) -> Check:
    """amd64 for now."""
    machine = machine or platform.machine()
    if machine != "x86_64":
        return Check("architecture", "fail", machine, "only x86_64 is supported so far")
    return Check("architecture", "ok", machine)


def check_kernel() -> Check:
    """What the scheduler's tracepoint tells; the kernel is asked, its version isn't compared."""
    release = platform.release()
    try:
        able = kernel.has_switch_state()
    except WhowokeError as err:
        return Check("kernel", "fail", f"{release}: {err}", "run with sudo")
    if not able:
        return Check(
            "kernel",
            "fail",
            f"{release}: sched_switch doesn't tell a thread's state",
            "Linux 5.18 or newer is needed",
        )
    return Check("kernel", "ok", release)


def check_uprobes() -> Check:
    """How programs get to their places in the target, and what that costs at the end."""
    try:
        way = uprobes.way()
    except WhowokeError as err:
        advice = "run with sudo" if isinstance(err, PermissionDeniedError) else err.hint
        return Check("uprobes", "fail", str(err), advice)
    if way == "uprobe_multi":
        found = f"one uprobe_multi link a program, off in {uprobes.MULTI_DETACH_S} s"
    else:
        found = f"one perf event a place; taking each off takes about {uprobes.PERF_DETACH_S} s"
    return Check("uprobes", "ok", found)


def check_bcc() -> Check:
    """The BPF Compiler Collection, imported as the loader does it."""
    run = [sys.executable, "-c", _BCC]
    try:
        done = subprocess.run(
            run, capture_output=True, text=True, timeout=BCC_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        return Check("bcc", "fail", str(err), "install it: apt-get install python3-bpfcc")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Check(
            "bcc",
            "fail",
            reason.rpartition("Error: ")[2],
            "install it: apt-get install python3-bpfcc",
        )
    return Check("bcc", "ok", done.stdout.strip())


def check_btf() -> Check:
    """The kernel's type information: where the thread's id lies in its structs."""
    try:
        field_offsets("task_struct", ("pid", "tgid"))
    except UnsupportedError as err:
        return Check("kernel types", "fail", str(err), err.hint)
    return Check("kernel types", "ok", str(VMLINUX))


def check_paranoid() -> Check:
    """Matters only to those who have no CAP_PERFMON."""
    level = _read("/proc/sys/kernel/perf_event_paranoid").strip()
    if not level:
        return Check("perf events", "fail", "not in this kernel", "use one with CONFIG_PERF_EVENTS")
    allowed = _capabilities() >> _CAP_PERFMON & 1 or _capabilities() >> _CAP_SYS_ADMIN & 1
    if not allowed and level.lstrip("-").isdigit() and int(level) > -1:
        return Check("perf events", "warn", f"perf_event_paranoid {level}", "run with sudo")
    return Check("perf events", "ok", f"perf_event_paranoid {level}")


def check_lockdown(text: str | None = None) -> Check:
    """In confidentiality mode the kernel keeps BPF from reading memory."""
    text = _read("/sys/kernel/security/lockdown") if text is None else text
    found = re.search(r"\[(\w+)\]", text)
    mode = found[1] if found else "none"
    if mode == "confidentiality":
        return Check(
            "lockdown", "fail", mode, "boot with lockdown=integrity or without Secure Boot"
        )
    return Check("lockdown", "ok", mode)


def check_target(pid: int) -> list[Check]:
    """Whether the process is there, is Go, and how much of it the tables know."""
    try:
        return list(_check_target(pid))
    except WhowokeError as err:
        return [Check("target", "fail", str(err), err.hint)]


def _check_target(pid: int) -> Iterator[Check]:
    from whowoke.tracer.buildinfo import build_info
    from whowoke.tracer.pclntab import FunctionTable
    from whowoke.tracer.probes import make_plan
    from whowoke.tracer.sites import Code
    from whowoke.tracer.target import Target

    with Target.open(pid) as target, target.open_elf() as elf:
        found = f"{target.pid} {target.command}, {len(target.thread_ids())} threads"
        info = build_info(elf)
        plan = make_plan(info, FunctionTable.open(elf), Code(elf), target.load_bias(elf))
    yield Check("target", "ok", f"{found}, {info.go_version}, {info.path}")
    if not plan.sites:
        yield Check(
            "probes",
            "fail",
            f"none fits {info.go_version}",
            "use a whowoke that knows this version",
        )
    else:
        detach = f"off in about {uprobes.detach_s(len(plan.sites)):.1f} s"
        yield Check("probes", "ok", f"{len(plan.sites)} sites, {detach}")
    for missing in plan.missing:
        yield Check("probes", "warn", missing, "what depends on it will be missing")


def installed_version() -> str:
    """The version of the installed whowoke."""
    try:
        return importlib.metadata.version("whowoke")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _capabilities() -> int:
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", _read("/proc/self/status"), re.MULTILINE)
    return int(found[1], 16) if found else 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


QUICK_CHECKS: tuple[Callable[[], Check], ...] = (
    check_privileges,
    check_pid_namespace,
    check_architecture,
    check_uprobes,
    check_lockdown,
)
MACHINE_CHECKS: tuple[Callable[[], Check], ...] = (
    check_privileges,
    check_pid_namespace,
    check_architecture,
    check_kernel,
    check_uprobes,
    check_bcc,
    check_btf,
    check_paranoid,
    check_lockdown,
)
