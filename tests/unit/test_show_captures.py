"""The stories of real captures, and the command that tells them."""

import json
from pathlib import Path

import pytest

from tests.unit.captures import rows_of
from tests.unit.commands import invoke, is_two_lines
from whowoke.analysis.capture import schema
from whowoke.analysis.capture.reader import Capture, CaptureWriter
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import analyse
from whowoke.analysis.telling.show import Telling
from whowoke.analysis.telling.story import Story
from whowoke.analysis.telling.words import WIDTH

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


def kinds(found):
    return [step["kind"] for step in found["steps"]]


def of_kind(found, kind):
    return [step for step in found["steps"] if step["kind"] == kind]


@pytest.fixture(scope="module", params=["requeue", "resync", "ticker"])
def stories(request):
    capture = Capture.open(GOLDEN / f"{request.param}.whowoke")
    analysis = Analysis(capture)
    found = [Telling(Story(analysis, number)) for number in range(len(analysis.base))]
    return request.param, analyse(capture), found


def test_every_wakeup_of_a_real_capture_is_a_story(stories):
    _, tables, found = stories
    for telling, wakeup_id in zip(found, tables["wakeups"].wakeup_id, strict=True):
        facts = json.loads(json.dumps(telling.json()))
        assert facts["wakeup"]["wakeup_id"] == wakeup_id
        text = telling.text()
        assert text
        assert " nan" not in text
        assert all(len(line) <= WIDTH or len(line.split()) == 1 for line in text.splitlines())
        assert "_einittext" not in text
        times = [step["ts_ns"] for step in facts["steps"]]
        assert times == sorted(times)
        assert sum(step["since_ns"] for step in facts["steps"]) == times[-1] - times[0]
        assert kinds(facts).count("wakeup") == 1
        assert kinds(facts)[-1] == "asleep"


def test_every_reconcile_and_queue_event_of_a_known_cause_is_in_a_story(stories):
    _, tables, found = stories
    facts = [telling.json() for telling in found]
    told = {s["reconcile_id"] for f in facts for s in of_kind(f, "reconcile_start")}
    reconciles = tables["reconciles"]
    known = reconciles[~reconciles.causes.str.contains("unknown")]
    assert set(known.reconcile_id) <= told
    for operation in ("add", "ready", "get", "done"):
        rows = tables["queue"][tables["queue"].operation == operation]
        seen = sum(len(of_kind(f, f"queue_{operation}")) for f in facts)
        assert seen == rows.wakeup_id.notna().sum()


def test_continuations_are_in_the_story_that_asked(stories):
    _, tables, found = stories
    answers = tables["wakeups"].dropna(subset=["continuation_of"])
    assert len(answers)
    for wakeup_id, asked_by in zip(answers.wakeup_id, answers.continuation_of, strict=True):
        story = found[asked_by - 1].json()
        assert wakeup_id in [step["wakeup_id"] for step in of_kind(story, "continuation")]


def test_the_first_thread_of_a_timer_was_woken_by_the_kernel(stories):
    """Whatever threads carry it on, a story that ended an idle time begins with an interrupt."""
    _, tables, found = stories
    ended_idle = tables["wakeups"][
        tables["wakeups"].woke_process.fillna(False) & (tables["wakeups"].kind == "timer")
    ]
    first = [found[i - 1].json()["steps"][0] for i in ended_idle.wakeup_id]
    assert {step["kind"] for step in first} == {"thread_waking"}
    assert {step["context"] for step in first} == {"hrtimer"}


def test_random_records_make_stories_too(tmp_path):
    """A capture comes from anyone."""
    path = tmp_path / "random.whowoke"
    with CaptureWriter(path) as writer:
        writer.metadata({"pid": 42, "start_ns": 1})
        for seed, record in enumerate(schema.RECORDS):
            rows = rows_of(record, 12, seed)
            if "goid" in (rows.dtype.names or ()):
                rows["goid"] %= 4
            writer.records(record, rows)
    analysis = Analysis(Capture.open(path))
    for number in range(len(analysis.base)):
        telling = Telling(Story(analysis, number))
        assert telling.text()
        assert json.dumps(telling.json())


def test_the_command_prints_words_or_json():
    capture = GOLDEN / "requeue.whowoke"
    words = invoke("show", capture, 13)
    assert words.exit_code == 0, words.stderr
    assert words.stdout.startswith("wake-up 13 of ")
    data = json.loads(invoke("show", capture, 13, "--json").stdout)
    assert data["wakeup"]["wakeup_id"] == 13


@pytest.mark.parametrize("wrong", ["0", "99999", "x", "1.5"])
def test_the_command_refuses_other_ids_in_two_lines(wrong):
    done = invoke("show", GOLDEN / "requeue.whowoke", wrong)
    assert (done.exit_code, done.stdout) == (2, "")
    assert is_two_lines(done.stderr)


def test_a_cut_capture_is_told_as_far_as_it_goes(tmp_path):
    cut = tmp_path / "cut.whowoke"
    cut.write_bytes((GOLDEN / "requeue.whowoke").read_bytes()[:-40])
    done = invoke("show", cut, 1)
    assert done.exit_code == 4
    assert done.stdout.startswith("wake-up 1 of ")
    assert is_two_lines("\n".join(done.stderr.splitlines()[-2:]))


def test_the_verb_has_help_and_an_example():
    assert "Example: whowoke show op-4242.whowoke 88" in invoke("show", "--help").stdout
