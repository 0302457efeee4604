"""When a recording has gaps: records were lost, or the machine was suspended."""

from typing import Any

from whowoke.analysis.durations import format_duration
from whowoke.analysis.rules.frames import CaptureLike
from whowoke.analysis.tables.shape import suspends
from whowoke.analysis.telling.words import listed
from whowoke.analysis.waking.lossy import FOREVER, joined, lossy_spans
from whowoke.analysis.window import Window

Row = dict[str, Any]
SHOWN = 4


def gaps(capture: CaptureLike, window: Window | None = None) -> list[Row]:
    """When records were lost: ``start_ns`` to ``end_ns`` of the recording, None where it lasts.

    With a window those that concern it.
    """
    begin = _start_ns(capture)
    spans = lossy_spans(capture.losses, lambda _: True)
    if window and window.limited:
        spans = [span for span in spans if span[0] < window.end_ns and span[1] >= window.start_ns]
    return [
        {
            "start_ns": max(0, start - begin),
            "end_ns": None if end >= FOREVER else max(0, end - begin),
        }
        for start, end in joined(spans)
    ]


def asleep(capture: CaptureLike) -> list[Row]:
    """When the machine was suspended: ``ts_ns`` of the recording, and for how long, ``asleep_ns``.

    The recording's own time stands still meanwhile.
    """
    begin = _start_ns(capture)
    return [{"ts_ns": max(0, ts - begin), "asleep_ns": ns} for ts, ns in suspends(capture.metadata)]


def gaps_told(rows: list[Row]) -> str:
    """When records were lost, in words: ``gaps at 3.1 s to 5.2 s``; empty without any."""
    if not rows:
        return ""
    times = [
        f"{format_duration(row['start_ns'])} to "
        + ("the end" if row["end_ns"] is None else format_duration(row["end_ns"]))
        for row in rows
    ]
    return f"gaps at {listed(times, SHOWN)}"


def asleep_told(rows: list[Row]) -> str:
    """The suspends in words, empty without any."""
    if not rows:
        return ""
    times = [
        f"for {format_duration(row['asleep_ns'])} at {format_duration(row['ts_ns'])}"
        for row in rows
    ]
    return (
        f"the machine was suspended {listed(times, SHOWN)}: nothing ran, and the times here are "
        "without it"
    )


def _start_ns(capture: CaptureLike) -> int:
    start = capture.metadata.get("start_ns")
    return start if isinstance(start, int) else 0
