"""Every source of wake-ups once, on a live operator: no cause is wrong, none unknown.

The truth is tests/accuracy/sources.py. `make accuracy` records each for longer, and all versions.
"""

from dataclasses import replace

import pytest

from tests import fixtures
from tests.accuracy import session
from tests.accuracy.judge import Tally
from tests.accuracy.sources import SOURCES
from tests.accuracy.truth import Source

AT_ONCE = 12
QUICK_S = 20
TIMES = 3


def quick(source: Source) -> Source:
    """The same, recorded only as long as something can be seen three times."""
    counted = [float(wakes.at.split()[1][:-1]) for wakes in source.wakes if "every" in wakes.at]
    return replace(source, seconds=max(QUICK_S, TIMES * max(counted, default=0), source.least_s))


@pytest.fixture(scope="module")
def tallies(
    cluster: fixtures.Cluster, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Tally]:
    """What was judged of each source.

    The diaries' times are compared with ours: on a machine that stands still for a moment they
    part, so what wasn't right is recorded a second time, and then has to be.
    """
    found: dict[str, Tally] = {}
    wanted = list(SOURCES)
    for turn in ("first", "second"):
        folder = tmp_path_factory.mktemp(turn)
        session.record([quick(source) for source in wanted], cluster, folder, AT_ONCE)
        found |= {source.name: session.verdict(source, folder / source.name) for source in wanted}
        wanted = [s for s in wanted if found[s.name].right != found[s.name].judged]
        if not wanted:
            break
        print(turn, {source.name: dict(found[source.name].said) for source in wanted})
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_each_cause_is_right(source: Source, tallies: dict[str, Tally]) -> None:
    tally = tallies[source.name]
    assert tally.judged
    assert tally.right == tally.judged, dict(tally.said)
