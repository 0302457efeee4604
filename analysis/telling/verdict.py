"""The five answers as data: what ``whowoke explain --json`` prints and its words are made from."""

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.model import Analysis
from whowoke.analysis.rules.causes import BEFORE, CAUSE_FIELDS, Cause
from whowoke.analysis.rules.frames import CaptureLike, known_modules, probe_sites
from whowoke.analysis.telling.cost import stacks_left_out, taken_off
from whowoke.analysis.telling.gaps import asleep, gaps
from whowoke.analysis.verdicts.reasons import load_reasons
from whowoke.analysis.verdicts.tallies import answer_counts
from whowoke.analysis.verdicts.things import UNNAMED, Request, is_write, told_name
from whowoke.analysis.waking.lossy import since_when

# controller-runtime stretches a period by up to a tenth, and work adds to it.
PERIOD_TOLERANCE = 0.12
MODULES = ("sigs.k8s.io/controller-runtime", "k8s.io/client-go")
WHOLE = ("median_gap_ns", "jitter_ns", "cpu_ns", "redundant_reconciles")
BAR_COLUMNS = 60
# Without one of these probes a question has no answer.
NEEDED = {
    "what it asks the API server and others": ("http_request",),
    "what it reads from caches": ("store_get", "cache_get"),
}


