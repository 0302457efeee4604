"""A capture that decodes each kind of record once, for what asks for them again and again."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from whowoke.analysis.rules.frames import CaptureLike


class Remembered:
    """Another capture, whose records are kept in memory once they were read."""

    def __init__(self, capture: CaptureLike) -> None:
        self._capture = capture
        self._records: dict[str, np.ndarray] = {}
        self.metadata, self.strings = capture.metadata, capture.strings
        self.stacks, self.symbols = capture.stacks, capture.symbols
        self.complete = capture.complete
        self.log_files, self.log_notes = capture.log_files, capture.log_notes

    @property
    def losses(self) -> pd.DataFrame:
        """As the capture has them."""
        return self._capture.losses

    def records(self, name: str) -> np.ndarray:
        """All records of a kind; nobody may change them."""
        if name not in self._records:
            self._records[name] = self._capture.records(name)
            self._records[name].flags.writeable = False
        return self._records[name]

    def logs(self) -> Iterable[bytes]:
        """As the capture has them."""
        return self._capture.logs()
