"""What a recording is asked to do, and what it says when it is done."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from whowoke.analysis.durations import Span

DEFAULT_BUDGET = 0.01


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """One recording of one target: exactly one of ``pid``, ``name`` and ``command`` is set.

    ``output`` None means ``default_output`` of the target; ``ready_file`` is made once all probes
    are attached; ``budget`` is a share of one CPU; ``dry_run`` plans, prints and attaches nothing;
    ``spans`` are the target's logs and traces, which are followed; ``keep`` is how much of the
    recording's end is kept, ``rotate`` how much goes into one file; after ``periods`` of what comes
    back (about every ``period_ns``) it ends.
    """

    duration_ns: int
    pid: int | None = None
    name: str | None = None
    command: tuple[str, ...] | None = None
    output: Path | None = None
    force: bool = False
    ready_file: Path | None = None
    budget: float = DEFAULT_BUDGET
    dry_run: bool = False
    spans: tuple[Path, ...] = ()
    keep: Span | None = None
    rotate: Span | None = None
    periods: int = 0
    period_ns: int | None = None


@dataclass(frozen=True, slots=True)
class RecordSummary:
    """What a recording did.

    ``output`` is None after a dry run; ``records`` and ``lost`` are counts, ``size`` bytes;
    ``ended`` says why it ended; ``notes`` are sentences for the user; ``timing_ns`` is what the
    steps of its start and end took.
    """

    pid: int
    name: str
    output: Path | None
    duration_ns: int
    records: int
    lost: int
    size: int
    ended: Literal["duration", "interrupted", "target exited", "target replaced", "periods"] = (
        "duration"
    )
    notes: list[str] = field(default_factory=list)
    timing_ns: dict[str, int] = field(default_factory=dict)


def default_output(name: str, pid: int) -> Path:
    """The file of a recording without ``-o``: ``NAME-PID.whowoke``, made of harmless characters."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".-")[:64] or "target"
    return Path(f"{safe}-{pid}.whowoke")
