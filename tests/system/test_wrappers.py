"""Reconcilers behind wrappers: the return statement is found wherever it stands."""

import time

from tests import fixtures
from tests.system.conftest import Recorder

SOURCE = fixtures.ROOT / "tests" / "operators" / "wrapped" / "main.go"
PERIOD = "1s"
SECONDS = 6
OBJECTS = 3
CONTROLLERS = ("function", "closure", "object", "embedded", "limited")


def marked_line(mark: str) -> int:
    lines = SOURCE.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"//@{mark}"))


def test_the_return_behind_each_wrapper_is_named(
    cluster: fixtures.Cluster, record: Recorder
) -> None:
    objects = OBJECTS * len(CONTROLLERS)
    with (
        fixtures.operator("wrapped", cluster, period=PERIOD, objects=objects) as operator,
        record(operator.pid) as recording,
    ):
        time.sleep(SECONDS)
    recording.assert_nothing_lost()
    reconciles = recording.tables["reconciles"]
    assert set(reconciles.controller) == set(CONTROLLERS)
    for controller in CONTROLLERS:
        own = reconciles[reconciles.controller == controller]
        assert set(own.result) == {"requeue_after"}
        # A reconciler that only its first call gives away has that call's return unseen.
        seen = own.sort_values("start_ns").iloc[OBJECTS:]
        assert len(seen) >= OBJECTS * (SECONDS - 2)
        line = marked_line(controller)
        assert set(seen.location) == {f"whowoke.test/operators/wrapped/main.go:{line}"}, controller
