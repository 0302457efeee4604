"""Operators drawn from seeds, as sources: nobody has seen their names, lines and periods."""

import random
from collections.abc import Iterator
from pathlib import Path

from tests import blind
from tests.accuracy.truth import Source, Wakes

CAUSES = {
    "requeue": "requeue.after",
    "resync": "informer.resync",
    "ticker": "operator.ticker",
}


def draw(count: int, below: Path) -> Iterator[Source]:
    """Build so many operators; a new seed each time, which the name tells."""
    first = random.SystemRandom().randrange(10**6)
    for seed in range(first, first + count):
        yield source(blind.generate(seed, below=below))


def source(truth: blind.Truth) -> Source:
    """What has to be said about a blind operator."""
    period_s = truth.period_ns / 1e9
    at = f"about {period_s}s" if truth.mechanism == "resync" else f"every {period_s}s"
    wakes = {
        "resync": (Wakes("client-go", "informer.resync", "timer", at=at),),
        "ticker": (Wakes("operator", "operator.ticker", "timer", at=at, marks=True),),
    }
    lines = {"arms" if truth.mechanism == "ticker" else "asks": (f"{truth.file}:{truth.line}",)}
    if truth.waiting_line:
        lines["waits"] = (f"{truth.file}:{truth.waiting_line}",)
    return Source(
        name=f"blind-{truth.seed}-{truth.mechanism}-{truth.style}",
        program=truth.binary.name,
        wakes=wakes.get(truth.mechanism, ()),
        reconciles=CAUSES[truth.mechanism],
        asks=truth.mechanism == "requeue",
        period_s=period_s,
        objects=len(truth.objects),
        binary=truth.binary,
        lines=tuple(lines.items()),
        diary=False,
    )
