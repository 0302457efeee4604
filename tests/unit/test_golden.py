"""Small real captures with one expected result each: what the analysis says of them must not drift.

WHOWOKE_UPDATE_GOLDEN=1 writes the expected results anew: read the difference before you commit it.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from whowoke.analysis.capture.reader import Capture
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


def test_there_are_captures() -> None:
    assert {"requeue", "resync", "ticker"} <= {path.stem for path in CAPTURES}
