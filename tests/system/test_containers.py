"""Real namespaces: a target, and whowoke itself, in a container made by unshare and overlayfs."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests import fixtures
from tests.system.conftest import Recorder
from tests.system.test_endings import start
from tests.system.test_survival import assert_each_expiry
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.output.outputs import analyse

# A root of its own: what is written to it is in no other mount namespace.
ROOT = """
mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" "$1/root" &&
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
"""
# `timers` under a name that only the container has, as its process 1.
TARGET = f"""
set -e; {ROOT.strip()}
mkdir "$1/root/only-here" && cp "$2" "$1/root/only-here/operator"
cd "$1/root" && mkdir -p old && pivot_root . old && mount -t proc proc /proc
umount -l /old && exec /only-here/operator --ticker=67
"""
# The machine's processes and devices, another root: a pod with hostPID. The command begins at $4.
RECORDER = f"""
set -e; {ROOT.strip()}
for folder in /proc /sys /dev "$2" "$3"; do
  mkdir -p "$1/root$folder" && mount --rbind "$folder" "$1/root$folder"
done
root="$1/root"; shift 3; exec chroot "$root" "$@"
"""


@contextmanager
def in_container(folder: Path) -> Iterator[fixtures.Timers]:
    """`timers` in pid, mount, UTS and network namespaces of its own; its pid is the machine's."""
    folder.mkdir()
    place = folder / "place"
    place.mkdir()
    wrapper = folder / "container"
    wrapper.write_text(
        "#!/bin/sh\nexec unshare --pid --mount --uts --net --ipc --fork --kill-child "
        f"sh -c '{TARGET}' sh {place} {fixtures.PROGRAMS / 'timers'}\n"
    )
    wrapper.chmod(0o755)
    with fixtures.timers(folder / "run", program=str(wrapper)) as running:
        (child,) = psutil.Process(running.pid).children()
        assert "ready 1" in running.output.read_text(), "it is process 1 of its namespace"
        yield fixtures.Timers(child.pid, running.output, running.popen)


def test_a_target_in_a_container_is_found_by_its_host_pid(tmp_path: Path, record: Recorder) -> None:
    with in_container(tmp_path / "container") as program:
        assert not Path("/only-here/operator").exists()
        with record(program.pid) as recording:
            program.start()
            truth = program.done()["ticker"]
    recording.assert_nothing_lost()
    assert recording.capture.metadata["executable"] == "/only-here/operator"
    assert recording.capture.metadata["namespace_pids"] == [program.pid, 1]
    assert_each_expiry(recording.tables, truth)


def test_whowoke_in_a_container_with_the_hosts_processes(
    tmp_path: Path, whowoke: Sequence[str]
) -> None:
    """And the target in another one."""
    place, room = tmp_path / "place", tmp_path / "room"
    place.mkdir()
    room.mkdir()
    path, ready = room / "x.whowoke", room / "ready"
    with in_container(tmp_path / "container") as program:
        shell = ["unshare", "--mount", "sh", "-c", RECORDER, "sh"]
        argv = [*shell, str(place), str(room), str(fixtures.ROOT), *whowoke]
        process = start(argv, program.pid, path, "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        program.start()
        truth = program.done()["ticker"]
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 0, messages
    capture = Capture.open(path)
    assert capture.lost() == {}
    assert_each_expiry(analyse(capture), truth)


@pytest.mark.parametrize(
    ("namespace", "words"),
    [
        (["--pid", "--fork", "--mount-proc"], ("pid namespace", "hostPID")),
        (["--time", "--monotonic", "86400"], ("clock", "nsenter --time")),
        (["--user", "--map-root-user"], ("user namespace", "root of the machine")),
    ],
)
def test_a_recorder_in_a_namespace_that_hides_what_it_needs_says_so(
    namespace: list[str], words: tuple[str, str], tmp_path: Path, whowoke: Sequence[str]
) -> None:
    path = tmp_path / "x.whowoke"
    argv = ["unshare", *namespace, *whowoke, "record", "-p", str(os.getpid()), "-o", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2, done.stderr
    assert words[0] in lines[0]
    assert words[1] in lines[1]
    assert not path.exists()


def test_a_target_whose_clock_is_another(tmp_path: Path, record: Recorder) -> None:
    """Its timers are due by its own clock, a day ahead; they are told in the machine's."""
    wrapper = tmp_path / "tomorrow"
    program = fixtures.PROGRAMS / "timers"
    ahead = "--time --monotonic 86400 --boottime 86400"
    wrapper.write_text(f'#!/bin/sh\nexec unshare {ahead} --fork --kill-child {program} "$@"\n')
    wrapper.chmod(0o755)
    with fixtures.timers(tmp_path / "run", "--ticker=31", program=str(wrapper)) as running:
        (child,) = psutil.Process(running.pid).children()
        with record(child.pid) as recording:
            running.start()
            running.done()
    wakeups = recording.tables["wakeups"]
    line = fixtures.timers_line("ticker")
    mine = wakeups[wakeups.location.str.endswith(f"kinds.go:{line}").fillna(False)]
    assert len(mine) >= 30
    assert (mine.lateness_ns >= 0).all()
    assert (mine.lateness_ns < 3600 * 10**9).all()
