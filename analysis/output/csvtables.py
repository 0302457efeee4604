"""Tables as CSV: a folder with a file for each, UTF-8, an empty value is not known."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whowoke.analysis.output.exporter import Exporter, Source
from whowoke.analysis.output.files import folder, replaced
from whowoke.analysis.tables.columns import BOOL, TABLES, TIME, Table

if TYPE_CHECKING:
    import pandas as pd

TARGETS = folder("csv")


def write_csv(source: Source, path: Path) -> None:
    """A folder with ``TABLE.csv`` for each table.

    Times are RFC 3339 with nanoseconds, flags ``true`` or ``false``. Each file is replaced by a
    whole new one; what else is in the folder stays.
    """
    path.mkdir(parents=True, exist_ok=True)
    for table, target in zip(TABLES, TARGETS(path), strict=True):
        source.step(table.name)
        with replaced(target) as file:
            frame = _as_text(table, source.table(table))
            frame.to_csv(file, index=False, lineterminator="\n")


def time_texts(column: "pd.Series[Any]") -> np.ndarray:
    """Times as RFC 3339 with nanoseconds, empty where there is none."""
    plain = column.dt.tz_localize(None).to_numpy("datetime64[ns]")
    texts = np.char.add(np.datetime_as_string(plain, unit="ns"), "Z")
    return np.where(np.isnat(plain), "", texts)


def _as_text(table: Table, frame: "pd.DataFrame") -> "pd.DataFrame":
    frame = frame.copy(deep=False)
    for name, dtype in table.dtypes.items():
        if dtype == TIME:
            frame[name] = time_texts(frame[name])
        elif dtype == BOOL:
            frame[name] = frame[name].map({True: "true", False: "false"}).astype("object")
    return frame


CSV = Exporter("a folder with a file for each table", TARGETS, write_csv)
