"""The verdict: what wakes a process, in one screen of plain words, or as data."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.causes import BEFORE, CAUSE_FIELDS, Cause
from whowoke.analysis.durations import format_duration
from whowoke.analysis.frames import CaptureLike, known_modules
from whowoke.analysis.model import Analysis
from whowoke.analysis.series import REGULAR_JITTER

# controller-runtime stretches a period by up to a tenth, and work adds to it.
PERIOD_TOLERANCE = 0.12
INDENT = " " * 18
MODULES = ("sigs.k8s.io/controller-runtime", "k8s.io/client-go")
SCHEDULES = {
    "fixed_rate": "by a timer that comes back",
    "fixed_delay": "set anew each time",
    "backoff": "later each time",
    "irregular": "irregular",
}
PLACES = {
    "returned": "returned by",
    "declared": "returned by",
    "armed": "set in",
    "waiting": "waits in",
    "callback": "calls",
}


@dataclass
class Explanation:
    """What wakes a process: ``text()`` for people, ``json()`` for programs."""

    analysis: Analysis
    period_ns: int | None = None

    def json(self) -> dict[str, Any]:
        """Everything as data; times are nanoseconds, None is not known.

        ``causes`` has one object for each row of the table of that name, those with reconciles
        first, with ``armed_period_ns``, ``continuations``, ``explanation`` beside its columns.
        """
        capture = self.analysis.capture
        return {
            "target": self._target(),
            "duration_ns": self.analysis.duration_ns,
            "complete": capture.complete,
            "lost": self.lost,
            "losses": _losses(capture),
            "missing": _texts(capture.metadata.get("missing")),
            "period_ns": self.period_ns,
            "wakeups": len(self.analysis.base),
            "continuations": self._count_continuations(),
            "unknown": self._unknown_wakeups(),
            "reconciles": len(self.analysis.named.reconciles),
            "reconciles_unknown": self._count_reconciles(lambda c: c.is_unknown),
            "reconciles_before": self._count_reconciles(lambda c: c.subject == BEFORE.subject),
            "thread_wakeups": len(self.analysis.carried),
            "carriers": int(self.analysis.carried["carrier"].sum()),
            "causes": self.causes,
        }

    def text(self) -> str:
        """One screen: losses, totals, what reconciles, what only wakes the process, carriers."""
        starting = [row for row in self.causes if row["reconciles"]]
        waking = [row for row in self.causes if not row["reconciles"]]
        lines = [*self._head(), ""]
        about = f" about every {format_duration(self.period_ns)}" if self.period_ns else ""
        lines += [f"What starts reconciles{about}:"]
        lines += _block(starting, self._line_of_reconciles) or ["  nothing"]
        lines += ["", f"What wakes the process{about} and starts no reconcile:"]
        lines += _block(waking, self._line_of_wakeups) or ["  nothing"]
        lines += ["", self._carriers()]
        return "\n".join(lines)

    # ------------------------------------------------------------ facts

    @property
    def lost(self) -> int:
        """Records that were lost, of all kinds."""
        return int(self.analysis.capture.losses["count"].sum())

    @property
    def causes(self) -> list[dict[str, Any]]:
        """Rows of the table ``causes`` as objects, those near the asked period only."""
        table = self.analysis.causes
        periods = _armed_periods(self.analysis)
        answers = self._answers()
        rows = []
        for row in table.to_dict("records"):
            cause = Cause(*(row[name] for name in CAUSE_FIELDS))
            rule = self.analysis.rules.about(cause.origin, cause.cause)
            plain: dict[str, Any] = {
                str(key): None if pd.isna(value) else value for key, value in row.items()
            }
            plain["armed_period_ns"] = periods.get(cause)
            plain["continuations"] = answers[cause]
            plain["explanation"] = rule.explanation if rule else ""
            for name in ("median_gap_ns", "jitter_ns", "cpu_ns"):
                plain[name] = None if plain[name] is None else int(plain[name])
            if self._is_near(plain):
                rows.append(plain)
        return rows

    def _is_near(self, row: dict[str, Any]) -> bool:
        if self.period_ns is None:
            return True
        found = (row["median_gap_ns"], row["armed_period_ns"])
        return any(
            value is not None and abs(value / self.period_ns - 1) <= PERIOD_TOLERANCE
            for value in found
        )

    def _answers(self) -> Counter[Cause]:
        named = self.analysis.named
        return Counter(
            cause
            for number, causes in enumerate(named.wakeups)
            if named.is_continuation(number)
            for cause in {c.general() for c in causes}
        )

    def _count_continuations(self) -> int:
        named = self.analysis.named
        return sum(named.is_continuation(number) for number in range(len(named.begun)))

    def _unknown_wakeups(self) -> int:
        return sum(any(c.is_unknown for c in row) for row in self.analysis.named.wakeups)

    def _count_reconciles(self, test: Any) -> int:
        return sum(any(test(cause) for cause in row) for row in self.analysis.named.reconciles)

    def _target(self) -> dict[str, Any]:
        metadata = self.analysis.capture.metadata
        names = ("name", "pid", "command", "executable", "main_module", "main_package")
        modules = known_modules(self.analysis.capture)
        return {
            **{name: metadata.get(name) for name in (*names, "go_version")},
            "modules": {path: modules[path] for path in MODULES if path in modules},
        }

    # ------------------------------------------------------------ words

    def _head(self) -> list[str]:
        facts, analysis = self.json(), self.analysis
        wakeups, lost = facts["wakeups"], facts["lost"]
        first = f"{_many(wakeups, 'wake-up')}, {lost:,} lost"
        if lost:
            first += f" ({_kinds(facts['losses'])}): counts are lower bounds"
        duration = format_duration(analysis.duration_ns)
        target = facts["target"]
        versions = [str(target["go_version"] or "")]
        versions += [f"{path.split('/')[-1]} {v}" for path, v in target["modules"].items()]
        share = facts["unknown"] / wakeups if wakeups else 0
        who = f"{target['name']}, pid {target['pid']}, {duration}"
        unknown = f"{facts['unknown']:,} unknown ({share:.1%})"
        answers = f"{facts['continuations']:,} are answers to its own requests"
        lines = [
            f"{first}   ({who}; {', '.join(filter(None, versions))})",
            f"{unknown}; {answers}, told with their causes",
            self._reconcile_head(facts),
        ]
        if not analysis.capture.complete:
            lines.append("the recording has no end: what came after its last whole part is missing")
        lines += [f"not seen: {missing}" for missing in facts["missing"]]
        return lines

    def _reconcile_head(self, facts: dict[str, Any]) -> str:
        text = _many(facts["reconciles"], "reconcile")
        before, unknown = facts["reconciles_before"], facts["reconciles_unknown"]
        if before:
            text += f", {before:,} of them queued before the recording (at most one per object)"
        if unknown > before:
            text += f", {unknown - before:,} unknown"
        return text

    def _line_of_reconciles(self, row: dict[str, Any]) -> str:
        many = _many(row["reconciles"], "reconcile")
        by = f" by {_many(row['wakeups'], 'wake-up')}" if row["wakeups"] else ""
        return f"{many:>16}{by}{_rhythm(row, ' of one object')}"

    def _line_of_wakeups(self, row: dict[str, Any]) -> str:
        return f"{_many(row['wakeups'], 'wake-up'):>16}{_rhythm(row, '')}"

    def _carriers(self) -> str:
        carried = self.analysis.carried
        total, carriers = len(carried), int(carried["carrier"].sum())
        sysmon = int((carried["tid"] == self.analysis.threads.sysmon).sum())
        text = f"{_many(total, 'thread wake-up')} in {_many(len(self.analysis.spans), 'episode')}"
        if not total:
            return text
        return (
            f"{text}; {carriers:,} only carried one of the above"
            f" ({sysmon:,} of them sysmon, the Go runtime's own thread)"
        )


def explain(capture: CaptureLike, period_ns: int | None = None) -> Explanation:
    """Say what wakes the target; with a period only what comes about that often."""
    return Explanation(Analysis(capture), period_ns)


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _losses(capture: CaptureLike) -> dict[str, int]:
    sums = capture.losses.groupby("kind")["count"].sum()
    return {str(kind): int(count) for kind, count in sums.items()}


def _armed_periods(analysis: Analysis) -> dict[Cause, int]:
    """Median of the delays that were asked for, of each cause: by timers, or by delayed adds."""
    found: dict[Cause, list[int]] = {}
    periods = analysis.base["armed_period_ns"].tolist()
    for causes, period in zip(analysis.named.begun, periods, strict=True):
        for cause in causes if period > 0 else ():
            if cause.origin != "requeue":
                found.setdefault(cause, []).append(period)
    for add in analysis.operations.queues.adds:
        for cause in analysis.attribution.of_add(add) if add.after_ns else ():
            found.setdefault(cause.general(), []).append(add.after_ns)
    return {cause: int(np.median(values)) for cause, values in found.items()}


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _kinds(losses: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in losses.items())


def _rhythm(row: dict[str, Any], of: str) -> str:
    if row["median_gap_ns"] is None:
        return ""
    gap, schedule = format_duration(row["median_gap_ns"]), row["schedule"]
    if not schedule:
        return f", {gap} apart"
    every = f", every {gap} ± {format_duration(row['jitter_ns'])}{of}"
    if schedule == "irregular" and row["jitter_ns"] < REGULAR_JITTER * row["median_gap_ns"]:
        return every  # somebody outside has the timer
    return f"{every}, {SCHEDULES[schedule]}"


def _block(rows: Iterable[dict[str, Any]], line: Any) -> list[str]:
    lines = []
    for row in rows:
        about = f" of {row['subject']}" if row["subject"] else ""
        whose = f", controller {row['controller']}" if row["controller"] else ""
        known = f"{row['cause']} ({row['origin']}){about}{whose}"
        unknown = f"unknown{', ' + row['subject'] if row['subject'] else ''}{whose}"
        is_known = row["origin"] != "unknown"
        lines.append(f"{line(row)}: {known if is_known else unknown}")
        if row["location"] or row["function"]:
            said = PLACES.get(row["location_kind"], "in")
            # The path of the package is in the location too.
            function = row["function"].rsplit("/", 1)[-1]
            lines.append(f"{INDENT}{said} {function} at {row['location'] or 'an unknown line'}")
        if row["explanation"]:
            lines.append(f"{INDENT}{row['explanation']}")
        if row["advice"] and row["reconciles"]:
            lines.append(f"{INDENT}to change it: {row['advice']}")
    return lines
