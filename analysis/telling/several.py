"""Several processes in one capture: who they are, what became of each, then the answers of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.durations import format_duration
from whowoke.analysis.model import Analysis
from whowoke.analysis.telling.answers import tell, who
from whowoke.analysis.telling.verdict import Facts
from whowoke.analysis.telling.words import Row, many, rhythm, wrap
from whowoke.analysis.window import EVERYTHING, Limits

ENDED = (
    {"target exited": "exited", "target replaced": "became another program"}
    | dict.fromkeys(("interrupted", "duration", "periods"), "to the end")
    | {"over budget": "over the budget"}
)


@dataclass
class Explanations:
    """What wakes each of several processes: ``text()`` for people, ``json()`` for programs."""

    processes: Sequence[Capture]
    period_ns: int | None = None
    limits: Limits = EVERYTHING

    @cached_property
    def _rows(self) -> list[Row]:
        """The facts of each, with what it has as a part of the whole; one model at a time."""
        starts = [_time(capture, "start_ns") for capture in self.processes]
        first = min((start for start in starts if start is not None), default=0)
        return [
            Facts(Analysis(capture, self.limits), self.period_ns).data()
            | {"part": capture.number, "ended": capture.metadata.get("ended")}
            | {"began_ns": None if start is None else start - first}
            for capture, start in zip(self.processes, starts, strict=True)
        ]

    def json(self) -> dict[str, Any]:
        """Totals, and in ``processes`` what ``whowoke explain --json`` says of each.

        There ``part`` is its number for ``FILE#N``, ``began_ns`` when its recording began, after
        the first one's, ``follows`` whose place it took (``part``, ``pid``), ``gap_ns`` how long
        nothing was recorded between the two.
        """
        names = ("wakeups", "lost", "reconciles", "unknown")
        return {
            **{name: sum(row[name] for row in self._rows) for name in names},
            "complete": all(row["complete"] for row in self._rows),
            "processes": self._rows,
        }

    def text(self) -> str:
        """Losses and totals, a line for each process, then its answers."""
        lines = [*wrap(self._first_line(), 0), *(line for r in self._rows for line in _line(r))]
        for row in self._rows:
            lines += ["", f"── #{row['part']} {'─' * 60}", tell(row)]
        return "\n".join(lines)

    def _first_line(self) -> str:
        wakeups, lost = (sum(row[name] for row in self._rows) for name in ("wakeups", "lost"))
        text = f"{many(wakeups, 'wake-up')} in {len(self._rows)} processes, {lost:,} lost"
        gaps = [row["follows"]["gap_ns"] for row in self._rows if row["follows"]]
        if gaps:
            text += f"; {many(len(gaps), 'restart')}: {format_duration(sum(gaps))} not recorded"
        return f"{text}: counts are lower bounds" if lost else text


def _line(row: Row) -> list[str]:
    """Who it is, when it was recorded, and what woke it most."""
    ended = ENDED.get(row["ended"] or "", "cut")
    after_ns = (row["began_ns"] or 0) + row["from_ns"]
    start = f"from {format_duration(after_ns)}" if after_ns else "from the start"
    told = f"#{row['part']} {who(row)}: {start} for "
    told += f"{format_duration(row['duration_ns'])}, {ended}"
    if row["follows"]:
        gap = format_duration(row["follows"]["gap_ns"])
        told += f"; takes the place of #{row['follows']['part']} after {gap}"
    told += f". {many(row['wakeups'], 'wake-up')}, {many(row['reconciles'], 'reconcile')}"
    known = [cause for cause in row["causes"] if cause["origin"] != "unknown"]
    if known:
        told += f": {known[0]['cause']} {rhythm(known[0])}".rstrip()
    return wrap(f"{told}.", 1)


def _time(capture: Capture, name: str) -> int | None:
    value = capture.metadata.get(name)
    return value if isinstance(value, int) else None
