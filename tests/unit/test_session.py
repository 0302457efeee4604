"""Processes that come and go during a recording; the kernel side is replaced."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from whowoke.analysis.capture.reader import Capture, CaptureWriter
from whowoke.analysis.durations import parse_span
from whowoke.analysis.errors import WhowokeError
from whowoke.tracer import recorded, session
from whowoke.tracer.calibrate import TrapCosts
from whowoke.tracer.finding.names import Identity
from whowoke.tracer.finding.search import Found
from whowoke.tracer.finding.selection import PodName, Selection
from whowoke.tracer.options import RecordOptions
from whowoke.tracer.recorded import Recorded, Terms
from whowoke.tracer.session import Session
from whowoke.tracer.timing import Timing

POD = Identity("ab" * 32, "", "", "ns", "op-0", "manager")
BY_POD = Selection(pod=PodName("ns", "op-0"))


class World:
    """Processes that run, by pid; what looks for them finds those that weren't known."""

    def __init__(self):
        self.alive, self.bad, self.looks, self.found = set(), set(), 0, []
        self.replaced = set()

    def identity(self, _pid):
        return POD

    def newcomers(self, known):
        self.looks += 1
        return [one for one in self.found if (one.pid, one.start_ticks) not in known]

    def comes(self, pid, executable="/op", who=POD):
        self.alive.add(pid)
        self.found.append(Found(pid, pid, "op", executable, who))

    def program(self, pid, executable="/op"):
        target = SimpleNamespace(
            pid=pid, start_ticks=pid, command="op", executable=executable,
            is_alive=lambda: pid in self.alive, close=lambda: None,
            has_become_another=lambda: pid in self.replaced,
        )  # fmt: skip
        return SimpleNamespace(
            target=target,
            plan=SimpleNamespace(sites=[1], missing=["no x"], described=list),
            elf=SimpleNamespace(close=lambda: None),
            sysmon_tid=lambda: None,
            symbols=SimpleNamespace(kernel=SimpleNamespace(begin=lambda: None, symbols=None)),
        )


class Engine:
    def __init__(self, _plan, target):
        self.target, self.programs = target, {}

    def load(self, _programs=None):
        if not self.target.is_alive():
            raise WhowokeError(f"process {self.target.pid} doesn't exist (any more)")

    def attach(self):
        self.load()

    def close(self):
        pass


class Drain:
    def __init__(self, *_):
        self.pause_s = 0.1
        self.records, self.lost, self.controllers, self.readers = 0, 0, set(), set()
        self.is_over_budget = False

    def step(self):
        self.records += 10

    def finish(self, _end_ns, ended, _sysmon):
        self.ended = ended

    def is_enough(self):
        return self.records >= 30


@pytest.fixture
def world(monkeypatch):
    made = World()
    monkeypatch.setattr(recorded, "Engine", Engine)
    monkeypatch.setattr(recorded, "Drain", Drain)
    monkeypatch.setattr(recorded, "Budget", lambda *_: None)
    monkeypatch.setattr(recorded, "Walks", lambda *_: None)
    monkeypatch.setattr(recorded, "compiled", lambda _plan: (None, True))
    monkeypatch.setattr(session, "calibrated", TrapCosts)
    monkeypatch.setattr(recorded, "_metadata", lambda program: {"pid": program.target.pid})
    monkeypatch.setattr(recorded, "read_informers", lambda *_: {})
    monkeypatch.setattr(session, "Program", lambda pid, _kernel: made.program(pid))
    monkeypatch.setattr(session.Target, "open", lambda pid: pid)
    monkeypatch.setattr(session, "WAITING_INTERVAL_S", 0.0)
    monkeypatch.setattr(session, "GROWING_INTERVAL_S", 0.0)
    monkeypatch.setattr(session, "Search", lambda _selection: made)
    return made


