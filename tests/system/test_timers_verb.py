"""What `timers` predicts from memory, against the fires that a recording then sees."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import fixtures, versions
from tests.recording import Recording
from tests.system.conftest import Recorder
from tests.system.test_go_versions import plain, wait_line, write_line
from whowoke.analysis.rules.frames import plain_name
from whowoke.tracer.forecast import forecast
from whowoke.tracer.target import Target

MS = 1_000_000
SECOND = 1000 * MS
# A reading takes some milliseconds, a timer that fires meanwhile may be in it or not.
READING_NS = 50 * MS
SETTLED_S = 0.3
OWN = {"operator.ticker", "operator.timer", "operator.sleep"}

Timer = dict[str, Any]


class Fires:
    """The fires of a recording by timer and due time, with the cause that the analysis gives."""

    def __init__(self, recording: Recording) -> None:
        self.capture = recording.capture
        rows = self.capture.records("timer_fire")
        self.by_timer = {(int(row["timer"]), int(row["due_ns"])): row for row in rows}
        wakeups = recording.tables["wakeups"]
        self.causes = dict(zip(wakeups.ts_ns, wakeups.cause, strict=True))

    def assert_came(self, timer: Timer) -> str:
        """The timer fired when it was due, for whom it was said to; returns its cause."""
        capture = self.capture
        fire = self.by_timer[timer["timer"], timer["due_ns"]]
        assert int(fire["period_ns"]) == timer["period_ns"]
        assert capture.symbols[int(fire["callback"])].function == timer["callback"]
        if int(fire["woken_goid"]):
            assert int(fire["woken_goid"]) == timer["goroutine_id"]
            parked = capture.stacks[int(fire["parked_stack"])]
            shown = [frame["function"] for frame in timer["stack"]]
            assert [plain_name(frame.function) for frame in parked] == shown[: len(parked)]
        cause: str = self.causes[int(fire["ts_ns"])]
        return cause


def read(pid: int) -> dict[str, Any]:
    with Target.open(pid) as target:
        found = forecast(target).json()
    assert [t["due_ns"] for t in found["timers"]] == sorted(t["due_ns"] for t in found["timers"])
    return found


def test_every_timer_of_a_program_fires_as_predicted(tmp_path: Path, record: Recorder) -> None:
    kinds = {"ticker": 60, "timer": 56, "sleep": 51, "deadline": 49, "early": 23}
    arguments = [f"--{kind}={count}" for kind, count in kinds.items()]
    with fixtures.timers(tmp_path, *arguments) as program, record(program.pid) as recording:
        program.start()
        time.sleep(SETTLED_S)
        readings = []
        for _ in range(37):
            readings.append(read(program.pid))
            time.sleep(0.08)
        program.done()
    recording.assert_nothing_lost()
    fires = Fires(recording)
    predicted = [timer for reading in readings for timer in reading["timers"]]
    assert len(predicted) > 37 * 3
    seen = {fires.assert_came(timer): timer["cause"] for timer in predicted}
    assert set(seen) == OWN
    assert all(cause == said for cause, said in seen.items())
    assert sum(reading["unsettled"] for reading in readings) <= 2
    for reading in readings:
        assert_complete(recording, reading)


@pytest.mark.parametrize("name", versions.chosen("plain"))
def test_the_timers_of_each_go_version_fire_as_predicted(
    name: str, tmp_path: Path, record: Recorder
) -> None:
    """Every kind of timer, in a process whose timers fire all the time."""
    build = versions.by_name(name)
    with plain(build.binary, tmp_path) as popen, record(popen.pid) as recording:
        write_line(popen)
        wait_line(tmp_path / "plain.out", "start", popen)
        time.sleep(SETTLED_S)
        readings = []
        for _ in range(23):
            readings.append(read(popen.pid))
            time.sleep(0.08)
        time.sleep(SETTLED_S)
    recording.assert_nothing_lost()
    fires = Fires(recording)
    predicted = [timer for reading in readings for timer in reading["timers"]]
    assert len(predicted) > 23 * 7
    seen = {(fires.assert_came(timer), timer["cause"]) for timer in predicted}
    assert seen == {(cause, cause) for cause in OWN}
    assert {timer["kind"] for timer in predicted} == {"channel", "function", "sleep", "deadline"}
    assert sum(reading["unsettled"] for reading in readings) <= 5
    for reading in readings:
        assert_complete(recording, reading)


def assert_complete(recording: Recording, reading: dict[str, Any]) -> None:
    """No timer fired later that was set before the reading and isn't in it."""
    capture, now_ns = recording.capture, reading["now_ns"]
    arms = capture.records("timer_arm")
    set_before = arms[arms["ts_ns"].astype(np.int64) < now_ns - READING_NS]
    keys = {(int(a["timer"]), int(a["due_ns"])) for a in set_before}
    told = {(timer["timer"], timer["due_ns"]) for timer in reading["timers"]}
    missing = [
        key
        for key in keys - told
        if key in {(int(f["timer"]), int(f["due_ns"])) for f in capture.records("timer_fire")}
        and key[1] > now_ns + READING_NS
    ]
    assert len(missing) <= reading["unsettled"]


