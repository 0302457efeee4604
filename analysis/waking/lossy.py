"""When records may have been lost."""

from collections.abc import Callable, Iterable

import pandas as pd

# Losses are counted once a second, and captures didn't always tell when that was before.
COUNTED_NS = 1_200_000_000
FOREVER = 1 << 62
OVER_BUDGET, STOPPED = "over budget", " stopped"


def lossy_spans(losses: pd.DataFrame, concerns: Callable[[str], bool]) -> list[tuple[int, int]]:
    """From when to when records of the kinds that matter may have been lost, in order.

    What was taken off stays off: its span has no end. Hits that were stopped come again.
    """
    columns = (since_when(losses), losses["ts_ns"], losses["kind"])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return sorted(
        (start, FOREVER if _is_taken_off(kind) else end)
        for start, end, kind in rows
        if concerns(kind)
    )


def since_when(losses: pd.DataFrame) -> "pd.Series[int]":
    """For each loss the time after which it was; a count's length before it if that isn't told."""
    columns = losses.reindex(columns=["ts_ns", "since_ns"])
    since = pd.to_numeric(columns["since_ns"]).astype("Int64")
    return since.fillna(columns["ts_ns"].astype("Int64") - COUNTED_NS)


def _is_taken_off(kind: str) -> bool:
    return kind.startswith(OVER_BUDGET) and not kind.endswith(STOPPED)


def joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same times without overlaps; those that follow within a count are one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + COUNTED_NS:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
