"""Goroutines made runnable, against Go's own execution trace of the same process and time."""

import re
import subprocess
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests import fixtures
from tests.system.conftest import Recorder

SECONDS = 6
# Our clock is read at the probe, the trace's later in the same function: later where the thread
# was preempted in between.
TOLERANCE_NS = 20_000_000
MARGIN_NS = 50_000_000
# Not made ready by another goroutine, a timer or a descriptor: the scheduler puts the reader of the
# trace and the collector's workers, and sysmon the scavenger and the forced collector, on a run
# queue itself.
PUT_ON_LISTS = re.compile(
    r"runtime/trace\.\(\*traceMultiplexer\)\.startLocked\.func1"
    r"|runtime\.bgscavenge|runtime\.forcegchelper|runtime\.gcBgMarkWorker"
)

# The runtime's own goroutines come first (collector, sweeper, scavenger); one that waited since
# before the trace has no stack in it at its first wake-up.
RUNTIME_GOROUTINES = range(2, 6)


def is_put_on_a_list(goroutine: str, functions: str) -> bool:
    return bool(PUT_ON_LISTS.search(functions)) or (
        not functions and int(goroutine) in RUNTIME_GOROUTINES
    )


@pytest.mark.parametrize("program", ["requeue", "ticker"])
def test_ready_goroutines_equal_the_execution_traces(
    program: str, cluster: fixtures.Cluster, record: Recorder, tmp_path: Path
) -> None:
    (port,) = fixtures.free_ports(1)
    with (
        fixtures.operator(
            program,
            cluster,
            period="1s",
            namespace=f"gotrace-{program}",
            arguments=[f"--pprof-addr=127.0.0.1:{port}"],
        ) as operator,
        record(operator.pid) as recording,
    ):
        url = f"http://127.0.0.1:{port}/debug/pprof/trace?seconds={SECONDS}"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(url, timeout=60) as response:
            trace = response.read()
    recording.assert_nothing_lost()
    lines = subprocess.run(
        [fixtures.PROGRAMS / "gotrace"], input=trace, stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    edges = dict(line.split() for line in lines.splitlines() if line[0] in "fl")
    first_ns, last_ns = int(edges["first"]) + MARGIN_NS, int(edges["last"]) - MARGIN_NS
    events = [line.split(" ", 2) for line in lines.splitlines() if line[0].isdigit()]
    ends = [line.split(" ", 2)[1:] for line in lines.splitlines() if line.startswith("waits")]
    known = [(row[1], row[2]) for row in events] + [(row[0], row[1]) for row in ends]
    listed = {goroutine for goroutine, functions in known if is_put_on_a_list(goroutine, functions)}
    theirs = np.array([row[:2] for row in events if row[1] not in listed], "<i8")

    records = [recording.capture.records(name) for name in ("goroutine_ready", "netpoll_ready")]
    ours = np.concatenate(
        [np.stack([rows["ts_ns"], rows["woken_goid"]], axis=1).astype("<i8") for rows in records]
    )
    # The sweeper is listed where its first wake-up in the trace has no stack, and is made ready.
    ours = ours[~np.isin(ours[:, 1], [int(goroutine) for goroutine in listed])]
    waits = {int(goroutine): functions for _, goroutine, functions in events}
    unmatched = compare(theirs, ours, first_ns, last_ns)
    assert len(theirs) > 100
    print({row: waits.get(row[1]) for row in unmatched["only in the trace"]})
    assert unmatched == {"only in the trace": [], "only ours": []}


def compare(
    theirs: np.ndarray, ours: np.ndarray, first_ns: int, last_ns: int
) -> dict[str, list[tuple[int, int]]]:
    """Pair the rows (time, goroutine) of both within the tolerance; those left over."""
    left: dict[str, list[tuple[int, int]]] = {"only in the trace": [], "only ours": []}
    goroutines = Counter(theirs[:, 1].tolist()) | Counter(ours[:, 1].tolist())
    for goroutine in goroutines:
        a = np.sort(theirs[theirs[:, 1] == goroutine, 0])
        b = np.sort(ours[ours[:, 1] == goroutine, 0])
        for name, rows, others in (("only in the trace", a, b), ("only ours", b, a)):
            for ts in rows[(rows >= first_ns) & (rows < last_ns)]:
                if not len(others) or np.abs(others - ts).min() > TOLERANCE_NS:
                    left[name].append((int(ts), int(goroutine)))
    return left
