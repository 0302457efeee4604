"""Reconciles of logs and traces, joined to those of a capture, or in their place."""

import json
import time
from pathlib import Path

import pandas as pd

from tests.unit.synthetic import Synthetic
from whowoke.analysis.capture.reader import Capture, CaptureWriter
from whowoke.analysis.logs.spans import clock_of, join
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import reconcile_rows
from whowoke.analysis.queueing.queues import Reconcile

WALL_NS = 1_700_000_000_000_000_000
MS = 10**6
PROBED = {"sites": [{"probe": "reconcile_start"}]}


class Scene:
    """Reconciles in a capture, and the lines that a log has of them."""

    def __init__(self, error_ns: int = 1000) -> None:
        self.capture = Synthetic()
        self.capture.metadata |= PROBED | {
            "clocks": [[0, WALL_NS, error_ns], [10**11, WALL_NS + 10**11, error_ns]],
            "end_ns": 10**11,
        }
        self.reconciles: list[Reconcile] = []

    def run(self, name: str, start_ms: float, end_ms: float | None, result="unknown", **other):
        key = (1, self.capture.text("ns"), self.capture.text(name))
        end_ns = None if end_ms is None else int(end_ms * MS)
        self.reconciles.append(
            Reconcile(int(start_ms * MS), 70, key, "web", end_ns=end_ns, result=result, **other)
        )

    def log(self, log_id: str, name: str, at_ms: float, msg: str = "said", **other) -> None:
        line = {"ts": WALL_NS + int(at_ms * MS), "msg": msg, "controller": "web"}
        line |= {"namespace": "ns", "name": name, "reconcileID": log_id, **other}
        self.capture.log_texts.append(json.dumps(line).encode() + b"\n")

    def whole(self, log_id: str, name: str, start_ms: float, end_ms: float, said: str) -> None:
        self.log(log_id, name, start_ms, "Reconciling")
        self.log(log_id, name, end_ms, said)

    def joined(self) -> list[str]:
        return [one.log_id for one in join(self.capture, self.reconciles)]

    @property
    def note(self) -> str:
        (note,) = self.capture.log_notes
        return note


def test_without_logs_nothing_is_said() -> None:
    scene = Scene()
    scene.run("a", 10, 12)
    assert scene.joined() == [""]
    assert scene.capture.log_notes == []


def test_lines_around_and_within_a_reconcile() -> None:
    scene = Scene()
    for at in (100, 5100, 10100):
        scene.run("a", at, at + 2)
        scene.run("b", at + 1, at + 3)
        for name, shift in (("a", 0), ("b", 1)):
            log_id = f"{name}{at}"
            scene.log(log_id, name, at + shift - 0.1, "Reconciling")
            scene.log(log_id, name, at + shift + 1)
            scene.log(log_id, name, at + shift + 2.1, "Reconcile successful")
    assert scene.joined() == ["a100", "b100", "a5100", "b5100", "a10100", "b10100"]
    assert scene.note == "logs: 6 of 6 reconciles joined"


def test_reconciles_that_follow_each_other_closely() -> None:
    """5 ms apart, as a rate limiter lets them: far less than the tolerance."""
    scene = Scene()
    for number in range(20):
        at = 100 + 5 * number
        scene.run("a", at, at + 1, "error")
        scene.log(f"{number}", "a", at + 1.2, "Reconciler error")
    assert scene.joined() == [str(number) for number in range(20)]


def test_a_line_in_the_middle_of_close_ones() -> None:
    scene = Scene()
    for number in range(10):
        scene.run("a", 100 + 5 * number, 103 + 5 * number)
        scene.log(f"{number}", "a", 101 + 5 * number)
    assert scene.joined() == [str(number) for number in range(10)]


def test_whole_seconds_are_enough_where_reconciles_are_far_apart() -> None:
    scene = Scene()
    for number in range(4):
        at = 1500 + 5000 * number
        scene.run("a", at, at + 1)
        second = f"2023-11-14T22:13:{20 + at // 1000:02}Z"  # WALL_NS is 22:13:20
        scene.log(f"{number}", "a", at, "Reconciling", ts=second)
        scene.log(f"{number}", "a", at, "Reconcile successful", ts=second)
    assert scene.joined() == ["0", "1", "2", "3"]


