"""Who is recorded: pods by real cgroups and a real API server, several at once, restarts."""

import json
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import api, containers, fixtures
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.output.outputs import analyse

pytestmark = pytest.mark.root
PAUSE_S = 0.5


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[containers.Pods]:
    with containers.pods(tmp_path) as running:
        yield running


@contextmanager
def recording(
    whowoke: Sequence[str], path: Path, *options: str
) -> Iterator["subprocess.Popen[str]"]:
    """A recorder that is attached, and ends as by Ctrl-C."""
    ready = path.with_suffix(".ready")
    argv = [*whowoke, "record", "-d", "10m", "-o", str(path), "--ready-file", str(ready), *options]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        fixtures.wait_until(ready.exists, 60, "all probes attached")
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 0, messages


def fires(capture: Capture) -> int:
    """Wake-ups by the program's ticker."""
    locations = analyse(capture)["wakeups"].location
    line = fixtures.timers_line("ticker")
    return int(locations.str.endswith(f"kinds.go:{line}").fillna(False).sum())


def ticked(program: fixtures.Timers) -> int:
    """Let the ticker run to its end; how often it woke its goroutine."""
    program.start()
    truth = program.done()["ticker"]
    return truth["expiries"] - truth["overdue"]


def attached_again(path: Path) -> bool:
    processes = Capture.open(path).processes
    return len(processes) == 2 and "sysmon_tid" in processes[1].metadata


