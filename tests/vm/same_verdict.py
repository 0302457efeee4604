"""The same operators recorded on the host and in a guest: the same verdict.

`make vm-test` runs it, with WHOWOKE_GUEST naming the guest whose results lie in build/vm/results.
Single times are not compared, nor causes that came a few times by chance: a bookmark, a
collection, an answer of the connection itself.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import ROOT
from tests.vm import scene

RESULTS = ROOT / "build" / "vm" / "results"
GUEST = os.environ["WHOWOKE_GUEST"]
SIDES = ("host", GUEST)
KEY = ("origin", "cause", "subject", "controller", "function", "location", "location_kind")
# A delay that is set anew grows by the work between, and an emulated guest works slowly: there it
# is the tolerance that --period has.
SAME_PERIOD = {"fixed_rate": 0.02, "fixed_delay": 0.12}
# controller-runtime stretches a SyncPeriod by 0.9 to 1.1, drawn anew in each process.
DRAWN = ("informer.resync",)

Key = tuple[str, ...]
Cause = dict[str, Any]


@cache
def verdict(side: str, operator: str) -> dict[str, Any]:
    """What was said there."""
    result: dict[str, Any] = json.loads((RESULTS / side / f"{operator}.json").read_text())
    return result


def causes(side: str, operator: str) -> dict[Key, Cause]:
    return {tuple(one[name] for name in KEY): one for one in verdict(side, operator)["causes"]}


def periodic(side: str, operator: str) -> dict[Key, Cause]:
    """The causes that have a schedule; what came irregularly came by chance."""
    found = causes(side, operator)
    return {key: one for key, one in found.items() if one["schedule"] in SAME_PERIOD}


@pytest.fixture(params=scene.OPERATORS)
def operator(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_nothing_was_lost(operator: str) -> None:
    for side in SIDES:
        assert verdict(side, operator)["complete"], side
        assert verdict(side, operator)["lost"] == 0, side


def test_the_same_origins_causes_and_lines(operator: str) -> None:
    ours, theirs = (periodic(side, operator) for side in SIDES)
    assert set(ours) == set(theirs)
    assert {key: one["schedule"] for key, one in ours.items()} == {
        key: one["schedule"] for key, one in theirs.items()
    }


def test_the_guest_has_no_unknown_of_its_own(operator: str) -> None:
    ours, theirs = (causes(side, operator) for side in SIDES)
    unknown = {key for key in theirs if key[0] == "unknown"}
    assert unknown <= set(ours)


def test_the_same_periods(operator: str) -> None:
    ours, theirs = (periodic(side, operator) for side in SIDES)
    for key, one in ours.items():
        here_ns, there_ns = one["median_gap_ns"], theirs[key]["median_gap_ns"]
        same = SAME_PERIOD[one["schedule"]]
        if one["cause"] in DRAWN:
            for gap_ns in (here_ns, there_ns):
                assert gap_ns == pytest.approx(scene.PERIOD_S * 1e9, rel=same), key
        else:
            assert there_ns == pytest.approx(here_ns, rel=same), key


def test_the_same_counts(operator: str) -> None:
    """As many as fit into the recording, on both sides; at its ends one may be in or out."""
    for side in SIDES:
        duration_ns = verdict(side, operator)["duration_ns"]
        for key, one in periodic(side, operator).items():
            fit = duration_ns / one["median_gap_ns"]
            if one["reconciles"]:
                # The first delay was set before the recording, so its cause is unknown.
                each = one["reconciles"] / scene.OBJECTS
                assert fit - 2 <= each <= fit + 1, (side, key)
                # Objects that are due together share a wake-up.
                assert fit - 2 <= one["wakeups"] <= one["reconciles"], (side, key)
            else:
                grown = fit * SAME_PERIOD[one["schedule"]]
                assert one["wakeups"] == pytest.approx(fit, abs=1 + grown), (side, key)


def test_a_capture_is_read_alike(operator: str, tmp_path: Path) -> None:
    """The guest's capture, analysed here, says what it says there, to the last digit."""
    here = tmp_path / "here.json"
    scene.explain(RESULTS / GUEST / f"{operator}.whowoke", here)
    assert json.loads(here.read_text()) == verdict(GUEST, operator)
