"""How this machine is set: mounts, sysctls, lockdown and namespaces, and what to do about each."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from whowoke.tracer.privileges import (
    BPF,
    LEAST,
    PERFMON,
    SYS_ADMIN,
    Capability,
    effective,
    lacking,
)

NO_ATTACH = 3  # YAMA_SCOPE_NO_ATTACH, security/yama/yama_lsm.c
MOUNTS = (("/proc", "proc", "self/stat"), ("/sys", "sysfs", "kernel"))


def _grant(capabilities: tuple[Capability, ...]) -> str:
    names = ",".join("+" + c.name.removeprefix("CAP_").lower() for c in capabilities)
    return (
        "run with sudo, or: sudo setpriv --reuid=$USER --regid=$USER --init-groups "
        f"--inh-caps={names} --ambient-caps={names} whowoke ..."
    )


GRANT = _grant(LEAST)
GRANT_ADMIN = _grant((*LEAST, SYS_ADMIN))


@dataclass(frozen=True, slots=True)
class Check:
    """One prerequisite: ``found`` is what is there, ``advice`` what to do about it.

    ``fail`` means that nothing can be recorded, ``warn`` that something will be missing.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""


def check_paranoid() -> Check:
    """Matters only to those who have no CAP_PERFMON."""
    level = _read("/proc/sys/kernel/perf_event_paranoid").strip()
    if not level:
        return Check("perf events", "fail", "not in this kernel", "use one with CONFIG_PERF_EVENTS")
    if lacking((PERFMON,), effective()) and level.lstrip("-").isdigit() and int(level) > -1:
        return Check("perf events", "warn", f"perf_event_paranoid {level}, no CAP_PERFMON", GRANT)
    return Check("perf events", "ok", f"perf_event_paranoid {level}")


def check_unprivileged_bpf() -> Check:
    """Matters only to those who have no CAP_BPF."""
    level = _read("/proc/sys/kernel/unprivileged_bpf_disabled").strip()
    found = f"unprivileged_bpf_disabled {level or 'not there'}"
    if lacking((BPF,), effective()) and level in ("1", "2"):
        return Check("bpf", "warn", f"{found}, no CAP_BPF", GRANT)
    return Check("bpf", "ok", found)


def check_kernel_pointers() -> Check:
    """Names of the kernel's functions: what made threads runnable."""
    level = _read("/proc/sys/kernel/kptr_restrict").strip()
    if level == "2":
        advice = "sysctl -w kernel.kptr_restrict=1"
        return Check("kernel symbols", "warn", "kptr_restrict 2 hides them from all", advice)
    return Check("kernel symbols", "ok", f"kptr_restrict {level or 'not there'}")


def check_ptrace() -> Check:
    """Yama may forbid every look into another process."""
    level = _read("/proc/sys/kernel/yama/ptrace_scope").strip()
    if level == str(NO_ATTACH):
        return Check(
            "ptrace",
            "fail",
            "yama/ptrace_scope 3: no process may be read, by anybody",
            "boot with kernel.yama.ptrace_scope=1 in /etc/sysctl.d: 3 can't be taken back",
        )
    return Check("ptrace", "ok", f"yama/ptrace_scope {level or 'not there'}")


def check_mounts() -> Check:
    """The file systems in which the kernel tells of processes and of itself."""
    for folder, kind, proof in MOUNTS:
        if not Path(folder, proof).exists():
            advice = f"mount -t {kind} {kind} {folder}"
            return Check("mounts", "fail", f"no {kind} at {folder}", advice)
    return Check("mounts", "ok", ", ".join(folder for folder, _, _ in MOUNTS))


def check_time_namespace() -> Check:
    """The kernel side tells times of the machine's CLOCK_MONOTONIC, the recorder its own."""
    offsets = _read("/proc/self/timens_offsets").split()
    if any(word.strip("0-") for word in offsets if word.lstrip("-").isdigit()):
        advice = "run on the node: nsenter --time=/proc/1/ns/time whowoke ..."
        return Check("clock", "fail", "a time namespace with clocks of its own", advice)
    return Check("clock", "ok", "the machine's")


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


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
