"""What is lost is counted, exactly: records and losses together are what really happened.

Two counts that don't know of each other: a second recorder of the same process with rings that are
large enough, and the kernel's own counters of hits. Each loss is provoked for real.
"""

import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from tests import fixtures
from tests.recording import Recording
from tests.system.conftest import Recorder
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.capture.schema import GO_RECORDS, THREAD_RECORDS
from whowoke.tracer import kernel, uprobes
from whowoke.tracer.compiling import RING_PAGES_VARIABLE

EXPIRIES = ("--ticker=71", "--timer=67", "--sleep=61", "--deadline=59")
# Each hit of these probes makes one record, or one loss.
ONE_RECORD_A_HIT = ("timer_fire", "timer_arm", "goroutine_ready")
NESTED = 7


@pytest.fixture(params=["uprobe_multi", "perf"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "perf":
        monkeypatch.setenv(uprobes.WITHOUT, "uprobe_multi")


def counts(capture: Capture, start_ns: int, end_ns: int) -> dict[str, int]:
    """Records of each kind within a time. A text that was lost is sent again: not compared."""
    found = {}
    for record in (*GO_RECORDS, *THREAD_RECORDS):
        rows = capture.records(record.name)
        inside = (rows["ts_ns"] >= start_ns) & (rows["ts_ns"] <= end_ns)
        found[record.name] = int(inside.sum())
    return found


def assert_all_is_told(small: Recording, large: Recording, least: int = 100) -> None:
    """Records and losses of the small rings are the records of the large ones."""
    large.assert_nothing_lost()
    assert small.capture.complete
    assert small.capture.metadata["skipped"] == {}
    start_ns, end_ns = (small.capture.metadata[name] for name in ("start_ns", "end_ns"))
    lost, told = small.capture.lost(), counts(small.capture, start_ns, end_ns)
    assert sum(lost.values()) >= least, "something was lost"
    both = {name: told[name] + lost.get(name, 0) for name in told}
    assert both == counts(large.capture, start_ns, end_ns)
    assert_hits_are_told(small.capture)
    text = " ".join(small.explain().text().split())
    assert "counts are lower bounds, gaps at " in text


def assert_hits_are_told(capture: Capture) -> None:
    """The kernel's counters of hits, which no ring has to do with, say the same."""
    sites = pd.DataFrame(capture.metadata["sites"])
    hits = pd.Series(capture.metadata["hits"]).groupby(sites["probe"]).sum()
    lost, told = capture.lost(), capture.counts()
    for name in ONE_RECORD_A_HIT:
        assert hits[name] == told.get(name, 0) + lost.get(name, 0), name


@contextmanager
def both_recorders(
    pid: int, record: Recorder, monkeypatch: pytest.MonkeyPatch, *options: str
) -> Iterator[tuple[Recording, Recording]]:
    """A recorder with the smallest rings inside of the time of one with large ones."""
    with record(pid) as large, monkeypatch.context() as inside:
        inside.setenv(RING_PAGES_VARIABLE, "1")
        with record(pid, *options) as small:
            yield small, large


@pytest.mark.usefixtures("_way")
def test_rings_that_are_too_small(
    tmp_path: Path, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        fixtures.timers(tmp_path, *EXPIRIES) as program,
        both_recorders(program.pid, record, monkeypatch) as (small, large),
    ):
        program.start()
        program.done()
    assert_all_is_told(small, large, least=1)


def test_a_reader_that_was_stopped(
    tmp_path: Path, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        fixtures.timers(tmp_path, *EXPIRIES) as program,
        both_recorders(program.pid, record, monkeypatch) as (small, large),
    ):
        small.process.send_signal(signal.SIGSTOP)
        stopped_ns = time.monotonic_ns()
        program.start()
        program.done()
        small.process.send_signal(signal.SIGCONT)
        resumed_ns = time.monotonic_ns()
    assert_all_is_told(small, large)
    losses = small.capture.losses
    assert (losses.since_ns <= stopped_ns).any(), "the gap begins before the stop"
    assert (losses.ts_ns >= resumed_ns).any(), "and ends behind it"


def test_a_disk_that_stands_still(
    tmp_path: Path, record: Recorder, monkeypatch: pytest.MonkeyPatch, whowoke: Sequence[str]
) -> None:
    """A file system that is frozen lets nobody write; then it goes on."""
    ready = tmp_path / "ready"
    with slow_disk(tmp_path) as disk, fixtures.timers(tmp_path / "run", *EXPIRIES) as program:
        with record(program.pid) as large, monkeypatch.context() as inside:
            inside.setenv(RING_PAGES_VARIABLE, "1")
            path = disk / "small.whowoke"
            process = start(whowoke, program.pid, path, "--ready-file", str(ready))
            fixtures.wait_until(ready.exists, 60, "all probes attached", process)
            fixtures.wait_until(lambda: path.stat().st_size > 1000, 30, "a first part")
            freeze(disk, "-f")
            program.start()
            program.done()
            freeze(disk, "-u")
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            _, messages = process.communicate(timeout=60)
            assert process.returncode == 0, messages
        kept = Path(shutil.copy(path, tmp_path))
    assert_all_is_told(Recording(kept, process), large)


def test_fail_on_loss(
    tmp_path: Path, whowoke: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RING_PAGES_VARIABLE, "1")
    path, ready = tmp_path / "x.whowoke", tmp_path / "ready"
    with fixtures.timers(tmp_path, *EXPIRIES) as program:
        options = ("--ready-file", str(ready), "--fail-on-loss")
        process = start(whowoke, program.pid, path, *options)
        fixtures.wait_until(ready.exists, 60, "all probes attached", process)
        process.send_signal(signal.SIGSTOP)
        program.start()
        program.done()
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 4
    assert messages.splitlines()[-2].endswith("lost, and --fail-on-loss was given")
    assert Capture.open(path).complete
    for options, code in (((), 0), (("--fail-on-loss",), 4)):
        argv = [*whowoke, "explain", str(path), *options]
        explained = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert explained.returncode == code, explained.stderr
        assert "counts are lower bounds" in " ".join(explained.stdout.split())


def test_a_program_that_runs_inside_itself_is_counted() -> None:
    """Nothing of ours does that: here a program prints, which runs it again. That is skipped."""
    prints = kernel.load_program("prints", kernel.PROG_RAW_TRACEPOINT, printing())
    trigger = kernel.load_program("prints", kernel.PROG_RAW_TRACEPOINT, printing())
    try:
        link = kernel.link_raw_tracepoint(prints, "bpf_trace_printk")
        before = kernel.program_runs(prints).missed
        try:
            for _ in range(NESTED):
                kernel.run_raw_tracepoint(trigger)
        finally:
            os.close(link)
        assert kernel.program_runs(prints).missed - before == NESTED
        assert kernel.program_runs(trigger).missed == 0
    finally:
        os.close(prints)
        os.close(trigger)


def printing() -> bytes:
    """BPF code: *(u64 *)(r10 - 8) = 'w'; bpf_trace_printk(r10 - 8, 2); return 0."""
    lines = [
        (0x7A, 0x0A, -8, ord("w")),
        (0xBF, 0xA1, 0, 0),
        (0x07, 0x01, 0, -8),
        (0xB7, 0x02, 0, 2),
        (0x85, 0x00, 0, 6),
        (0xB7, 0x00, 0, 0),
        (0x95, 0x00, 0, 0),
    ]
    return b"".join(struct.pack("<BBhi", *line) for line in lines)


def start(whowoke: Sequence[str], pid: int, path: Path, *options: str) -> "subprocess.Popen[str]":
    argv = [*whowoke, "record", "-p", str(pid), "-d", "60s", "-o", str(path), *options]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def freeze(disk: Path, option: str) -> None:
    subprocess.run(["/usr/sbin/fsfreeze", option, str(disk)], check=True)


@contextmanager
def slow_disk(folder: Path) -> Iterator[Path]:
    """A small file system of its own in a file; it is never left frozen."""
    image, disk = folder / "image", folder / "disk"
    with image.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", str(image)], check=True)
    disk.mkdir()
    subprocess.run(["mount", "-o", "loop", str(image), str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["/usr/sbin/fsfreeze", "-u", str(disk)], check=False, capture_output=True)
        subprocess.run(["umount", str(disk)], check=True)
