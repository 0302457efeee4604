"""Tables as CSV: a folder with a file for each, UTF-8, an empty value is not known."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whowoke.analysis.output.exporter import Exporter, Source
from whowoke.analysis.output.files import all_replaced, folder
from whowoke.analysis.tables.columns import BOOL, TABLES, TEXT, TIME, Table
from whowoke.analysis.texts import FORMULA_STARTS, NO_FORMULA

if TYPE_CHECKING:
    import pandas as pd

TARGETS = folder("csv")


def write_csv(source: Source, path: Path) -> None:
    """A folder with ``TABLE.csv`` for each table.

    Times are RFC 3339 with nanoseconds, flags ``true`` or ``false``; a text that a spreadsheet
    would take for a formula has an apostrophe before it, and so has one that begins with that. The
    files are replaced once all new ones are whole; what else is in the folder stays.
    """
    with all_replaced(path, TARGETS(path)) as files:
        for table, file in zip(TABLES, files, strict=True):
            source.step(table.name)
            for number, part in enumerate(source.parts(table)):
                text = _as_text(table, part)
                text.to_csv(file, index=False, header=number == 0, lineterminator="\n")


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
        elif dtype == TEXT:
            risky = frame[name].str.startswith(FORMULA_STARTS, na=False)
            frame[name] = frame[name].mask(risky, NO_FORMULA + frame[name])
    return frame


CSV = Exporter("a folder with a file for each table", TARGETS, write_csv)
