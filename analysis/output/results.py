"""The tables of an analysed capture, each made when it is asked for."""

from collections.abc import Iterator, Mapping

import pandas as pd

from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import BUILDERS, table_of


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

    def __iter__(self) -> Iterator[str]:
        return iter(BUILDERS)

    def __len__(self) -> int:
        return len(BUILDERS)
