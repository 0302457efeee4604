"""One of the two captures that are compared: who it is about, its numbers, when each cause came."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from whowoke.analysis.comparing.metrics import METRICS
from whowoke.analysis.comparing.noise import Sample
from whowoke.analysis.model import Analysis
from whowoke.analysis.rules.causes import BEFORE, CAUSE_FIELDS, Cause
from whowoke.analysis.telling.verdict import Facts
from whowoke.analysis.verdicts.series import gaps
from whowoke.analysis.verdicts.tallies import series_points

FIXED = ("fixed_rate", "fixed_delay")


class Key(NamedTuple):
    """What makes a cause the same in both: lines move, functions stay."""

    origin: str
    cause: str
    subject: str
    controller: str
    function: str


def key_of(cause: Cause) -> Key:
    """The peer of a descriptor has another port each time."""
    subject = "" if cause.origin == "outbound" else cause.subject
    return Key(cause.origin, cause.cause, subject, cause.controller, cause.function)


@dataclass
class Side:
    """One capture: ``facts`` as ``whowoke explain --json`` has them, ``metrics`` by name.

    ``wakeups`` and ``reconciles`` are the samples of each cause, ``locations`` its lines.
    """

    name: str
    metadata: dict[str, Any]
    facts: dict[str, Any]
    metrics: dict[str, float | None]
    wakeups: dict[Key, Sample]
    reconciles: dict[Key, Sample]
    locations: dict[Key, list[str]]
    totals: dict[str, Sample]


def side_of(name: str, analysis: Analysis) -> Side:
    """Everything of one capture that is compared."""
    facts = Facts(analysis, None).data()
    found = _Samples(analysis)
    locations: dict[Key, list[str]] = {}
    for cause in found.causes:
        lines = locations.setdefault(key_of(cause), [])
        if cause.location and cause.location not in lines:
            lines.append(cause.location)
    ts, starts = analysis.base["ts_ns"].to_numpy(np.int64), found.starts
    return Side(
        name=name,
        metadata=analysis.capture.metadata,
        facts=facts,
        metrics={metric.name: metric.of(analysis, facts) for metric in METRICS},
        wakeups=found.wakeups(),
        reconciles=found.reconciles(),
        locations=locations,
        totals={
            "wakeups": found.sample(ts[analysis.wakeups_inside]),
            "reconciles": found.sample(starts[analysis.reconciles_inside]),
        },
    )


class _Samples:
    """Puts together what the causes of one key are."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis, named = analysis, analysis.counted
        self.starts = np.array([r.start_ns for r in analysis.operations.reconciles], np.int64)
        counts = Counter(c for row in named.reconciles for c in row)
        rows = analysis.causes[list(CAUSE_FIELDS)].itertuples(index=False, name=None)
        self.causes = [cause for cause in (Cause(*row) for row in rows) if not _is_before(cause)]
        keys = {key: number for number, key in enumerate(dict.fromkeys(map(key_of, self.causes)))}
        self._keys = list(keys)
        every = dict.fromkeys([*counts, *(c for row in named.begun for c in row)])
        # What was queued before the recording is no cause to compare.
        numbers = {cause: keys.get(key_of(cause), len(keys)) for cause in every}
        found = (analysis.attribution, named, analysis.base, numbers, counts)
        self._points = series_points(*found)
        self._gaps = gaps(self._points)
        self._regular = {
            key_of(cause): schedule in FIXED
            for cause, schedule in zip(self.causes, analysis.causes["schedule"], strict=False)
        }

    def sample(self, ts_ns: Any, **more: Any) -> Sample:
        window = self._analysis.window
        return Sample(np.asarray(ts_ns, np.int64), window.start_ns, window.duration_ns, **more)

    def wakeups(self) -> dict[Key, Sample]:
        ts = self._analysis.base["ts_ns"].tolist()
        return self._samples(self._analysis.counted.begun, ts)

    def reconciles(self) -> dict[Key, Sample]:
        return self._samples(self._analysis.counted.reconciles, self.starts.tolist())

    def _samples(self, rows: list[list[Cause]], ts: list[int]) -> dict[Key, Sample]:
        times: dict[Key, list[int]] = {key: [] for key in self._keys}
        for causes, at in zip(rows, ts, strict=True):
            for key in {key_of(cause) for cause in causes if not _is_before(cause)}:
                times[key].append(at)
        return {key: self.sample(at, **self._rhythm(key)) for key, at in times.items() if at}

    def _rhythm(self, key: Key) -> dict[str, Any]:
        number = self._keys.index(key)
        own = self._gaps.loc[self._gaps["cause"] == number, "gap"]
        median = float(own.median()) if len(own) else 0.0
        return {
            "series": int(self._points.loc[self._points["cause"] == number, "series"].nunique()),
            "gaps": len(own),
            "median_gap_ns": median,
            "jitter_ns": float((own - median).abs().median()) if len(own) else 0.0,
            "regular": self._regular.get(key, False),
        }


def _is_before(cause: Cause) -> bool:
    return cause.subject == BEFORE.subject
