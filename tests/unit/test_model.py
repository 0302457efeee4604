"""All tables together: columns, losses, hostile records, and the time it takes."""

import time

import numpy as np
import pytest

from tests.unit.go_stacks import (
    BY_CHANNEL,
    IN_CHANNEL,
    IN_GET,
    IN_METRICS,
    IN_POLLER,
    IN_READ_LOOP,
    IN_RENEW,
    IN_ROUND_TRIP,
)
from tests.unit.synthetic import ADDER, MS, Synthetic
from tests.unit.test_threads import run
from whowoke.analysis.capture.chunks import Frame
from whowoke.analysis.capture.schema import RECORDS, record_dtype
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.tables.shape import TABLE_BY_NAME
from whowoke.analysis.telling.explain import explain


def example():
    c = Synthetic()
    for ms in (100, 200, 300):
        c.at(ms).waking(1)
        c.on(1)
        c.fire(40, IN_POLLER, period_ms=100)
        c.ready(40, 42, IN_CHANNEL)
        c.add(42, "a", BY_CHANNEL)
        c.item_ready(ADDER, "a")
        c.reconcile("a")
        c.at(ms + 2).off(1)
        run(c, ms + 50, ms + 51)
    return c


def test_tables_have_the_columns_that_are_documented():
    for name, frame in analyse(example()).items():
        assert list(frame.columns) == list(TABLE_BY_NAME[name].dtypes)


def test_references_between_tables_hold():
    tables = analyse(example())
    wakeups = set(tables["wakeups"]["wakeup_id"])
    assert set(tables["queue"]["wakeup_id"].dropna()) <= wakeups
    assert set(tables["thread_wakeups"]["wakeup_id"].dropna()) <= wakeups
    assert set(tables["wakeups"]["stack_id"].dropna()) <= set(tables["stacks"]["stack_id"])
    episodes = set(tables["episodes"]["episode_id"])
    assert set(tables["wakeups"]["episode_id"].dropna()) <= episodes
    assert set(tables["queue"]["reconcile_id"].dropna()) == set(
        tables["reconciles"]["reconcile_id"]
    )


def test_wakeups_of_causes_and_continuations_are_all_wakeups():
    tables = analyse(example())
    continuations = tables["wakeups"]["continuation_of"].notna().sum()
    assert tables["causes"]["wakeups"].sum() + continuations == len(tables["wakeups"])


def test_a_wakeup_that_is_alone_in_its_episode_has_its_cpu_time():
    tables = analyse(example())
    assert tables["wakeups"]["cpu_ns"].tolist() == tables["episodes"]["cpu_ns"][::2].tolist()
    assert tables["causes"]["cpu_ns"][0] == tables["wakeups"]["cpu_ns"].sum()


def test_cpu_time_of_an_episode_with_two_wakeups_is_nobodys():
    c = Synthetic()
    c.at(100).on(1)
    c.fire(40, IN_POLLER)
    c.fire(41, IN_METRICS, timer=2)
    c.off(1)
    assert analyse(c)["wakeups"]["cpu_ns"].isna().all()


def test_an_answer_in_the_same_episode_does_not_share_it():
    c = Synthetic()
    c.at(100).on(1)
    c.fire(10, IN_RENEW)
    c.descriptor(50, IN_READ_LOOP)
    c.ready(50, 10, IN_ROUND_TRIP)
    c.off(1)
    assert analyse(c)["wakeups"]["cpu_ns"].notna().tolist() == [True, False]


def test_times_are_told_in_utc():
    wakeups = analyse(example())["wakeups"]
    assert wakeups["time"][0].isoformat().startswith("2023-11-14T22:13:20.100")


def test_losses_are_passed_on():
    c = example()
    c.lost.append((7, "go", 3))
    assert analyse(c)["losses"].iloc[:, :3].values.tolist() == [[7, "go", 3]]


@pytest.mark.parametrize("seed", range(8))
def test_records_that_make_no_sense_do_no_harm(seed):
    """Few different numbers, so that everything refers to something."""
    random = np.random.default_rng(seed)
    c = example()
    c.metadata |= {"start_ns": "x", "modules": [1], "sites": [3, {"probe": "reconcile_return"}]}
    c.symbols |= {n: Frame("a[b", "", 0) for n in range(5)}
    made = {}
    for record in RECORDS:
        rows = np.zeros(60, record_dtype(record))
        for name in rows.dtype.names:
            info = np.iinfo(rows.dtype[name])
            few = [0, 1, 2, 3, 70, 0x1000, info.max, info.max // 2, info.min]
            rows[name] = random.choice(np.array(few, rows.dtype[name]), 60)
        rows["ts_ns"] = random.integers(0, 10**9, 60)
        made[record.name] = np.sort(rows, order="ts_ns")
    c.table = made.__getitem__
    explain(c).text()
    # Counted from the first record of a thread on: the metadata don't say when it began.
    start_ns = Analysis(c).recorded[0]
    events = (made[f"queue_{operation}"] for operation in ("add", "ready", "get", "done"))
    counted = sum(int((rows["ts_ns"] >= start_ns).sum()) for rows in events)
    assert len(analyse(c)["queue"]) == counted > 200


def test_a_hundred_thousand_records_take_two_seconds():
    c = Synthetic()
    stack = {name: c.stack(frames) for name, frames in {
        "poller": IN_POLLER, "channel": IN_CHANNEL, "get": IN_GET, "by": BY_CHANNEL,
    }.items()}  # fmt: skip
    ts = np.arange(10_000, dtype=np.uint64) * MS
    made = {record.name: np.zeros(0, record_dtype(record)) for record in RECORDS}

    def rows(name, offset_us, times=ts, **fields):
        array = np.zeros(len(times), made[name].dtype)
        array["ts_ns"], array["tid"] = times + np.uint64(offset_us * 1000), 1
        for field, value in fields.items():
            array[field] = value
        made[name] = np.sort(np.concatenate((made[name], array)), order="ts_ns")

    key = c.key("a")
    rows("thread_waking", 0)
    rows("thread_on", 1)
    rows("timer_fire", 2, timer=4, woken_goid=40, parked_stack=stack["poller"], period_ns=MS)
    rows("goroutine_ready", 3, woken_goid=40, parked_stack=stack["poller"])
    rows("goroutine_ready", 4, goid=40, woken_goid=42, parked_stack=stack["channel"])
    rows("queue_add", 5, goid=42, queue=7, stack=stack["by"], **key)
    rows("queue_ready", 6, goid=43, metrics=8, **key)
    rows("queue_get", 7, goid=43, metrics=8, **key)
    rows("reconcile_start", 8, goid=70, queue=7, metrics=8, controller=c.text("web"), **key)
    rows("reconcile_result", 9, goid=70)
    rows("thread_off", 10, state=1)
    c.table = made.__getitem__
    assert sum(len(array) for array in made.values()) == 110_000
    began = time.process_time()
    tables = analyse(c)
    assert time.process_time() - began < 4, "measured 2 s on an idle machine"
    assert set(tables["reconciles"]["causes"]) == {"operator.ticker"}
