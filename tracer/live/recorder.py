"""The recorder of the live view: ``whowoke record`` in a process of its own.

So the view can't delay it, and a capture that is kept is the one that ``record`` makes. It ends
with the view, also where that is killed: the kernel interrupts it then (prctl(2), PDEATHSIG), and
it detaches in order.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from whowoke.analysis.errors import WhowokeError

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
ENDLESS = "8760h"
READY_PAUSE_S = 0.05
# Probes of older kernels come off at 0.1 s each.
END_S = 120.0


class RecorderError(WhowokeError):
    """The recorder failed; ``exit_code`` is its own."""

    def __init__(self, messages: Sequence[str], code: int) -> None:
        told = [line.removeprefix("whowoke: ") for line in messages if line]
        hints = [line.strip() for line in told if line.startswith("  hint: ")]
        said = [line for line in told if not line.startswith("  hint: ")]
        hint = hints[-1].removeprefix("hint: ") if hints else ""
        super().__init__(said[-1] if said else "the recorder ended without a word", hint)
        self.exit_code = code


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


class Recorder:
    """A running ``whowoke record``. Leaving the ``with`` block ends it in order."""

    def __init__(self, arguments: Sequence[str], output: Path, folder: Path) -> None:
        """Start it. ``folder`` is for what it says; it is the caller's to remove."""
        self.output = output
        self._ready = folder / "ready"
        self._messages = folder / "messages"
        # -P: nothing is imported from the current folder, which may be anybody's.
        argv = [sys.executable, "-P", "-m", "whowoke.tracer", "record", *arguments]
        argv += ["-d", ENDLESS, "-o", str(output), "--ready-file", str(self._ready)]
        with self._messages.open("wb") as messages:
            # Only a loaded C function runs between fork and exec: no lock of ours is taken. A
            # session of its own: Ctrl-C is the view's, which ends it in order.
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=messages,
                stderr=messages,
                preexec_fn=_end_with_parent,  # noqa: PLW1509
                start_new_session=True,
            )
        self.pid = self._process.pid

    def wait_ready(self) -> None:
        """Wait until all probes are attached; RecorderError where it ends before."""
        while not self._ready.exists():
            code = self._process.poll()
            if code is not None:
                raise RecorderError(self.messages(), code or 1)
            time.sleep(READY_PAUSE_S)

    def is_running(self) -> bool:
        """Whether it records."""
        return self._process.poll() is None

    def messages(self) -> list[str]:
        """What it said so far, by line."""
        return self._messages.read_text(errors="replace").splitlines()

    def end(self) -> int:
        """End it in order; returns its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            return self._process.wait()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
