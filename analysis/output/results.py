"""The tables of an analysed capture, each made when it is asked for."""

from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from whowoke.analysis.model import Analysis
from whowoke.analysis.output.exporter import WEIGHTS, Source, silent
from whowoke.analysis.output.outputs import BUILDERS, parts_of, table_of


class Results(Mapping[str, pd.DataFrame]):
    """All tables by name, of what the analysis counts; each is made once."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self._made: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            if name not in BUILDERS:
                raise KeyError(name)
            self._made[name] = table_of(self.analysis, name)
        return self._made[name]

    def parts(self, name: str) -> Iterator[pd.DataFrame]:
        """The table in parts: nothing is kept of one that isn't made yet."""
        if name in self._made:
            yield self._made[name]
        else:
            yield from parts_of(self.analysis, name)

    def source(self, weight: str = WEIGHTS[0], step: Callable[[str], None] = silent) -> Source:
        """What an exporter is given."""
        return Source(self, self.analysis, weight, step, streamed=self.parts)

    def __iter__(self) -> Iterator[str]:
        return iter(BUILDERS)

    def __len__(self) -> int:
        return len(BUILDERS)
