"""NDJSON, Parquet and folded stacks have the rows of the tables, nothing rounded or made up."""

import json
import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.unit.captures import rows_of
from tests.unit.synthetic import Synthetic
from whowoke.analysis.capture.reader import Capture, CaptureWriter
from whowoke.analysis.capture.schema import RECORDS
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.export import EXPORTERS, export
from whowoke.analysis.output.exporter import Source
from whowoke.analysis.output.outputs import tables
from whowoke.analysis.output.results import Results
from whowoke.analysis.tables.columns import CAUSES, TABLES, TIME
from whowoke.analysis.tables.shape import conform

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


@pytest.fixture(scope="module", params=["requeue", "ticker"])
def found(request):
    return tables(Analysis(Capture.open(GOLDEN / f"{request.param}.whowoke")))


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_ndjson_has_every_row_and_column(found, tmp_path):
    paths = export(Source(found), "ndjson", tmp_path / "out")
    assert [path.stem for path in paths] == [table.name for table in TABLES]
    for table, path in zip(TABLES, paths, strict=True):
        rows = lines(path)
        assert len(rows) == len(found[table.name])
        assert all(list(row) == list(table.dtypes) for row in rows)
        read = conform(table, pd.DataFrame(rows, columns=list(table.dtypes)).astype("object"))
        pd.testing.assert_frame_equal(read, found[table.name])


def test_ndjson_is_written_a_part_at_a_time(found, tmp_path, monkeypatch):
    monkeypatch.setattr("whowoke.analysis.output.ndjson.ROWS_AT_ONCE", 7)
    export(Source(found), "ndjson", tmp_path)
    assert [row["wakeup_id"] for row in lines(tmp_path / "wakeups.ndjson")] == list(
        range(1, len(found["wakeups"]) + 1)
    )


def test_ndjson_has_no_number_that_json_has_not(tmp_path):
    rows = pd.DataFrame(
        {"cause": ["a", 'b"\n'], "wakeups": [2**53 + 1, 1], "per_hour": [1.5, None]}
    )
    rows["per_hour"] = pd.array([float("inf"), 1.5], "Float64")
    export(Source({"causes": conform(CAUSES, rows)}), "ndjson", tmp_path)
    first, second = lines(tmp_path / "causes.ndjson")
    assert (first["wakeups"], first["per_hour"]) == (2**53 + 1, None)
    assert (second["cause"], second["per_hour"]) == ('b"\n', 1.5)


def test_parquet_reads_back_the_same(found, tmp_path):
    for table, path in zip(TABLES, export(Source(found), "parquet", tmp_path), strict=True):
        read = conform(table, pq.read_table(path).to_pandas(types_mapper=None))
        pd.testing.assert_frame_equal(read, found[table.name])


def test_parquet_says_what_its_columns_mean(found, tmp_path):
    for table, path in zip(TABLES, export(Source(found), "parquet", tmp_path), strict=True):
        schema = pq.read_schema(path)
        assert schema.metadata[b"meaning"].decode() == table.meaning
        for column in table.columns:
            field = schema.field(column.name)
            assert field.metadata[b"unit"].decode() == column.unit
            assert field.metadata[b"meaning"].decode() == column.meaning
            if column.dtype == TIME:
                assert str(field.type) == "timestamp[ns, tz=UTC]"
            if column.name.endswith("_ns"):
                assert str(field.type) == "int64"


def folded(source, path):
    export(source, "folded", path, force=True)
    weights = {}
    for line in path.read_text().splitlines():
        stack, weight = re.fullmatch(r"(.+) (\d+)", line).groups()
        assert stack not in weights
        weights[stack] = int(weight)
    return weights


def test_folded_weights_are_those_of_the_table(found, tmp_path):
    wakeups = found["wakeups"]
    by_count = folded(Source(found), tmp_path / "x")
    assert sum(by_count.values()) == len(wakeups)
    roots = Counter()
    for stack, weight in by_count.items():
        roots[stack.split(";")[0].replace("+", ";")] += weight
    assert roots == wakeups["cause"].value_counts().to_dict()
    source = Source(found, weight="cpu")
    assert sum(folded(source, tmp_path / "x").values()) == wakeups["cpu_ns"].sum()
    known = wakeups["cpu_ns"].notna().sum()
    assert source.notes[0].startswith(
        f"the CPU time of {known} of {len(wakeups)} wake-ups is known"
    )


def test_folded_frames_are_outermost_first(tmp_path):
    capture = Synthetic()
    capture.at(0).fire(
        7, ["runtime.gopark", "main.inner;odd\n name", "main.outer"], start="main.outer"
    )
    analysis = Analysis(capture)
    (stack,) = folded(Source(Results(analysis), analysis), tmp_path / "x")
    assert stack.split(";")[1:] == ["main.outer", "main.inner:odd  name", "runtime.gopark"]


def test_what_has_no_stack_has_its_cause(tmp_path):
    rows = pd.DataFrame({"cause": ["signal", "signal", None], "function": [None, "main.f", None]})
    assert folded(Source({"wakeups": rows}), tmp_path / "x") == {
        "signal": 1, "signal;main.f": 1, "unknown": 1,
    }  # fmt: skip


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_capture_that_adds_up_to_nothing_is_written_too(name, tmp_path):
    """Every bit of every field in use, times beyond all reason: as anyone may write a capture."""
    path = tmp_path / "odd.whowoke"
    with CaptureWriter(path) as writer:
        writer.metadata({"pid": -1, "name": ["x"], "command": 7, "clock_monotonic_ns": "x"})
        for record in RECORDS:
            rows = rows_of(record, 20)
            rows["ts_ns"] = rows_of(record, 20, seed=2)["ts_ns"] >> 1
            writer.records(record, rows)
    analysis = Analysis(Capture.open(path))
    paths = export(Source(Results(analysis), analysis), name, tmp_path / "out")
    assert all(path.exists() for path in paths)
