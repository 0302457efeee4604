"""A part of a recording, as ``--from`` and ``--to`` give it: rows that begin in it are counted.

What happened before it is known all the same: a capture is analysed as a whole, and the part is
chosen from what was found. So is what some probes saw before all were attached.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from whowoke.analysis.durations import format_duration, parse_duration
from whowoke.analysis.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SECOND_NS = 10**9
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


@dataclass(frozen=True)
class Moment:
    """A point in time: ``ns`` since the recording began, or since 1970 (CLOCK_REALTIME)."""

    ns: int
    is_realtime: bool


@dataclass(frozen=True)
class Window:
    """From ``start_ns`` (CLOCK_MONOTONIC) until before ``end_ns``; not ``limited``: all that came
    since all probes were attached.

    ``recorded_ns`` is the length of the whole recording.
    """

    start_ns: int
    end_ns: int
    recorded_ns: int
    limited: bool = False

    @property
    def duration_ns(self) -> int:
        """Its length."""
        return max(0, self.end_ns - self.start_ns)

    def holds(self, ts_ns: "npt.ArrayLike", late_ns: int = 0) -> "npt.NDArray[np.bool_]":
        """Which of these times are in it. ``late_ns``: what is told so late counts, too."""
        import numpy as np

        times = np.asarray(ts_ns, np.int64)
        begun = times >= self.start_ns
        return begun & (times < self.end_ns + late_ns) if self.limited else begun


@dataclass(frozen=True)
class Limits:
    """What ``--from`` and ``--to`` were given; None is the recording's own begin or end."""

    start: Moment | None = None
    end: Moment | None = None

    @classmethod
    def parse(cls, start: str | None, end: str | None) -> "Limits":
        """From the texts of the two options; UsageError where one is no time."""
        return cls(*(None if text is None else parse_moment(text) for text in (start, end)))

    def window(self, start_ns: int, end_ns: int, realtime_offset_ns: int | None) -> Window:
        """The part of a recording of this begin and end (CLOCK_MONOTONIC).

        ``realtime_offset_ns`` makes CLOCK_REALTIME of CLOCK_MONOTONIC. What lies outside of the
        recording is cut off; UsageError where nothing is left.
        """
        recorded_ns = max(0, end_ns - start_ns)
        if self.start is None and self.end is None:
            return Window(start_ns, end_ns, recorded_ns)
        first, last = (
            default if moment is None else _monotonic(moment, start_ns, realtime_offset_ns)
            for moment, default in ((self.start, start_ns), (self.end, end_ns))
        )
        if first >= last:
            raise UsageError("--to isn't behind --from", "give a later --to, or an earlier --from")
        if first >= end_ns or last <= start_ns:
            raise UsageError(
                "nothing was recorded at that time",
                f"the recording has {format_duration(recorded_ns)}; times are counted from its "
                "start (10s, 1m30s), or RFC 3339 with a zone",
            )
        return Window(max(first, start_ns), min(last, end_ns), recorded_ns, limited=True)


EVERYTHING = Limits()


def parse_moment(text: str) -> Moment:
    """``10s`` or ``0s`` after the start of a recording, or an RFC 3339 time with its zone."""
    if found := _RFC3339.fullmatch(text):
        date, clock, fraction, zone = found.groups()
        try:
            at = datetime.fromisoformat(f"{date}T{clock}{zone.upper().replace('Z', '+00:00')}")
        except ValueError:
            raise _error(text) from None
        whole = int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
        return Moment(whole * SECOND_NS + int((fraction or "").ljust(9, "0")), is_realtime=True)
    if text in ("0", "0s"):
        return Moment(0, is_realtime=False)
    try:
        return Moment(parse_duration(text), is_realtime=False)
    except UsageError:
        raise _error(text) from None


def _monotonic(moment: Moment, start_ns: int, realtime_offset_ns: int | None) -> int:
    if not moment.is_realtime:
        return start_ns + moment.ns
    if realtime_offset_ns is None:
        raise UsageError(
            "this capture doesn't tell the time of day", "count from its start: --from 10s"
        )
    return moment.ns - realtime_offset_ns


def _error(text: str) -> UsageError:
    return UsageError(
        f"{text!r} is no time of a recording",
        "write 10s or 1m30s, counted from its start, or 2026-11-28T15:04:05Z",
    )
