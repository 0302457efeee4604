"""The stories that a report has in it: all of a small capture, of a large one examples."""

from typing import Any

import numpy as np

from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import wakeup_rows
from whowoke.analysis.tables.columns import WAKEUPS
from whowoke.analysis.tables.shape import conform
from whowoke.analysis.telling.show import Telling
from whowoke.analysis.telling.story import Story

# A story takes milliseconds and some kilobytes. Of more wake-ups than these, some are told.
MANY_STORIES = 1000
OF_A_CAUSE = 5
MANY_STEPS = 200
# Each story looks at all records: of a day that takes too long.
LONG = 120_000


def stories(analysis: Analysis) -> dict[int, dict[str, Any]]:
    """By the id of the wake-up what ``whowoke show`` tells of it; long ones are cut.

    None of a capture of more than ``LONG`` wake-ups.
    """
    if len(analysis.base) > LONG:
        return {}
    rows = conform(WAKEUPS, wakeup_rows(analysis))
    found = {}
    for number in told(analysis):
        telling = Telling(Story(analysis, number), rows).told()
        telling["more_steps"] = max(0, len(telling["steps"]) - MANY_STEPS)
        found[number + 1] = telling | {"steps": telling["steps"][:MANY_STEPS]}
    return found


def told(analysis: Analysis) -> list[int]:
    """Numbers of the wake-ups that are told, from the first to the last of each cause."""
    inside: list[int] = np.flatnonzero(analysis.wakeups_inside).tolist()
    if len(inside) <= MANY_STORIES:
        return inside
    of_cause: dict[object, list[int]] = {}
    for number, causes in enumerate(analysis.counted.begun):
        for cause in causes:
            of_cause.setdefault(cause, []).append(number)
    chosen: dict[int, None] = {}
    for numbers in of_cause.values():
        places = np.linspace(len(numbers) - 1, 0, min(OF_A_CAUSE, len(numbers))).astype(int)
        chosen |= {numbers[place]: None for place in places.tolist()}
    return sorted(list(chosen)[:MANY_STORIES])
