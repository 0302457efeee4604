"""What logs and traces say of one reconcile, and the values that they say it with.

Texts, numbers and times come from files that nobody vouches for: what isn't one is None.
"""

import re
from calendar import timegm
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from whowoke.analysis.texts import printable

MAX_TEXT = 512
MAX_WALL_NS = 1 << 62
# Spellings of an attribute, without ``k8s.`` before it, in small letters, without ``._-``.
SPELLINGS = {
    "controller": ("controller", "controllername"),
    "namespace": ("namespace", "namespacename", "objectnamespace", "resourcenamespace"),
    "name": ("name", "objectname", "resourcename"),
    "log_id": ("reconcileid",),
}
_FIELD_OF = {text: name for name, texts in SPELLINGS.items() for text in texts}
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)", re.ASCII
)
# By the size of the number: seconds, milliseconds, microseconds, nanoseconds of this century.
_EPOCHS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (10**20, 1))
_FLOAT_ERROR_NS = 1000

Window = tuple[int, int]


@dataclass(slots=True)
class Told:
    """What lines or a span say of one reconcile. A part of the key that isn't told is None.

    ``first`` and ``last`` are what the times of the first and last line can have been, as from and
    to in nanoseconds of the wall clock: a time without a fraction stands for a whole second.
    ``begins`` says that the first line is written before Reconcile is entered, ``ends`` that the
    last one is written after it returned.
    """

    log_id: str
    controller: str | None
    namespace: str | None
    name: str | None
    first: Window
    last: Window
    begins: bool = False
    ends: bool = False
    result: str = "unknown"
    requeue_after_ns: int | None = None

    def add(self, told: "Told") -> None:
        """Take in a later line of the same reconcile."""
        self.controller = told.controller if self.controller is None else self.controller
        self.namespace = told.namespace if self.namespace is None else self.namespace
        self.name = told.name if self.name is None else self.name
        if told.first[0] < self.first[0]:
            self.first, self.begins = told.first, told.begins
        # What a goroutine of the reconcile says after it has ended tells nothing of its end.
        if told.ends or (not self.ends and told.last[0] >= self.last[0]):
            self.last, self.ends = told.last, told.ends
        if self.result == "unknown":
            self.result, self.requeue_after_ns = told.result, told.requeue_after_ns


def named(values: dict[str, Any]) -> dict[str, str | None]:
    """Texts by what they mean, keys of ``SPELLINGS``, whatever the spelling of their keys."""
    found: dict[str, str | None] = {}
    for key, value in values.items():
        plain = re.sub(r"[._-]", "", key.lower().removeprefix("k8s."))
        if plain in _FIELD_OF:
            found.setdefault(_FIELD_OF[plain], text(value))
    return found


def text(value: Any) -> str | None:
    """A text of a sensible length, on one line."""
    return printable(value) if isinstance(value, str) and len(value) <= MAX_TEXT else None


def whole(value: Any) -> int | None:
    """A whole number, which JSON of protobuf writes as a string."""
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment(value: Any) -> Window | None:
    """What a time can have been: RFC 3339, ISO 8601, or seconds to nanoseconds since 1970."""
    found = _text_moment(value) if isinstance(value, str) else _number_moment(value)
    return found if found and 0 < found[0] < MAX_WALL_NS else None


def _number_moment(value: Any) -> Window | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**19:
        return None
    unit_ns = next(unit for limit, unit in _EPOCHS if value < limit)
    if isinstance(value, int):
        return value * unit_ns, (value + 1) * unit_ns
    middle_ns = int(value * unit_ns)
    return middle_ns - _FLOAT_ERROR_NS, middle_ns + _FLOAT_ERROR_NS


def _text_moment(value: str) -> Window | None:
    match = _TIME.fullmatch(value)
    if match is None:
        return None
    *parts, fraction, zone = match.groups()
    seconds = _seconds(tuple(parts), zone)
    if seconds is None:
        return None
    step_ns = 10 ** (9 - len(fraction or ""))
    start_ns = seconds * 10**9 + int(fraction or 0) * step_ns
    return start_ns, start_ns + step_ns


@lru_cache(maxsize=256)
def _seconds(parts: tuple[str, ...], zone: str) -> int | None:
    year, month, day, hour, minute, second = (int(part) for part in parts)
    if not (1970 <= year < 2100 and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    offset = 0
    if zone != "Z":
        offset = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        offset = -offset if zone[0] == "-" else offset
    return timegm((year, month, day, hour, minute, second)) - offset
