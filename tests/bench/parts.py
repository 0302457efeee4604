"""The parts of the benchmark, in the order in which they run: those without a cluster first."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.bench import busy, bystander, compare, day, flood, hit, idle, minute, start, worst
from tests.bench.keys import KEYS
from tests.bench.rows import Row
from tests.bench.stage import Stage


@dataclass(frozen=True)
class Part:
    """``measure`` gives its rows; ``what`` says it in a line."""

    name: str
    what: str
    measure: Callable[[Stage], list[Row]]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the JSON line that it answers."""
        return tuple(key.name for key in KEYS if key.part == self.name)


PARTS = (
    Part("hit", "what a hit of a probe costs the target", hit.measure),
    Part("bystander", "what a recording costs other processes", bystander.measure),
    Part("drain", "the recorder's work for a record", flood.drain),
    Part("lost", "what is lost in a flood of events", flood.lost),
    Part("worst", "the budget and the worst case", worst.measure),
    Part("start", "how long a recording takes to begin", start.start),
    Part("attach", "what of that reading the binary and attaching take", start.attach),
    Part("detach", "how long the probes take to come off", start.detach),
    Part("size", "bytes for a record", minute.size),
    Part("rss", "memory of the recorder", minute.rss),
    Part("idle", "what an idle manager pays", idle.measure),
    Part("busy", "what a busy operator pays", busy.measure),
    *(Part(scene.part, scene.what, partial(compare.measure, scene)) for scene in compare.SCENES),
    Part("day", "a day's capture explained", day.measure),
)
PART_BY_NAME = {part.name: part for part in PARTS}
