"""The process under study: who it is, its threads, where it is loaded, what its memory holds.

Everything comes from /proc and is only read. The executable is always opened as /proc/PID/exe: its
path may mean another file in our mount namespace. Pids are those of the pid namespace of our /proc.
Formats: proc(5); the auxiliary vector: getauxval(3), include/uapi/linux/auxvec.h.
"""

import os
import struct
import time
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from types import TracebackType

from whowoke.analysis.errors import (
    PermissionDeniedError,
    UnsupportedError,
    WhowokeError,
)
from whowoke.analysis.texts import printable
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.pclntab import Function
from whowoke.tracer.privileges import how_to_read

MAX_PROC_READ = 1 << 20
MAX_MEMORY_READ = 64 << 20
SYSMON = "runtime.sysmon"
_SYSMON_STACK = 1024  # bytes; deepest seen is futex < futexsleep < notetsleep < sysmon
_SYSMON_TRIES = 20
_SYSMON_PAUSE_S = 0.01
_AT_ENTRY = 9


class Target:
    """A running process. Use it as a context manager or call ``close``.

    ``pid`` is the process (thread group) id, ``start_ticks`` its start in clock ticks since boot:
    both together name a process for good. ``command`` is its comm, ``executable`` the path that the
    kernel knows, as it is called in the process's own mount namespace.
    """

    def __init__(self, pid: int, start_ticks: int, command: str, executable: str) -> None:
        """Describe a process that was found; ``open`` is the usual way in."""
        self.pid = pid
        self.start_ticks = start_ticks
        self.command = command
        self.executable = executable
        self._memory = -1
        self._image = _image(pid)

    @classmethod
    def open(cls, pid: int) -> "Target":
        """Return the process ``pid``, or the one that the thread ``pid`` belongs to.

        Raises WhowokeError where there is none, PermissionDeniedError where it may not be read,
        UnsupportedError for kernel threads and zombies.
        """
        status = _read_proc(pid, "status").decode("utf-8", "replace")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        tgid = int(fields.get("Tgid", str(pid)))
        start_ticks, state = _start_and_state(tgid)
        if state in "ZX":
            raise _gone(tgid)
        try:
            executable = str(Path(f"/proc/{tgid}/exe").readlink())
        except PermissionError:
            raise _not_permitted(tgid) from None
        except FileNotFoundError:
            if not Path(f"/proc/{tgid}").exists():
                raise _gone(tgid) from None
            raise UnsupportedError(
                f"process {tgid} has no executable: it is a part of the kernel",
                "name a process that runs a Go program",
            ) from None
        except OSError as error:
            raise _failed(tgid, error) from None
        command = _read_proc(tgid, "comm").decode("utf-8", "replace").removesuffix("\n")
        return cls(tgid, start_ticks, printable(command), printable(executable))

    def __enter__(self) -> "Target":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened; a second call does nothing."""
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1

    @property
    def exe_path(self) -> Path:
        """The path to open the executable by, valid in every mount namespace."""
        return Path(f"/proc/{self.pid}/exe")

    @cached_property
    def command_line(self) -> list[str]:
        """The arguments that the process was started with."""
        raw = _read_proc(self.pid, "cmdline").decode("utf-8", "replace")
        return raw.rstrip("\0").split("\0")

    def open_elf(self) -> ElfFile:
        """Open the executable; the process is still the same one afterwards, else WhowokeError."""
        elf = ElfFile.open(self.exe_path)
        if not self.is_alive():
            elf.close()
            raise _gone(self.pid)
        return elf

    def is_alive(self) -> bool:
        """True while this very process runs: not after it ended, not for a successor of its pid."""
        try:
            start_ticks, state = _start_and_state(self.pid)
        except WhowokeError:
            return False
        return start_ticks == self.start_ticks and state not in "ZX"

    def has_become_another(self) -> bool:
        """True once the process has replaced its program by execve(2), also by the same one."""
        return self._image != _image(self.pid) and self.is_alive()

    def thread_ids(self) -> list[int]:
        """Return the threads, ascending; empty once the process has ended."""
        try:
            return sorted(int(task.name) for task in Path(f"/proc/{self.pid}/task").iterdir())
        except OSError:
            return []

    def load_bias(self, elf: ElfFile) -> int:
        """Return what to add to an address of ``elf`` for the running process; 0 unless it is PIE.

        From the auxiliary vector's AT_ENTRY, which fs/binfmt_elf.c sets to entry plus bias.
        """
        raw = _read_proc(self.pid, "auxv")
        vector = dict(struct.iter_unpack("<QQ", raw[: len(raw) // 16 * 16]))
        bias = int(vector.get(_AT_ENTRY, elf.entry)) - elf.entry
        if bias < 0 or bias % 4096 or (bias and elf.type != "DYN"):
            raise UnsupportedError(
                f"process {self.pid} doesn't run {elf.name} where that belongs",
                "start it directly, not through a loader",
            )
        return bias

    def read_memory(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes (64 MiB at most) at ``address`` of the running process.

        Raises WhowokeError where they aren't mapped or the process has ended.
        """
        if not 0 <= size <= MAX_MEMORY_READ or not 0 <= address < 1 << 63:
            raise WhowokeError(f"no memory of {size} bytes at {address:#x} in process {self.pid}")
        try:
            if self._memory < 0:
                self._memory = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
            data = os.pread(self._memory, size, address)
        except PermissionError:
            raise _not_permitted(self.pid) from None
        except OSError as error:
            raise _failed(self.pid, error) from None
        if len(data) != size:
            raise WhowokeError(
                f"process {self.pid}: only {len(data)} of {size} bytes at {address:#x}",
                "it may have ended; try again",
            )
        return data


