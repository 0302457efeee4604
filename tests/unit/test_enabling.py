"""The child that may have BPF programs measured: what it hands out, and that it ends."""

import os
from contextlib import nullcontext

import pytest

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer import enabling, kernel, record
from whowoke.tracer.apart import Child
from whowoke.tracer.enabling import Enabling
from whowoke.tracer.options import RecordOptions


@pytest.fixture
def given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one who has the right, and may not give up the others."""
    monkeypatch.setattr(enabling, "lacking", lambda _, __: [])
    monkeypatch.setattr(enabling, "give_up_all_but", lambda _: None)


@pytest.mark.usefixtures("given_up")
def test_each_answer_is_a_descriptor_of_the_childs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "enable_statistics", lambda: os.open("/dev/null", os.O_RDONLY))
    with Enabling() as child:
        for _ in range(2):
            descriptor = child.descriptor()
            assert os.readlink(f"/proc/self/fd/{descriptor}") == "/dev/null"
            assert not os.get_inheritable(descriptor)
            os.close(descriptor)
        pid = child._pid
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


@pytest.mark.usefixtures("given_up")
def test_a_kernel_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise WhowokeError("no")

    monkeypatch.setattr(kernel, "enable_statistics", refused)
    with Enabling() as child:
        for _ in range(2):
            with pytest.raises(WhowokeError, match="not permitted"):
                child.descriptor()


def test_without_the_right_there_is_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enabling, "effective", lambda: 0)
    with Enabling() as child, pytest.raises(WhowokeError, match="not permitted"):
        child.descriptor()


@pytest.mark.usefixtures("given_up")
def test_it_ends_though_another_child_has_its_socket_too() -> None:
    """One that began later and waits for us to read its answer."""
    with Enabling():
        other = Child(lambda: bytes(1 << 20))
    assert len(other.result()) == 1 << 20


def test_privileges_are_given_up_before_processes_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To have the kernel measure needs what is given up, so its child comes first."""
    order: list[str] = []

    def choose(_: object) -> None:
        order.append("choose")
        raise WhowokeError("none", "start one")

    monkeypatch.setattr(record, "ensure_recordable", lambda: None)
    monkeypatch.setattr(record, "Enabling", lambda: order.append("enabling") or nullcontext())
    monkeypatch.setattr(record.uprobes, "way", lambda: "multi")
    monkeypatch.setattr(
        record.privileges, "before_target", lambda *_: order.append("before_target")
    )
    monkeypatch.setattr(record, "choose", choose)
    with pytest.raises(WhowokeError, match="none"):
        record.record(RecordOptions(duration_ns=1))
    assert order == ["enabling", "before_target", "choose"]
