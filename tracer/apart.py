"""Work in a child process that hands back its result: what it needs of memory goes with it.

The recorder stays for hours; a disassembler, a binary's instructions and the kernel's symbols are
needed for a moment. A child that dies of a hostile binary doesn't take the recorder with it.
"""

import ctypes
import os
import pickle
import signal
from collections.abc import Callable
from typing import Generic, TypeVar

from whowoke.analysis.errors import WhowokeError

REPORT = "report this with the output of: whowoke doctor -p PID"

T = TypeVar("T")


class Child(Generic[T]):
    """``work`` in a copy of this process, begun now; ask for its ``result``, or ``end`` it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._pipe, theirs = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            _serve(work, theirs)
        os.close(theirs)

    def result(self) -> T:
        """Wait for what ``work`` returns, or raises as a WhowokeError."""
        with open(self._pipe, "rb") as pipe:
            answer = pipe.read()
        _, status = os.waitpid(self._pid, 0)
        if status or not answer:
            raise WhowokeError(
                f"a child process ended with status {os.waitstatus_to_exitcode(status)}",
                REPORT,
            )
        # From our own code, which is as trusted as this process.
        done, value = pickle.loads(answer)  # noqa: S301
        if not done:
            raise value
        result: T = value
        return result

    def end(self) -> None:
        """End it: nobody needs its result."""
        os.close(self._pipe)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def in_child(work: Callable[[], T]) -> T:
    """What ``work`` returns, or raises as a WhowokeError, in a copy of this process."""
    return Child(work).result()


def give_memory_back() -> None:
    """Let the kernel have what a start needed: glibc keeps what is free below what is in use."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def _serve(work: Callable[[], T], pipe: int) -> None:
    status = 1
    try:
        try:
            answer = pickle.dumps((True, work()))
        except WhowokeError as err:
            answer = pickle.dumps((False, err))
        except Exception as err:  # noqa: BLE001
            told = WhowokeError(f"in a child process: {type(err).__name__}: {err}", REPORT)
            answer = pickle.dumps((False, told))
        with open(pipe, "wb") as file:
            file.write(answer)
        status = 0
    finally:
        os._exit(status)
