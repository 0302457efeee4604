"""What an exporter is: one format, in a file of its own, named in the table of ``export.py``."""

from collections.abc import Callable, Mapping
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


def _silent(_: str) -> None:
    pass


@dataclass
class Source:
    """What is exported: ``tables`` by name, and the analysis for what no table has.

    ``weight`` is what folded stacks are weighted by; ``step`` is told what is being written, and
    ``notes`` take what the user should know of the result.
    """

    tables: Mapping[str, "pd.DataFrame"]
    analysis: "Analysis | None" = None
    weight: str = WEIGHTS[0]
    step: Callable[[str], None] = _silent
    notes: list[str] = field(default_factory=list)

    def table(self, table: Table) -> "pd.DataFrame":
        """One table with exactly its columns; one that isn't there is empty."""
        found = self.tables.get(table.name)
        return empty(table) if found is None else conform(table, found)


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
