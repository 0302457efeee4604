"""As another user with the least set of capabilities, and with each of them left out."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import fixtures
from tests.system.test_endings import start
from tests.system.test_survival import assert_each_expiry
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.output.outputs import analyse
from whowoke.tracer import privileges, uprobes

NOBODY, SOMEBODY = 65534, 12345
NAMES = {c.name: "+" + c.name.removeprefix("CAP_").lower() for c in privileges.USED}
LEAST = tuple(c.name for c in privileges.LEAST)


def as_user(names: Sequence[str], user: int = NOBODY) -> list[str]:
    """Run as a user who has these capabilities and can't get others."""
    sets = ",".join(["-all", *(NAMES[name] for name in names)])
    return [
        *("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"),
        *(f"--inh-caps={sets}", f"--ambient-caps={sets}", f"--bounding-set={sets}"),
    ]


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder that everybody may write to, and may get at."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    shared = tmp_path / "room"
    shared.mkdir()
    shared.chmod(0o777)
    return shared


@contextmanager
def somebodys(folder: Path) -> Iterator[fixtures.Timers]:
    """`timers`, run by a user who is neither root nor the one who records."""
    program = folder / "timers"
    shutil.copy(fixtures.PROGRAMS / "timers", program)
    program.chmod(0o711)
    wrapper = folder / "as-somebody"
    become = f"setpriv --reuid={SOMEBODY} --regid={SOMEBODY} --clear-groups"
    wrapper.write_text(f'#!/bin/sh\nexec {become} {program} "$@"\n')
    wrapper.chmod(0o755)
    with fixtures.timers(folder / "run", "--ticker=61", program=str(wrapper)) as running:
        assert Path(f"/proc/{running.pid}").stat().st_uid == SOMEBODY
        yield running


