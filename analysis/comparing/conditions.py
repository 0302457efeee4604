"""Conditions of ``--fail-if``: ``wakeups>+10%``, ``cpu>+500ms``, ``reconciles>100``, ``came>0``.

A metric, ``>`` or ``<`` (or with ``=``), a value. With a sign it is about the change from A to B,
in per cent or in the metric's unit; without one about B itself.
"""

import math
import re
from dataclasses import dataclass

from whowoke.analysis.comparing.metrics import BY_NAME
from whowoke.analysis.durations import parse_duration
from whowoke.analysis.errors import UsageError

# How many causes came, went or changed beyond noise.
COUNTS = ("came", "went", "changed")
_SHAPE = re.compile(r"\s*([a-z_]+)\s*(>=|<=|>|<)\s*([+-]?)\s*([0-9][0-9a-z.]*)\s*(%?)\s*", re.ASCII)


@dataclass(frozen=True)
class Condition:
    """One condition, as it was written in ``text``; ``value`` is in the unit of the metric."""

    text: str
    metric: str
    operator: str
    value: float
    is_change: bool
    is_share: bool

    def holds(self, before: float | None, after: float | None) -> bool | None:
        """Whether it holds; None where a value isn't known."""
        if after is None or (self.is_change and before is None):
            return None
        found = after
        if self.is_change and before is not None:
            found = after - before
            if self.is_share:
                found = share(before, after)
        return {
            ">": found > self.value,
            "<": found < self.value,
            ">=": found >= self.value,
            "<=": found <= self.value,
        }[self.operator]


def share(before: float, after: float) -> float:
    """The change in per cent; of nothing to something it is infinite."""
    if before:
        return (after - before) / abs(before) * 100
    return math.copysign(math.inf, after) if after else 0.0


def parse(text: str) -> Condition:
    """A condition; UsageError where it is none."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{text!r} is no condition", "write it as 'wakeups>+10%' or 'longest_sleep<10s'"
        )
    name, operator, sign, number, percent = found.groups()
    if name not in BY_NAME and name not in COUNTS:
        raise UsageError(f"{text!r}: there is no metric {name!r}",
                         f"metrics are: {', '.join((*BY_NAME, *COUNTS))}")  # fmt: skip
    if name in COUNTS and (sign or percent):
        raise UsageError(f"{text!r}: {name} is a number of causes", f"write it as '{name}>0'")
    is_percentage = name in BY_NAME and BY_NAME[name].unit == "%"
    if percent and not sign and not is_percentage:
        raise UsageError(
            f"{text!r}: per cent of what?", f"a change has a sign: '{name}{operator}+{number}%'"
        )
    value = _value(text, name, number, bool(percent)) * (-1 if sign == "-" else 1)
    return Condition(text.strip(), name, operator, value, bool(sign), bool(percent and sign))


def _value(text: str, name: str, number: str, percent: bool) -> float:
    if not percent and name in BY_NAME and BY_NAME[name].is_time:
        return 0.0 if number in ("0", "0s") else float(parse_duration(number))
    try:
        return float(number)
    except ValueError:
        raise UsageError(
            f"{text!r}: {number!r} is no number", "only times have a unit, and changes a %"
        ) from None
