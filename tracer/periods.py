"""Has what is asked about come back often enough? Told from the records as they are drained.

Only gaps are looked at: between the reconciles of one object, and between the expiries of one timer
or for one goroutine. Why something comes back is for the analysis to say. So this may end a
recording later than needed, but never before something came back that often.
"""

from collections import deque
from statistics import median

import numpy as np

Series = tuple[str, int, int]

# controller-runtime stretches a period by up to a tenth, and work adds to it.
TOLERANCE = 0.12
# Without a period: gaps that stray further from their median have none.
STRAY = 0.25
# So many series are followed, those that came last.
MOST_SERIES = 10_000
# What comes back last is recorded with what it leads to.
MARGIN_NS = 1_000_000_000


class Periods:
    """Counts how often something came back.

    With ``period_ns`` one series must have so many gaps about as long; else the last so many gaps
    of one object's reconciles must be alike.
    """

    def __init__(self, times: int, period_ns: int | None = None) -> None:
        self._times, self._period_ns = times, period_ns
        self._last: dict[Series, int] = {}
        self._gaps: dict[Series, deque[int]] = {}
        self._seen_ns = 0

    def is_over(self, now_ns: int) -> bool:
        """Whether it came back often enough, long enough ago to have led to what follows."""
        return self._seen_ns > 0 and now_ns - self._seen_ns >= MARGIN_NS

    def take(self, name: str, rows: np.ndarray) -> None:
        """Look at records of one kind, in the order of time."""
        if self._seen_ns:
            return
        if name == "reconcile_start":
            about = rows[["ts_ns", "namespace", "object_name"]].tolist()
            for (ts, namespace, name_), queue in zip(about, rows["queue"].tolist(), strict=True):
                self._note(("object", queue, hash((namespace, name_))), ts)
        elif name == "timer_fire" and self._period_ns is not None:
            for ts, timer, goid in rows[["ts_ns", "timer", "woken_goid"]].tolist():
                self._note(("timer", timer, 0), ts)
                if goid:
                    self._note(("goroutine", goid, 0), ts)

    def _note(self, series: Series, ts_ns: int) -> None:
        last_ns = self._last.pop(series, None)
        self._last[series] = ts_ns
        if len(self._last) > MOST_SERIES:
            oldest = next(iter(self._last))
            del self._last[oldest]
            self._gaps.pop(oldest, None)
        if last_ns is not None:
            gaps = self._gaps.setdefault(series, deque(maxlen=self._times))
            gap_ns = ts_ns - last_ns
            if self._period_ns is None or abs(gap_ns / self._period_ns - 1) <= TOLERANCE:
                gaps.append(gap_ns)
            if len(gaps) == self._times and self._are_alike(gaps):
                self._seen_ns = ts_ns

    def _are_alike(self, gaps: deque[int]) -> bool:
        usual = median(gaps)
        return all(abs(gap - usual) <= STRAY * usual for gap in gaps)
