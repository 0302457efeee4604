"""Captures to files. A format is one file of this folder and one entry in ``EXPORTERS``."""

import os
from pathlib import Path

from whowoke.analysis.errors import PermissionDeniedError, UsageError, WhowokeError
from whowoke.analysis.output.csvtables import CSV
from whowoke.analysis.output.exporter import WEIGHTS, Exporter, Source
from whowoke.analysis.output.folded import FOLDED
from whowoke.analysis.output.ndjson import NDJSON
from whowoke.analysis.output.parquet import PARQUET
from whowoke.analysis.output.perfetto import PERFETTO

EXPORTERS = {
    "csv": CSV,
    "parquet": PARQUET,
    "ndjson": NDJSON,
    "perfetto": PERFETTO,
    "folded": FOLDED,
}


def check(format_name: str, path: Path, force: bool, weight: str = WEIGHTS[0]) -> Exporter:
    """The format, before any work is done: errors as ``export`` has them."""
    exporter = EXPORTERS.get(format_name)
    if exporter is None:
        raise UsageError(
            f"there is no format {format_name!r}", f"formats are: {', '.join(EXPORTERS)}"
        )
    if weight not in WEIGHTS:
        raise UsageError(f"there is no weight {weight!r}", f"weights are: {', '.join(WEIGHTS)}")
    if weight != WEIGHTS[0] and exporter is not FOLDED:
        raise UsageError(f"{format_name} has no weights", "--weight is for: --format folded")
    there = [target for target in exporter.targets(path) if os.path.lexists(target)]
    if there and not force:
        raise UsageError(f"{there[0]} exists", "choose another -o, or replace it with --force")
    exporter.check_modules()
    return exporter


def export(source: Source, format_name: str, path: Path, force: bool = False) -> list[Path]:
    """Write a format to ``path`` and return the files that were made.

    Raises UsageError for an unknown format or where something is there already (without ``force``),
    UnsupportedError where a package is missing, WhowokeError where it cannot be written.
    """
    exporter = check(format_name, path, force, source.weight)
    try:
        exporter.write(source, path)
    except OSError as err:
        raise _error(path, err) from None
    return exporter.targets(path)


def _error(path: Path, err: OSError) -> WhowokeError:
    if isinstance(err, PermissionError):
        return PermissionDeniedError(
            f"no permission to write {path}", "use -o with a folder that you may write to"
        )
    return WhowokeError(f"cannot write {path}: {err.strerror}", "make room, or use another -o")
