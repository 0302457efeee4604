"""Exported files: every table and column, unknown is empty, nothing is overwritten silently."""

import csv
import os
import tomllib

import pandas as pd
import pytest

from whowoke.analysis.errors import UnsupportedError, UsageError, WhowokeError
from whowoke.analysis.output import export as exporters
from whowoke.analysis.output.export import export
from whowoke.analysis.output.exporter import Exporter, Source
from whowoke.analysis.output.files import single
from whowoke.analysis.tables.columns import QUEUE, TABLES, WAKEUPS
from whowoke.analysis.tables.shape import conform, utc_times

CLOCKS = {"clock_monotonic_ns": 0, "clock_realtime_ns": 1_766_000_000_000_000_000}


def wakeups():
    ts_ns = pd.Series([1, 2**53 + 1], dtype="Int64")
    return pd.DataFrame(
        {
            "ts_ns": ts_ns,
            "time": utc_times(pd.Series([1, pd.NA], dtype="Int64"), CLOCKS),
            "woke_process": [True, None],
            "cause": ["requeue.after", None],
            "function": ['main.(*R).Reconcile "x", y', "näme\nsecond line"],
        }
    )


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_table_is_a_file_with_every_column(tmp_path):
    written = export(Source({"wakeups": wakeups()}), "csv", tmp_path / "out")
    assert [path.stem for path in written] == [table.name for table in TABLES]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        path.name for path in written
    )
    for table, path in zip(TABLES, written, strict=True):
        head = path.read_text().split("\n", 1)[0]
        assert head.split(",") == list(table.dtypes)


def test_values_are_exact_and_what_is_unknown_is_empty(tmp_path):
    export(Source({"wakeups": wakeups()}), "csv", tmp_path)
    first, second = rows(tmp_path / "wakeups.csv")
    assert first["time"] == "2025-12-17T19:33:20.000000001Z"
    assert first["woke_process"] == "true"
    assert first["function"] == 'main.(*R).Reconcile "x", y'
    assert second["ts_ns"] == str(2**53 + 1)
    assert second["function"] == "näme\nsecond line"
    assert (second["time"], second["cause"], second["woke_process"], second["tid"]) == ("",) * 4


def test_what_was_written_reads_back_the_same(tmp_path):
    queue = conform(
        QUEUE,
        pd.DataFrame(
            {"event_id": [1, 2], "after_ns": [pd.NA, -5], "rate_limited": [False, None],
             "name": ["a", None]}
        ),
    )  # fmt: skip
    export(Source({"queue": queue}), "csv", tmp_path)
    read = pd.read_csv(tmp_path / "queue.csv", dtype=QUEUE.dtypes)
    pd.testing.assert_frame_equal(read, queue)
    assert WAKEUPS.dtypes["time"] == str(
        pd.read_csv(tmp_path / "wakeups.csv", parse_dates=["time"])["time"]
        .astype("datetime64[ns, UTC]")
        .dtype
    )


def test_nothing_is_overwritten_unless_forced(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    export(Source({}), "csv", tmp_path)
    (tmp_path / "queue.csv").write_text("older")
    with pytest.raises(UsageError, match=r"wakeups\.csv exists") as caught:
        export(Source({}), "csv", tmp_path)
    assert "--force" in caught.value.hint
    assert (tmp_path / "queue.csv").read_text() == "older"
    export(Source({}), "csv", tmp_path, force=True)
    assert (tmp_path / "queue.csv").read_text() != "older"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_link_is_replaced_and_not_followed(tmp_path):
    other = tmp_path / "other"
    other.write_text("precious")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "queue.csv").symlink_to(other)
    with pytest.raises(UsageError):
        export(Source({}), "csv", folder)
    export(Source({}), "csv", folder, force=True)
    assert other.read_text() == "precious"


def test_places_where_nothing_can_be_written(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "below", tmp_path / ("x" * 300)):
        for force in (False, True):
            with pytest.raises(WhowokeError) as caught:
                export(Source({}), "csv", path, force)
            assert caught.value.hint


def test_an_unknown_format_names_the_known_ones(tmp_path):
    with pytest.raises(UsageError) as caught:
        export(Source({}), "xls", tmp_path)
    assert "csv" in caught.value.hint


def test_a_failed_write_leaves_no_part(tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(WhowokeError, match="No space left"):
        export(Source({}), "csv", tmp_path / "out")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("format_name", ["csv", "ndjson", "parquet"])
def test_a_write_that_fails_late_leaves_what_was_there(tmp_path, format_name):
    def step(name):
        if name == "queue":
            raise OSError(28, "No space left on device")

    written = export(Source({"wakeups": wakeups()}), format_name, tmp_path)
    before = {path: path.read_bytes() for path in written}
    with pytest.raises(WhowokeError, match="No space left"):
        export(Source({}, step=step), format_name, tmp_path, force=True)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_another_format_is_one_entry(tmp_path, monkeypatch):
    exporter = Exporter(
        "names", single, lambda source, path: path.write_text(",".join(source.tables))
    )
    monkeypatch.setitem(exporters.EXPORTERS, "names", exporter)
    assert export(Source({"wakeups": wakeups()}), "names", tmp_path / "x") == [tmp_path / "x"]
    assert (tmp_path / "x").read_text() == "wakeups"


def test_a_missing_package_is_told_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("parquet", "perfetto"):
        with pytest.raises(UnsupportedError, match="is not installed") as caught:
            exporters.check(name, tmp_path / "out", False)
        assert "whowoke[export]" in caught.value.hint
    for name in ("csv", "ndjson", "folded"):
        assert exporters.check(name, tmp_path / "out", False).needs == ()


def test_the_package_names_the_extra_that_formats_need(tree):
    project = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    extra = {text.split(">")[0] for text in project["optional-dependencies"]["export"]}
    assert {name for exporter in exporters.EXPORTERS.values() for name in exporter.needs} == extra


def test_weights_are_for_folded_stacks(tmp_path):
    for name, weight in (("csv", "cpu"), ("folded", "time")):
        with pytest.raises(UsageError):
            exporters.check(name, tmp_path / "out", False, weight)
    assert exporters.check("folded", tmp_path / "out", False, "cpu")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\uff1d", "\uff20", "'"])
def test_a_text_that_a_spreadsheet_would_run_is_made_plain(tmp_path, start):
    text = f"{start}cmd|' /C calc'!A0"
    frame = pd.DataFrame({"event_id": [1], "after_ns": [-5], "name": [text], "controller": ["a=b"]})
    export(Source({"queue": conform(QUEUE, frame)}), "csv", tmp_path)
    (row,) = rows(tmp_path / "queue.csv")
    assert row["name"] == f"'{text}"
    assert row["name"].removeprefix("'") == text
    assert (row["after_ns"], row["controller"]) == ("-5", "a=b")
