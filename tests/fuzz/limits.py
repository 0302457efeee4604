"""What no input may go beyond, so that a hang or a bomb is a failure instead of a wait."""

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from whowoke.analysis.errors import WhowokeError

# Of a run on an input of some hundred bytes: far above what any takes, far below a hang.
CPU_SECONDS = 20
MEMORY = 1 << 30


class TooSlow(BaseException):
    """``CPU_SECONDS`` were too few; nothing that catches errors catches this."""


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Bounds the CPU time and the memory of what runs within."""

    def too_slow(_signal: int, _frame: Any) -> None:
        raise TooSlow

    # pyarrow's allocator takes its address space, 1 GiB, with the first text.
    pd.array(["text"], dtype="str")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    space = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGVTALRM, too_slow)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, space[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, space)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def two_lines(error: WhowokeError) -> None:
    """An error says what failed and what to do, in a line each."""
    assert error.hint, error
    assert "\n" not in f"{error}{error.hint}"


@contextlib.contextmanager
def file_of(content: bytes | bytearray) -> Iterator[str]:
    """The path of a file in memory."""
    descriptor = os.memfd_create("hostile", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
