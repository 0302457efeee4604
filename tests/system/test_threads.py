"""Thread wake-ups against an independent count: bpftrace on the same tracepoint."""

import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests import fixtures
from tests.bpftrace import bpftrace
from tests.system.conftest import Recorder
from whowoke.analysis.capture.reader import Capture

PROGRAM = """
tracepoint:sched:sched_waking /args->pid >= {low} && args->pid <= {high}/ {{
    printf("%llu %d\\n", nsecs, args->pid);
}}
"""
WINDOW_S = 5


def test_thread_wakeups_equal_bpftraces(tmp_path: Path, record: Recorder) -> None:
    arguments = ["--ticker=59", "--timer=53", "--sleep=47", "--deadline=43"]
    with fixtures.timers(tmp_path, *arguments) as program, record(program.pid) as recording:
        tids = _threads(program.pid)
        output = tmp_path / "bpftrace.out"
        script = PROGRAM.format(low=min(tids), high=max(tids) + 1000)
        with bpftrace(script, output):
            time.sleep(1)
            start_ns = time.monotonic_ns()
            program.start()
            time.sleep(WINDOW_S)
            end_ns = time.monotonic_ns()
            time.sleep(0.5)
        tids |= _threads(program.pid)
    recording.assert_nothing_lost()
    assert recording.capture.metadata["skipped"] == {}
    theirs = _events(output.read_text(), tids, start_ns, end_ns)
    ours = recording.tables["thread_wakeups"]
    ours = ours[(ours.ts_ns >= start_ns) & (ours.ts_ns < end_ns)]
    assert len(theirs) > 200
    assert ours.groupby("tid").size().to_dict() == _by_tid(theirs)


def test_new_threads_are_noticed_before_they_run(tmp_path: Path, whowoke: Sequence[str]) -> None:
    path = tmp_path / "new.whowoke"
    program = [fixtures.program_path("timers"), "--ticker=100"]
    with subprocess.Popen(
        [*whowoke, "record", "-d", "3s", "-o", path, "--", *program], stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"start\n")
        process.stdin.flush()
        assert process.wait(60) == 0
    capture = Capture.open(path).processes[0]
    starts = capture.records("thread_start")
    started = dict(zip(starts["tid"].tolist(), starts["ts_ns"].tolist(), strict=True))
    # The scheduler's records don't need to know a thread.
    on = capture.records("thread_on")
    assert len(started) >= 3
    assert set(on["tid"].tolist()) == {*started, *capture.metadata["threads"]}
    for tid, start_ns in started.items():
        assert start_ns < on["ts_ns"][on["tid"] == tid].min()
    assert set(started) & set(capture.records("syscall")["tid"].tolist())


def _threads(pid: int) -> set[int]:
    return {int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()}


def _events(text: str, tids: set[int], start_ns: int, end_ns: int) -> list[tuple[int, int]]:
    events = [(int(ts), int(tid)) for ts, tid in re.findall(r"^(\d+) (\d+)$", text, re.MULTILINE)]
    return [(ts, tid) for ts, tid in events if tid in tids and start_ns <= ts < end_ns]


def _by_tid(events: list[tuple[int, int]]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for _, tid in events:
        counts[tid] = counts.get(tid, 0) + 1
    return counts
