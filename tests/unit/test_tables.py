"""The output tables: each column as it was promised, whatever a frame has."""

import re

import pandas as pd
import pytest

from whowoke.analysis.tables.columns import CAUSES, QUEUE, TIME, WAKEUPS
from whowoke.analysis.tables.shape import TABLES, conform, empty, utc_times

PROMISED = {
    "wakeups": "wakeup_id ts_ns time episode_id kind woke_process continuation_of origin "
    "cause subject peer function location location_kind armed_period_ns "
    "lateness_ns armed_ns goroutine_id goroutine_start tid stack_id cpu_ns "
    "evidence",
    "thread_wakeups": "ts_ns tid waker_tid context carrier off_cpu_ns on_cpu_ns episode_id "
    "wakeup_id",
    "syscalls": "ts_ns duration_ns tid goroutine_id name fd peer bytes result",
    "episodes": "episode_id start_ns end_ns idle_before_ns cpu_ns thread_wakeups carriers wakeups",
    "queue": "event_id ts_ns queue_id controller operation namespace name after_ns "
    "rate_limited priority wakeup_id reconcile_id cause function location",
    "reconciles": "reconcile_id start_ns end_ns time duration_ns controller namespace name "
    "goroutine_id result requeue_after_ns location triggers causes subjects "
    "cache_reads api_reads api_writes other_requests redundant redundant_reason "
    "log_reconcile_id",
    "requests": "request_id ts_ns duration_ns reconcile_id goroutine_id kind verb group "
    "version resource subresource object_kind namespace name host path status "
    "found objects resource_version same changed sent_bytes received_bytes "
    "event_ns function location",
    "checks": "controller kind group version object_kind host reads same differing event "
    "handlers own_handlers noticed_after_ns evidence function location",
    "ideals": "scenario wakeups asleep_ns asleep_share longest_sleep_ns",
    "causes": "origin cause subject controller function location location_kind wakeups "
    "per_hour median_gap_ns jitter_ns schedule cpu_ns reconciles "
    "redundant_reconciles reasons wakeups_per_day cpu_ns_per_day "
    "api_requests_per_day avoidable advice",
    "stacks": "stack_id depth function location",
    "losses": "ts_ns kind count since_ns",
}


def test_the_tables_have_the_promised_columns_in_order():
    assert {table.name: " ".join(table.dtypes) for table in TABLES} == PROMISED


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_column_says_what_it_is(table):
    assert len(table.dtypes) == len(table.columns)
    assert table.meaning
    for column in table.columns:
        assert column.meaning
        assert column.unit
        assert re.fullmatch(r"[a-z][a-z_]*", column.name)
        assert (column.unit == "ns") == column.name.endswith("_ns")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_empty_tables_and_missing_columns_have_the_same_types(table):
    frame = conform(table, pd.DataFrame(index=[7, 8, 9]))
    assert frame.shape == (3, len(table.columns))
    assert frame.isna().all(axis=None)
    assert len(empty(table)) == 0
    assert list(empty(table).dtypes.items()) == list(frame.dtypes.items())
    assert [str(dtype) for dtype in frame.dtypes] == list(table.dtypes.values())
    joined = pd.concat([empty(table), frame])
    assert list(joined.dtypes.items()) == list(frame.dtypes.items())


def test_given_columns_are_ordered_and_typed():
    frame = pd.DataFrame(
        {
            "cause": ["requeue.after", None],
            "tid": [7.0, float("nan")],
            "woke_process": [True, None],
            "ts_ns": [2**62, 5],
        },
        index=[4, 2],
    )
    table = conform(WAKEUPS, frame)
    assert list(table.columns) == list(WAKEUPS.dtypes)
    assert table["ts_ns"].tolist() == [2**62, 5]
    assert table["tid"].isna().tolist() == [False, True]
    assert table["cause"].isna().tolist() == [False, True]
    assert table.index.tolist() == [0, 1]


def test_a_column_that_isnt_promised_is_refused():
    with pytest.raises(ValueError, match="queue has no column colour, size"):
        conform(QUEUE, pd.DataFrame({"colour": [1], "name": ["a"], "size": [2]}))


@pytest.mark.parametrize("values", [["x"], [0.5], [2**70]])
def test_a_value_that_a_column_cannot_hold_is_refused(values):
    with pytest.raises((ValueError, TypeError, OverflowError)):
        conform(CAUSES, pd.DataFrame({"wakeups": values}))


def test_times_are_utc_by_the_clock_pair():
    clocks = {"clock_monotonic_ns": 1000, "clock_realtime_ns": 1_766_000_000_000_000_000}
    times = utc_times(pd.Series([1000, pd.NA, 1001], dtype="Int64"), clocks)
    assert str(times.dtype) == TIME
    assert times[0].isoformat() == "2025-12-17T19:33:20+00:00"
    assert pd.isna(times[1])
    assert times[2].nanosecond == 1


@pytest.mark.parametrize(
    "clocks",
    [
        {},
        {"clock_monotonic_ns": 1},
        {"clock_monotonic_ns": "x", "clock_realtime_ns": 1},
        {"clock_monotonic_ns": -1, "clock_realtime_ns": 1},
        {"clock_monotonic_ns": 0, "clock_realtime_ns": 2**80},
    ],
)
def test_without_clocks_no_time_is_known(clocks):
    times = utc_times(pd.Series([1, 2], dtype="Int64"), clocks)
    assert (str(times.dtype), times.isna().all()) == (TIME, True)


def test_a_senseless_time_is_not_known():
    clocks = {"clock_monotonic_ns": 0, "clock_realtime_ns": 2**62 - 1}
    times = utc_times(pd.Series([2**63 - 1, -1, 5], dtype="Int64"), clocks)
    assert times.isna().tolist() == [True, True, False]
