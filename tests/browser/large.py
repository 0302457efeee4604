"""A page of 100,000 wake-ups, from the tables of a small capture told again and again."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tests.unit.packed import numbers
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import tables
from whowoke.analysis.page.build import MANY_ROWS, Page, build
from whowoke.analysis.page.packing import pack_numbers, pack_table
from whowoke.analysis.tables.columns import TABLE_BY_NAME

WAKEUPS = 100_000
# What is counted anew in each copy, and what is a point in time.
IDS = ("wakeup_id", "episode_id", "continuation_of", "reconcile_id", "event_id")
TIMES = ("ts_ns", "start_ns", "end_ns", "armed_ns")
COUNTED = {"wakeups": "wakeup_id", "episodes": "episode_id", "reconciles": "reconcile_id"}


def large_page(capture: Capture) -> Page:
    """The page of a capture whose time is told so often that it has so many wake-ups."""
    analysis = Analysis(capture)
    page, found = build(analysis), tables(analysis)
    copies = -(-WAKEUPS // len(found["wakeups"]))
    counts = {key: len(found[table]) for table, key in COUNTED.items()}
    counts |= {"continuation_of": counts["wakeup_id"], "event_id": len(found["queue"])}
    data: dict[str, Any] = dict(page.data) | {"tables": dict(page.data["tables"])}
    for name in ("wakeups", "episodes", "reconciles", "queue"):
        frame = _repeated(found[name], copies, counts, analysis.duration_ns)
        first = frame.iloc[: MANY_ROWS[name]]
        data["tables"][name] = pack_table(TABLE_BY_NAME[name], first, data["start_ns"], len(frame))
    data["duration_ns"] = analysis.duration_ns * copies
    data["causes_of"] = {
        name: packed | {"codes": _again(packed["codes"], len(found[name]), copies, MANY_ROWS[name])}
        for name, packed in page.data["causes_of"].items()
    }
    return replace(page, data=data)


def _repeated(
    frame: pd.DataFrame, copies: int, counts: dict[str, int], length_ns: int
) -> pd.DataFrame:
    whole = pd.concat([frame] * copies, ignore_index=True)
    number = np.repeat(np.arange(copies), len(frame))
    for name in whole.columns.intersection(IDS):
        whole[name] = whole[name] + number * counts[name]
    for name in whole.columns.intersection(TIMES):
        whole[name] = whole[name] + number * length_ns
    return whole


def _again(packed: dict[str, Any], rows: int, copies: int, limit: int) -> dict[str, Any]:
    found = [np.nan if value is None else value for value in numbers(packed, rows)]
    return pack_numbers(np.tile(np.array(found), copies)[:limit])
