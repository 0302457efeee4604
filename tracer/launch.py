"""Start a command and hold it right after its exec, so that probes are there before its first line.

The hold is ptrace's (PTRACE_TRACEME, then a stop at execve: ptrace(2)); it is given up before
the program runs, so nothing is traced that way. If the recorder dies, the kernel lets it go too.
"""

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence

from whowoke.analysis.errors import UsageError, WhowokeError

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long
_PTRACE_TRACEME = 0
_PTRACE_DETACH = 17
STOP_TIMEOUT_S = 10.0


def _trace_me() -> None:
    _LIBC.ptrace(_PTRACE_TRACEME, 0, None, None)


class Launched:
    """A command of ours: ``release`` lets it run, ``stop`` or the end of ``with`` ends it."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start ``command`` and hold it. UsageError where it cannot be started."""
        try:
            # Only a loaded C function runs between fork and exec: no lock of ours is taken.
            self._process = subprocess.Popen(list(command), preexec_fn=_trace_me)  # noqa: PLW1509
        except OSError as err:
            raise UsageError(
                f"cannot start {command[0]}: {err.strerror}", "name a program that can be run"
            ) from None
        self.pid = self._process.pid
        self._held = True
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            raise WhowokeError(f"{command[0]} ended before it ran", "try to run it by itself")

    def release(self) -> None:
        """Let the command run, untraced."""
        if self._held:
            _LIBC.ptrace(_PTRACE_DETACH, self.pid, None, None)
            self._held = False

    def stop(self) -> None:
        """End the command as a shell would, SIGTERM first."""
        if self._held:
            self._process.kill()
            self.release()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    def __enter__(self) -> "Launched":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
