"""Is a difference more than chance? Three tests, each for what it fits; see docs/diff.md.

What comes at fixed periods is compared by its gaps and by how often it could have come at most or
at least; all else by counts, as if they were Poisson's, with bursts counted as what they are.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whowoke.analysis.rules.frames import Rows

LEVEL = 0.05
BINS = 20
# Above so many events the binomial distribution is a normal one.
MANY = 5_000
# A median's standard error is that of a mean times this; a normal spread is the MAD times that.
MEDIAN, SPREAD = 1.2533, 1.4826
# A timer's gaps are never taken for more exact than to this share.
LEAST_SPREAD = 0.01


@dataclass(frozen=True)
class Sample:
    """When something happened in one recording: ``ts_ns`` in a time of ``duration_ns`` ns.

    ``series`` is how many things repeat themselves; ``gaps``, their median and its spread are those
    within series, ``regular`` whether they make a fixed period.
    """

    ts_ns: Rows
    start_ns: int
    duration_ns: int
    series: int = 0
    gaps: int = 0
    median_gap_ns: float = 0
    jitter_ns: float = 0
    regular: bool = False

    @property
    def count(self) -> int:
        """How often."""
        return len(self.ts_ns)

    @property
    def rate(self) -> float:
        """Times a nanosecond."""
        return self.count / self.duration_ns if self.duration_ns else 0.0


def difference_p(a: Sample, b: Sample, drawn: float = 0.0) -> float:
    """How probable so large a difference is by chance alone.

    ``drawn`` is the share by which a period is stretched or shortened anew in each process.
    """
    regular = [side.regular for side in (a, b) if side.count]
    if not all(regular) or not regular:
        return counts_p(a, b)
    return min(edges_p(a, b, drawn), gaps_p(a, b, drawn) if len(regular) == 2 else 1.0)


def counts_p(a: Sample, b: Sample) -> float:
    """The exact conditional test of two Poisson rates, of counts divided by their dispersion.

    Of ``n`` events in both, those in A are binomial with the share of A's time.
    """
    whole = a.duration_ns + b.duration_ns
    if not whole or not a.count + b.count:
        return 1.0
    spread = dispersion(a, b)
    first, second = round(a.count / spread), round(b.count / spread)
    return binomial_p(first, first + second, a.duration_ns / whole)


def edges_p(a: Sample, b: Sample, drawn: float = 0.0) -> float:
    """0 where the counts differ by more than where the recordings begin and end can make.

    A period leaves room for one more of each series and recording, and for two less: of what was
    set before the recording the cause isn't known.
    """
    if not a.duration_ns or not b.duration_ns:
        return 1.0
    low, high = sorted((a, b), key=lambda side: side.rate)
    series = max(high.series, 1)
    room = series / high.duration_ns + 2 * (low.series or series) / low.duration_ns
    room += 2 * drawn * high.rate
    return 0.0 if high.rate - low.rate > room else 1.0


def gaps_p(a: Sample, b: Sample, drawn: float = 0.0) -> float:
    """Whether two periods differ: the difference of their medians over its standard error."""
    low, high = sorted((a.median_gap_ns, b.median_gap_ns))
    if low <= 0 or high * (1 - drawn) <= low * (1 + drawn):
        return 1.0
    error = math.hypot(*(_median_error(side) for side in (a, b)))
    return math.erfc((high - low) / error / math.sqrt(2))


def dispersion(*sides: Sample) -> float:
    """How far counts in equal parts of the time vary, in proportion to Poisson's; at least 1."""
    found = []
    for side in sides:
        if side.count:
            width = max(side.duration_ns, 1)
            part = ((side.ts_ns - side.start_ns) * BINS // width).clip(0, BINS - 1)
            counts = np.bincount(part.astype(np.int64), minlength=BINS)
            found.append(float(counts.var(ddof=1) / counts.mean()))
    return max([1.0, *found])


def binomial_p(count: int, total: int, share: float) -> float:
    """Two-sided: the probability of all outcomes that are no more probable than this one."""
    if not 0 < share < 1:
        return 1.0
    if total > MANY:
        away = max(0.0, abs(count - total * share) - 0.5)
        return math.erfc(away / math.sqrt(2 * total * share * (1 - share)))
    whole = math.lgamma(total + 1)
    logs = [
        whole - math.lgamma(k + 1) - math.lgamma(total - k + 1)
        + k * math.log(share) + (total - k) * math.log1p(-share)
        for k in range(total + 1)
    ]  # fmt: skip
    return min(1.0, sum(math.exp(log) for log in logs if log <= logs[count] + 1e-9))


def holm(values: Sequence[float]) -> list[float]:
    """P-values adjusted for how many there are: under the level, not one of them is by chance."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    adjusted, most = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        most = max(most, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = most
    return adjusted


def _median_error(side: Sample) -> float:
    spread = max(SPREAD * side.jitter_ns, LEAST_SPREAD * side.median_gap_ns)
    return MEDIAN * spread / math.sqrt(max(side.gaps, 1))
