"""client-go's queues without controller-runtime: items of each type, with and without metrics."""

import json
import re
import subprocess
import time

import pytest

from tests import fixtures
from tests.system.conftest import Recorder, Recording

SOURCE = fixtures.ROOT / "tests" / "operators" / "queues" / "main.go"
SECONDS = 3.0
# Worker: the mark of its AddAfter, and its items as they are told.
COLOURS = {"red", "green", "blue"}
KEYS = {f"paint/{colour}" for colour in COLOURS}
WORKERS = {
    "main.workTexts": ("texts", KEYS),
    "main.workObjects": ("objects", COLOURS),
    "main.workNames": ("names", COLOURS),
    "main.workAnything": ("anything", COLOURS | KEYS),
}


@pytest.fixture(scope="module")
def recorded(
    record: Recorder, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recording, dict[str, dict[str, dict[str, int]]]]:
    output = tmp_path_factory.mktemp("queues") / "queues.out"
    argv = [fixtures.program_path("queues")]
    with fixtures.running_program(argv, output, stdin=subprocess.PIPE) as popen:

        def line(word: str) -> str:
            match = re.search(rf"^{word} (.*)\n", output.read_text(), re.MULTILINE)
            return match[1] if match else ""

        def proceed() -> None:
            assert popen.stdin is not None
            popen.stdin.write(b"\n")
            popen.stdin.flush()

        pid = int(fixtures.wait_until(lambda: line("ready"), 10, "queues: ready", popen))
        with record(pid) as recording:
            proceed()
            time.sleep(SECONDS)
            proceed()
            truth = json.loads(fixtures.wait_until(lambda: line("done"), 10, "queues: done"))
    return recording, truth


def marked_line(mark: str) -> int:
    lines = SOURCE.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"//@{mark}"))


@pytest.mark.parametrize("worker", WORKERS)
def test_every_item_that_is_handled_is_a_reconcile(
    worker: str, recorded: tuple[Recording, dict[str, dict[str, dict[str, int]]]]
) -> None:
    recording, truth = recorded
    recording.assert_nothing_lost()
    _, items = WORKERS[worker]
    reconciles = recording.tables["reconciles"]
    # One for each worker has begun after the diary was closed, and never ends.
    own = reconciles[(reconciles.controller == worker) & reconciles.end_ns.notna()]
    assert own.groupby("name").size().to_dict() == truth["handled"][worker]
    assert set(own.name) == items
    assert set(own.result) <= {"requeue_after", "success"}


@pytest.mark.parametrize("worker", WORKERS)
def test_a_requeue_has_the_line_of_its_add(
    worker: str, recorded: tuple[Recording, dict[str, dict[str, dict[str, int]]]]
) -> None:
    recording, _ = recorded
    mark, items = WORKERS[worker]
    reconciles = recording.tables["reconciles"]
    own = reconciles[reconciles.controller == worker].sort_values("start_ns")
    later = own[own.groupby("name").cumcount() > 0]
    assert set(later.causes) == {"requeue.after"}
    assert set(later.triggers) == {1}
    adds = recording.tables["queue"]
    adds = adds[(adds.controller == worker) & (adds.operation == "add") & (adds.after_ns > 0)]
    assert len(adds) >= len(later)
    assert set(adds.location) == {f"whowoke.test/operators/queues/main.go:{marked_line(mark)}"}
    assert set(adds.name) == items


def test_ready_is_what_the_metric_counts(
    recorded: tuple[Recording, dict[str, dict[str, dict[str, int]]]],
) -> None:
    recording, truth = recorded
    queue = recording.tables["queue"]
    own = queue[(queue.controller == "main.workTexts") & (queue.operation == "ready")]
    assert len(own) == truth["adds"]


def test_a_queue_of_items_that_are_not_known_is_told(
    recorded: tuple[Recording, dict[str, dict[str, dict[str, int]]]],
) -> None:
    recording, _ = recorded
    missing = recording.capture.metadata["missing"]
    assert any("items are of type int: no queue_add" in reason for reason in missing)
    assert "main.workNumbers" not in set(recording.tables["reconciles"].controller)
