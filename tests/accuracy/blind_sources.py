"""Operators drawn from seeds, as sources: nobody has seen their names, lines and periods."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests import blind
from tests.accuracy.truth import Source, Wakes


def _own(cause: str) -> dict[str, Any]:
    """A loop of the operator's own that notes each round."""
    wakes = Wakes("operator", cause, "timer", marks=True)
    return {"wakes": (wakes,), "reconciles": cause}


def _outside(cause: str, actor: str, subject: str = "*") -> dict[str, Any]:
    origin = "api-event" if cause == "watch.event" else "inbound"
    wakes = Wakes(origin, cause, "descriptor", at="actor", subject=subject)
    return {"wakes": (wakes,), "actor": actor}


# What has to be said about each mechanism, but for lines and periods.
TRUTHS: dict[str, dict[str, Any]] = {
    "requeue": {"reconciles": "requeue.after", "asks": True},
    "resync": {
        "wakes": (Wakes("client-go", "informer.resync", "timer", at="about {period}s"),),
        "reconciles": "informer.resync",
    },
    "ticker": {
        "wakes": (Wakes("operator", "operator.ticker", "timer", at="every {period}s", marks=True),),
        "reconciles": "operator.ticker",
    },
    "wrapped": {"reconciles": "requeue.after", "asks": True},
    "again": {"reconciles": "requeue.rate_limited", "asks": True, "warm_up_s": 5},
    "failing": {"reconciles": "requeue.error", "asks": True, "warm_up_s": 5},
    # Each chain of requeues begins with a resync, which may come while a requeue is pending.
    "chain": {"reconciles": "replay", "asks": True},
    "timer": _own("operator.timer"),
    "sleep": _own("operator.sleep"),
    "afterfunc": _own("operator.timer"),
    "waituntil": _own("operator.timer"),
    "cron": {
        "wakes": (
            Wakes("operator", "operator.cron", "timer", function="github.com/robfig/cron/v3.*"),
        ),
        "reconciles": "operator.cron",
    },
    "asking": {
        "wakes": (
            Wakes("operator", "operator.ticker", "timer", marks=True),
            Wakes("operator", "operator.ticker", "descriptor", at="diary answer", continues=True),
        ),
        "reconciles": "operator.ticker",
        "arguments": ("--peer={peer}",),
        "actor": "answerer",
    },
    "leader": {
        "wakes": (
            Wakes("client-go", "leader_election.renew", "timer", at="audit update received leases"),
        ),
    },
    "touched": _outside("watch.event", "toucher", "*ConfigMap*") | {"reconciles": "watch.event"},
    "scraped": _outside("http.metrics", "scraper"),
    "probed": _outside("http.probe", "prober"),
}


def draw(count: int, below: Path) -> Iterator[Source]:
    """Build so many operators, each with a new seed, which the name tells.

    The mechanisms come in an order that is drawn, so that none comes twice before all came.
    """
    first = random.SystemRandom().randrange(10**6)
    mechanisms = random.Random(first).sample(sorted(blind.MECHANISMS), len(blind.MECHANISMS))
    for number in range(count):
        mechanism = mechanisms[number % len(mechanisms)]
        yield source(blind.generate(first + number, mechanism, below=below))


def source(truth: blind.Truth) -> Source:
    """What has to be said about a blind operator."""
    period_s = truth.period_ns / 1e9
    known = dict(TRUTHS[truth.mechanism])
    known["wakes"] = tuple(
        replace(wakes, at=wakes.at.format(period=period_s)) for wakes in known.get("wakes", ())
    )
    return Source(
        name=f"blind-{truth.seed}-{truth.mechanism}-{truth.style}",
        program=truth.binary.name,
        period_s=period_s,
        objects=len(truth.objects),
        binary=truth.binary,
        lines=tuple(truth.lines.items()),
        diary=blind.MECHANISMS[truth.mechanism][1],
        **known,
    )
