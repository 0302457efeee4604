"""Tables as compact columns: numbers as base64 of typed arrays, texts as a list and their places.

``store.js`` reads them. Texts stay plain, so that a search of the file finds every one of them.
"""

import base64
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.capture.schema import Field
from whowoke.analysis.rules.frames import Rows
from whowoke.analysis.tables.columns import BOOL, INT, TEXT, TIME, Table

# Little-endian, as every machine with a browser is. The largest number stands for "not known".
WHOLE = ("<u1", "<u2", "<u4")
REAL = "<f8"


def pack_table(
    table: Table, frame: pd.DataFrame, start_ns: int, total: int | None = None
) -> dict[str, Any]:
    """A table's columns; ``time`` isn't there, the clock gives it.

    Points in time are nanoseconds since ``start_ns``. ``total`` is how many rows there were, where
    these are only the first.
    """
    columns = {
        field.name: {"unit": field.unit, "about": field.meaning}
        | _column(field, frame[field.name], start_ns)
        for field in table.columns
        if field.dtype != TIME
    }
    return {
        "about": table.meaning,
        "rows": len(frame),
        "total": len(frame) if total is None else total,
        "columns": columns,
    }


def pack_numbers(values: Rows) -> dict[str, Any]:
    """Numbers, NaN is not known: whole ones as the narrowest type above their least.

    With ``first`` they are the steps from one known number to the next, where that is narrower.
    """
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    if not known.any():
        return {"type": "empty"}
    if bool(np.all(np.mod(values[known], 1) == 0)):
        steps, between = values.copy(), np.diff(values[known])
        # The first step is as small as the others, so that it doesn't widen their type.
        least = float(between.min()) if len(between) else 0.0
        steps[known] = np.r_[least, between]
        plain, stepped = _narrow(values, known), _narrow(steps, known)
        if stepped and (not plain or stepped["type"] < plain["type"]):
            return stepped | {"first": float(values[known][0]) - least}
        if plain:
            return plain
    return {"type": REAL[1:], "least": 0, "data": _base64(values.astype(REAL))}


def _narrow(values: Rows, known: Rows) -> dict[str, Any] | None:
    """Whole numbers in the narrowest type that holds them, None where there is none."""
    least, most = float(values[known].min()), float(values[known].max())
    for dtype in WHOLE:
        largest = np.iinfo(dtype).max
        if most - least < largest:
            codes = np.full(len(values), largest, dtype)
            codes[known] = (values[known] - least).astype(dtype)
            return {"type": dtype[1:], "least": least, "data": _base64(codes)}
    return None


def pack_texts(values: list[str | None]) -> dict[str, Any]:
    """Texts: each one once, and for each row its place among them, from 1; 0 is not known."""
    places: dict[str, int] = {}
    codes = [0 if value is None else places.setdefault(value, len(places) + 1) for value in values]
    return {"type": "text", "texts": list(places), "codes": pack_numbers(np.array(codes))}


def _column(field: Field, values: "pd.Series[Any]", start_ns: int) -> dict[str, Any]:
    if field.dtype == TEXT:
        return pack_texts([None if pd.isna(value) else str(value) for value in values.tolist()])
    numbers = values.astype("Float64").to_numpy(np.float64, na_value=np.nan)
    if field.dtype == INT and is_moment(field):
        # A float has 53 bits: since the machine's start nanoseconds don't fit for long.
        numbers = (
            (values.astype("Int64") - start_ns).astype("Float64").to_numpy(float, na_value=np.nan)
        )
    kind = {"flag": True} if field.dtype == BOOL else {}
    return pack_numbers(numbers) | kind | ({"moment": True} if is_moment(field) else {})


def is_moment(field: Field) -> bool:
    """Whether a column has points in time, not durations."""
    return "CLOCK_MONOTONIC" in field.meaning


def _base64(values: Rows) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
