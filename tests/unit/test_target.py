"""The process under study, with real processes."""

import os
import subprocess
import threading
import time

import pytest

from tests.unit import gobuild, programs
from whowoke.analysis.errors import (
    PermissionDeniedError,
    UnsupportedError,
    WhowokeError,
)
from whowoke.tracer import target as target_module
from whowoke.tracer.finding.choosing import SeveralError, choose
from whowoke.tracer.finding.search import Search
from whowoke.tracer.finding.selection import Selection
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.target import SYSMON, Target, sysmon_tid

VARIANTS = {
    "plain": (programs.SMALL, gobuild.STRIPPED, False),
    "pie": (programs.SMALL, (*gobuild.STRIPPED, *gobuild.PIE), False),
    "external-pie": (programs.WITH_C, gobuild.EXTERNAL_PIE, True),
}


def called(name):
    return Search(Selection(name=name))


def pids_called(name):
    return [found.pid for found in called(name).all()]


def wait_until(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def start():
    """Start a program and wait until it sleeps with all its threads."""
    running = []

    def run(*command, threads=1):
        running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        tasks = f"/proc/{running[-1].pid}/task"
        wait_until(lambda: len(os.listdir(tasks)) >= threads)
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_runs_is_what_the_file_says(start, variant):
    source, flags, cgo = VARIANTS[variant]
    path = gobuild.build(source, *flags, cgo=cgo)
    process = start(str(path), threads=3)
    with Target.open(process.pid) as target, target.open_elf() as elf:
        assert (target.pid, target.command, target.executable) == (process.pid, "probe", str(path))
        assert target.command_line == [str(path)]
        bias = target.load_bias(elf)
        assert (bias != 0) == ("-buildmode=pie" in flags)
        table = FunctionTable.open(elf)
        for name in ("main.main", SYSMON):
            (function,) = table.find(name)
            size = function.end - function.entry
            wanted = elf.read_virtual(function.entry, size)
            assert target.read_memory(function.entry + bias, size) == wanted
        # The runtime's own pointer to its module data is relocated as we relocate it.
        words = elf.read_words(table.module.address, 24)
        raw = target.read_memory(table.module.address + bias, 24 * 8)
        live = [int.from_bytes(raw[at : at + 8], "little") for at in range(0, len(raw), 8)]
        assert [w + bias for w in words[20:24]] == live[20:24]


@pytest.mark.parametrize("toolchain", gobuild.toolchains())
@pytest.mark.parametrize("variant", VARIANTS)
def test_sysmon_is_the_first_thread_that_go_starts(start, variant, toolchain):
    source, flags, cgo = VARIANTS[variant]
    process = start(str(gobuild.build(source, *flags, cgo=cgo, toolchain=toolchain)), threads=3)
    with Target.open(process.pid) as target, target.open_elf() as elf:
        functions = FunctionTable.open(elf).find(SYSMON)
        tid = sysmon_tid(target, functions, target.load_bias(elf))
        assert tid == target.thread_ids()[1]
        assert sysmon_tid(target, functions, 1 << 44) is None


def test_a_thread_leads_to_its_process(start):
    process = start(str(gobuild.build(programs.SMALL, *gobuild.STRIPPED)), threads=3)
    with Target.open(process.pid) as target:
        last = target.thread_ids()[-1]
        assert last != process.pid
        with Target.open(last) as same:
            assert (same.pid, same.start_ticks) == (target.pid, target.start_ticks)


def test_names(start, tmp_path):
    link = tmp_path / "a-name-longer-than-a-comm"
    link.write_bytes(gobuild.build(programs.SMALL, *gobuild.STRIPPED).read_bytes())
    link.chmod(0o755)
    first = start(str(link))
    wait_until(lambda: pids_called(link.name) == [first.pid])
    assert pids_called(link.name[:15]) == [first.pid]
    assert pids_called("a-name-longer*") == pids_called("*-longer-than-a-comm") == [first.pid]
    (target,) = choose(called(link.name))
    assert target.pid == first.pid
    second = start(str(link))
    wait_until(lambda: len(pids_called(link.name)) == 2)
    with pytest.raises(SeveralError) as caught:
        choose(called(link.name))
    assert "--all" in caught.value.hint
    assert [row.split()[0] for row in caught.value.rows[1:]] == [str(first.pid), str(second.pid)]
    targets = choose(Search(Selection(name=link.name, everything=True)))
    assert [target.pid for target in targets] == [first.pid, second.pid]


def test_an_executable_that_was_deleted_or_replaced(start, tmp_path):
    path = tmp_path / "replaced"
    path.write_bytes(gobuild.build(programs.SMALL, *gobuild.STRIPPED).read_bytes())
    path.chmod(0o755)
    process = start(str(path), threads=3)
    path.unlink()
    path.write_bytes(b"another file")
    with Target.open(process.pid) as target, target.open_elf() as elf:
        assert target.executable == f"{path} (deleted)"
        assert FunctionTable.open(elf).find(SYSMON)
        assert pids_called("replaced") == [process.pid]


def test_our_own_process_is_never_meant():
    own = Target.open(os.getpid())
    assert os.getpid() not in pids_called(own.command)


def test_no_such_name():
    with pytest.raises(WhowokeError) as caught:
        choose(called("no-such-program"))
    assert caught.value.hint


@pytest.mark.parametrize("pid", [-1, 0, 1 << 22, 1 << 70])
def test_no_such_pid(pid):
    with pytest.raises(WhowokeError) as caught:
        Target.open(pid)
    assert str(caught.value) == f"process {pid} doesn't exist (any more)"
    assert caught.value.hint


def test_the_end_of_a_process(start):
    process = start("/bin/sleep", "100")
    with Target.open(process.pid) as target:
        assert target.is_alive()
        process.kill()
        wait_until(lambda: not target.is_alive())  # a zombie already counts
        with pytest.raises(WhowokeError):
            Target.open(process.pid)
        process.wait()
        assert not target.is_alive()
        assert target.thread_ids() == []
        with pytest.raises(WhowokeError):
            target.open_elf()
        with pytest.raises(WhowokeError):
            target.read_memory(0x400000, 16)


def test_a_successor_of_the_pid_is_not_alive(start):
    process = start("/bin/sleep", "100")
    target = Target.open(process.pid)
    target.start_ticks -= 1
    assert not target.is_alive()


@pytest.mark.parametrize("successor", ["/bin/sh -c 'read line'", "/bin/sleep 50"])
def test_a_process_that_becomes_another_program_is_noticed(successor):
    """Also when that is the same file: the process keeps its pid and its start."""
    script = f"read line; exec {successor}"
    with subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.PIPE) as process:
        target = Target.open(process.pid)
        assert not target.has_become_another()
        process.stdin.write(b"\n")
        process.stdin.flush()
        wait_until(target.has_become_another)
        assert target.is_alive()
        process.kill()
        process.wait()
        assert not target.has_become_another(), "it has ended"


def test_kernel_threads_are_refused():
    with pytest.raises((UnsupportedError, PermissionDeniedError)):
        Target.open(2)


def test_not_permitted(monkeypatch, start):
    process = start("/bin/sleep", "100")

    def refuse(*_arguments):
        raise PermissionError

    monkeypatch.setattr(target_module.Path, "readlink", refuse)
    with pytest.raises(PermissionDeniedError) as caught:
        Target.open(process.pid)
    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_memory_that_is_not_there(start):
    process = start("/bin/sleep", "100")
    with Target.open(process.pid) as target:
        for address, size in [(0, 8), (-8, 8), (1 << 62, 8), (1 << 64, 8), (4096, 1 << 40)]:
            with pytest.raises(WhowokeError):
                target.read_memory(address, size)


def test_a_command_with_parentheses():
    seen = []

    def body():
        with open("/proc/thread-self/comm", "w") as file:
            file.write("a) R (b c")
        seen.append(target_module._start_and_state(threading.get_native_id()))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen[0][0] > 0
    assert len(seen[0][1]) == 1
