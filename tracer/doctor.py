"""Says what recording needs of this machine and of a target, and what to do where it is missing."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whowoke.analysis.errors import PermissionDeniedError, UnsupportedError, WhowokeError
from whowoke.tracer import kernel, uprobes
from whowoke.tracer.btf import VMLINUX, field_offsets
from whowoke.tracer.privileges import (
    BPF,
    DAC_READ_SEARCH,
    PERFMON,
    SYS_ADMIN,
    SYS_PTRACE,
    SYSLOG,
    lacking,
)
from whowoke.tracer.settings import (
    GRANT,
    GRANT_ADMIN,
    Check,
    check_kernel_pointers,
    check_lockdown,
    check_mounts,
    check_paranoid,
    check_ptrace,
    check_time_namespace,
    check_unprivileged_bpf,
)

BCC_TIMEOUT_S = 60.0
INITIAL_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h


_BCC = "from whowoke.tracer.loader import import_bcc; print(import_bcc().__version__)"


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
    """The capabilities without which nothing is recorded, in the initial user namespace."""
    have = _capabilities()
    user, missing = f"user {os.geteuid()}", lacking((BPF, PERFMON, SYS_PTRACE), have)
    if missing:
        reasons = "; ".join(f"no {c.name}: {c.without}" for c in missing)
        return Check("privileges", "fail", f"{user}: {reasons}", GRANT)
    if _read("/proc/self/uid_map").split() != ["0", "0", "4294967295"]:
        return Check(
            "privileges", "fail", "root of a user namespace only", "run as root of the machine"
        )
    wanted = lacking((DAC_READ_SEARCH, SYSLOG), have)
    if wanted:
        reasons = "; ".join(f"no {c.name}: {c.without}" for c in wanted)
        return Check("privileges", "warn", f"{user}: {reasons}", GRANT)
    return Check("privileges", "ok", f"{user}, capabilities {have:#x}")


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
        advice = err.hint
        if isinstance(err, PermissionDeniedError):
            reasons = lacking((BPF, PERFMON, SYS_ADMIN), _capabilities())
            advice = GRANT_ADMIN if reasons == [SYS_ADMIN] else GRANT
        return Check("uprobes", "fail", str(err), advice)
    if way == "uprobe_multi":
        found = f"one uprobe_multi link a tier, off in {uprobes.MULTI_DETACH_S} s"
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
    # 2 MB, which a recorder leaves to a child.
    import importlib.metadata

    try:
        return importlib.metadata.version("whowoke")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _capabilities() -> int:
    """By the file that tests replace."""
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
    check_time_namespace,
    check_uprobes,
    check_ptrace,
    check_lockdown,
)
MACHINE_CHECKS: tuple[Callable[[], Check], ...] = (
    check_privileges,
    check_mounts,
    check_pid_namespace,
    check_time_namespace,
    check_architecture,
    check_kernel,
    check_uprobes,
    check_bcc,
    check_btf,
    check_kernel_pointers,
    check_paranoid,
    check_unprivileged_bpf,
    check_ptrace,
    check_lockdown,
)