@pytest.fixture
def begin(world, tmp_path):
    """``begin(selection, *pids)``: a session that is attached to these, and what it said."""

    def run(selection, *pids, **options):
        said = []
        options = RecordOptions(10**9, selection, **options)
        writer = CaptureWriter(tmp_path / "x.whowoke")
        running = Session(Terms(options, Timing(), lambda: -1), world, writer, said.append)
        world.alive.update(pids)
        running.load([world.program(pid) for pid in pids])
        running.attach()

        def end():
            running.finish("duration")
            writer.close()
            return Capture.open(Path(writer.path)).processes

        return running, said, end

    return run


def test_a_process_that_ends_ends_a_recording_of_a_pid(world, begin):
    running, _, end = begin(Selection(pids=(7,)), 7)
    assert running.step()
    world.alive.clear()
    world.comes(8)
    assert not running.step()
    assert world.looks == 0
    (one,) = end()
    assert one.processes == [one]


def test_the_next_of_the_same_pod_takes_its_place(world, begin):
    running, said, end = begin(BY_POD, 7)
    running.step()
    assert world.looks == 0, "not while it runs"
    world.alive.clear()
    assert running.step()
    assert running.step()
    world.comes(8)
    assert running.step()
    first, second = end()
    assert (first.metadata["pid"], second.metadata["pid"]) == (7, 8)
    assert second.metadata["follows"]["pid"] == 7
    assert second.metadata["follows"]["gap_ns"] > 0
    assert [kind.split(":")[0] for kind in second.losses.kind] == ["restart"]
    assert second.losses.ts_ns.tolist() == [second.metadata["start_ns"]]
    assert second.metadata["container"]["pod"] == "op-0"
    assert "op (7) exited" in said[0]
    assert said[1].startswith("recording op (8), ")
    assert (running.lost, running.records) == (1, 10 + 10)


def test_once_all_is_over_the_budget_nothing_is_waited_for(world, begin):
    running, _, end = begin(BY_POD, 7)
    assert running.step()
    running.recorded[0]._drain.is_over_budget = True
    assert not running.step()
    assert running.last_end == "over budget"
    assert "more than the budget: for a longer recording" in running.notes[-1]
    end()


def test_only_one_takes_the_place_of_one(world, begin):
    running, _, end = begin(BY_POD, 7)
    world.alive.clear()
    running.step()
    world.comes(8)
    world.comes(9)
    running.step()
    running.step()
    assert [one.metadata["pid"] for one in end()] == [7, 8]


def test_another_container_of_the_pod_does_not_take_its_place(world, begin):
    running, _, end = begin(BY_POD, 7)
    world.alive.clear()
    running.step()
    world.comes(8, "/proxy")
    running.step()
    world.comes(9)
    running.step()
    assert [one.metadata["pid"] for one in end()] == [7, 9]


def test_one_of_several_that_ends_before_the_attach_is_told(world, begin, monkeypatch):
    attach = Engine.attach

    def ends(engine):
        world.alive.discard(8)
        attach(engine)

    monkeypatch.setattr(Engine, "attach", ends)
    running, _, end = begin(Selection(pids=(7, 8)), 7, 8)
    assert running.step()
    assert [note for note in running.notes if "op (8) came and wasn't recorded" in note]
    assert len(end()) == 2


def test_what_fails_because_it_ended_is_its_end(world, begin, monkeypatch):
    running, _, end = begin(Selection(pids=(7,)), 7)

    def fail(_):
        raise WhowokeError("no place for a probe")

    monkeypatch.setattr(Drain, "step", fail)
    with pytest.raises(WhowokeError, match="no place"):
        running.step()
    world.alive.clear()
    assert not running.step()
    assert end()[0].metadata["pid"] == 7


def test_of_all_more_are_recorded_as_they_come(world, begin):
    running, _, end = begin(Selection(name="op", everything=True), 7)
    world.comes(8)
    running.step()
    world.alive.remove(7)
    running.step()
    world.comes(9, "/other")
    running.step()
    world.comes(10)
    running.step()
    processes = end()
    assert [one.metadata["pid"] for one in processes] == [7, 8, 9, 10]
    follows = [one.metadata.get("follows", {}).get("pid") for one in processes]
    assert follows == [None, None, None, 7], "another program takes nobody's place"


