"""What a recording is asked to do, and what it says when it is done."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from whowoke.analysis.durations import Span
from whowoke.tracer.finding.selection import Selection

DEFAULT_BUDGET = 0.01

Ended = Literal[
    "duration", "interrupted", "target exited", "target replaced", "periods", "over budget"
]


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """One recording of what is selected, or of a ``command`` to start.

    ``output`` None means ``default_output`` of the target; ``ready_file`` is made once all probes
    are attached; ``budget`` is a share of one CPU; ``dry_run`` and ``list_probes`` plan and attach
    nothing; ``spans`` are the target's logs and traces, which are followed. With ``follow`` a
    process that takes the place of one that ended is recorded; None leaves it to the selection.
    ``keep`` is how much of the recording's end is kept, ``rotate`` how much goes into one file;
    after ``periods`` of what comes back (about every ``period_ns``) it ends.
    """

    duration_ns: int
    selection: Selection = field(default_factory=Selection)
    command: tuple[str, ...] | None = None
    output: Path | None = None
    force: bool = False
    ready_file: Path | None = None
    budget: float = DEFAULT_BUDGET
    dry_run: bool = False
    list_probes: bool = False
    spans: tuple[Path, ...] = ()
    follow: bool | None = None
    keep: Span | None = None
    rotate: Span | None = None
    periods: int = 0
    period_ns: int | None = None

    @property
    def is_segmented(self) -> bool:
        """Whether a file is begun anew meanwhile, which takes one process only."""
        return bool(self.keep or self.rotate)

    @property
    def follows(self) -> bool:
        """A pid or a command is one process; a name is what the next one is found by again."""
        if self.is_segmented:
            return False
        if self.follow is not None:
            return self.follow
        return self.command is None and not self.selection.pids


@dataclass(frozen=True, slots=True)
class RecordSummary:
    """What a recording did.

    ``pid`` and ``name`` are the first process's, ``processes`` how many were recorded, at once or
    one after the other. ``output`` is None after a dry run; ``records`` and ``lost`` are counts,
    ``size`` bytes; ``ended`` says why it ended; ``notes`` are sentences for the user; ``timing_ns``
    is what the steps of its start and end took, ``listings`` what would be probed in each process.
    """

    pid: int
    name: str
    output: Path | None
    duration_ns: int
    records: int
    lost: int
    size: int
    ended: Ended = "duration"
    notes: list[str] = field(default_factory=list)
    timing_ns: dict[str, int] = field(default_factory=dict)
    processes: int = 1
    listings: list[dict[str, Any]] = field(default_factory=list)


def default_output(name: str, pid: int) -> Path:
    """The file of a recording without ``-o``: ``NAME-PID.whowoke``, made of harmless characters."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".-")[:64] or "target"
    return Path(f"{safe}-{pid}.whowoke")
