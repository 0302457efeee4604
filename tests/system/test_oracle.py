"""The operator's own counters against ours: reconciles by result, and items that became ready."""

import time

import pandas as pd
import pytest

from tests import fixtures
from tests.system.conftest import Edge, Recorder, quiet_edge

PERIOD = "2s"
PERIODS = 8
RESULTS = ("success", "error", "requeue", "requeue_after")


@pytest.mark.parametrize("program", ["requeue", "resync", "ticker"])
def test_counts_equal_the_operators_own(
    program: str, cluster: fixtures.Cluster, record: Recorder
) -> None:
    namespace = f"oracle-{program}"
    with (
        fixtures.operator(program, cluster, period=PERIOD, namespace=namespace) as operator,
        record(operator.pid) as recording,
    ):
        first = quiet_edge(operator.metrics_url)
        time.sleep(2 * PERIODS)
        last = quiet_edge(operator.metrics_url)
    recording.assert_nothing_lost()
    reconciles = _between(recording.tables["reconciles"], "end_ns", first, last)
    for result in RESULTS:
        name = "controller_runtime_reconcile_total"
        expected = last.count(name, result=result) - first.count(name, result=result)
        assert (reconciles.result == result).sum() == expected, result
    queue = _between(recording.tables["queue"], "ts_ns", first, last)
    added = last.count("workqueue_adds_total") - first.count("workqueue_adds_total")
    assert (queue.operation == "ready").sum() == added
    assert len(reconciles) >= 3 * (PERIODS - 2)


def _between(frame: pd.DataFrame, column: str, first: Edge, last: Edge) -> pd.DataFrame:
    return frame[(frame[column] >= first.ts_ns) & (frame[column] < last.ts_ns)]
