"""A long capture made of a short one, and that its analysis is the same in whatever parts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.day.replay import replay
from whowoke.analysis.capture import ordering, reader
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.capture.schema import RECORDS
from whowoke.analysis.model import Analysis
from whowoke.analysis.output import outputs
from whowoke.analysis.output.export import export
from whowoke.analysis.output.exporter import Source
from whowoke.analysis.output.outputs import tables
from whowoke.analysis.output.results import Results
from whowoke.analysis.tables.columns import TABLES
from whowoke.analysis.telling.explain import explain
from whowoke.analysis.waking import survey
from whowoke.analysis.window import EVERYTHING, Limits

FOLDER = Path(__file__).resolve().parent.parent / "golden"
HOURS = 0.05
# What a seam may add or take: a pause that is short, a carrier that seems to be none.
SEAM = 3


@pytest.fixture(scope="module", params=["requeue", "resync", "ticker"])
def both(request, tmp_path_factory):
    """The capture, the long one, and how often the one is in the other."""
    one, path = FOLDER / f"{request.param}.whowoke", tmp_path_factory.mktemp("day") / "long.whowoke"
    times = replay(one, HOURS, path)
    return Capture.open(one), Capture.open(path), times


def test_it_lasts_as_long_as_asked_and_tells_so(both):
    one, many, times = both
    length = one.metadata["end_ns"] - one.metadata["start_ns"]
    assert many.complete
    assert many.metadata["end_ns"] - many.metadata["start_ns"] == times * length
    assert HOURS * 3600e9 <= times * length < HOURS * 3600e9 + length
    assert many.metadata["hits"] == [times * hits for hits in one.metadata["hits"]]
    assert (many.strings, many.stacks, many.symbols) == (one.strings, one.stacks, one.symbols)


def test_each_record_comes_as_often_as_it_is_repeated(both):
    one, many, times = both
    start, end = one.metadata["start_ns"], one.metadata["end_ns"]
    for record in RECORDS:
        rows = one.records(record.name)
        inside = int(((rows["ts_ns"] >= start) & (rows["ts_ns"] < end)).sum())
        found = many.records(record.name)
        seams = len(found) - times * inside
        assert seams == 0 or record.name in ("thread_on", "thread_off")
        assert (found["ts_ns"] >= start).all()
        assert (found["ts_ns"] < many.metadata["end_ns"]).all()


def test_new_goroutines_are_new_each_time(both):
    _, many, _ = both
    new = many.records("goroutine_new")["new_goid"]
    assert len(np.unique(new)) == len(new)


def test_what_is_said_of_it_is_so_many_times_that_of_one(both):
    one, many, times = both
    alone, long = explain(one).json(), explain(many).json()
    for name in ("wakeups", "reconciles", "thread_wakeups", "sysmon"):
        assert abs(long[name] - times * alone[name]) <= times, name
    for name in ("carriers", "episodes"):
        assert abs(long[name] - times * alone[name]) <= SEAM * times, name
    keys = ("origin", "cause", "controller", "function", "location", "subject")
    counts = {tuple(row[key] for key in keys): row for row in long["causes"]}
    for row in alone["causes"]:
        if row["origin"] == "unknown":
            continue
        found = counts[tuple(row[key] for key in keys)]
        # What was set before the recording is known from the second time on.
        most = alone["unknown"] + alone["reconciles_before"] + SEAM
        for name in ("wakeups", "reconciles"):
            assert times * row[name] - times <= found[name] <= times * (row[name] + most)
        if row["reconciles"] > times:
            assert found["schedule"] == row["schedule"]
    assert long["unknown"] <= alone["unknown"] + times


@pytest.mark.parametrize("rows", [1000, 5000])
def test_windows_come_to_the_same_as_the_whole(both, rows, monkeypatch):
    path = both[1].path
    whole, parts = Analysis(Capture.open(path)), Analysis(Capture.open(path))
    parts.wakings = survey.Wakings(parts.capture, parts.base, parts.rules, rows)
    whole.wakings = survey.Wakings(whole.capture, whole.base, whole.rules, 10**9)
    assert len(list(parts.wakings.frames())) > 1
    assert len(list(whole.wakings.frames())) == 1
    pd.testing.assert_frame_equal(parts.carried, whole.carried)
    pd.testing.assert_frame_equal(parts.spans, whole.spans)
    pd.testing.assert_frame_equal(parts.causes, whole.causes)
    pd.testing.assert_frame_equal(parts.ideal_rows, whole.ideal_rows)
    assert parts.cpu_ns == whole.cpu_ns


@pytest.mark.parametrize("limits", [EVERYTHING, Limits.parse("20s", "100s")])
def test_tables_in_parts_are_the_whole_ones(both, limits, monkeypatch):
    analysis = Analysis(Capture.open(both[1].path), limits)
    whole = tables(analysis)
    monkeypatch.setattr(outputs, "ROWS", 200)
    monkeypatch.setattr(ordering, "LATE_NS", 10**9)
    analysis.wakings = survey.Wakings(analysis.capture, analysis.base, analysis.rules, 1000)
    for table in TABLES:
        found = list(outputs.parts_of(analysis, table.name))
        assert all(len(part) <= 200 for part in found)
        assert all((part.dtypes == whole[table.name].dtypes).all() for part in found)
        pd.testing.assert_frame_equal(pd.concat(found, ignore_index=True), whole[table.name])
        if table.name in ("wakeups", "thread_wakeups", "syscalls"):
            assert len(found) > 1


def test_files_are_the_same_in_parts(both, tmp_path, monkeypatch):
    results = Results(Analysis(Capture.open(both[1].path)))
    formats = ("csv", "ndjson", "parquet", "folded")
    whole = {name: export(Source(results), name, tmp_path / name) for name in formats}
    monkeypatch.setattr(outputs, "ROWS", 200)
    fresh = Results(results.analysis)
    for name in formats:
        parts = export(fresh.source(), name, tmp_path / f"{name}-parts")
        for one, other in zip(whole[name], parts, strict=True):
            if name == "parquet":
                # Row groups are parts, so bytes differ.
                assert pq.read_table(one).equals(pq.read_table(other), check_metadata=True)
            else:
                assert one.read_bytes() == other.read_bytes()


def test_what_is_remembered_changes_nothing(both, monkeypatch):
    path = both[1].path
    expected = explain(Capture.open(path)).json()
    monkeypatch.setattr(reader, "REMEMBERED_BYTES", -1)
    monkeypatch.setattr(reader, "BLOCK_BYTES", 1)
    assert explain(Capture.open(path)).json() == expected
