"""Durations as users write them, ``15s`` or ``1m30s``, and as reports show them."""

import re
from typing import NamedTuple

from whowoke.analysis.errors import UsageError

UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
MAX_NS = 365 * 24 * UNITS_NS["h"]

SIZES = {"MB": 10**6, "GB": 10**9}

_PART = re.compile(r"(\d{1,20}(?:\.\d{1,9})?)(ns|us|ms|s|m|h)", re.ASCII)


def parse_duration(text: str) -> int:
    """Nanoseconds of ``15s``, ``500ms``, ``1m30s``, ``1.5h``.

    Raises UsageError where the unit is missing or unknown, a unit stands twice or behind a smaller
    one, or the whole isn't more than nothing and at most a year.
    """
    position, total, last = 0, 0, 0
    while part := _PART.match(text, position):
        number, unit = part.group(1), UNITS_NS[part.group(2)]
        if last and unit >= last:
            raise _error(text)
        whole, _, fraction = number.partition(".")
        total += int(whole) * unit + int(fraction or 0) * unit // 10 ** len(fraction)
        position, last = part.end(), unit
    if position != len(text) or not text:
        raise _error(text)
    if not 0 < total <= MAX_NS:
        raise UsageError(f"duration {text!r} is out of range", "from 1ns to 8760h")
    return total


def format_duration(duration_ns: int | float) -> str:
    """A duration with three digits in its largest unit, ``15 s``; from two minutes on ``2m30s``."""
    size = abs(duration_ns)
    if size >= 120 * UNITS_NS["s"]:
        seconds = round(size / UNITS_NS["s"])
        hours, minutes, seconds = seconds // 3600, seconds % 3600 // 60, seconds % 60
        parts = [(hours, "h"), (minutes, "m"), (seconds, "s")]
        text = "".join(f"{value}{unit}" for value, unit in parts if value)
    else:
        # A value that would be rounded to 1000 goes to the next unit.
        unit = next((u for u in ("ns", "us", "ms") if size < UNITS_NS[u] * 999.5), "s")
        digits = float(f"{size / UNITS_NS[unit]:.3g}")
        text = f"{digits:g} {unit}"
    return f"-{text}" if duration_ns < 0 else text


class Span(NamedTuple):
    """A length of time or a size, the other one is 0."""

    ns: int
    size: int


def parse_span(text: str) -> Span:
    """``10m`` or ``100MB``: a time as ``parse_duration`` has it, or a size from 1 MB on."""
    size = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s?(MB|GB)", text, re.ASCII)
    if size is None:
        try:
            return Span(parse_duration(text), 0)
        except UsageError:
            raise UsageError(
                f"{text!r} is neither a time nor a size", "write it as 10m, 1h, 100MB or 1GB"
            ) from None
    found = int(float(size.group(1)) * SIZES[size.group(2)])
    if found < SIZES["MB"]:
        raise UsageError(f"size {text!r} is out of range", "from 1MB on")
    return Span(0, found)


def parse_percent(text: str) -> float:
    """A share from ``1%`` or ``0.5%``: 0.01, 0.005. UsageError unless above 0 and at most 100 %."""
    number = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s?%", text, re.ASCII)
    if number is None or not 0 < float(number.group(1)) <= 100:
        raise UsageError(f"{text!r} is no percentage", "write it as 1% or 0.5%, of one CPU")
    return float(number.group(1)) / 100


def _error(text: str) -> UsageError:
    return UsageError(f"{text!r} is no duration", "write it as 500ms, 15s, 2m, 1h or 1m30s")