def test_a_restarted_container_is_followed(
    tmp_path: Path, whowoke: Sequence[str], pods: containers.Pods
) -> None:
    """The same pod, another container and pid: the same recording, and the gap is told."""
    path, uid = tmp_path / "pod.whowoke", str(uuid.uuid4())
    ids = [containers.new_id() for _ in "12"]
    says = {"HOSTNAME": "op-0", "POD_NAMESPACE": "depot"}
    expected = []
    with (
        pods.timers(tmp_path / "1", uid, ids[0], "--ticker=23", says=says) as first,
        recording(whowoke, path, "--pod", "depot/op-0"),
    ):
        expected.append(ticked(first))
        time.sleep(PAUSE_S)
        first.popen.kill()
        first.popen.wait()
        exit_ns = time.monotonic_ns()
        time.sleep(PAUSE_S)
        with pods.timers(tmp_path / "2", uid, ids[1], "--ticker=31", says=says) as second:
            fixtures.wait_until(lambda: attached_again(path), 60, "the second is recorded")
            expected.append(ticked(second))
            time.sleep(PAUSE_S)
            pids = [first.pid, second.pid]
    processes = Capture.open(path).processes
    assert [one.metadata["pid"] for one in processes] == pids
    assert [fires(one) for one in processes] == expected
    for one, container_id in zip(processes, ids, strict=True):
        assert one.complete
        assert one.metadata["container"] == {
            "container_id": container_id, "runtime": "containerd", "pod_uid": uid,
            "namespace": "depot", "pod": "op-0", "told_by": "process",
        }  # fmt: skip
    one, other = processes
    assert (one.metadata["ended"], other.metadata["ended"]) == ("target exited",) * 2
    gap = other.metadata["follows"]
    assert (gap["part"], gap["pid"]) == (1, pids[0])
    start_ns = other.metadata["start_ns"]
    assert start_ns - exit_ns <= gap["gap_ns"] <= start_ns - one.metadata["start_ns"]
    (loss,) = other.losses.to_dict("records")
    assert loss["ts_ns"] == start_ns
    assert loss["kind"].startswith("restart: ")
    assert one.losses.to_dict("records") == []
    told = subprocess.run(
        [*whowoke, "explain", str(path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "in 2 processes, 1 lost; 1 restart: " in told[0]
    assert f"pid {pids[1]}, pod depot/op-0" in " ".join(told)


def test_a_pid_is_followed_if_asked(tmp_path: Path, whowoke: Sequence[str]) -> None:
    path = tmp_path / "follow.whowoke"
    # A file of its own: the same program may run for another test.
    program = shutil.copy(fixtures.program_path("timers"), tmp_path / "timers")
    with (
        fixtures.timers(tmp_path / "1", "--ticker=11", program=program) as first,
        recording(whowoke, path, "-p", str(first.pid), "--follow"),
    ):
        first.popen.kill()
        with fixtures.timers(tmp_path / "2", "--ticker=13", program=program) as second:
            fixtures.wait_until(lambda: attached_again(path), 60, "the second is recorded")
            expected = ticked(second)
            time.sleep(PAUSE_S)
    processes = Capture.open(path).processes
    assert [one.metadata["pid"] for one in processes] == [first.pid, second.pid]
    assert fires(processes[1]) == expected


def test_several_at_once_are_told_apart(tmp_path: Path, whowoke: Sequence[str]) -> None:
    path = tmp_path / "several.whowoke"
    with (
        fixtures.timers(tmp_path / "1", "--ticker=17") as first,
        fixtures.timers(tmp_path / "2", "--ticker=29") as second,
    ):
        targets = [first, second]
        asked = [word for one in targets for word in ("-p", str(one.pid))]
        with recording(whowoke, path, *asked):
            expected = [ticked(one) for one in targets]
            time.sleep(PAUSE_S)
    processes = Capture.open(path).processes
    assert [fires(one) for one in processes] == expected
    for one, target in zip(processes, targets, strict=True):
        assert one.metadata["pid"] == target.pid
        tids = set(one.records("thread_on")["tid"].tolist())
        assert tids
        assert one.losses.to_dict("records") == []
    first_tids, second_tids = (set(one.records("thread_on")["tid"].tolist()) for one in processes)
    assert first_tids.isdisjoint(second_tids)


@pytest.fixture
def shop(cluster: fixtures.Cluster) -> api.Api:
    return api.Api(cluster)


def listed(whowoke: Sequence[str], *options: str) -> "subprocess.CompletedProcess[str]":
    argv = [*whowoke, "record", "--list-probes", "--json", *options]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_pods_of_a_real_cluster(
    tmp_path: Path,
    whowoke: Sequence[str],
    pods: containers.Pods,
    cluster: fixtures.Cluster,
    shop: api.Api,
) -> None:
    """The API tells uids, container ids and images; cgroups of the kernel tell the rest."""
    app = f"app-{uuid.uuid4().hex[:8]}"
    ids, names = [containers.new_id() for _ in "123"], [f"{app}-{n}" for n in range(3)]
    uids = [containers.make_pod(shop, name, app, i) for name, i in zip(names, ids, strict=True)]
    kubeconfig = ["--kubeconfig", str(cluster.kubeconfig)]
    # What runs in the first says that it is the second.
    lie = {"POD_NAME": names[1], "POD_NAMESPACE": "default"}
    with (
        pods.timers(tmp_path / "1", uids[0], ids[0], says=lie) as first,
        pods.timers(tmp_path / "2", uids[1], ids[1]) as second,
    ):
        for name, program, container_id in zip(names, (first, second), ids, strict=False):
            done = listed(whowoke, "--pod", f"default/{name}/manager", *kubeconfig)
            assert done.returncode == 0, done.stderr
            (found,) = json.loads(done.stdout)
            assert found["pid"] == program.pid
            assert found["container"]["container_id"] == container_id
            assert found["container"]["image"] == "registry.example.com/op:1.2"
            assert found["container"]["told_by"] == "api"
        done = listed(whowoke, "--selector", f"app={app}", *kubeconfig)
        assert [found["pid"] for found in json.loads(done.stdout)] == [first.pid, second.pid]
        path = tmp_path / "selector.whowoke"
        asked = ["--selector", f"app={app}", "-n", "default", *kubeconfig]

        def recorded() -> bool:
            known = [one.metadata for one in Capture.open(path).processes]
            return len(known) == 3 and "sysmon_tid" in known[2]

        with (
            recording(whowoke, path, *asked),
            pods.timers(tmp_path / "3", uids[2], ids[2]) as third,
        ):
            fixtures.wait_until(recorded, 60, "the third replica is recorded")
        processes = Capture.open(path).processes
        pids = [one.metadata["pid"] for one in processes]
        assert pids == [first.pid, second.pid, third.pid]
        assert [one.metadata["container"]["pod"] for one in processes] == names
        assert "follows" not in processes[2].metadata, "it took nobody's place"
    done = listed(whowoke, "--pod", f"default/{names[0]}", *kubeconfig)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 2


def test_several_candidates_are_listed(
    tmp_path: Path, whowoke: Sequence[str], pods: containers.Pods
) -> None:
    uid, ids = str(uuid.uuid4()), [containers.new_id() for _ in "12"]
    says = {"HOSTNAME": "op-0", "POD_NAMESPACE": "depot"}
    with (
        pods.timers(tmp_path / "1", uid, ids[0], says=says) as first,
        pods.timers(tmp_path / "2", uid, ids[1], says=says) as second,
    ):
        done = listed(whowoke, "--pod", "depot/op-0")
        assert (done.returncode, done.stdout) == (2, "")
        head, *rows, error, hint = done.stderr.splitlines()
        assert head.split()[:4] == ["PID", "NAME", "CONTAINER", "POD"]
        assert [row.split()[0] for row in rows] == [str(first.pid), str(second.pid)]
        assert [row.split()[2] for row in rows] == [i[:12] for i in ids]
        assert "2 processes are of pod depot/op-0" in error
        assert "--all" in hint
        done = listed(whowoke, "--pod", "depot/op-0", "--all")
        assert [found["pid"] for found in json.loads(done.stdout)] == [first.pid, second.pid]
        timers = subprocess.run(
            [*whowoke, "timers", "--pod", "depot/op-0"], capture_output=True, text=True, check=False
        )
        assert timers.returncode == 2
