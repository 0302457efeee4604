"""What an exporter is: one format, in a file of its own, named in the table of ``export.py``."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from whowoke.analysis.errors import UnsupportedError
from whowoke.analysis.tables.columns import Table
from whowoke.analysis.tables.shape import conform, empty

if TYPE_CHECKING:
    import pandas as pd

    from whowoke.analysis.model import Analysis

WEIGHTS = ("wakeups", "cpu")


def silent(_: str) -> None:
    """Nobody is told what is being written."""


@dataclass
class Source:
    """What is exported: ``tables`` by name, and the analysis for what no table has.

    ``streamed`` gives a table in parts, so that a large one is never in memory as a whole.
    ``weight`` is what folded stacks are weighted by; ``step`` is told what is being written, and
    ``notes`` take what the user should know of the result.
    """

    tables: Mapping[str, "pd.DataFrame"]
    analysis: "Analysis | None" = None
    weight: str = WEIGHTS[0]
    step: Callable[[str], None] = silent
    notes: list[str] = field(default_factory=list)
    streamed: "Callable[[str], Iterator[pd.DataFrame]] | None" = None

    def table(self, table: Table) -> "pd.DataFrame":
        """One table with exactly its columns; one that isn't there is empty."""
        found = self.tables.get(table.name)
        return empty(table) if found is None else conform(table, found)

    def parts(self, table: Table) -> "Iterator[pd.DataFrame]":
        """The same in one part or more."""
        if self.streamed is None:
            yield self.table(table)
        else:
            yield from self.streamed(table.name)


@dataclass(frozen=True)
class Exporter:
    """One format: ``targets`` names the files it makes for a path, ``write`` makes them.

    ``targets`` raises UsageError where the path is of the wrong kind. ``makes`` says in a few words
    what is at the path then, ``needs`` the modules of the extra ``export`` without which nothing is
    written.
    """

    makes: str
    targets: Callable[[Path], list[Path]]
    write: Callable[[Source, Path], None]
    needs: tuple[str, ...] = ()

    def check_modules(self) -> None:
        """UnsupportedError where a module is missing."""
        from importlib.util import find_spec

        missing = [name for name in self.needs if find_spec(name) is None]
        if missing:
            raise UnsupportedError(
                f"the Python package {missing[0]} is not installed",
                "install it with: pip install 'whowoke[export]'",
            )
