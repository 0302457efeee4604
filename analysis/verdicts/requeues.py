"""What the delays that an operator asks for tell: a point in time, or a wait that ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from whowoke.analysis.durations import format_duration

SECOND_NS = 1_000_000_000
# Two requests for a delay that are nearer to each other tell nothing about when it ends.
MIN_APART_NS = 20_000_000
# How far two ends of the same delay may lie apart, of the time between the requests.
STRAY = 0.1
MIN_PAIRS, MIN_SHARE = 2, 0.8
# A delay of a constant is whole milliseconds; one that was computed isn't.
ROUND_NS = 1_000_000
# From the computation of a delay to the end of its Reconcile.
COMPUTED_NS = 50_000_000
MIN_TARGETS = 3
MIN_REQUEUES = 2
# So much longer is a delay after the wait than in it.
LONGER = 3


@dataclass(frozen=True)
class Outcome:
    """How one reconcile of an object ended: ``place`` is the line that decided, ``gone`` says that
    it didn't find its object any more, ``news`` are kinds that it read with a new answer.
    """

    asked_ns: int
    result: str
    after_ns: int
    place: str
    gone: bool = False
    news: tuple[str, ...] = ()

    @property
    def target_ns(self) -> int:
        """When its delay ends."""
        return self.asked_ns + self.after_ns


def clock(objects: Iterable[Sequence[Outcome]], place: str, realtime_ns: int | None) -> str:
    """The evidence that the delays asked for at a place end at points in time, or nothing.

    ``objects`` has each object's outcomes in the order of time; ``realtime_ns`` is what makes
    CLOCK_REALTIME of CLOCK_MONOTONIC.
    """
    early, agreeing = 0, 0
    targets: list[Outcome] = []
    for outcomes in objects:
        asked = [o for o in outcomes if o.result == "requeue_after" and o.place == place]
        for one, other in pairwise(asked):
            apart = other.asked_ns - one.asked_ns
            if apart >= MIN_APART_NS and other.asked_ns < one.target_ns - MIN_APART_NS:
                early += 1
                agreeing += abs(other.target_ns - one.target_ns) <= STRAY * apart
        for outcome in asked:
            if not targets or abs(outcome.target_ns - targets[-1].target_ns) > SECOND_NS // 2:
                targets.append(outcome)
    if agreeing >= MIN_PAIRS and agreeing >= MIN_SHARE * early:
        return f"asked {agreeing} times in between, its delays end at the same time"
    if realtime_ns is not None and _end_at_whole_seconds(targets, realtime_ns):
        return f"its {len(targets)} delays differ, and all end at a full second of the clock"
    return ""


def _end_at_whole_seconds(targets: Sequence[Outcome], realtime_ns: int) -> bool:
    if len(targets) < MIN_TARGETS or any(o.after_ns % ROUND_NS == 0 for o in targets):
        return False
    return all((o.target_ns + realtime_ns) % SECOND_NS <= COMPUTED_NS for o in targets)


def convergence(objects: Iterable[Sequence[Outcome]], result: str, place: str) -> str:
    """The evidence that objects were asked for again only until something was reached."""
    waited = ended = times = 0
    news: dict[str, int] = {}
    spans: list[int] = []
    for outcomes in objects:
        asked = [n for n, o in enumerate(outcomes) if (o.result, o.place) == (result, place)]
        if len(asked) < MIN_REQUEUES:
            continue
        waited += 1
        after = outcomes[asked[-1] + 1 : asked[-1] + 2]
        usual = median(outcomes[n].after_ns for n in asked)
        if after and _is_done(after[0], usual) and not outcomes[-1].gone:
            ended += 1
            times += len(asked)
            spans.append(after[0].asked_ns - outcomes[asked[0]].asked_ns)
            for kind in after[0].news:
                news[kind] = news.get(kind, 0) + 1
    if not ended or 2 * ended < waited:
        return ""
    objects_told = "1 object was" if ended == 1 else f"{ended} objects were"
    text = f"{objects_told} asked for again {times} times within {format_duration(median(spans))}"
    what = f", when {max(news, key=lambda kind: news[kind])} had changed" if news else ""
    return f"{text}, then no more{what}"


def _is_done(outcome: Outcome, usual_ns: float) -> bool:
    if outcome.gone:
        return False
    longer = outcome.result == "requeue_after" and outcome.after_ns >= LONGER * usual_ns
    return outcome.result == "success" or longer
