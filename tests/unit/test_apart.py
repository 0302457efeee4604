"""Work in a child process: its result, its error, its death."""

import os
import signal
import time

import pytest

from whowoke.analysis.errors import UnsupportedError, WhowokeError
from whowoke.tracer.apart import Child, in_child


def test_the_result_comes_back() -> None:
    big = b"x" * (1 << 20)
    assert in_child(lambda: (os.getppid(), big)) == (os.getpid(), big)


def test_an_error_comes_back_with_its_hint() -> None:
    def fail() -> None:
        raise UnsupportedError("no such thing", "do without")

    with pytest.raises(UnsupportedError, match="no such thing") as caught:
        in_child(fail)
    assert caught.value.hint == "do without"


def test_a_child_that_dies_is_an_error_of_two_lines(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WhowokeError, match="status -9") as caught:
        in_child(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert caught.value.hint
    with pytest.raises(WhowokeError, match="ZeroDivisionError: division by zero"):
        in_child(lambda: 1 / 0)
    assert "Traceback" not in capfd.readouterr().err


def test_a_child_whose_result_nobody_needs_is_ended() -> None:
    child = Child(lambda: time.sleep(60))
    child.end()
    with pytest.raises(ChildProcessError):
        os.waitpid(child._pid, os.WNOHANG)
