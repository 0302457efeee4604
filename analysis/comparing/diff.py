"""Two captures compared, before and after a change: ``whowoke diff``."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from whowoke.analysis.comparing.conditions import Condition, share
from whowoke.analysis.comparing.metrics import HOUR_NS, METRICS
from whowoke.analysis.comparing.noise import LEVEL, Sample, difference_p, dispersion, holm
from whowoke.analysis.comparing.sides import Key, Side
from whowoke.analysis.comparing.wording import tell
from whowoke.analysis.telling.verdict import MODULES

# Periods that a process stretches or shortens by up to this share when it starts.
DRAWN = {"informer.resync": 0.1}
IDENTITY = (
    ("program", ("main_package", "main_module", "name")),
    ("Go", ("go_version",)),
    ("kernel", ("kernel",)),
    ("machine", ("machine",)),
    ("whowoke", ("whowoke_version",)),
)


@dataclass(repr=False)
class Comparison:
    """What changed from A to B: ``text()`` for people, ``json()`` for programs."""

    a: Side
    b: Side

    @cached_property
    def _data(self) -> dict[str, Any]:
        causes = self._causes()
        return {
            "a": _about(self.a),
            "b": _about(self.b),
            "differing": self._differing(),
            "level": LEVEL,
            "metrics": self._metrics(),
            **{name: sum(c["change"] == name and c["beyond_noise"] for c in causes)
               for name in ("came", "went", "changed")},
            "causes": causes,
        }  # fmt: skip

    def json(self) -> dict[str, Any]:
        """Everything as data; rates are per hour, times nanoseconds, None is not known.

        ``differing`` is what else isn't the same: each with ``what``, ``a``, ``b``. ``causes`` have
        ``change`` (came, went, changed, same), ``p`` (adjusted for their number), ``beyond_noise``,
        and of each side counts, rates an hour, ``median_gap_ns`` and lines.
        """
        return self._data

    def text(self) -> str:
        """What differs besides, the numbers, the causes."""
        return tell(self._data)

    def __repr__(self) -> str:
        return self.text()

    def judged(self, conditions: Sequence[Condition]) -> list[tuple[Condition, bool | None]]:
        """Each condition with whether it holds, None where that isn't known."""
        values = {row["metric"]: (row["a"], row["b"]) for row in self._data["metrics"]}
        values |= {name: (None, self._data[name]) for name in ("came", "went", "changed")}
        return [(one, one.holds(*values[one.metric])) for one in conditions]

    def _differing(self) -> list[dict[str, Any]]:
        pairs = []
        for what, names in IDENTITY:
            values = [
                next((side.metadata[name] for name in names if side.metadata.get(name)), None)
                for side in (self.a, self.b)
            ]
            pairs.append((what, *values))
        builds = [side.metadata.get("build_id") for side in (self.a, self.b)]
        if all(a == b for _, a, b in pairs[:2]):
            pairs.append(("build", *builds))
        missing = ["; ".join(side.facts["missing"]) or None for side in (self.a, self.b)]
        pairs.append(("not seen", *missing))
        first, second = (_modules(side) for side in (self.a, self.b))
        paths = dict.fromkeys([*MODULES, *sorted({*first, *second})])
        pairs += [(path, first.get(path), second.get(path)) for path in paths]
        return [{"what": what, "a": a, "b": b} for what, a, b in pairs if a != b]

    def _metrics(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for metric in METRICS:
            a, b = self.a.metrics[metric.name], self.b.metrics[metric.name]
            row = {"metric": metric.name, "unit": metric.unit, "a": a, "b": b}
            row |= {"change": None, "change_percent": None}
            if a is not None and b is not None:
                row |= {"change": b - a, "change_percent": share(a, b) if a else None}
            rows.append(row)
        return rows

    def _causes(self) -> list[dict[str, Any]]:
        keys = list(dict.fromkeys([*self.a.locations, *self.b.locations]))
        rows, values = [], []
        for key in keys:
            which = self._measure(key)
            a, b = (self._sample(side, which, key) for side in (self.a, self.b))
            values.append(difference_p(a, b, DRAWN.get(key.cause, 0.0)))
            change = "came" if not a.count else "went" if not b.count else "changed"
            rows.append({**key._asdict(), "measure": which, "change": change,
                         "test": _test(a, b), "a": self._told(self.a, key, a),
                         "b": self._told(self.b, key, b)})  # fmt: skip
        for row, p in zip(rows, holm(values), strict=True):
            row["p"], row["beyond_noise"] = p, p < LEVEL
            if row["change"] == "changed" and not row["beyond_noise"]:
                row["change"] = "same"
        return sorted(rows, key=_weight, reverse=True)

    def _measure(self, key: Key) -> str:
        """Reconciles where the cause leads to some, as ``explain`` counts."""
        leads = any(key in side.reconciles for side in (self.a, self.b))
        return "reconciles" if leads else "wakeups"

    def _sample(self, side: Side, which: str, key: Key) -> Sample:
        found: dict[Key, Sample] = getattr(side, which)
        whole = side.totals[which]
        return found.get(key) or Sample(whole.ts_ns[:0], whole.start_ns, whole.duration_ns)

    def _told(self, side: Side, key: Key, sample: Sample) -> dict[str, Any]:
        counts = {
            name: samples[key].count if key in samples else 0
            for name, samples in (("wakeups", side.wakeups), ("reconciles", side.reconciles))
        }
        length = sample.duration_ns
        rates = {f"{name}_per_hour": count * HOUR_NS / length if length else None
                 for name, count in counts.items()}  # fmt: skip
        gap = round(sample.median_gap_ns) if sample.gaps else None
        return {**counts, **rates, "median_gap_ns": gap, "series": sample.series,
                "locations": side.locations.get(key, [])}  # fmt: skip


def _test(a: Sample, b: Sample) -> str:
    if all(side.regular for side in (a, b) if side.count):
        return "period"
    return f"counts, dispersion {dispersion(a, b):.1f}"


def _weight(row: dict[str, Any]) -> tuple[Any, ...]:
    """What matters first: beyond noise, reconciles, then by the difference of the rates."""
    name = f"{row['measure']}_per_hour"
    difference = abs((row["b"][name] or 0) - (row["a"][name] or 0))
    return (row["beyond_noise"], row["measure"] == "reconciles", difference)


def _about(side: Side) -> dict[str, Any]:
    names = ("target", "duration_ns", "recorded_ns", "complete", "lost", "losses", "wakeups",
             "reconciles")  # fmt: skip
    return {"file": side.name} | {name: side.facts[name] for name in names}


def _modules(side: Side) -> dict[str, str]:
    found = side.metadata.get("modules")
    modules = found if isinstance(found, dict) else {}
    return {str(path): str(version) for path, version in modules.items()}