# What each operator is certain to wait for, and the cause that a recording gives its fire.
CERTAIN = {
    "workqueue.metrics": "workqueue.metrics",
    "workqueue.log_state": "workqueue.log_state",
    "leader_election.renew": "leader_election.renew",
}
OPERATORS = {
    # Memory says that an item is due, the recording which.
    "requeue": CERTAIN | {"unknown": "requeue.after"},
    "resync": CERTAIN | {"informer.resync": "informer.resync"},
    "ticker": CERTAIN | {"operator.ticker": "operator.ticker"},
}


@pytest.fixture(scope="module")
def recorded(
    cluster: fixtures.Cluster, record: Recorder
) -> dict[str, tuple[Recording, list[dict[str, Any]]]]:
    """All operators at the same time, with readings at different moments."""
    with ExitStack() as stack:
        pids = {}
        for name in OPERATORS:
            running = fixtures.operator(name, cluster, period="4s", namespace=f"timers-{name}")
            pids[name] = stack.enter_context(running).pid
        recordings = {name: stack.enter_context(record(pid)) for name, pid in pids.items()}
        time.sleep(4.5)
        readings: dict[str, list[dict[str, Any]]] = {name: [] for name in pids}
        for _ in range(11):
            for name, pid in pids.items():
                readings[name].append(read(pid))
            time.sleep(0.37)
        time.sleep(11)
    return {name: (recordings[name], readings[name]) for name in pids}


@pytest.mark.parametrize("name", OPERATORS)
def test_what_wakes_an_operator_next(
    name: str, recorded: dict[str, tuple[Recording, list[dict[str, Any]]]]
) -> None:
    recording, readings = recorded[name]
    recording.assert_nothing_lost()
    fires, end_ns = Fires(recording), recording.capture.metadata["end_ns"]
    found: dict[str, set[str]] = {}
    compared = 0
    for reading in readings:
        assert reading["unsettled"] == 0
        due = [t for t in reading["timers"] if t["due_ns"] < end_ns - SECOND]
        for timer in due:
            if is_certain(name, timer):
                found.setdefault(timer["cause"], set()).add(fires.assert_came(timer))
                compared += 1
        assert_complete(recording, reading)
    assert found == {cause: {seen} for cause, seen in OPERATORS[name].items()}
    assert compared > 3 * len(readings)
    print(f"{compared} predictions came true")


def is_certain(name: str, timer: Timer) -> bool:
    """Whether nothing can stop it: a deadline that is met, say, never fires."""
    if timer["cause"] == "unknown":
        return "priorityqueue.(*priorityqueue[...]).handleWaitingItems" in timer["function"]
    return timer["cause"] in OPERATORS[name]


def test_the_periods_are_those_of_the_operator(
    recorded: dict[str, tuple[Recording, list[dict[str, Any]]]],
) -> None:
    for name, (recording, readings) in recorded.items():
        for reading in readings:
            by_cause: dict[str, list[Timer]] = {}
            for timer in reading["timers"]:
                by_cause.setdefault(timer["cause"], []).append(timer)
            (metrics,) = by_cause["workqueue.metrics"]
            assert metrics["period_ns"] == 500 * MS
            assert -READING_NS < metrics["due_in_ns"] <= 500 * MS
            (log_state,) = by_cause["workqueue.log_state"]
            assert log_state["period_ns"] == 10 * SECOND
            if renew := by_cause.get("leader_election.renew"):
                assert renew[0]["due_in_ns"] <= 2.5 * SECOND
            if name == "ticker":
                assert by_cause["operator.ticker"][0]["period_ns"] == 4 * SECOND
            if name == "requeue":
                assert_due_with_its_item(recording, reading, by_cause["unknown"])


def assert_due_with_its_item(
    recording: Recording, reading: dict[str, Any], unknown: Sequence[Timer]
) -> None:
    """The queue's timer is due when the delay of an item ends that was added before."""
    adds = recording.capture.records("queue_add")
    ends = (adds["ts_ns"].astype(np.int64) + adds["after_ns"])[
        adds["ts_ns"].astype(np.int64) < reading["now_ns"]
    ]
    for timer in unknown:
        if is_certain("requeue", timer) and timer["due_in_ns"] > READING_NS:
            assert np.abs(ends - timer["due_ns"]).min() < READING_NS
