"""Small real captures with one expected result each: what the analysis says of them must not drift.

WHOWOKE_UPDATE_GOLDEN=1 writes the expected results anew: read the difference before you commit it.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from whowoke.analysis.capture.chunks import FORMAT_VERSION
from whowoke.analysis.capture.reader import Capture, CaptureWriter
from whowoke.analysis.capture.schema import RECORD_BY_NAME, record_dtype
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.telling.explain import explain

FOLDER = Path(__file__).resolve().parent.parent / "golden"
CAPTURES = sorted(FOLDER.glob("*.whowoke"))
KEYS = (
    *("origin", "cause", "subject", "controller", "function", "location", "location_kind"),
    *("schedule", "wakeups", "reconciles", "median_gap_ns"),
)


def summary(path: Path) -> dict[str, Any]:
    capture = Capture.open(path)
    found = explain(capture).json()
    tables = analyse(capture)
    threads = tables["thread_wakeups"].groupby(["context", "carrier"]).size()
    return {
        "wakeups": found["wakeups"],
        "unknown": found["unknown"],
        "reconciles": found["reconciles"],
        "causes": [{key: cause[key] for key in KEYS} for cause in found["causes"]],
        "tables": {name: len(table) for name, table in tables.items()},
        "thread_wakeups": {f"{c} carrier={k}": int(n) for (c, k), n in threads.items()},
    }


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_the_verdict_of_a_real_capture(path: Path) -> None:
    expected = path.with_suffix(".json")
    found = json.loads(json.dumps(summary(path)))
    if os.environ.get("WHOWOKE_UPDATE_GOLDEN"):
        expected.write_text(json.dumps(found, indent=2) + "\n")
    assert found == json.loads(expected.read_text())


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_in_the_newest_format_it_is_the_same(path: Path, tmp_path: Path) -> None:
    old = Capture.open(path)
    with CaptureWriter(tmp_path / path.name) as writer:
        writer.metadata(old.metadata)
        writer.strings(old.strings)
        writer.stacks(old.stacks)
        writer.symbols(old.symbols)
        for number, (name, rows) in enumerate(old.parts(*RECORD_BY_NAME)):
            record = RECORD_BY_NAME[name]
            writer.records(record, rows.astype(record_dtype(record)))
            if number % 20 == 0:
                writer.flush()
    new = Capture.open(tmp_path / path.name)
    assert new.format_version == FORMAT_VERSION
    for name in RECORD_BY_NAME:
        assert new.records(name).tolist() == old.records(name).tolist()
    assert json.loads(json.dumps(summary(new.path))) == json.loads(json.dumps(summary(path)))


def test_captures_of_old_formats_stay() -> None:
    assert {Capture.open(path).format_version for path in CAPTURES} == {1, 3}


def test_there_are_captures() -> None:
    assert {"requeue", "resync", "ticker"} <= {path.stem for path in CAPTURES}
