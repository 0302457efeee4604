"""Tables to files. A format is one entry in ``EXPORTERS``; all have the same names and columns."""

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whowoke.analysis.errors import PermissionDeniedError, UsageError, WhowokeError
from whowoke.analysis.tables.columns import BOOL, TABLES, TIME, Table
from whowoke.analysis.tables.shape import conform, empty

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Exporter:
    """One format: ``targets`` names the files it makes for a path, ``write`` makes them.

    ``targets`` raises UsageError where the path is of the wrong kind.
    """

    targets: Callable[[Path], list[Path]]
    write: Callable[[Mapping[str, "pd.DataFrame"], Path], None]


def check(format_name: str, path: Path, force: bool) -> Exporter:
    """The format, before any work is done: UsageError as ``export`` has it."""
    exporter = EXPORTERS.get(format_name)
    if exporter is None:
        raise UsageError(
            f"there is no format {format_name!r}", f"formats are: {', '.join(sorted(EXPORTERS))}"
        )
    there = [target for target in exporter.targets(path) if os.path.lexists(target)]
    if there and not force:
        raise UsageError(f"{there[0]} exists", "choose another -o, or replace it with --force")
    return exporter


def export(
    tables: Mapping[str, "pd.DataFrame"], format_name: str, path: Path, force: bool = False
) -> list[Path]:
    """Write every table in a format to ``path`` and return the files that were made.

    A table that isn't there is written empty. Raises UsageError for an unknown format or where
    something is there already (without ``force``), and WhowokeError where it cannot be written.
    """
    exporter = check(format_name, path, force)
    whole = {
        table.name: conform(table, tables[table.name]) if table.name in tables else empty(table)
        for table in TABLES
    }
    try:
        exporter.write(whole, path)
    except OSError as err:
        raise _error(path, err) from None
    return exporter.targets(path)


def write_csv(tables: Mapping[str, "pd.DataFrame"], path: Path) -> None:
    """A folder with ``TABLE.csv`` for each table, UTF-8, an empty value is not known.

    Times are RFC 3339 with nanoseconds, flags ``true`` or ``false``. Each file is replaced by a
    whole new one; what else is in the folder stays.
    """
    path.mkdir(parents=True, exist_ok=True)
    for table, target in zip(TABLES, _csv_targets(path), strict=True):
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            with partial.open("x", encoding="utf-8", newline="") as file:
                _as_text(table, tables[table.name]).to_csv(file, index=False, lineterminator="\n")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def _csv_targets(path: Path) -> list[Path]:
    if os.path.lexists(path) and not path.is_dir():
        raise UsageError(f"{path} exists and is not a folder", "csv needs a folder: choose another")
    return [path / f"{table.name}.csv" for table in TABLES]


EXPORTERS = {"csv": Exporter(_csv_targets, write_csv)}


def _as_text(table: Table, frame: "pd.DataFrame") -> "pd.DataFrame":
    frame = frame.copy(deep=False)
    for name, dtype in table.dtypes.items():
        if dtype == TIME:
            plain = frame[name].dt.tz_localize(None).to_numpy("datetime64[ns]")
            texts = np.char.add(np.datetime_as_string(plain, unit="ns"), "Z")
            frame[name] = np.where(np.isnat(plain), "", texts)
        elif dtype == BOOL:
            frame[name] = frame[name].map({True: "true", False: "false"}).astype("object")
    return frame


def _error(path: Path, err: OSError) -> WhowokeError:
    if isinstance(err, PermissionError):
        return PermissionDeniedError(
            f"no permission to write {path}", "use -o with a folder that you may write to"
        )
    return WhowokeError(f"cannot write {path}: {err.strerror}", "make room, or use another -o")