def test_one_that_ends_before_it_is_recorded_is_told(world, begin):
    running, said, end = begin(BY_POD, 7)
    world.alive.clear()
    running.step()
    world.comes(8)
    world.alive.remove(8)
    assert running.step()
    assert running.step()
    assert [note for note in running.notes if "op (8) came and wasn't recorded" in note]
    world.comes(9)
    running.step()
    assert [one.metadata["pid"] for one in end()] == [7, 9]
    assert len([text for text in said if "recording" in text and "(8)" in text]) == 0


def test_one_that_ends_while_it_is_attached_to_is_an_empty_part(world, begin, monkeypatch):
    running, _, end = begin(BY_POD, 7)
    world.alive.clear()
    running.step()
    world.comes(8)
    monkeypatch.setattr(Engine, "attach", lambda _: (_ for _ in ()).throw(WhowokeError("gone")))
    assert running.step()
    assert not any(one.is_running for one in running.recorded)
    assert [one.metadata["pid"] for one in end()] == [7, 8]
    assert "start_ns" in Capture.open(running._writer.path).processes[1].metadata


def test_a_crash_loop_has_an_end(world, begin, monkeypatch):
    monkeypatch.setattr(session, "MAX_PARTS", 5)
    running, _, end = begin(BY_POD, 1)
    for pid in range(2, 9):
        world.alive.clear()
        running.step()
        world.comes(pid)
        running.step()
    assert len(running.recorded) == 5
    assert any("5 processes were recorded" in note for note in running.notes)
    world.alive.clear()
    assert not running.step()
    assert len(end()) == 5


def test_what_ended_gives_up_its_memory(world, begin):
    running, _, _ = begin(BY_POD, 7)
    world.alive.clear()
    running.step()
    (one,) = running.recorded
    assert isinstance(one, Recorded)
    assert one._program is None
    assert one._drain is None
    assert running.notes == ["no x"], "each thing once"


def test_the_costs_are_in_each_part(world, begin):
    _, _, end = begin(Selection(pids=(7, 8)), 7, 8)
    for one in end():
        assert one.metadata["traps"]["measured"] is False
        assert {"load", "attach", "calibrate"} <= one.metadata["timing_ns"].keys()


def test_it_is_enough_once_it_is_for_one(world, begin):
    running, _, _ = begin(Selection(pids=(7, 8)), 7, 8)
    world.alive.remove(8)
    for _ in range(2):
        running.step()
    assert not running.is_enough
    running.step()
    assert running.is_enough


def test_it_pauses_as_the_fullest_needs(world, begin):
    running, _, _ = begin(BY_POD, 7)
    assert running.pause_s == 0.1
    world.alive.clear()
    running.step()
    assert running.pause_s == session.WAITING_INTERVAL_S


def test_a_file_that_is_begun_anew_follows_nobody(world, begin):
    running, _, _ = begin(BY_POD, 7, keep=parse_span("10m"))
    world.alive.clear()
    assert not running.step()


def test_the_last_words_of_a_file_before_the_next(world, begin):
    running, _, _ = begin(Selection(pids=(7,)), 7)
    assert running.recorded[0].last_words() == {"sites": [], "missing": ["no x"]}
    world.alive.clear()
    running.step()
    assert running.recorded[0].last_words() == {}


def test_one_that_becomes_another_program_has_ended(world, begin):
    running, said, end = begin(BY_POD, 7)
    running.step()
    world.replaced.add(7)
    assert running.step(), "another one may take its place"
    assert running.last_end == "target replaced"
    assert said == ["op (7) became another program; the one that follows will be recorded"]
    assert len(end()) == 1


def test_a_suspend_is_told_to_all_that_run(world, begin):
    running, _, end = begin(Selection(pids=(7, 8)), 7, 8)
    world.alive.remove(7)
    running.step()
    running.metadata({"suspends": [[1, 2]]})
    assert [one.metadata.get("suspends") for one in end()] == [None, [[1, 2]]]
