"""The steps that a story is made of, and how places in the code are told in them."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from whowoke.analysis.rules.frames import Code, Stack, place


@dataclass(frozen=True)
class Step:
    """One thing that happened. ``facts`` depend on ``kind``; None there is not known.

    ``tid`` and ``goroutine_id`` are the thread and the goroutine that did it, None where there is
    none: an interrupt, the scheduler outside of any goroutine.
    """

    ts_ns: int
    kind: str
    tid: int | None = None
    goroutine_id: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def telling(code: Code, stack: Stack) -> dict[str, str | None]:
    """The line of a stack that says most: the operator's, else the first outside of Go's own."""
    found = code.owned_by("operator", stack) or code.outside_std(stack) or next(iter(stack), None)
    if found is None:
        return {"function": None, "location": None}
    return {"function": found.function, "location": place(found, "waiting").location or None}


def woken_facts(code: Code, goid: int, start: int, waits: Stack) -> dict[str, Any]:
    """Facts of a goroutine that is made ready: id, start function and where it waited."""
    return {
        "woken_goroutine_id": goid or None,
        "woken_start": code.function_name(start) or None,
        "waited": telling(code, waits),
        "waited_stack": frames_of(waits),
    }


def without_std(code: Code, stack: Stack) -> Stack:
    """From the innermost frame outside of Go's own on; all of it where there is none."""
    outside = code.outside_std(stack)
    return stack[stack.index(outside) :] if outside else stack


def frames_of(stack: Stack) -> list[dict[str, str | None]]:
    """A stack as data, innermost first."""
    return [{"function": f.function, "location": place(f, "").location or None} for f in stack]


def or_none(value: Any) -> int | None:
    """A number of a table, None where it is empty."""
    return None if pd.isna(value) else int(value)
