"""What a report shows, as data: the verdict's facts and words, the tables, the pictures."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.capture.schema import RECORDS
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import parts_of, queue_events, table_of
from whowoke.analysis.page.gaps import cause_numbers, gap_table
from whowoke.analysis.page.packing import pack_numbers, pack_table, pack_texts
from whowoke.analysis.page.sources import Sources
from whowoke.analysis.page.stories import MANY_STORIES, stories
from whowoke.analysis.rules.causes import Cause
from whowoke.analysis.rules.frames import CaptureLike
from whowoke.analysis.tables.columns import TABLE_BY_NAME
from whowoke.analysis.tables.shape import utc_times
from whowoke.analysis.telling.verdict import Facts
from whowoke.analysis.telling.words import rhythm
from whowoke.analysis.verdicts.ideal import Ideal

# Rows of a table that go into the page; a file of 15 MB has about so many.
MANY_ROWS = {"wakeups": 120_000, "episodes": 120_000, "queue": 40_000, "requests": 40_000}
MANY_ROWS |= {"reconciles": 40_000}
MANY_GAPS = 120_000
MANY_FRAMES = 200_000
# How many rows a long table has, without making them.
COUNTS: dict[str, Callable[[Analysis], int]] = {
    "wakeups": lambda analysis: int(analysis.wakeups_inside.sum()),
    "episodes": lambda analysis: _held(analysis, analysis.spans["start_ns"]),
    "queue": lambda analysis: _held(analysis, [e.ts_ns for e in queue_events(analysis)]),
    "requests": lambda analysis: _held(analysis, analysis.requests["ts_ns"]),
    "reconciles": lambda analysis: int(analysis.reconciles_inside.sum()),
}
SHOWN = ("wakeups", "episodes", "queue", "reconciles", "requests", "checks", "losses")
# A share of the recorded time that is wider than a pixel of the widest page.
STRIP_COLUMNS = 720


@dataclass(frozen=True)
class Page:
    """A report's content: ``facts`` for its words, ``data`` for its pictures and tables."""

    facts: dict[str, Any]
    strips: list[dict[str, Any]]
    metadata: dict[str, Any]
    began: str
    records: dict[str, int]
    data: dict[str, Any]


def build(analysis: Analysis, sources: Sources | None = None) -> Page:
    """Everything that one capture's report has; what was left out is in ``data["cut"]``."""
    facts = Facts(analysis, None).data()
    start_ns = analysis.window.start_ns
    found = {name: _first_rows(analysis, name) for name in (*SHOWN, "causes")}
    shown = {name: found[name] for name in SHOWN}
    shown["stacks"] = _stacks(table_of(analysis, "stacks"), found["wakeups"], MANY_FRAMES)
    packed = {
        name: pack_table(TABLE_BY_NAME[name], frame, start_ns, _total(analysis, name))
        for name, frame in shown.items()
    }
    data = {
        "start_ns": start_ns,
        "offset_ns": start_ns - analysis.recorded[0],
        "duration_ns": analysis.duration_ns,
        "utc_ns": _utc_of_start(analysis.capture, start_ns),
        "tables": packed,
        "causes": _causes(facts["causes"]),
        "causes_of": {
            "wakeups": _links(analysis, analysis.named.wakeups, _ids(shown["wakeups"])),
            "reconciles": _links(analysis, analysis.named.reconciles, _ids(shown["reconciles"])),
        },
        "gaps": _gaps(gap_table(analysis)),
        "stories": stories(analysis),
        "sources": sources.around(_locations(found | shown)) if sources else {},
        "cut": {
            name: [table["rows"], table["total"]]
            for name, table in packed.items()
            if table["rows"] < table["total"]
        },
        "every_story": int(analysis.wakeups_inside.sum()) <= MANY_STORIES,
    }
    strips = [_strip(ideal) for ideal in analysis.ideals]
    return Page(
        facts=facts,
        strips=strips,
        metadata=analysis.capture.metadata,
        began=_began(analysis.capture, start_ns),
        records=_records(analysis.capture),
        data=data,
    )