@pytest.fixture(params=["uprobe_multi", "perf"])
def least(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The least set of each way of the kernel."""
    if request.param == "uprobe_multi":
        return LEAST
    monkeypatch.setenv(uprobes.WITHOUT, "uprobe_multi")
    return (*LEAST, "CAP_SYS_ADMIN")


def test_the_least_set_is_enough(
    least: tuple[str, ...], room: Path, whowoke: Sequence[str]
) -> None:
    path, ready = room / "x.whowoke", room / "ready"
    with somebodys(room) as program:
        argv = [*as_user(least), *whowoke]
        process = start(argv, program.pid, path, "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        program.start()
        truth = program.done()["ticker"]
        process.terminate()
        _, messages = process.communicate(timeout=120)
    assert process.returncode == 0, messages
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_uid == NOBODY
    capture = Capture.open(path)
    assert capture.lost() == {}
    held = capture.metadata["privileges"]
    assert (held["user"], set(held["capabilities"])) == (NOBODY, set(least))
    assert held["other_capabilities"] == "0x0"
    tables = analyse(capture)
    assert_each_expiry(tables, truth)
    assert "hrtimer" in set(tables["thread_wakeups"].context), "the kernel's stacks are read"


@pytest.mark.parametrize("left_out", ["CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"])
def test_one_that_is_left_out_is_named(left_out: str, room: Path, whowoke: Sequence[str]) -> None:
    with somebodys(room) as program:
        names = [name for name in LEAST if name != left_out]
        assert_two_lines([*as_user(names), *whowoke], program.pid, room, f"no {left_out}: ")


def test_the_memory_of_another_user_needs_its_capability(
    room: Path, whowoke: Sequence[str]
) -> None:
    """It isn't needed for one's own processes, so only the target's files tell."""
    names = [name for name in LEAST if name != "CAP_DAC_READ_SEARCH"]
    with somebodys(room) as program:
        argv = [*as_user(names), *whowoke]
        assert_two_lines(argv, program.pid, room, "CAP_DAC_READ_SEARCH")


def test_without_the_kernels_symbols_nothing_is_guessed(room: Path, whowoke: Sequence[str]) -> None:
    path, ready = room / "x.whowoke", room / "ready"
    names = [name for name in LEAST if name != "CAP_SYSLOG"]
    with somebodys(room) as program:
        argv = [*as_user(names), *whowoke]
        process = start(argv, program.pid, path, "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        program.start()
        truth = program.done()["ticker"]
        process.terminate()
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 0, messages
    assert "the kernel hides its functions (no CAP_SYSLOG)" in messages
    tables = analyse(Capture.open(path))
    assert_each_expiry(tables, truth)
    assert set(tables["thread_wakeups"].context) == {"unknown"}


def test_perf_events_need_their_capability(
    room: Path, whowoke: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(uprobes.WITHOUT, "uprobe_multi")
    with somebodys(room) as program:
        assert_two_lines([*as_user(LEAST), *whowoke], program.pid, room, "+sys_admin")


def test_the_doctor_names_all_that_is_missing(whowoke: Sequence[str]) -> None:
    argv = [*as_user(["CAP_SYSLOG"]), *whowoke, "doctor"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/tmp")
    assert done.returncode == 3
    for name in ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"):
        assert f"no {name}" in done.stdout
    argv = [*as_user([name for name in LEAST if name != "CAP_SYSLOG"]), *whowoke, "doctor"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/tmp")
    assert done.returncode == 0, done.stdout
    assert re.search(r"warn +privileges: .*no CAP_SYSLOG", done.stdout)


def assert_two_lines(argv: Sequence[str], pid: int, room: Path, word: str) -> None:
    path = room / "x.whowoke"
    done = subprocess.run(
        [*argv, "record", "-p", str(pid), "-d", "1s", "-o", str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/tmp",
    )
    assert done.returncode == 3, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert word in done.stderr
    assert lines[1].startswith("  hint: ")
    assert not path.exists()


# ---------------------------------------------------------------- what is given up


def status(pid: int) -> list[dict[str, str]]:
    """/proc/PID/task/*/status: capabilities and users belong to threads."""
    texts = [task.joinpath("status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return [dict(re.findall(r"^(\w+):\s*(.*)$", text, re.MULTILINE)) for text in texts]


def bits(names: Sequence[str]) -> int:
    return sum(1 << c.bit for c in privileges.USED if c.name in names)


@pytest.mark.parametrize("caller", ["root", "a user by sudo", "a user elsewhere"])
def test_what_isnt_needed_is_given_up_once_attached(
    caller: str, least: tuple[str, ...], room: Path, whowoke: Sequence[str]
) -> None:
    """By all threads. Who called sudo owns the capture and, where that works, the recorder."""
    folder = room if caller != "a user elsewhere" else room / "roots"
    folder.mkdir(exist_ok=True)
    sudo = [] if caller == "root" else [f"SUDO_UID={SOMEBODY}", f"SUDO_GID={SOMEBODY}"]
    path, ready = folder / "x.whowoke", folder / "ready"
    with somebodys(room) as program:
        argv = ["/usr/bin/env", *sudo, *whowoke]
        process = start(argv, program.pid, path, "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        threads = status(process.pid)
        program.start()
        program.done()
        process.terminate()
        _, messages = process.communicate(timeout=120)
    assert process.returncode == 0, messages
    user = SOMEBODY if caller == "a user by sudo" else 0
    for thread in threads:
        assert thread["Uid"].split() == [str(user)] * 4
        for name in ("CapPrm", "CapEff", "CapBnd"):
            assert int(thread[name], 16) == bits(least), name
        assert thread["NoNewPrivs"] == "1"
    capture = Capture.open(path)
    assert capture.complete
    assert capture.metadata["bpf_cost"]["sampled_ns"] > 0, "a child keeps the right to measure"
    assert capture.lost() == {}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_uid == (0 if caller == "root" else SOMEBODY)


def test_a_command_keeps_what_its_user_had(room: Path, whowoke: Sequence[str]) -> None:
    path = room / "x.whowoke"
    program = str(fixtures.PROGRAMS / "timers")
    argv = [*whowoke, "record", "-d", "3s", "-o", str(path), "--", program]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline().split()[1])
        (thread, *_) = status(pid)
        own = dict(re.findall(r"^(\w+):\s*(.*)$", Path("/proc/self/status").read_text(), re.M))
        for name in ("CapEff", "CapBnd", "NoNewPrivs"):
            assert thread[name] == own[name], name
        assert process.wait(60) == 0
    assert not Path(f"/proc/{pid}").exists(), "it was ended with the recording"
    assert Capture.open(path).complete


def test_force_replaces_a_file_of_the_user(room: Path, whowoke: Sequence[str]) -> None:
    """The old capture goes when the first rows are there: as the user who called sudo."""
    path = room / "x.whowoke"
    path.write_text("old")
    os.chown(path, SOMEBODY, SOMEBODY)
    with somebodys(room) as program:
        argv = [
            *("/usr/bin/env", f"SUDO_UID={SOMEBODY}", f"SUDO_GID={SOMEBODY}", *whowoke),
            *("record", "-p", str(program.pid), "-d", "3s", "-o", str(path), "--force"),
        ]
        process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        program.start()
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 0, messages
    assert Capture.open(path).complete
    assert [name.name for name in room.iterdir() if name.name.startswith(".")] == []


@pytest.mark.parametrize("option", ["--rotate", "--keep"])
@pytest.mark.parametrize("place", ["a user by sudo", "a user elsewhere"])
def test_files_that_are_made_later_are_the_users(
    option: str, place: str, room: Path, whowoke: Sequence[str]
) -> None:
    """After all that isn't needed was given up: as that user, or as root for him."""
    folder = room if place == "a user by sudo" else room / "roots"
    folder.mkdir(exist_ok=True)
    path, ready = folder / "x.whowoke", folder / "ready"
    with somebodys(room) as program:
        sudo = ["/usr/bin/env", f"SUDO_UID={SOMEBODY}", f"SUDO_GID={SOMEBODY}"]
        process = start(
            [*sudo, *whowoke], program.pid, path, "--ready-file", str(ready), option, "1s"
        )
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        first = inodes(folder)
        program.start()
        fixtures.wait_until(lambda: inodes(folder) - first, 60, "another file", process)
        program.done()
        process.terminate()
        _, messages = process.communicate(timeout=120)
    assert process.returncode == 0, messages
    captures = sorted(folder.glob("x*.whowoke"))
    assert len(captures) > 1 or option == "--keep"
    for capture in captures:
        assert Capture.open(capture).complete
        assert capture.stat().st_uid == SOMEBODY
        assert capture.stat().st_mode & 0o777 == 0o600
    assert [name.name for name in folder.iterdir() if name.name.startswith(".")] == []


def inodes(folder: Path) -> set[int]:
    return {path.stat().st_ino for path in folder.glob("x*.whowoke")}
