"""For each row the neighbour in time of another kind with the same goroutine, thread or timer."""

import numpy as np
import pandas as pd

from whowoke.analysis.rules.frames import Rows

MISSING = -1
MAX_KEY = 1 << 62


def last_before(codes: Rows, ts: Rows, other_codes: Rows, other_ts: Rows) -> Rows:
    """Index of the last other row with the same code that is not later, -1 for none."""
    return _neighbour(codes, ts, other_codes, other_ts, later=False)


def next_after(codes: Rows, ts: Rows, other_codes: Rows, other_ts: Rows) -> Rows:
    """Index of the first other row with the same code that is not earlier, -1 for none."""
    return _neighbour(codes, ts, other_codes, other_ts, later=True)


def _neighbour(codes: Rows, ts: Rows, other_codes: Rows, other_ts: Rows, later: bool) -> Rows:
    count = len(codes)
    if not count or not len(other_codes):
        return np.full(count, MISSING, np.int64)
    code, distinct = pd.factorize(np.concatenate((codes, other_codes)))
    times = np.concatenate((ts, other_ts)).astype(np.int64)
    # One number orders by code, then by time; if need be, ranks of times keep it within 64 bits.
    first = int(times.min())
    span = int(times.max()) - first + 1
    if len(distinct) * span < MAX_KEY:
        times = times - first
    else:
        _, times = np.unique(times, return_inverse=True)
        span = len(times)
    key = code * span + times
    mine, theirs = key[:count], key[count:]
    order = np.argsort(theirs, kind="stable")
    side: str = "left" if later else "right"
    found = np.searchsorted(theirs[order], mine, side=side)  # type: ignore[call-overload]
    found = found if later else found - 1
    inside = (found >= 0) & (found < len(theirs))
    index = order[np.where(inside, found, 0)]
    valid = inside & (code[count:][index] == code[:count])
    return np.where(valid, index, MISSING)


def codes(*columns: Rows) -> Rows:
    """One number for each combination of values."""
    found = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        code, distinct = pd.factorize(column)
        found = pd.factorize(found * (len(distinct) + 1) + code)[0]
    return found