def test_whole_seconds_of_close_ones_are_not_joined() -> None:
    scene = Scene()
    for number in range(3):
        scene.run("a", 1100 + 200 * number, 1101 + 200 * number)
        scene.log(f"{number}", "a", 0, "Reconciling", ts="2023-11-14T22:13:21Z")
    assert scene.joined() == ["", "", ""]
    assert scene.note == "logs: 0 of 3 reconciles joined; 3 fit several"


def test_an_uncertain_clock_joins_no_close_ones() -> None:
    scene = Scene(error_ns=20 * MS)
    for number in range(3):
        scene.run("a", 100 + 5 * number, 101 + 5 * number)
        scene.log(f"{number}", "a", 100.5 + 5 * number)
    assert scene.joined() == ["", "", ""]


def test_an_old_capture_has_one_clock_pair() -> None:
    scene = Scene()
    del scene.capture.metadata["clocks"]
    scene.run("a", 100, 101)
    scene.run("a", 5100, 5101)
    scene.log("x", "a", 5100.5)
    assert scene.joined() == ["", "x"]


def test_a_clock_that_is_slewed_is_followed() -> None:
    slewed = 30 * MS
    clock = clock_of({"clocks": [[0, WALL_NS, 9], [10**11, WALL_NS + 10**11 + slewed, 9]]})
    assert clock is not None
    assert clock.error_ns == slewed + 9
    halfway = WALL_NS + (10**11 + slewed) // 2
    assert abs(int(clock.monotonic_ns(halfway)) - 5 * 10**10) < 1000  # type: ignore[arg-type]


def test_two_that_claim_the_same_reconcile_are_not_joined() -> None:
    scene = Scene()
    scene.run("a", 100, 110)
    scene.log("x", "a", 101)
    scene.log("y", "a", 102)
    assert scene.joined() == [""]
    assert scene.note.endswith("2 fit several")


def test_a_result_that_contradicts_is_not_joined() -> None:
    scene = Scene()
    scene.run("a", 100, 110, "success")
    scene.whole("x", "a", 99.9, 110.1, "Reconciler error")
    assert scene.joined() == [""]
    assert scene.note.endswith("1 fit none that was recorded")


def test_other_times_objects_and_controllers_are_not_joined() -> None:
    scene = Scene()
    scene.run("a", 1000, 1010)
    scene.log("late", "a", 1061)
    scene.log("early", "a", 949)
    scene.log("other", "b", 1005)
    scene.log("elsewhere", "a", 1005, namespace="other")
    scene.log("whose", "a", 1005, controller="other")
    assert scene.joined() == [""]
    assert "2 fit none that was recorded, 3 are of objects of which none" in scene.note


def test_a_part_of_the_key_may_be_missing_if_one_fits() -> None:
    scene = Scene()
    scene.run("a", 100, 110)
    scene.capture.log_texts.append(
        json.dumps({"ts": WALL_NS + 105 * MS, "name": "a", "reconcileID": "x"}).encode()
    )
    assert scene.joined() == ["x"]


def test_what_a_goroutine_says_later_does_no_harm() -> None:
    scene = Scene()
    scene.run("a", 100, 110)
    scene.whole("x", "a", 99.9, 110.1, "Reconcile successful")
    scene.log("x", "a", 900)
    assert scene.joined() == ["x"]


def test_a_reconcile_that_was_not_finished() -> None:
    scene = Scene()
    scene.run("a", 100, 110)
    scene.run("a", 200, None)
    scene.log("x", "a", 199.9, "Reconciling")
    scene.log("x", "a", 900)
    assert scene.joined() == ["", "x"]


def test_lost_records_that_let_reconciles_overlap_join_nothing() -> None:
    scene = Scene()
    scene.run("a", 100, None)
    scene.run("a", 5000, 5010)
    scene.log("x", "a", 5005)
    assert scene.joined() == ["", ""]


# ---------------------------------------------------------------- in their place


def unseen() -> Scene:
    scene = Scene()
    scene.capture.metadata["sites"] = [{"probe": "timer_fire"}]
    scene.whole("x", "a", 100, 110, "Reconcile done, requeueing after 1m0.5s")
    scene.whole("y", "a", 200, 207, "Reconciler error")
    scene.log("z", "b", 300)
    return scene