class Facts:
    """What is known of one capture; with a period only what comes about that often."""

    def __init__(self, analysis: Analysis, period_ns: int | None) -> None:
        self._analysis, self._period_ns = analysis, period_ns

    def data(self) -> dict[str, Any]:
        """Everything; times are nanoseconds, None is not known."""
        analysis, capture = self._analysis, self._analysis.capture
        lost, window = _losses(analysis), analysis.window
        began = np.fromiter(map(bool, analysis.named.begun), bool)
        return {
            "target": self._target(),
            "follows": _follows(capture),
            "duration_ns": analysis.duration_ns,
            "recorded_ns": window.recorded_ns,
            "from_ns": window.start_ns - analysis.recorded[0],
            "complete": capture.complete,
            "lost": sum(lost.values()),
            "lost_outside": sum(capture.losses["count"].tolist()) - sum(lost.values()),
            "losses": lost,
            "gaps": gaps(capture, window),
            "suspends": asleep(capture),
            "missing": [
                *taken_off(capture),
                *stacks_left_out(capture),
                *_texts(capture.metadata.get("missing")),
            ],
            "unanswered": unanswered(capture),
            "period_ns": self._period_ns,
            "wakeups": int(analysis.wakeups_inside.sum()),
            "continuations": int((analysis.wakeups_inside & ~began).sum()),
            "unknown": sum(any(c.is_unknown for c in row) for row in analysis.counted.wakeups),
            "reconciles": int(analysis.reconciles_inside.sum()),
            "reconciles_unknown": self._count_reconciles(lambda c: c.is_unknown),
            "reconciles_before": self._count_reconciles(lambda c: c.subject == BEFORE.subject),
            "thread_wakeups": analysis.survey.thread_wakeups,
            "carriers": analysis.survey.carriers,
            "sysmon": analysis.survey.of_sysmon,
            "episodes": int(window.holds(analysis.spans["start_ns"]).sum()),
            "causes": self._causes,
            "checks": self.checks(),
            "events": self.events(),
            "writes": self.writes(),
            "redundancy": self.redundancy(),
            "logic": self.logic(),
            "ideals": self.ideals(),
        }

    def _target(self) -> dict[str, Any]:
        metadata = self._analysis.capture.metadata
        names = ("name", "pid", "command", "executable", "main_module", "main_package")
        modules = known_modules(self._analysis.capture)
        return {
            **{name: metadata.get(name) for name in (*names, "go_version")},
            "container": _container(self._analysis.capture),
            "modules": {path: modules[path] for path in MODULES if path in modules},
        }

    def _count_reconciles(self, test: Callable[[Cause], bool]) -> int:
        return sum(any(map(test, row)) for row in self._analysis.counted.reconciles)

    # ------------------------------------------------------------ 1: why it wakes

    @cached_property
    def _causes(self) -> list[dict[str, Any]]:
        """Rows of the table ``causes``, those near the asked period only, and more of each."""
        analysis = self._analysis
        periods, answers = _armed_periods(analysis), answer_counts(analysis.counted)
        examples = {c: n for n, row in enumerate(analysis.counted.begun, 1) for c in row}
        rows = []
        for row in analysis.causes.to_dict("records"):
            cause = Cause(*(row[name] for name in CAUSE_FIELDS))
            rule = analysis.rules.about(cause.origin, cause.cause)
            known = load_reasons().about(cause)
            plain = _plain(row)
            plain |= {
                "armed_period_ns": periods.get(cause),
                "continuations": answers[cause],
                "explanation": rule.explanation if rule else "",
                "evidence": analysis.reasoned[cause].reasons,
                "asks": self._asks(cause),
                "module": self._module(cause),
                "api_server": (known and known.api_server) or None,
                "wakeup_id": examples.get(cause),
            }
            for name in WHOLE:
                plain[name] = None if plain[name] is None else int(plain[name])
            if self._is_near(plain):
                rows.append(plain)
        return rows

    def _asks(self, cause: Cause) -> list[dict[str, Any]]:
        """What its own goroutines ask for, outside of reconciles; nothing of upkeep."""
        known = load_reasons().about(cause)
        if known is None or not known.reads:
            return []
        found = self._analysis.evidence[cause].own
        verdicts = self._analysis.checks.verdicts
        return [
            {"name": told_name(thing), "kind": thing.kind, "reads": count}
            | {"event": verdicts[thing].event, "evidence": verdicts[thing].evidence}
            for thing, count in found.most_common()
        ]

    def _is_near(self, row: dict[str, Any]) -> bool:
        if self._period_ns is None:
            return True
        found = (row["median_gap_ns"], row["armed_period_ns"])
        return any(
            value is not None and abs(value / self._period_ns - 1) <= PERIOD_TOLERANCE
            for value in found
        )

    @cached_property
    def _kept(self) -> list[Cause]:
        return [Cause(*(row[name] for name in CAUSE_FIELDS)) for row in self._causes]

    @cached_property
    def _runs(self) -> list[int]:
        """Numbers of the reconciles that are looked at, from 1."""
        kept = set(self._kept)
        inside = np.flatnonzero(self._analysis.reconciles_inside).tolist()
        rows = ((number + 1, self._analysis.named.reconciles[number]) for number in inside)
        return [n for n, row in rows if self._period_ns is None or not kept.isdisjoint(row)]

    # ------------------------------------------------------------ 2, 3: checks and events

    def checks(self) -> list[dict[str, Any]]:
        """Rows of the table ``checks``."""
        rows = [_plain(row) for row in self._analysis.checks.table.to_dict("records")]
        if self._period_ns is None:
            return rows
        asked = {a for cause in self._kept for a in self._analysis.evidence[cause].asked}
        about = {(a.controller or "", a.kind, a.group, a.version, told_name(a)) for a in asked}
        return [row for row in rows if _about(row) in about]

    def events(self) -> dict[str, list[dict[str, Any]]]:
        """By the answer to "is there an event for it": what, for which controllers, the evidence.

        ``noticed_after_ns`` is the longest of the median times until a change was noticed.
        """
        found: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        for row in self.checks():
            name = row["object_kind"] or row["host"] or UNNAMED[row["kind"]]
            about = {"name": name, "kind": row["kind"], "evidence": row["evidence"]}
            entry = found.setdefault(row["event"], {}).setdefault(
                (name, row["evidence"]), about | {"controllers": [], "noticed_after_ns": None}
            )
            if row["controller"] not in entry["controllers"]:
                entry["controllers"].append(row["controller"])
            noticed = [n for n in (entry["noticed_after_ns"], row["noticed_after_ns"]) if n]
            entry["noticed_after_ns"] = max(noticed, default=None)
        return {event: list(entries.values()) for event, entries in found.items()}

    def writes(self) -> list[dict[str, Any]]:
        """What reconciles wrote to the API server: how often, and how often it changed anything."""
        runs = set(self._runs)
        counts: dict[tuple[str, ...], Counter[str]] = {}
        for row in self._analysis.checks.requests:
            if row.reconcile_id in runs and is_write(row):
                about = self._written(row)
                changed = {True: "changed", False: "unchanged"}.get(bool(row.changed))
                counts.setdefault(about, Counter())["writes"] += 1
                counts[about]["unknown" if row.changed is None else str(changed)] += 1
        names = ("controller", "verb", "name")
        return [
            dict(zip(names, about, strict=True))
            | {key: count[key] for key in ("writes", "changed", "unchanged", "unknown")}
            for about, count in counts.items()
        ]

    def _written(self, row: Request) -> tuple[str, str, str]:
        checks = self._analysis.checks
        name = checks.listeners.kind_name(row.group or "", row.resource or "")
        name = f"{name}/{row.subresource}" if row.subresource else name
        return checks.controllers.get(row.reconcile_id or 0, ""), row.verb or "", name

    # ------------------------------------------------------------ 4: redundancy

    def redundancy(self) -> dict[str, Any]:
        """How many reconciles were redundant, and on what that rests, most frequent first."""
        verdicts = self._analysis.redundancy
        counts: Counter[str] = Counter()
        reasons: Counter[tuple[str, str, str]] = Counter()
        for number in self._runs:
            redundant, why = verdicts[number - 1]
            counts[redundant] += 1
            reasons[
                redundant, why, self._analysis.operations.reconciles[number - 1].controller
            ] += 1
        return {
            "reconciles": len(self._runs),
            **{name: counts[name] for name in ("yes", "no", "unknown")},
            "reasons": [
                {"redundant": redundant, "reason": why, "controller": controller, "count": count}
                for (redundant, why, controller), count in reasons.most_common()
            ],
        }

    # ------------------------------------------------------------ 5: logic

    def _module(self, cause: Cause) -> str | None:
        """Whose code decides: operator, a module, or the Go runtime; None if it isn't known."""
        code = self._analysis.code
        if cause.origin == "runtime":
            return "runtime"
        if not cause.function:
            return None
        if code.owner(cause.function) in ("operator", "std"):
            return code.owner(cause.function)
        return code.module(cause.function)

    def logic(self) -> list[dict[str, Any]]:
        """Where each cause is decided, and the API server's part in it."""
        names = (*CAUSE_FIELDS, "module", "api_server", "reconciles", "wakeups")
        return [{name: row[name] for name in names} for row in self._causes]

    # ------------------------------------------------------------ the ideal

    def ideals(self) -> list[dict[str, Any]]:
        """Rows of the table ``ideals``, with a picture of the recorded time."""
        rows = self._analysis.ideal_rows.to_dict("records")
        bars = [ideal.bar(BAR_COLUMNS) for ideal in self._analysis.ideals]
        return [_plain(row) | {"bar": bar} for row, bar in zip(rows, bars, strict=True)]


