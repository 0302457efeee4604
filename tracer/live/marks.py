"""Origins as letters and colours, and the strip on which each wake-up is one of them."""

from collections.abc import Iterable
from typing import NamedTuple

from whowoke.tracer.live.view import Mark

SEVERAL = "several"
MORE = "more"


class Look(NamedTuple):
    """How an origin is drawn: a letter, and one of a terminal's own 16 colours."""

    letter: str
    colour: str


# What starts reconciles stands first: where there is no room for all, the others give way.
LOOKS = {
    "requeue": Look("R", "bright_red"),
    "operator": Look("O", "bright_yellow"),
    "api-event": Look("E", "bright_green"),
    "inbound": Look("I", "green"),
    "unknown": Look("?", "bright_magenta"),
    SEVERAL: Look("&", "bright_magenta"),
    "library": Look("L", "yellow"),
    "outbound": Look("N", "magenta"),
    "os": Look("S", "red"),
    "client-go": Look("C", "bright_blue"),
    "controller-runtime": Look("M", "cyan"),
    "runtime": Look("G", "blue"),
    MORE: Look("+", "default"),
}
_ORDER = {origin: number for number, origin in enumerate(LOOKS)}


def origin_of(mark: Mark) -> str:
    """Its origin; ``several`` where it has more than one, ``unknown`` where none is known."""
    if len(mark.origins) > 1:
        return SEVERAL
    return mark.origins[0] if mark.origins and mark.origins[0] in LOOKS else "unknown"


def strip(
    marks: Iterable[Mark], end_ns: int, span_ns: int, columns: int, rows: int
) -> list[list[str]]:
    """``rows`` lines of ``columns`` origins, or "" for none, from ``end_ns - span_ns`` on.

    The wake-ups of one column stand on each other, from the lowest line up; ``more`` at the top
    where they don't all fit. Columns lie on a grid, so that a wake-up stays in its own.
    """
    step_ns = max(1, span_ns // columns)
    last = end_ns // step_ns
    found: list[list[str]] = [[] for _ in range(columns)]
    for mark in marks:
        column = columns - 1 - (last - mark.ts_ns // step_ns)
        if 0 <= column < columns:
            found[column].append(origin_of(mark))
    stacks = [_stack(origins, rows) for origins in found]
    return [[stack[row] for stack in stacks] for row in reversed(range(rows))]


def _stack(origins: list[str], rows: int) -> list[str]:
    """From the lowest line up: each origin once before any comes twice."""
    seen: dict[str, int] = {}
    turns = []
    for origin in origins:
        turns.append((seen.get(origin, 0), _ORDER[origin], origin))
        seen[origin] = seen.get(origin, 0) + 1
    stack = [origin for _, _, origin in sorted(turns)]
    if len(stack) > rows:
        stack = [*stack[: rows - 1], MORE]
    return stack + [""] * (rows - len(stack))
