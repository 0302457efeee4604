"""Small words of ``explain``: counts, lists and lines that fit the screen."""

import textwrap
from collections.abc import Iterable
from typing import Any

from whowoke.analysis.durations import format_duration
from whowoke.analysis.verdicts.series import REGULAR_JITTER

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


def fitted(head: str, text: str) -> list[str]:
    """Lines that fit, of a text behind a head; what goes on is indented further than both.

    A location stays whole, to be copied, even if it alone doesn't fit.
    """
    start = " " * (len(head) + len(text) - len(text.lstrip()))
    first, *more = textwrap.wrap(
        text.strip(), WIDTH, initial_indent=start, subsequent_indent=start + "   ",
        break_on_hyphens=False, break_long_words=False,
    ) or [start]  # fmt: skip
    return [head + first[len(head) :], *more]


def unwrap(lines: Iterable[str]) -> list[str]:
    """What ``wrap`` was given, of lines of the same indent: one text for each."""
    texts: list[str] = []
    indent = None
    for line in lines:
        own = len(line) - len(line.lstrip())
        indent = own if indent is None else indent
        if own > indent:
            texts[-1] += f" {line.strip()}"
        else:
            texts.append(line.strip())
    return texts


def cause_name(row: Row) -> str:
    """A cause with its subject and its controller."""
    about = f" of {row['subject']}" if row["subject"] else ""
    whose = f", controller {row['controller']}" if row["controller"] else ""
    if row["origin"] == "unknown":
        return f"unknown{', ' + row['subject'] if row['subject'] else ''}{whose}"
    return f"{row['cause']}{about}{whose}"


def rhythm(row: Row) -> str:
    """How often a cause comes: ``every 15 s`` where the gaps are steady, else ``15 s apart``."""
    if row["median_gap_ns"] is None:
        return ""
    gap = format_duration(row["median_gap_ns"])
    steady = row["jitter_ns"] < REGULAR_JITTER * row["median_gap_ns"]
    return f"every {gap}" if row["schedule"] and steady else f"{gap} apart"


def place(container: Row | None) -> str:
    """``, pod NS/POD/CONTAINER``, or the container's short id; empty outside of both."""
    known = container or {}
    names = [known.get("namespace") or "?", known.get("pod"), known.get("container")]
    if names[1]:
        return f", pod {'/'.join(filter(None, names))}"
    short = known.get("container_id", "")[:12]
    return f", container {short}" if short else ""
