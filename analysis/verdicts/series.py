"""Gaps between the wake-ups or reconciles of one series, and the schedule that they follow."""

import numpy as np
import pandas as pd

# Under so many gaps nothing is said about a schedule.
MIN_GAPS = 3
# Each gap of a backoff is longer than the one before by a factor of two; jitter blurs it.
BACKOFF_RATIO = 1.3
BACKOFF_SHARE = 0.75
# A series whose gaps stray further from their median than by this share has no period.
REGULAR_JITTER = 0.25


def gaps(points: pd.DataFrame) -> pd.DataFrame:
    """Gaps between neighbours of the same series.

    ``points`` has ``cause``, ``series`` and ``row`` (numbers) and ``ts_ns``. Returns one row for
    each gap, with the ``cause`` and the ``row`` of its later end: ``gap`` (ns); ``ratio`` to the
    gap before in that series, empty for the first.
    """
    points = points.sort_values(["cause", "series", "ts_ns"], kind="stable")
    cause = points["cause"].to_numpy(np.int64)
    series = points["series"].to_numpy(np.int64)
    ts = points["ts_ns"].to_numpy(np.int64)
    same = (cause[1:] == cause[:-1]) & (series[1:] == series[:-1])
    gap = np.diff(ts)
    ratio = np.full(len(gap), np.nan)
    if len(gap) > 1:
        both = same[1:] & same[:-1] & (gap[:-1] > 0)
        ratio[1:][both] = gap[1:][both] / gap[:-1][both]
    row = points["row"].to_numpy(np.int64)
    frame = pd.DataFrame({"cause": cause[1:], "row": row[1:], "gap": gap, "ratio": ratio})
    return pd.DataFrame(frame[same])


def gaps_by_cause(points: pd.DataFrame) -> pd.DataFrame:
    """Gaps between neighbours of the same series, put together for each cause.

    ``points`` as in ``gaps``. Returns one row for each cause that has a gap, by ``cause``: ``gaps``
    (count); ``median_gap_ns``; ``jitter_ns`` (median of the distances of the gaps from their
    median); ``growing`` (whether they look like a backoff).
    """
    frame = gaps(points)
    groups = frame.groupby("cause")
    median = groups["gap"].median()
    frame["stray"] = (frame["gap"] - frame["cause"].map(median)).abs()
    frame["rises"] = (frame["ratio"] >= BACKOFF_RATIO).where(frame["ratio"].notna())
    return pd.DataFrame(
        {
            "gaps": groups.size(),
            "median_gap_ns": median.round().astype("int64"),
            "jitter_ns": frame.groupby("cause")["stray"].median().round().astype("int64"),
            "growing": frame.groupby("cause")["rises"].mean() >= BACKOFF_SHARE,
        }
    )


def schedule(
    gaps: int, median_gap_ns: int, jitter_ns: int, growing: bool, comes_back: bool, timed: bool
) -> str:
    """``fixed_rate``, ``fixed_delay``, ``backoff``, ``irregular``; empty under three gaps.

    ``comes_back`` says that the same timer fired again without being armed, ``timed`` that timers
    are behind it at all.
    """
    if gaps < MIN_GAPS:
        return ""
    if growing and timed and not comes_back:
        return "backoff"
    if not timed or jitter_ns > REGULAR_JITTER * median_gap_ns:
        return "irregular"
    return "fixed_rate" if comes_back else "fixed_delay"