def _first_rows(analysis: Analysis, name: str) -> pd.DataFrame:
    """A table, or as many rows of it as go into the page: the others aren't made."""
    limit, count, kept = MANY_ROWS.get(name), 0, []
    for part in parts_of(analysis, name):
        kept.append(part if limit is None else part.iloc[: limit - count])
        count += len(part)
        if limit is not None and count >= limit:
            break
    return pd.concat(kept, ignore_index=True) if len(kept) > 1 else kept[0]


def _total(analysis: Analysis, name: str) -> int | None:
    return COUNTS[name](analysis) if name in COUNTS else None


def _held(analysis: Analysis, times: Sequence[int] | pd.Series) -> int:
    return int(analysis.window.holds(times).sum())


def _causes(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the page needs of each cause to name, draw and group its wake-ups."""
    names = (
        *("origin", "cause", "subject", "controller", "location", "function"),
        *("wakeups", "reconciles", "explanation", "median_gap_ns"),
    )
    return [{name: row[name] for name in names} | {"rhythm": rhythm(row)} for row in rows]


def _ids(frame: pd.DataFrame) -> list[int]:
    ids: list[int] = frame.iloc[:, 0].tolist()
    return ids


def _links(
    analysis: Analysis, named: Sequence[Sequence[Cause]], ids: Iterable[int]
) -> dict[str, Any]:
    """By row which of the causes it has: the places of their sets, and these."""
    numbers = cause_numbers(analysis)
    found = (named[number - 1] for number in ids)
    sets = [
        ",".join(str(numbers[c]) for c in dict.fromkeys(x.general() for x in row) if c in numbers)
        for row in found
    ]
    return pack_texts([text or None for text in sets])


def _gaps(frame: pd.DataFrame) -> dict[str, Any]:
    frame = frame.iloc[:MANY_GAPS]
    return {
        "rows": len(frame),
        **{name: pack_numbers(frame[name].to_numpy(np.float64)) for name in frame.columns},
    }


def _stacks(stacks: pd.DataFrame, wakeups: pd.DataFrame, limit: int) -> pd.DataFrame:
    """The frames of those stacks that wake-ups name."""
    named = wakeups["stack_id"].dropna().unique()
    return stacks[stacks["stack_id"].isin(named)].iloc[:limit].reset_index(drop=True)


def _locations(found: dict[str, pd.DataFrame]) -> Iterable[str]:
    """Every line that a table of the page names."""
    for name in ("causes", "wakeups", "reconciles", "requests", "queue", "checks", "stacks"):
        yield from found[name]["location"].dropna().unique().tolist()


def _utc_of_start(capture: CaptureLike, start_ns: int) -> str | None:
    """UTC nanoseconds at the start, as a text: a float can't hold them."""
    pair = [capture.metadata.get(f"clock_{clock}_ns") for clock in ("realtime", "monotonic")]
    if not all(isinstance(value, int) for value in pair):
        return None
    realtime, monotonic = pair
    return str(start_ns + int(realtime or 0) - int(monotonic or 0))


def _began(capture: CaptureLike, start_ns: int) -> str:
    """UTC at the start, empty where the clocks aren't known."""
    (time,) = utc_times(pd.Series([start_ns]), capture.metadata).tolist()
    return "" if pd.isna(time) else f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _records(capture: CaptureLike) -> dict[str, int]:
    """How many records of each kind there are."""
    counts = {r.name: sum(len(rows) for _, rows in capture.parts(r.name)) for r in RECORDS}
    return {name: count for name, count in counts.items() if count}


def _strip(ideal: Ideal) -> dict[str, Any]:
    """A scenario's picture: runs of columns with work, and its longest sleep, as shares of 1."""
    bar = ideal.bar(STRIP_COLUMNS)
    marks = np.array([0, *(mark == "█" for mark in bar), 0], np.int8)
    edges = np.flatnonzero(np.diff(marks)).reshape(-1, 2) / max(1, len(bar))
    sleep = ideal.longest_sleep()
    length = max(1, ideal.end_ns - ideal.start_ns)
    return {
        "scenario": ideal.scenario,
        "awake": [(float(first), float(last - first)) for first, last in edges],
        "sleep": sleep and [(at - ideal.start_ns) / length for at in sleep],
    }
