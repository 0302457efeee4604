"""Every source of wake-ups once, on a live operator: no cause is wrong, none unknown.

The truth is tests/accuracy/sources.py. `make accuracy` records each for longer, and all versions.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from tests import fixtures
from tests.accuracy import session
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
def recorded(cluster: fixtures.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all recordings."""
    folder = tmp_path_factory.mktemp("sources")
    session.record([quick(source) for source in SOURCES], cluster, folder, AT_ONCE)
    return folder


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_each_cause_is_right(source: Source, recorded: Path) -> None:
    tally = session.verdict(source, recorded / source.name)
    print(tally)
    assert tally.judged
    assert tally.right == tally.judged, dict(tally.said)
