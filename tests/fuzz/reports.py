"""Every report on a capture, and what it must never hold: see ``captures.py``."""

import csv
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz.recorded import operator
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.comparing.diff import Comparison
from whowoke.analysis.comparing.sides import side_of
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.export import export
from whowoke.analysis.output.exporter import Source
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.output.results import Results
from whowoke.analysis.tables.columns import TABLES, TEXT
from whowoke.analysis.telling.explain import explain
from whowoke.analysis.telling.info import describe, summary
from whowoke.analysis.telling.show import tell_story
from whowoke.analysis.texts import FORMULA_STARTS


def explained(found: Capture) -> None:
    """What ``explain`` and ``info`` print."""
    _is_said(found, describe(summary(found)))
    explanation = explain(found)
    _is_said(found, explanation.text())
    _as_json(summary(found), explanation.json())


def tabulated(found: Capture) -> None:
    """What ``export`` writes."""
    with tempfile.TemporaryDirectory() as folder:
        export(Source(analyse(found)), "csv", Path(folder), force=True)
        for table in TABLES:
            _check_csv(Path(folder) / f"{table.name}.csv", table.dtypes)


def shown(found: Capture) -> None:
    """What ``show`` prints of the wake-up in the middle."""
    story = tell_story(found, max(1, len(found.records("timer_fire")) // 2))
    _is_said(found, story.text())
    _as_json(story.json())


def written(found: Capture) -> None:
    """What ``export`` writes for other programs."""
    analysis_ = Analysis(found)
    with tempfile.TemporaryDirectory() as folder:
        lines, stacks = Path(folder) / "lines", Path(folder) / "stacks"
        source = Results(analysis_).source()
        export(source, "ndjson", lines)
        export(source, "folded", stacks)
        for text in (*(path.read_text() for path in lines.iterdir()), stacks.read_text()):
            assert text.replace("\n", "").isprintable()
        for path in lines.iterdir():
            for line in path.read_text().splitlines():
                json.loads(line, parse_constant=_no_number)


def compared(found: Capture) -> None:
    """What ``diff`` prints."""
    comparison = Comparison(side_of("a", Analysis(found)), _sound_side())
    _is_said(found, comparison.text())
    _as_json(comparison.json())


@cache
def _sound_side() -> Any:
    return side_of("b", Analysis(operator()))


def _no_number(text: str) -> None:
    raise AssertionError(text)


def _is_said(found: Capture, said: str) -> None:
    for text in (said, *found.notes, *found.log_notes):
        assert text.replace("\n", "").isprintable(), text


def _check_csv(path: Path, dtypes: dict[str, str]) -> None:
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            assert None not in row
            for name, text in row.items():
                assert text.isprintable()
                is_formula = text.startswith(FORMULA_STARTS[:-1])
                assert dtypes[name] != TEXT or not is_formula, text


def _as_json(*values: Any) -> None:
    for value in values:
        json.dumps(value, allow_nan=False)


REPORTS = (explained, tabulated, shown, written, compared)
