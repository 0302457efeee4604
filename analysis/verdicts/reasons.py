"""Why a cause comes back, whether it could be done without, and the change that would end it."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from whowoke.analysis.rules.causes import Cause
from whowoke.analysis.verdicts.hearing import Verdict
from whowoke.analysis.verdicts.things import Thing, told_name

CLOCK, CONVERGENCE, INSURANCE = "clock", "convergence_wait", "insurance"
EXTERNAL, PLUMBING = "external_state", "plumbing"
# The reasons that follow from what is read, by the answer to: is there an event for it.
BY_EVENT = {"unhandled": "watch_without_handler", "unwatched": "unwatched_secondary"}
RESULTS = {
    "requeue.after": "requeue_after",
    "requeue.rate_limited": "requeue",
    "requeue.error": "error",
}
SHOWN = 4
CORE_ALIAS = "core"


@dataclass(frozen=True)
class Known:
    """What is known of a cause without looking at what its reconciles read."""

    cause: str
    origin: str = ""
    reason: str = ""
    avoidable: str = "unknown"
    api_server: str = ""
    reads: bool = False


@dataclass(frozen=True)
class ReasonRules:
    """Everything in ``reasons.toml``: ``says`` and ``avoidable`` by reason."""

    says: Mapping[str, str]
    avoidable: Mapping[str, str]
    known: tuple[Known, ...]
    changes: Mapping[str, str]

    def about(self, cause: Cause) -> Known | None:
        """What is known of that cause."""
        if cause.is_unknown:
            return None
        fits = (k for k in self.known if k.cause == cause.cause and k.origin in ("", cause.origin))
        return next(fits, None)

    def is_plumbing(self, cause: Cause) -> bool:
        """Whether it is upkeep, as long as it leads to no reconcile."""
        known = self.about(cause)
        return known is not None and known.reason == PLUMBING


@cache
def load_reasons() -> ReasonRules:
    """Read the table that lies beside this file."""
    text = resources.files("whowoke.analysis").joinpath("verdicts/reasons.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return ReasonRules(
        says={name: row["says"] for name, row in table["reasons"].items()},
        avoidable={name: row["avoidable"] for name, row in table["reasons"].items()},
        known=tuple(Known(**row) for row in table["cause"]),
        changes=table["changes"],
    )


@dataclass
class Evidence:
    """What is known of one cause besides its wake-ups.

    ``asked`` is what its reconciles and its own goroutines ask for, ``own`` the latter's part;
    ``redundant`` counts the verdicts on its reconciles; ``api_requests`` is None where the capture
    doesn't tell; ``clock`` and ``convergence`` are texts, empty without evidence.
    """

    asked: Counter[Thing] = field(default_factory=Counter)
    own: Counter[Thing] = field(default_factory=Counter)
    redundant: Counter[str] = field(default_factory=Counter)
    api_requests: int | None = None
    reconciles: int = 0
    clock: str = ""
    convergence: str = ""

    def count(self, api_requests: int) -> None:
        """Add requests to the API server, where these are known at all."""
        if self.api_requests is not None:
            self.api_requests += api_requests


@dataclass
class Reasoned:
    """``reasons`` with their evidence, ``avoidable`` (yes, no, unknown), ``advice``."""

    reasons: dict[str, str]
    avoidable: str
    advice: str


def reason(
    cause: Cause, evidence: Evidence, verdicts: Mapping[Thing, Verdict], general: str
) -> Reasoned:
    """Why a cause comes back; ``general`` is what ``causes.toml`` advises."""
    rules = load_reasons()
    known = rules.about(cause)
    found = _reasons(known, evidence, verdicts) if known else {}
    fixed = known.reason if known else ""
    if not found:
        avoidable = known.avoidable if known else "unknown"
    else:
        each = [
            known.avoidable if known and name == fixed else rules.avoidable[name] for name in found
        ]
        avoidable = next((a for a in ("unknown", "no") if a in each), "yes")
    return Reasoned(found, avoidable, _advice(cause, found, evidence, verdicts, general))


def _reasons(known: Known, evidence: Evidence, verdicts: Mapping[Thing, Verdict]) -> dict[str, str]:
    """Each reason with its evidence. A point in time explains a requeue by itself."""
    if evidence.clock:
        return {CLOCK: evidence.clock}
    found = {}
    if evidence.convergence:
        found[CONVERGENCE] = evidence.convergence
    if known.reads:
        found |= _by_reading(evidence, verdicts)
        if not found and not known.reason and _is_insurance(evidence, verdicts):
            names = _list(_names(evidence.asked))
            found[INSURANCE] = f"all that it reads has a handler that leads here: {names}"
    if known.reason == PLUMBING and (found or evidence.reconciles):
        return found
    return found | ({known.reason: ""} if known.reason else {})


def _by_reading(evidence: Evidence, verdicts: Mapping[Thing, Verdict]) -> dict[str, str]:
    found = {}
    for event, name in BY_EVENT.items():
        asked = _with_event(evidence, verdicts, event)
        if asked:
            how = "watched, but no handler leads here" if event == "unhandled" else "nobody watches"
            found[name] = f"reads {_list(_names(asked))} ({how})"
    if outside := _with_event(evidence, verdicts, "outside"):
        found[EXTERNAL] = f"asks {_list(_names(outside))}"
    return found


def _with_event(evidence: Evidence, verdicts: Mapping[Thing, Verdict], event: str) -> list[Thing]:
    return [asked for asked, _ in evidence.asked.most_common() if verdicts[asked].event == event]


def _is_insurance(evidence: Evidence, verdicts: Mapping[Thing, Verdict]) -> bool:
    """Whether each change of what is read is told anyway, and none of the looks found one."""
    told = all(verdicts[asked].event == "handled" for asked in evidence.asked)
    found = evidence.redundant
    return bool(evidence.asked) and told and found["yes"] > 0 and not found["no"]


# ---------------------------------------------------------------- the change


def _advice(
    cause: Cause,
    reasons: Mapping[str, str],
    evidence: Evidence,
    verdicts: Mapping[Thing, Verdict],
    general: str,
) -> str:
    changes, parts = load_reasons().changes, []
    if CLOCK in reasons:
        return changes[CLOCK]
    secondaries = [a for event in BY_EVENT for a in _with_event(evidence, verdicts, event)]
    if secondaries and not reasons.keys().isdisjoint(BY_EVENT.values()):
        parts.append(_watch(secondaries, cause.controller))
    # Without reconciles it is such a poller already.
    if EXTERNAL in reasons and evidence.reconciles:
        peers = _list(_names(_with_event(evidence, verdicts, "outside")))
        parts.append(changes[EXTERNAL].format(peers=peers))
    if CONVERGENCE in reasons:
        parts.append(changes[CONVERGENCE])
    is_requeue = cause.origin == "requeue"
    if INSURANCE in reasons and is_requeue:
        parts.append(changes[INSURANCE])
    elif parts and is_requeue:
        parts.append(changes["empty"])
    elif not parts or INSURANCE in reasons:
        parts.append(general)
    return "; ".join(part for part in parts if part)


def _watch(asked: list[Thing], controller: str) -> str:
    """``Owns(...)`` for the first kind, and the others' types."""
    types = list(dict.fromkeys(go_type(a) for a in asked))
    more = f" and {len(types) - SHOWN} more" if len(types) > SHOWN else ""
    changes = load_reasons().changes
    if not controller or not types[0].startswith("&"):
        names = ", ".join(name.strip("&{}") for name in types[:SHOWN])
        return changes["watch_outside"].format(kinds=f"watch events of {names}{more}")
    first, *others = types[:SHOWN]
    kinds = f"Owns({first}) or Watches(…)"
    if others:
        kinds += f", also {', '.join(others)}{more}"
    return changes["watch"].format(kinds=kinds)


def go_type(asked: Thing) -> str:
    """The Go type of a kind as programs mostly import it: ``&appsv1.StatefulSet{}``."""
    if not asked.version or asked.name == asked.name.lower():
        return asked.name
    alias = (asked.group.partition(".")[0] or CORE_ALIAS).replace("-", "") + asked.version
    return f"&{alias}.{asked.name}{{}}"


def _names(asked: Iterable[Thing]) -> list[str]:
    return list(dict.fromkeys(told_name(a) for a in asked))


def _list(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