def sysmon_tid(target: Target, functions: Iterable[Function], bias: int) -> int | None:
    """Return the thread that is Go's system monitor, None where it can't be told.

    ``functions`` are those called ``runtime.sysmon``, ``bias`` the load bias. A thread that waits
    in the kernel shows its stack pointer in /proc/PID/task/TID/syscall; sysmon's own stack holds a
    return address into ``runtime.sysmon``, and no other thread's does. A running thread is tried
    again, for 0.2 s at most.
    """
    ranges = [(f.entry + bias, f.end + bias) for f in functions]
    for _ in range(_SYSMON_TRIES):
        found = [t for t in target.thread_ids() if _is_inside(target, t, ranges)]
        if found:
            return found[0] if len(found) == 1 else None
        time.sleep(_SYSMON_PAUSE_S)
    return None


def _is_inside(target: Target, tid: int, ranges: list[tuple[int, int]]) -> bool:
    """True where a waiting thread's stack returns into one of ``ranges``."""
    try:
        fields = Path(f"/proc/{target.pid}/task/{tid}/syscall").read_text().split()
    except OSError:
        return False
    if len(fields) < 3:  # "running"
        return False
    stack = int(fields[-2], 16)
    # A stack's last page may be the end of its mapping.
    for size in (_SYSMON_STACK, 256):
        try:
            words = struct.unpack(f"<{size // 8}Q", target.read_memory(stack & ~7, size))
        except WhowokeError:
            continue
        return any(low < word <= high for word in words for low, high in ranges)
    return False


def _read_proc(pid: int, name: str) -> bytes:
    """Return the start of /proc/``pid``/``name``, 1 MiB at most."""
    try:
        with Path(f"/proc/{pid}/{name}").open("rb") as file:
            return file.read(MAX_PROC_READ)
    except (FileNotFoundError, ProcessLookupError):
        raise _gone(pid) from None
    except PermissionError:
        raise _not_permitted(pid) from None
    except OSError as error:
        raise _failed(pid, error) from None


def _start_and_state(pid: int) -> tuple[int, str]:
    """Return start (clock ticks since boot, field 22) and state (field 3) of /proc/PID/stat."""
    text = _read_proc(pid, "stat").decode("utf-8", "replace")
    # The comm in parentheses may hold spaces and parentheses itself.
    fields = text[text.rfind(")") + 1 :].split()
    if len(fields) < 20:
        raise _gone(pid)
    return int(fields[19]), fields[0]


def _image(pid: int) -> str:
    """Return where the stack of the running program began: field 28 of /proc/PID/stat.

    It is drawn anew at each execve(2). "0" where we may not trace the process.
    """
    try:
        text = _read_proc(pid, "stat").decode("utf-8", "replace")
    except WhowokeError:
        return ""
    return (text[text.rfind(")") + 1 :].split()[25:26] or [""])[0]


def _gone(pid: int) -> WhowokeError:
    return WhowokeError(
        f"process {pid} doesn't exist (any more)", "check the pid: ps -p PID, or use --name"
    )


def _not_permitted(pid: int) -> PermissionDeniedError:
    return PermissionDeniedError(f"process {pid} may not be read by this user", how_to_read())


def _failed(pid: int, error: OSError) -> WhowokeError:
    return WhowokeError(
        f"process {pid} can't be read ({error.strerror})", "it may have ended; check with ps -p PID"
    )
