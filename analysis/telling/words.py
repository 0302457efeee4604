"""Small words of ``explain``: counts, lists and lines that fit the screen."""

import textwrap
from typing import Any

WIDTH = 100
MANY_NAMES = 6
TIMES = {1: "once", 2: "twice"}
Row = dict[str, Any]


def many(count: int, noun: str) -> str:
    """A count with its noun: ``1 wake-up``, ``2,000 wake-ups``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def times(count: int) -> str:
    """How often: ``once``, ``twice``, ``3 times``."""
    return TIMES.get(count, f"{count:,} times")


def listed(names: list[str], shown: int = MANY_NAMES) -> str:
    """Names with commas; of many the first, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def base(location: str) -> str:
    """A location without the path of its package: ``main.go:9``."""
    return location.rsplit("/", 1)[-1]


def wrap(text: str, indent: int) -> list[str]:
    """Lines that fit; what goes on is indented further."""
    start = " " * indent
    more = start + "   "
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=more, break_on_hyphens=False
    )
