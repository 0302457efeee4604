"""All wake-ups of a capture, a line each: which there are to ``whowoke show``."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from whowoke.analysis.durations import format_duration
from whowoke.analysis.model import Analysis
from whowoke.analysis.telling.words import cause_name, listed, many


@dataclass(repr=False)
class Listing:
    """The wake-ups that are counted; with ``cause``, a pattern, only those of such a cause."""

    analysis: Analysis
    cause: str | None = None

    def json(self) -> list[dict[str, Any]]:
        """Of each wake-up ``wakeup_id``, ``ts_ns``, ``kind``, ``causes``, ``answers``, ``woke``.

        ``answers`` is the wake-up whose request it answers, ``woke`` whether it ended an idle time.
        """
        return list(self._rows())

    def text(self) -> str:
        """A line for each."""
        rows, start_ns = self.json(), self.analysis.recorded[0]
        lines = [f"{many(len(rows), 'wake-up')}; * ended a time in which the process slept"]
        for row in rows:
            mark = "*" if row["woke"] else " "
            into = format_duration(row["ts_ns"] - start_ns)
            answer = f" (answers wake-up {row['answers']})" if row["answers"] else ""
            names = listed(row["causes"], 2)
            lines.append(
                f"{row['wakeup_id']:>8} {mark} {into:>8}  {row['kind']:<11}{names}{answer}"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.text()

    def _rows(self) -> Iterator[dict[str, Any]]:
        analysis = self.analysis
        kinds, times = analysis.base["kind"].tolist(), analysis.base["ts_ns"].tolist()
        woke = analysis.woke_process
        for number in np.flatnonzero(analysis.wakeups_inside).tolist():
            causes = analysis.named.wakeups[number]
            if self.cause and not any(fnmatchcase(c.cause, self.cause) for c in causes):
                continue
            asked = analysis.named.continues[number]
            yield {
                "wakeup_id": number + 1,
                "ts_ns": times[number],
                "kind": kinds[number],
                "causes": list(dict.fromkeys(cause_name(cause._asdict()) for cause in causes)),
                "answers": None if asked is None else asked + 1,
                "woke": woke[number],
            }