def test_reconciles_of_a_log_where_none_could_be_seen() -> None:
    scene = unseen()
    table = reconcile_rows(Analysis(scene.capture))
    rows = table[
        ["start_ns", "end_ns", "controller", "namespace", "name", "result", "log_reconcile_id"]
    ]
    assert rows.to_numpy().tolist() == [
        [100 * MS, 110 * MS, "web", "ns", "a", "requeue_after", "x"],
        [200 * MS, 207 * MS, "web", "ns", "a", "error", "y"],
        [300 * MS, 300 * MS, "web", "ns", "b", "unknown", "z"],
    ]
    assert table["requeue_after_ns"].tolist()[0] == 60_500 * MS
    assert table["goroutine_id"].isna().all()
    assert set(table["causes"]) == {"unknown"}
    assert "from the logs" in scene.note


def test_where_probes_were_attached_a_log_makes_no_reconciles() -> None:
    scene = unseen()
    scene.capture.metadata |= PROBED
    assert len(reconcile_rows(Analysis(scene.capture))) == 0
    assert scene.note.startswith("logs: 0 of 3 reconciles joined")


def test_metadata_of_any_kind_does_no_harm() -> None:
    for value in (None, -1, "x", [], [[1]], [[1, 2, "x"]], [[1, 2, 3, 4]], {}, 1 << 70):
        scene = unseen()
        names = ("clocks", "sites", "namespace_pids", "hosts", "start_ns", "end_ns")
        scene.capture.metadata |= dict.fromkeys(names, value)
        reconcile_rows(Analysis(scene.capture))
        scene.capture.metadata["clock_realtime_ns"] = value
        reconcile_rows(Analysis(scene.capture))


# ---------------------------------------------------------------- files


def test_a_capture_keeps_the_lines_of_logs(tmp_path: Path) -> None:
    path = tmp_path / "c.whowoke"
    with CaptureWriter(path) as writer:
        writer.metadata({"pid": 1})
        writer.logs(0, b"one\ntwo\n")
        writer.logs(1, b"three\n")
    capture = Capture.open(path)
    assert list(capture.logs()) == [b"one\ntwo\n", b"three\n"]
    assert capture.complete


def seconds_to_join(path: Path, count: int) -> float:
    """What it costs to join the lines of ``count`` reconciles of eight objects."""
    scene = Scene()
    scene.capture.metadata["clocks"] = [[0, WALL_NS, 100], [10**12, WALL_NS + 10**12, 100]]
    scene.capture.metadata["end_ns"] = 10**12
    line = (
        '{{"ts":{},"msg":"{}","controller":"web","namespace":"ns","name":"{}",'
        '"reconcileID":"{}"}}\n'
    )
    with path.open("w") as file:
        for number in range(count):
            name, start_ms = str(number % 8), number * 30
            scene.run(name, start_ms, start_ms + 1)
            for shift, said in enumerate(("Reconciling", "Reconcile successful")):
                ts = WALL_NS + start_ms * MS + shift * MS // 2
                file.write(line.format(ts, said, name, number))
    scene.capture.log_files = [path]
    started = time.process_time()
    assert scene.joined() == [str(number) for number in range(count)]
    return time.process_time() - started


def test_eight_times_the_lines_cost_about_eight_times_as_much(tmp_path: Path) -> None:
    """A square would make it 64 times. The best of some runs doesn't depend on other processes."""
    small, large = [], []
    for _ in range(4):
        small.append(seconds_to_join(tmp_path / "log", 2_000))
        large.append(seconds_to_join(tmp_path / "log", 16_000))
        if min(large) < 16 * min(small):
            return
    assert min(large) < 16 * min(small)


def test_the_column_of_the_table() -> None:
    scene = Scene()
    capture = scene.capture
    start_ns = capture.at(100).reconcile("a", after_ms=5000)
    scene.log("x", "a", start_ns / MS + 0.5)
    table = reconcile_rows(Analysis(capture))
    assert table["log_reconcile_id"].tolist() == ["x"]
    assert pd.notna(table["goroutine_id"]).all()