def unanswered(capture: CaptureLike) -> list[str]:
    """What the capture has no records of, as far as its probe sites tell."""
    sites = probe_sites(capture)
    if sites is None:
        return []
    probes = {site.probe for site in sites}
    return [what for what, names in NEEDED.items() if probes.isdisjoint(names)]


def _container(capture: CaptureLike) -> dict[str, str] | None:
    """The target's container and pod as far as they were known; None outside of containers."""
    found = capture.metadata.get("container")
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else None


def _follows(capture: CaptureLike) -> dict[str, int] | None:
    """Whose place the target took after a restart, and how long nothing was recorded then."""
    found = capture.metadata.get("follows")
    names = ("part", "pid", "gap_ns")
    if not isinstance(found, dict) or not all(isinstance(found.get(n), int) for n in names):
        return None
    return {name: found[name] for name in names}


def _about(row: dict[str, Any]) -> tuple[Any, ...]:
    parts = [row[name] or "" for name in ("controller", "kind", "group", "version")]
    return (*parts, row["object_kind"] or row["host"] or UNNAMED[row["kind"]])


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): None if pd.isna(value) else value for key, value in row.items()}


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _losses(analysis: Analysis) -> dict[str, int]:
    """By kind, what may have been lost of what is counted."""
    losses = analysis.capture.losses
    window = analysis.window
    if window.limited:
        began = since_when(losses).to_numpy("int64") < window.end_ns
        losses = losses[began & (losses["ts_ns"] >= window.start_ns)]
    sums = losses.groupby("kind")["count"].sum()
    return {str(kind): int(count) for kind, count in sums.items()}


def _armed_periods(analysis: Analysis) -> dict[Cause, int]:
    """Median of the delays that were asked for, of each cause: by timers, or by delayed adds."""
    found: dict[Cause, list[int]] = {}
    periods = analysis.base["armed_period_ns"].tolist()
    for causes, period in zip(analysis.counted.begun, periods, strict=True):
        for cause in causes if period > 0 else ():
            if cause.origin != "requeue":
                found.setdefault(cause, []).append(period)
    for add in analysis.operations.queues.adds:
        for cause in analysis.attribution.of_add(add) if add.after_ns else ():
            found.setdefault(cause.general(), []).append(add.after_ns)
    return {cause: int(np.median(values)) for cause, values in found.items()}
