"""What a capture says, without root, on any machine: ``whowoke.analysis.open(FILE)``."""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whowoke.analysis.opened import Opened


def open(  # noqa: A001
    file: str | PathLike[str],
    start: str | None = None,
    end: str | None = None,
    spans: Sequence[str | PathLike[str]] = (),
) -> "Opened":
    """Open a capture: its tables as DataFrames, and its verdict. See docs/python.md.

    ``start`` and ``end`` limit what is counted, as ``--from`` and ``--to`` do: ``"10s"`` after the
    start of the recording, or RFC 3339. ``spans`` are logs of the operator. Raises WhowokeError.
    """
    from whowoke.analysis.opened import Opened

    return Opened.of(file, start, end, spans)
