"""Tables as NDJSON: a folder with a file for each, one object a line, null is not known."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whowoke.analysis.output.csvtables import time_texts
from whowoke.analysis.output.exporter import Exporter, Source
from whowoke.analysis.output.files import all_replaced, folder
from whowoke.analysis.tables.columns import TABLES, TIME, Table

if TYPE_CHECKING:
    import pandas as pd

TARGETS = folder("ndjson")
ROWS_AT_ONCE = 10_000


def write_ndjson(source: Source, path: Path) -> None:
    """A folder with ``TABLE.ndjson`` for each table, written a part at a time."""
    with all_replaced(path, TARGETS(path)) as files:
        for table, file in zip(TABLES, files, strict=True):
            source.step(table.name)
            for part in source.parts(table):
                file.writelines(_lines(table, part))


def _lines(table: Table, frame: "pd.DataFrame") -> Iterator[str]:
    names = list(table.dtypes)
    for first in range(0, len(frame), ROWS_AT_ONCE):
        part = frame.iloc[first : first + ROWS_AT_ONCE]
        columns = [_values(part[name], dtype) for name, dtype in table.dtypes.items()]
        for row in zip(*columns, strict=True):
            yield json.dumps(dict(zip(names, row, strict=True)), allow_nan=False) + "\n"


def _values(column: "pd.Series[Any]", dtype: str) -> list[Any]:
    """Whole numbers stay whole; None is what isn't known, or no finite number."""
    if dtype == TIME:
        return [text or None for text in time_texts(column).tolist()]
    known = column.notna().to_numpy(bool).copy()
    if dtype == "Float64":
        known &= np.isfinite(column.to_numpy(float, na_value=np.nan))
    return [value if there else None
            for value, there in zip(column.tolist(), known.tolist(), strict=True)]  # fmt: skip


NDJSON = Exporter("a folder with a file for each table", TARGETS, write_ndjson)
