"""What will fire next in a process that is being watched, read from its memory now and then."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer.forecast import QUEUE_DUE, Forecaster
from whowoke.tracer.target import Target

MANY = 30
QUEUED = "queued item"
ENDED = "the process has ended"
PAUSE_S = 4.0
# Reading may take at most this share of the time.
SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Due:
    """A timer that is going to fire at ``due_ns`` (CLOCK_MONOTONIC), then every ``period_ns``."""

    due_ns: int
    period_ns: int
    origin: str
    cause: str
    subject: str
    function: str

    def after(self, now_ns: int) -> "Due | None":
        """The same from then on: what fires once is gone once it was due."""
        if self.due_ns >= now_ns:
            return self
        if not self.period_ns:
            return None
        missed = -((self.due_ns - now_ns) // self.period_ns)
        return replace(self, due_ns=self.due_ns + missed * self.period_ns)


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Those that are due first; ``problem`` says why there are none."""

    dues: list[Due]
    problem: str = ""

    def after(self, now_ns: int) -> list[Due]:
        """What is due from then on, in this order."""
        found = [due for due in (due.after(now_ns) for due in self.dues) if due]
        return sorted(found, key=lambda due: due.due_ns)


class Watch:
    """Reads the timers of the process of a capture, as long as that very process runs here."""

    def __init__(self) -> None:
        self._target: Target | None = None
        self._forecaster: Forecaster | None = None
        self._next_s = 0.0
        self._is_refused = False

    def step(self, metadata: Mapping[str, Any]) -> Upcoming | None:
        """What is due, where it is time to look again."""
        now_s = time.monotonic()
        if self._is_refused or now_s < self._next_s:
            return None
        try:
            dues = self._read(metadata)
        except WhowokeError as err:
            # What ends while it is read can't be read.
            is_over = self._target is not None and not self._target.is_alive()
            self._is_refused = True
            self.close()
            return Upcoming([], ENDED if is_over else str(err))
        took_s = time.monotonic() - now_s
        self._next_s = now_s + max(PAUSE_S, took_s / SHARE)
        return Upcoming(dues)

    def close(self) -> None:
        """Let go of the process."""
        for opened in (self._forecaster, self._target):
            if opened:
                opened.close()
        self._target = self._forecaster = None

    def _read(self, metadata: Mapping[str, Any]) -> list[Due]:
        if self._forecaster is None:
            self._target = _same_process(metadata)
            self._forecaster = Forecaster(self._target)
        elif self._target is None or not self._target.is_alive():
            raise WhowokeError(ENDED)
        rows = self._forecaster.read().json()["timers"]
        return list(islice((_due(row) for row in rows if row["due_ns"] is not None), MANY))


def _due(row: Mapping[str, Any]) -> Due:
    names = ("due_ns", "period_ns", "origin", "cause", "subject", "function")
    due = Due(**{name: row[name] for name in names})
    # Which cause it has isn't known before it is taken from its queue.
    return replace(due, cause=QUEUED) if row["explanation"] == QUEUE_DUE else due


def _same_process(metadata: Mapping[str, Any]) -> Target:
    """The process that was recorded; WhowokeError where it doesn't run here."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if metadata.get("boot_id") != boot or not isinstance(metadata.get("pid"), int):
        raise WhowokeError("it runs on another machine")
    target = Target.open(metadata["pid"])
    if target.executable != metadata.get("executable"):
        target.close()
        raise WhowokeError(ENDED)
    return target
