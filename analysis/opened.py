"""A capture for Python and notebooks: what ``whowoke.analysis.open`` returns."""

from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Self

import pandas as pd

from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.comparing.diff import Comparison
from whowoke.analysis.comparing.sides import side_of
from whowoke.analysis.durations import parse_duration
from whowoke.analysis.errors import DataIncompleteError, UsageError
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.export import export
from whowoke.analysis.output.results import Results
from whowoke.analysis.telling.card import card
from whowoke.analysis.telling.explain import Explanation
from whowoke.analysis.telling.show import Telling, story_of
from whowoke.analysis.window import Limits


class _Table:
    """A table of ``docs/schema.md`` by its name: made when it is first asked for."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, opened: "Opened", owner: type) -> pd.DataFrame:
        return opened.tables[self._name]


class Opened:
    """A capture that was analysed: tables, verdict, stories. In a notebook it shows what it found.

    ``tables`` has all tables by name; each is an attribute, too. ``metadata`` is what the recorder
    wrote, ``analysis`` all steps in between.
    """

    wakeups = _Table()
    thread_wakeups = _Table()
    syscalls = _Table()
    episodes = _Table()
    queue = _Table()
    reconciles = _Table()
    requests = _Table()
    checks = _Table()
    ideals = _Table()
    causes = _Table()
    stacks = _Table()
    losses = _Table()

    def __init__(self, capture: Capture, limits: Limits) -> None:
        self.capture = capture
        self.analysis = Analysis(capture, limits)
        self.tables = Results(self.analysis)

    @classmethod
    def of(
        cls,
        file: str | PathLike[str],
        start: str | None = None,
        end: str | None = None,
        spans: Sequence[str | PathLike[str]] = (),
    ) -> Self:
        """Open a file, see ``whowoke.analysis.open``."""
        limits, capture = Limits.parse(start, end), Capture.open(Path(file))
        if not capture.metadata:
            raise DataIncompleteError(f"{file} ends before anything was recorded", "record again")
        if len(capture.processes) > 1:
            raise UsageError(f"{file} has {len(capture.processes)} processes", f"open {file}#1")
        capture.log_files = [Path(log) for log in spans]
        return cls(capture, limits)

    @property
    def metadata(self) -> dict[str, Any]:
        """What the recorder wrote of the target, the machine and the probes."""
        return self.capture.metadata

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """The five answers as data, as ``whowoke explain --json`` prints them."""
        return Explanation(self.analysis).json()

    def explain(self, period: str | None = None) -> Explanation:
        """The five answers; with a period (``"15s"``) only what comes back about that often."""
        return Explanation(self.analysis, parse_duration(period) if period else None)

    def show(self, wakeup_id: int) -> Telling:
        """The story of one wake-up, as ``whowoke show`` tells it."""
        return story_of(self.analysis, wakeup_id)

    def between(self, start: str | None = None, end: str | None = None) -> "Opened":
        """The same capture with other limits."""
        return Opened(self.capture, Limits.parse(start, end))

    def diff(self, after: "Opened") -> Comparison:
        """What changed from this capture to another one, as ``whowoke diff`` tells it."""
        sides = (side_of(str(one.capture.path), one.analysis) for one in (self, after))
        return Comparison(*sides)

    def export(
        self, format_name: str, path: str | PathLike[str], force: bool = False,
        weight: str = "wakeups",
    ) -> list[Path]:  # fmt: skip
        """Write it to files as ``whowoke export`` does; returns these."""
        return export(self.tables.source(weight), format_name, Path(path), force)

    def __repr__(self) -> str:
        return self.explain().text()

    def _repr_html_(self) -> str:
        return card(self.verdict, str(self.capture.path), list(self.tables))
