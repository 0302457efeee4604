"""The analyst of the live view, what it costs and says; the verb, and what it keeps."""

import time
import weakref

import pytest

from tests.unit.captures import write_small
from tests.unit.commands import invoke, is_two_lines
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.model import Analysis
from whowoke.tracer.live.analyst import Analyst, Ask, Hold, Job, Problem, Story
from whowoke.tracer.live.command import keep
from whowoke.tracer.live.recorder import Recorder, RecorderError
from whowoke.tracer.live.view import View

SECOND = 10**9


def golden(tree, name):
    return tree / "tests" / "golden" / f"{name}.whowoke"


def analyst(path):
    said = []
    return Analyst(Job(path, 600 * SECOND), said.append), said


def again(found):
    found._next_s = time.monotonic()
    found.step()


def test_the_analyst_reads_again_what_has_grown_only(tree, tmp_path):
    data = golden(tree, "requeue").read_bytes()
    path = tmp_path / "growing.whowoke"
    path.write_bytes(data[: len(data) * 3 // 4])
    found, said = analyst(path)
    found.step()
    assert [type(s) for s in said][:1] == [View]
    assert not said[0].complete
    before = said[0].facts["wakeups"]
    said.clear()
    again(found)
    assert not any(isinstance(s, View) for s in said)
    path.write_bytes(data)
    again(found)
    assert said[-1].complete
    assert said[-1].facts["wakeups"] == 59 > before


def test_there_is_one_analysis_at_a_time(tree, tmp_path, monkeypatch):
    path, made = tmp_path / "growing.whowoke", []
    data = golden(tree, "requeue").read_bytes()

    def analysis(capture):
        assert [old for old in made if old() is not None] == []
        new = Analysis(capture)
        made.append(weakref.ref(new))
        return new

    monkeypatch.setattr("whowoke.tracer.live.analyst.Analysis", analysis)
    found, said = analyst(path)
    for share in (2, 3, 4):
        path.write_bytes(data[: len(data) * share // 4])
        again(found)
    assert len(made) == sum(isinstance(one, View) for one in said) == 3


def test_a_file_that_is_going_to_be_replaced_is_not_shown(tree):
    path = golden(tree, "requeue")
    start_ns = Capture.open(path).metadata["start_ns"]
    for since_ns, kind in ((start_ns + 1, Problem), (start_ns, View)):
        said = []
        Analyst(Job(path, SECOND, since_ns), said.append).step()
        assert isinstance(said[0], kind)


def test_the_analyst_rests_longer_than_it_works(tree, tmp_path, monkeypatch):
    found, _ = analyst(golden(tree, "requeue"))
    monkeypatch.setattr("whowoke.tracer.live.analyst.PAUSES", 1e6)
    found.step()
    assert found.wait_s() > 1000


def test_the_analyst_tells_what_show_tells(tree):
    from whowoke.analysis.telling.show import tell_story

    path = golden(tree, "requeue")
    found, said = analyst(path)
    found.take(Ask(1))
    assert said.pop() == Story(1, "the capture isn't analysed now: try again in a moment")
    found.step()
    row = next(row for row in said[0].causes if row.cause == "requeue.after")
    capture = Capture.open(path)
    times = Analysis(capture).base["ts_ns"].tolist()
    found.take(Ask(row.recent_ns[0]))
    assert said[-1].text == tell_story(capture, times.index(row.recent_ns[0]) + 1).text()
    found.take(Ask(1))
    assert "isn't in what is kept" in said[-1].text


def test_the_analyst_holds_still(tree, tmp_path):
    path = tmp_path / "growing.whowoke"
    path.write_bytes(golden(tree, "requeue").read_bytes())
    found, said = analyst(path)
    found.step()
    found.take(Hold(wanted=True))
    path.unlink()
    said.clear()
    again(found)
    assert said == []
    found.take(Hold(wanted=False))
    again(found)
    assert isinstance(said[0], Problem)


def test_a_mistake_of_ours_is_told_and_tried_again(tree, monkeypatch):
    found, said = analyst(golden(tree, "requeue"))
    with monkeypatch.context() as patched:
        patched.setattr("whowoke.tracer.live.analyst.view_of", lambda *_: 1 / 0)
        found.step()
    assert "internal error: ZeroDivisionError" in said[0].text
    again(found)
    assert isinstance(said[1], View)


def test_a_capture_with_nothing_in_it_is_waited_for(tmp_path):
    path = tmp_path / "empty.whowoke"
    write_small(path)
    found, said = analyst(path)
    found._job.path.write_bytes(path.read_bytes()[:16])
    found.step()
    assert isinstance(said[0], Problem)


def test_one_thing_is_looked_at(small):
    for args in ([], [small, "-p", 1], ["-p", 1, "--name", "x"], [small, "-o", "x"]):
        result = invoke("live", *args)
        assert result.exit_code == 2
        assert is_two_lines(result.stderr)


def test_it_needs_a_terminal(small):
    result = invoke("live", small)
    assert result.exit_code == 2
    assert "live needs a terminal" in result.stderr


def test_a_missing_textual_is_told(small, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = invoke("live", small)
    assert result.exit_code == 3
    assert "pip install 'whowoke[live]'" in result.stderr
    assert is_two_lines(result.stderr)


def test_what_is_kept_replaces_nothing(tmp_path, small):
    kept = tmp_path / "op-1.whowoke"
    for _ in range(3):
        keep(small, kept)
    names = sorted(path.name for path in tmp_path.glob("op-1*"))
    assert names == ["op-1.2.whowoke", "op-1.3.whowoke", "op-1.whowoke"]
    assert kept.read_bytes() == small.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_recorder_that_fails_says_why(tmp_path):
    arguments = ["--name", "no-such-program"]
    with (
        Recorder(arguments, tmp_path / "x.whowoke", tmp_path) as recorder,
        pytest.raises(RecorderError) as caught,
    ):
        recorder.wait_ready()
    assert caught.value.exit_code in (1, 2, 3)
    assert caught.value.hint
    assert "whowoke:" not in str(caught.value)
