"""What a recording cost, and what it therefore did without."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from whowoke.analysis.durations import format_duration
from whowoke.analysis.rules.frames import CaptureLike
from whowoke.analysis.telling.words import many
from whowoke.analysis.waking.lossy import OVER_BUDGET, STOPPED

TAKEN_OFF = re.compile(r"over budget: (?:on_)?(\w+) taken off")
# So many with this one are all that tells why it wakes.
MANY, FIRES = 12, "timer_fire"


def taken_off(capture: CaptureLike) -> list[str]:
    """The probes that cost too much, by the time from which they are missing."""
    losses, start_ns = capture.losses, capture.metadata.get("start_ns")
    found: dict[int, list[str]] = {}
    for kind, ts_ns in zip(losses["kind"].tolist(), losses["ts_ns"].tolist(), strict=True):
        if match := TAKEN_OFF.fullmatch(kind):
            found.setdefault(ts_ns, []).append(match[1])
    start_ns = start_ns if isinstance(start_ns, int) else min(found, default=0)
    return [
        f"{_told(names)} from {format_duration(max(ts_ns - start_ns, 0))} on: over the budget"
        for ts_ns, names in found.items()
    ]


def _told(names: list[str]) -> str:
    return "nearly all" if len(names) > MANY and FIRES in names else ", ".join(names)


def losses_told(losses: Mapping[str, int]) -> str:
    """How many of what kind were lost; what was over the budget in one number."""
    stopped, off, told = 0, 0, []
    for kind, count in losses.items():
        if kind.startswith(OVER_BUDGET) and kind.endswith(STOPPED):
            stopped += count
        elif kind.startswith(OVER_BUDGET):
            off += count
        else:
            told.append(f"{count:,} {kind}")
    told += [f"{stopped:,} stopped over the budget"] if stopped else []
    return ", ".join([*told, f"{many(off, 'program')} taken off"] if off else told)


def stacks_left_out(capture: CaptureLike) -> list[str]:
    """How many wake-ups of threads are of an unknown context because stacks cost too much."""
    count = capture.metadata.get("stacks_left_out")
    if not isinstance(count, int) or count <= 0:
        return []
    return [f"what woke threads, {count:,} times: over the budget"]


def program_costs(found: Any) -> Iterator[str]:
    """The share of one CPU, and the runs of each program, the dearest first."""
    known = found if isinstance(found, dict) else {}
    sampled_ns, programs = known.get("sampled_ns"), known.get("programs")
    if not isinstance(sampled_ns, int) or sampled_ns <= 0 or not isinstance(programs, dict):
        return
    rows = [
        (row["run_ns"], row["runs"], name)
        for name, row in programs.items()
        if isinstance(row, dict)
        and all(isinstance(row.get(key), int) and row[key] > 0 for key in ("run_ns", "runs"))
    ]
    share = sum(run_ns for run_ns, _, _ in rows) / sampled_ns
    yield f"  {share:.3%} of a CPU, measured for {format_duration(sampled_ns)}"
    for run_ns, runs, name in sorted(rows, reverse=True):
        yield f"  {name:<24}{runs:>12,} runs{run_ns // runs:>9,} ns each"
