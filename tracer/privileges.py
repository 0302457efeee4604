"""Capabilities: which ones recording needs, what for, and how the others are given up.

capabilities(7), capset(2), prctl(2); numbers: include/uapi/linux/capability.h and prctl.h. They
belong to a thread, so they are given up before there is a second one (``tracer/cli.py``).
"""

import contextlib
import ctypes
import os
import pwd
import re
import struct
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from whowoke.analysis.capture.writer import sudo_owner
from whowoke.analysis.errors import PermissionDeniedError

_LIBC = ctypes.CDLL(None, use_errno=True)
_VERSION_3 = 0x20080522
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 2, 4
_LAST_CAP = Path("/proc/sys/kernel/cap_last_cap")


@dataclass(frozen=True, slots=True)
class Capability:
    """One capability that recording uses; ``without`` says what doesn't work without it."""

    name: str
    bit: int
    without: str


DAC_READ_SEARCH = Capability(
    "CAP_DAC_READ_SEARCH", 2, "the memory of another user's process can't be opened"
)
SYS_PTRACE = Capability("CAP_SYS_PTRACE", 19, "another user's process can't be read")
SYS_ADMIN = Capability("CAP_SYS_ADMIN", 21, "uprobes can't be perf events")
SYSLOG = Capability("CAP_SYSLOG", 34, "the kernel hides the names of its functions")
PERFMON = Capability("CAP_PERFMON", 38, "BPF programs can't trace")
BPF = Capability("CAP_BPF", 39, "BPF programs can't be loaded")
# What the kernel accepts where it has uprobe_multi; perf events need SYS_ADMIN besides.
LEAST = (BPF, PERFMON, SYS_PTRACE, DAC_READ_SEARCH, SYSLOG)
USED = (*LEAST, SYS_ADMIN)

# CHOWN, DAC_OVERRIDE, FOWNER: to make a file for the user who called sudo, wherever that is.
_FILES = (0, 1, 3)
_KILL = 5
# SETGID, SETUID, SETPCAP: to give up the rest.
_GIVE_UP = (6, 7, 8)


def effective() -> int:
    """The capabilities of this thread, as bits."""
    return _bits("CapEff")


def lacking(wanted: Sequence[Capability], have: int) -> list[Capability]:
    """Those that aren't among the bits ``have``. SYS_ADMIN does for BPF and PERFMON as well."""
    if have >> SYS_ADMIN.bit & 1:
        have |= 1 << BPF.bit | 1 << PERFMON.bit
    return [capability for capability in wanted if not have >> capability.bit & 1]


def how_to_read() -> str:
    """What to do where another user's process may not be read."""
    missing = lacking((SYS_PTRACE, DAC_READ_SEARCH), effective())
    if not missing:
        return "run whowoke as root (sudo)"
    names = " and ".join(capability.name for capability in missing)
    return f"run whowoke with sudo, or give it {names}"


def told() -> dict[str, object]:
    """User and capabilities of this process, for the capture."""
    have = effective()
    names = [capability.name for capability in USED if have >> capability.bit & 1]
    others = have & ~sum(1 << capability.bit for capability in USED)
    return {"user": os.geteuid(), "capabilities": names, "other_capabilities": f"{others:#x}"}


def before_target(way: str, has_command: bool) -> None:
    """Give up what no recording needs, before any other program's binary is read.

    Kept are the capabilities to make the capture and to become another user; programs that are
    started from now on get the least set.
    """
    least = _least(way)
    _bound(least)
    _keep({*least, *_FILES, *_GIVE_UP, *([_KILL] if has_command else [])}, ambient=least)


def give_up_all_but(capability: Capability) -> None:
    """Have only this one from now on, and nothing that could be started has more."""
    _bound({capability.bit})
    _keep({capability.bit}, ambient=set())


def once_attached(
    way: str, has_command: bool, folders: Iterable[Path], *, makes_files: bool
) -> None:
    """Give up all but the least set, and root where sudo was called by a user.

    Root stays where that user may not write to one of ``folders``, and with it the right to write
    to them where root's own files aren't, and to give new files to that user: ``makes_files``.
    No thread of ours may still run, or it would keep what it has: those that end are waited for.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()
    least = _least(way) | ({_KILL} if has_command else set())
    owner = sudo_owner()
    users: list[tuple[int, int] | None] = [owner] if owner and owner[0] else []
    if not (users and makes_files):
        users.append(None)
    for user in users:
        if _may_write(folders, least, user):
            _become(least, user)
            return
    _keep({*least, *_FILES}, ambient=least)


def _bound(least: set[int]) -> None:
    """Let no program that is started have more, by whatever file it is."""
    with contextlib.suppress(PermissionDeniedError):
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for bit in _bounding() - least:
        # Without CAP_SETPCAP it isn't ours to make smaller.
        with contextlib.suppress(PermissionDeniedError):
            _prctl(_PR_CAPBSET_DROP, bit)


def _least(way: str) -> set[int]:
    return {c.bit for c in LEAST} | ({SYS_ADMIN.bit} if way == "perf" else set())


def _may_write(folders: Iterable[Path], kept: set[int], user: tuple[int, int] | None) -> bool:
    """Whether new files can be made in all folders after that: a child tries it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _become(kept, user)
            mode = os.W_OK | os.X_OK
            code = not all(os.access(f, mode, effective_ids=True) for f in folders)
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _become(kept: set[int], user: tuple[int, int] | None) -> None:
    if user:
        _prctl(_PR_SET_KEEPCAPS, 1)
        _set_groups(*user)
        os.setresgid(user[1], user[1], user[1])
        os.setresuid(user[0], user[0], user[0])
    _keep(kept, ambient=kept)


def _set_groups(uid: int, gid: int) -> None:
    try:
        os.initgroups(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        os.setgroups([gid])


def _keep(bits: set[int], ambient: set[int]) -> None:
    """Have those of the bits that we have; ``ambient`` ones also for programs that we start."""
    permitted = _bits("CapPrm") & sum(1 << bit for bit in bits)
    inheritable = permitted & sum(1 << bit for bit in ambient) & _bits("CapBnd")
    sets = (permitted, permitted, inheritable)
    words = [each & 0xFFFFFFFF for each in sets] + [each >> 32 for each in sets]
    header, data = struct.pack("<Ii", _VERSION_3, 0), struct.pack("<6I", *words)
    _check(_LIBC.capset(header, data), "capset")
    with contextlib.suppress(PermissionDeniedError):
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
        for bit in _set_of(inheritable):
            _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, bit)


def _bounding() -> set[int]:
    last = int(_LAST_CAP.read_text())
    return _set_of(_bits("CapBnd") & ((2 << last) - 1))


def _set_of(bits: int) -> set[int]:
    return {bit for bit in range(64) if bits >> bit & 1}


def _bits(name: str) -> int:
    found = re.search(rf"^{name}:\s*([0-9a-f]+)$", _status(), re.MULTILINE)
    return int(found[1], 16) if found else 0


def _status() -> str:
    return Path("/proc/thread-self/status").read_text()


def _prctl(option: int, *arguments: int) -> None:
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    _check(_LIBC.prctl(option, *values), f"prctl {option}")


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise PermissionDeniedError(
            f"privileges can't be given up: {what}: {os.strerror(number)}",
            "run it with sudo, or with the capabilities of: whowoke doctor",
        )
