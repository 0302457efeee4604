"""The rows of the table, the JSON line and the file of results."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.keys import KEY_BY_NAME, KEYS
from tests.bench.rounds import Spread

FORMAT = 1


@dataclass(frozen=True)
class Row:
    """One number of a part, or why there is none; ``low`` and ``high`` are extremes."""

    part: str
    what: str
    value: float | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    count: int = 1
    key: str = ""
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """What one part found: when (RFC 3339), in how many seconds, at what load of the machine."""

    part: str
    time: str
    seconds: float
    load: float
    rows: tuple[Row, ...]


def measured(
    part: str, what: str, spread: Spread, unit: str, *, key: str = "", note: str = ""
) -> Row:
    """A row of several measurements."""
    bounds = spread.low, spread.high
    return Row(part, what, spread.median, unit, *bounds, spread.count, key=key, note=note)


def keyed(
    name: str, value: float | Spread | None, *, note: str = "", what: str | None = None
) -> Row:
    """The row that answers a key of the JSON line."""
    key = KEY_BY_NAME[name]
    what = what or key.meaning
    if isinstance(value, Spread):
        return measured(key.part, what, value, key.unit, key=name, note=note)
    return Row(key.part, what, value, key.unit, key=name, note=note)


def values(rows: Iterable[Row]) -> dict[str, float | None]:
    """All keys in their order, null where there is no number."""
    found = {row.key: row.value for row in rows if row.key}
    return {key.name: rounded(found.get(key.name)) for key in KEYS}


def json_line(rows: Iterable[Row]) -> str:
    """The last line of ``make bench``."""
    return json.dumps(values(rows))


def rounded(value: float | None) -> float | None:
    """Four significant digits; whole numbers stay whole."""
    if value is None or value == int(value):
        return value if value is None else int(value)
    short = float(f"{value:.4g}")
    return int(short) if short == int(short) and abs(short) >= 1000 else short


def text_table(rows: Sequence[Row]) -> list[str]:
    """Lines: part, what, median, extremes, goal; a note below its row."""
    cells = [(row.part, row.what, *_numbers(row), _verdict(row)) for row in rows]
    head = ("part", "what", "median", "from … to", "goal")
    widths = [max(len(line[column]) for line in [head, *cells]) for column in range(len(head))]
    lines = [_line(head, widths), "  ".join("─" * width for width in widths)]
    for row, cell in zip(rows, cells, strict=True):
        lines.append(_line(cell, widths))
        if row.note:
            lines.append(" " * (widths[0] + 4) + row.note)
    return lines


def number(value: float | None) -> str:
    """A number as people read it."""
    short = rounded(value)
    return "-" if short is None else f"{short:,}"


def _numbers(row: Row) -> tuple[str, str]:
    unit = f" {row.unit}" if row.unit and row.value is not None else ""
    between = "" if row.low is None else f"{number(row.low)} … {number(row.high)} ({row.count})"
    return number(row.value) + unit, between


def _verdict(row: Row) -> str:
    key = KEY_BY_NAME.get(row.key)
    if key is None:
        return ""
    if row.value is None:
        return f"{key.goal}: not measured"
    return f"{key.goal}: {'yes' if key.is_met(row.value) else 'no'}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip()


def load(path: Path) -> dict[str, Any]:
    """What was kept: machine, outcomes by part. Empty if there is nothing yet."""
    if not path.exists():
        return {"format": FORMAT, "machine": {}, "outcomes": {}}
    kept: dict[str, Any] = json.loads(path.read_text())
    if kept.get("format") != FORMAT:
        raise ValueError(f"{path}: another format: run `make bench`")
    return kept


def save(path: Path, machine: dict[str, Any], outcomes: Iterable[Outcome]) -> None:
    """Keep outcomes; those of other parts stay what they were."""
    kept = load(path)
    kept["machine"] = machine
    kept["outcomes"] |= {outcome.part: asdict(outcome) for outcome in outcomes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")


def outcomes_of(kept: dict[str, Any]) -> list[Outcome]:
    """The kept outcomes."""
    return [
        Outcome(**outcome | {"rows": tuple(Row(**row) for row in outcome["rows"])})
        for outcome in kept["outcomes"].values()
    ]
