"""Kernels without uprobe_multi links for a process: a perf event for each probe, the same answers.

The newer way is switched off for the recorders of this file. What such a kernel itself does
otherwise is seen in a guest that runs one (tests/vm).
"""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests import blind, fixtures
from tests.system.conftest import Recorder
from tests.system.test_endings import start, test_all_probes_are_gone_after_a_kill
from tests.system.test_timers import (
    recorded,
    test_every_expiry_is_counted_with_its_line,
)
from tests.system.test_wrappers import test_the_return_behind_each_wrapper_is_named
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.capture.schema import GO_RECORDS
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.target import Target
from whowoke.tracer.uprobes import WITHOUT

__all__ = [
    "recorded",
    "test_all_probes_are_gone_after_a_kill",
    "test_every_expiry_is_counted_with_its_line",
    "test_the_return_behind_each_wrapper_is_named",
]

SEED = 20261123
PERIODS = 5
BREAKPOINT = b"\xcc"


@pytest.fixture(autouse=True)
def _older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WITHOUT, "uprobe_multi")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> blind.Truth:
    """An operator that nobody has seen, which asks to be requeued."""
    return blind.generate(SEED, "requeue", below=tmp_path_factory.mktemp("sources"))


@pytest.fixture
def operator(truth: blind.Truth, cluster: fixtures.Cluster) -> Iterator[fixtures.Operator]:
    with fixtures.operator(truth.binary, cluster, objects=len(truth.objects)) as running:
        yield running


def go_records(capture: Capture, start_ns: int, end_ns: int) -> dict[str, Counter[bytes]]:
    """What was recorded within a time, without its times; stacks and strings are hashes."""
    found = {}
    # A reader is told of at the first read that a recorder sees.
    for record in (record for record in GO_RECORDS if record.name != "cache_reader"):
        rows = capture.records(record.name)
        rows = rows[(rows["ts_ns"] >= start_ns) & (rows["ts_ns"] <= end_ns)].copy()
        rows["ts_ns"] = 0
        if len(rows):
            found[record.name] = Counter(row.tobytes() for row in rows)
    return found


def test_both_ways_record_the_same_of_an_operator_that_nobody_has_seen(
    truth: blind.Truth,
    operator: fixtures.Operator,
    record: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with record(operator.pid) as older:
        monkeypatch.delenv(WITHOUT)
        with record(operator.pid) as newer:
            time.sleep(0.5)
            start_ns = time.monotonic_ns()
            time.sleep(PERIODS * truth.period_ns / 1e9)
            end_ns = time.monotonic_ns()
    older.assert_nothing_lost()
    newer.assert_nothing_lost()
    ways = [recording.capture.metadata["uprobes"] for recording in (older, newer)]
    assert ways == ["perf", "uprobe_multi"]
    sites = len(older.capture.metadata["sites"])
    assert any(f"detaching {sites} probes takes about" in line for line in older.messages)
    assert older.capture.metadata["detach_ns"] / 1e9 < 0.3 * sites
    told = go_records(older.capture, start_ns, end_ns)
    assert told == go_records(newer.capture, start_ns, end_ns)
    assert {"timer_fire", "timer_arm", "queue_add", "reconcile_return", "cache_read"} <= set(told)
    reconciles = older.tables["reconciles"]
    judged = reconciles[reconciles.causes != "unknown"]
    assert set(judged.causes) == {"requeue.after"}
    assert set(judged.location) <= set(truth.lines["asks"])
    assert len(judged) >= (PERIODS - 2) * len(truth.objects)


def probed_bytes(pid: int, capture: Capture) -> set[bytes]:
    """What lies in the process's memory where the probes were."""
    with Target.open(pid) as target, target.open_elf() as elf:
        bias, table = target.load_bias(elf), FunctionTable.open(elf)
        return {
            target.read_memory(function.entry + bias + site["offset"], 1)
            for site in capture.metadata["sites"]
            for function in table.find(site["function"])
        }


def test_a_second_interrupt_while_probes_come_off_changes_nothing(
    tmp_path: Path, whowoke: Sequence[str]
) -> None:
    path, ready = tmp_path / "twice.whowoke", tmp_path / "ready"
    with fixtures.timers(tmp_path, "--ticker=100") as program:
        process = start(whowoke, program.pid, path, "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        program.start()
        process.send_signal(signal.SIGINT)
        time.sleep(0.25)
        assert process.poll() is None, "probes come off one at a time"
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
        capture = Capture.open(path)
        assert process.returncode == 0, messages
        assert capture.complete
        assert BREAKPOINT not in probed_bytes(program.pid, capture)
        assert program.popen.poll() is None, "the target runs on"


@pytest.mark.parametrize("way", ["perf", "uprobe_multi"])
def test_a_kill_while_probes_come_off_leaves_none(
    way: str, tmp_path: Path, whowoke: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "uprobe_multi":
        monkeypatch.delenv(WITHOUT)
    path, ready = tmp_path / "killed.whowoke", tmp_path / "ready"
    with fixtures.timers(tmp_path, "--ticker=100") as program:
        process = start(whowoke, program.pid, path, "--ready-file", str(ready))
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        program.start()
        # The first part of a capture is written after a second.
        time.sleep(1.5)
        assert BREAKPOINT in probed_bytes(program.pid, Capture.open(path))
        process.send_signal(signal.SIGINT)
        time.sleep(0.25 if way == "perf" else 0.12)
        process.kill()
        process.communicate(timeout=60)
        fixtures.wait_until(
            lambda: BREAKPOINT not in probed_bytes(program.pid, Capture.open(path)), 5, "no probe"
        )
        assert program.popen.poll() is None, "the target runs on"


def test_doctor_says_what_the_way_costs(whowoke: Sequence[str]) -> None:
    argv = [*whowoke, "doctor"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "one perf event a place" in done.stdout
