"""The verdict: the five answers about one capture, in one screen of plain words or as data."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from whowoke.analysis.model import Analysis
from whowoke.analysis.rules.frames import CaptureLike
from whowoke.analysis.telling.answers import tell
from whowoke.analysis.telling.verdict import Facts
from whowoke.analysis.window import EVERYTHING, Limits


@dataclass(repr=False)
class Explanation:
    """What wakes a process: ``text()`` for people, ``json()`` for programs."""

    analysis: Analysis
    period_ns: int | None = None

    @cached_property
    def _data(self) -> dict[str, Any]:
        return Facts(self.analysis, self.period_ns).data()

    def json(self) -> dict[str, Any]:
        """Everything as data; times are nanoseconds, None is not known.

        ``duration_ns`` is what is counted, ``from_ns`` after the start of ``recorded_ns``.
        ``causes``, ``checks`` and ``ideals`` have one object for each row of the table of that
        name. Causes, those with reconciles first, have beside its columns ``armed_period_ns``,
        ``continuations``, ``explanation``, ``evidence`` (a text for each of ``reasons``), ``asks``
        (what its own goroutines ask for outside of reconciles), ``module`` (whose code decides),
        ``api_server`` (none, answers, sends) and ``wakeup_id`` (an example for ``whowoke show``);
        ideals have a picture, ``bar``. ``events`` are the checks by the answer to "is there an
        event for it". ``writes`` counts what reconciles wrote. ``redundancy`` counts reconciles by
        verdict and reason. ``logic`` says of each cause where it is decided. ``unanswered`` names
        what the capture has no records of.
        """
        return self._data

    def text(self) -> str:
        """One screen: losses, totals, the five answers, the ideal, the change."""
        return tell(self._data)

    def __repr__(self) -> str:
        return self.text()


def explain(
    capture: CaptureLike, period_ns: int | None = None, limits: Limits = EVERYTHING
) -> Explanation:
    """Say what wakes the target; with a period only what comes about that often."""
    return Explanation(Analysis(capture, limits), period_ns)
