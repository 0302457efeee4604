"""What is known of each cause besides its wake-ups: what it asks for, and how it comes back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from whowoke.analysis.asking.redundancy import missing_probes
from whowoke.analysis.origins.attribution import Attribution
from whowoke.analysis.queueing.queues import Reconcile
from whowoke.analysis.rules.causes import Cause
from whowoke.analysis.rules.frames import CaptureLike, place
from whowoke.analysis.verdicts.checks import Checks
from whowoke.analysis.verdicts.reasons import RESULTS, Evidence
from whowoke.analysis.verdicts.requeues import Outcome, clock, convergence
from whowoke.analysis.verdicts.tallies import Named, all_causes
from whowoke.analysis.verdicts.things import Request, Thing, told_name

API_PROBE = "http_request"


class _OfReconciles:
    """What each reconcile, by its number from 1, asked for."""

    def __init__(self, checks: Checks) -> None:
        self.asked: dict[int, dict[Thing, int]] = {}
        self.news: dict[int, list[str]] = {}
        self.api: Counter[int] = Counter()
        self.missing: dict[int, set[tuple[str, str]]] = {}
        for row, asked in zip(checks.requests, checks.asked, strict=True):
            if row.reconcile_id is not None:
                self._take(row.reconcile_id, row, asked)

    def _take(self, number: int, row: Request, asked: Thing | None) -> None:
        self.api[number] += row.kind == "api"
        if asked is None:
            return
        self.asked.setdefault(number, {})[asked] = 1
        if row.same is False:
            self.news.setdefault(number, []).append(told_name(asked))
        if row.found is False:
            about = (row.namespace or "", row.name or "")
            self.missing.setdefault(number, set()).add(about)


def gather(
    attribution: Attribution,
    named: Named,
    checks: Checks,
    redundant: Sequence[str],
    capture: CaptureLike,
) -> dict[Cause, Evidence]:
    """The evidence for each cause.

    ``redundant`` has the verdict on each reconcile (yes, no, unknown). A reconcile for which
    ``named`` has no cause at all isn't looked at.
    """
    counted = None if API_PROBE in missing_probes(capture) else 0
    found = {cause: Evidence(api_requests=counted) for cause in all_causes(named)}
    own = _OfReconciles(checks)
    for number, causes in enumerate(named.reconciles, 1):
        for cause in causes:
            evidence = found[cause]
            evidence.reconciles += 1
            evidence.redundant[redundant[number - 1]] += 1
            evidence.asked.update(own.asked.get(number, ()))
            evidence.count(own.api[number])
    for row, asked in zip(checks.requests, checks.asked, strict=True):
        if row.reconcile_id is None:
            for cause in _behind(row, attribution, named):
                evidence = found[cause]
                evidence.count(row.kind == "api")
                if asked is not None:
                    thing = checks.for_controller(asked, cause.controller)
                    evidence.asked[thing] += 1
                    evidence.own[thing] += 1
    objects = _objects(attribution, named, own, capture.strings)
    realtime_ns = clock_offset_ns(capture.metadata)
    for cause, evidence in found.items():
        result = RESULTS.get(cause.cause)
        if cause.origin == "requeue" and result:
            mine = objects.get(cause.controller, [])
            evidence.convergence = convergence(mine, result, cause.location)
            if result == "requeue_after":
                evidence.clock = clock(mine, cause.location, realtime_ns)
    return found


def clock_offset_ns(metadata: Mapping[str, Any]) -> int | None:
    """What makes CLOCK_REALTIME of CLOCK_MONOTONIC, None where the capture doesn't tell."""
    pair = metadata.get("clock_monotonic_ns"), metadata.get("clock_realtime_ns")
    monotonic, realtime = (value if isinstance(value, int) else None for value in pair)
    return None if monotonic is None or realtime is None else realtime - monotonic


def _behind(row: Request, attribution: Attribution, named: Named) -> list[Cause]:
    """The causes of the goroutine that asked."""
    number = attribution.chains.cause(row.goroutine_id or 0, row.ts_ns)
    return [] if number is None else named.begun[number]


def _objects(
    attribution: Attribution, named: Named, own: _OfReconciles, strings: dict[int, str]
) -> dict[str, list[list[Outcome]]]:
    """The outcomes of each object's reconciles, in the order of time, by controller."""
    found: dict[str, dict[object, list[Outcome]]] = {}
    for number, reconcile in enumerate(attribution.operations.reconciles, 1):
        if reconcile.end_ns is None or not named.reconciles[number - 1]:
            continue
        key = (strings.get(reconcile.key[1], ""), strings.get(reconcile.key[2], ""))
        outcome = Outcome(
            asked_ns=reconcile.end_ns,
            result=reconcile.result,
            after_ns=reconcile.requeue_after_ns or 0,
            place=_place(attribution, reconcile),
            gone=key in own.missing.get(number, ()),
            news=tuple(own.news.get(number, ())),
        )
        of_controller = found.setdefault(reconcile.controller, {})
        of_controller.setdefault(reconcile.key, []).append(outcome)
    return {name: list(objects.values()) for name, objects in found.items()}


def _place(attribution: Attribution, reconcile: Reconcile) -> str:
    """The line that decided, as the causes have it."""
    code = attribution.code
    line = code.symbol(reconcile.return_pc) if reconcile.return_pc else None
    line = line or code.owned_by("operator", code.stack(reconcile.asked_stack))
    return place(line, "").location if line else attribution.declared.location
