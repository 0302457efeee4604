"""The tables that come out of a capture, the same in every format and in Python.

What columns they have is in ``columns.py``; here frames are made to fit them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from whowoke.analysis.tables import columns
from whowoke.analysis.tables.columns import TABLE_BY_NAME, TABLES, Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TABLES", "TABLE_BY_NAME", "Table", "conform", "empty", "utc_times"]

MAX_CLOCK_NS = 1 << 62


def empty(table: Table) -> "pd.DataFrame":
    """The table without a row, each column with its dtype."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in table.dtypes.items()})


def conform(table: Table, frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with exactly the table's columns, in order and dtype; missing ones are empty.

    ValueError for a column that the table doesn't have, or values that its dtype cannot hold.
    """
    import pandas as pd

    unknown = [str(name) for name in frame.columns if name not in table.dtypes]
    if unknown:
        raise ValueError(f"table {table.name} has no column {', '.join(unknown)}")
    missing = pd.Series(pd.NA, index=range(len(frame)), dtype="object")
    return pd.DataFrame(
        {
            name: _astype(frame[name].reset_index(drop=True) if name in frame else missing, dtype)
            for name, dtype in table.dtypes.items()
        }
    )


def utc_times(ts_ns: "pd.Series[Any]", metadata: Mapping[str, Any]) -> "pd.Series[Any]":
    """UTC times of CLOCK_MONOTONIC ones, by the clock pair in the capture's metadata.

    CLOCK_MONOTONIC stands still while the machine is suspended (``suspends``).

    Empty (NaT) where the time is empty or the pair (``clock_monotonic_ns``, ``clock_realtime_ns``)
    is missing or senseless.
    """
    import pandas as pd

    pair = metadata.get("clock_monotonic_ns"), metadata.get("clock_realtime_ns")
    monotonic, realtime = (
        value if isinstance(value, int) and 0 <= value < MAX_CLOCK_NS else None for value in pair
    )
    if monotonic is None or realtime is None:
        return pd.Series(pd.NaT, index=ts_ns.index, dtype=columns.TIME)
    times = _astype(ts_ns, columns.INT)
    shifted = times.where((times >= 0) & (times < MAX_CLOCK_NS)) + (realtime - monotonic)
    for suspended_ns, asleep_ns in suspends(metadata):
        shifted = shifted.where((times < suspended_ns).fillna(value=True), shifted + asleep_ns)
    return _astype(pd.to_datetime(shifted, unit="ns", utc=True), columns.TIME)


def suspends(metadata: Mapping[str, Any]) -> list[tuple[int, int]]:
    """When the machine was suspended (CLOCK_MONOTONIC) and for how long, ns, as it was recorded."""
    rows = metadata.get("suspends")
    found = [tuple(row) for row in rows if isinstance(row, list)] if isinstance(rows, list) else []
    return [
        (row[0], row[1])
        for row in found
        if len(row) == 2 and all(isinstance(v, int) and 0 <= v < MAX_CLOCK_NS for v in row)
    ]


def _astype(values: "pd.Series[Any]", dtype: str) -> "pd.Series[Any]":
    converted: pd.Series[Any] = values.astype(dtype)  # type: ignore[call-overload]
    return converted
