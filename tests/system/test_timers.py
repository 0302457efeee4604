"""A plain Go program: every expiry of every kind of timer is counted, with its line."""

from pathlib import Path

import pytest

from tests import fixtures
from tests.system.conftest import Recorder, Recording

# Where a line is told: armed after the attach by its arming line, before it by the waiting one.
LINES = {
    "ticker": ("arms", "armed"),
    "timer": ("arms", "armed"),
    "sleep": ("arms", "armed"),
    "deadline": ("arms", "armed"),
    "early": ("waits for", "waiting"),
}
EXPIRIES = {"ticker": 43, "timer": 41, "sleep": 37, "deadline": 47, "early": 17}


@pytest.fixture
def recorded(tmp_path: Path, record: Recorder) -> tuple[Recording, dict[str, dict[str, int]], int]:
    arguments = [f"--{kind}={count}" for kind, count in EXPIRIES.items()]
    with fixtures.timers(tmp_path, *arguments) as program:
        with record(program.pid) as recording:
            start_ns = program.start()
            truth = program.done()
        assert program.popen.poll() is None, "the target runs on"
    return recording, truth, start_ns


def test_every_expiry_is_counted_with_its_line(
    recorded: tuple[Recording, dict[str, dict[str, int]], int],
) -> None:
    recording, truth, start_ns = recorded
    recording.assert_nothing_lost()
    wakeups = recording.tables["wakeups"]
    wakeups = wakeups[(wakeups.kind == "timer") & (wakeups.ts_ns >= start_ns)]
    for kind, (what, location_kind) in LINES.items():
        line = fixtures.timers_line(kind, what)
        found = wakeups[wakeups.location.str.endswith(f"timers/kinds.go:{line}")]
        assert len(found) in fixtures.woken(truth[kind]), kind
        assert set(found.location_kind) == {location_kind}, kind
        assert set(found.origin) == {"operator"}, kind
    own = wakeups[wakeups.location.str.contains("timers/kinds.go", na=False)]
    assert len(own) in fixtures.woken(*truth.values()), "no wake-up is invented"


def test_causes_are_told_apart(
    recorded: tuple[Recording, dict[str, dict[str, int]], int],
) -> None:
    recording, _, start_ns = recorded
    wakeups = recording.tables["wakeups"]
    wakeups = wakeups[wakeups.ts_ns >= start_ns]
    causes = {
        kind: set(
            wakeups[
                wakeups.location.str.endswith(f"kinds.go:{fixtures.timers_line(kind, what)}")
            ].cause
        )
        for kind, (what, _) in LINES.items()
    }
    assert causes == {
        "ticker": {"operator.ticker"},
        "timer": {"operator.timer"},
        "sleep": {"operator.sleep"},
        "deadline": {"operator.timer"},
        "early": {"operator.ticker"},
    }
