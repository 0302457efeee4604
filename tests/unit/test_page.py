"""What a report holds: the same as the tables and the verdict, and nothing that could run."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.captures import write_small
from tests.unit.commands import invoke, is_two_lines
from tests.unit.odd import write_odd
from tests.unit.packed import numbers
from tests.unit.synthetic import Synthetic
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.model import Analysis
from whowoke.analysis.output import outputs
from whowoke.analysis.output.outputs import tables
from whowoke.analysis.page import build as building
from whowoke.analysis.page import report, stories
from whowoke.analysis.page.build import build
from whowoke.analysis.page.packing import is_moment, pack_numbers, pack_table, pack_texts
from whowoke.analysis.page.render import palette, render
from whowoke.analysis.page.wording import words
from whowoke.analysis.tables.columns import TABLE_BY_NAME, TIME
from whowoke.analysis.telling.summary import in_short
from whowoke.analysis.window import Limits

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


def values(packed, rows):
    if packed["type"] != "text":
        found = numbers(packed, rows)
        return [None if v is None else bool(v) for v in found] if packed.get("flag") else found
    texts = [None, *packed["texts"]]
    return [texts[int(code)] for code in numbers(packed["codes"], rows)]


@pytest.fixture(scope="module", params=["requeue", "resync", "ticker"])
def built(request):
    analysis = Analysis(Capture.open(GOLDEN / f"{request.param}.whowoke"))
    return analysis, build(analysis)


@pytest.fixture(scope="module")
def page():
    return build(Analysis(Capture.open(GOLDEN / "requeue.whowoke")))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([1.0, None, 3.0], "u1"),
        ([5e9, 5e9 + 254, None], "u1"),
        ([0.0, 255.0, None, 0.0], "u2"),
        ([-7.0, 65000.0, -7.0, 3.0], "u2"),
        ([0.0, 5e12, 1.0, 3e12], "f8"),
        ([5e12, None, 5e12 + 9, 5e12 + 8, 6e12], "f8"),
        ([1.0, None, 1e6, 9e6, 3e6], "u4"),
        ([5e12 + 4e9 * n for n in range(4)], "u1"),
        ([float(n) for n in range(300)], "u1"),
        ([0.25, None], "f8"),
        ([None, None], "empty"),
        ([], "empty"),
    ],
)
def test_numbers_come_back(given, kind):
    packed = pack_numbers(np.array(given, float))
    assert packed["type"] == kind
    assert numbers(packed, len(given)) == given


def test_texts_come_back():
    given = ["b", None, "a", "b", ""]
    packed = pack_texts(given)
    assert values(packed | {"type": "text"}, 5) == given
    assert packed["texts"] == ["b", "a", ""]


def test_every_value_of_every_table_is_in_the_page(built):
    analysis, page = built
    found = tables(analysis)
    for name in building.SHOWN:
        packed, frame = page.data["tables"][name], found[name]
        assert (packed["rows"], packed["total"]) == (len(frame), len(frame))
        for field in TABLE_BY_NAME[name].columns:
            if field.dtype == TIME:
                continue
            wanted = [None if pd.isna(v) else v for v in frame[field.name].tolist()]
            if is_moment(field):
                wanted = [None if v is None else v - page.data["start_ns"] for v in wanted]
            assert values(packed["columns"][field.name], len(frame)) == wanted, field.name


def test_stacks_that_wakeups_name_are_there(built):
    analysis, page = built
    named = set(tables(analysis)["wakeups"]["stack_id"].dropna())
    packed = page.data["tables"]["stacks"]
    ids = set(values(packed["columns"]["stack_id"], packed["rows"]))
    assert ids == named & set(tables(analysis)["stacks"]["stack_id"])


def test_causes_of_rows_are_those_that_are_counted(built):
    _, page = built
    for of in ("wakeups", "reconciles"):
        packed, rows = page.data["causes_of"][of], page.data["tables"][of]["rows"]
        sets = [text.split(",") if text else [] for text in values(packed | {"type": "text"}, rows)]
        for number, cause in enumerate(page.facts["causes"]):
            counted = sum(str(number) in row for row in sets)
            answers = cause["continuations"] if of == "wakeups" else 0
            assert counted == cause[of] + answers, cause["cause"]


def test_gaps_have_the_medians_of_the_causes(built):
    _, page = built
    gaps, rows = page.data["gaps"], page.data["gaps"]["rows"]
    frame = pd.DataFrame({name: numbers(gaps[name], rows) for name in ("cause", "gap")})
    medians = frame.groupby("cause")["gap"].median()
    for number, cause in enumerate(page.facts["causes"]):
        assert cause["median_gap_ns"] == (round(medians[number]) if number in medians else None)


def test_the_strips_show_what_the_ideals_say(built):
    _, page = built
    length = page.facts["duration_ns"]
    for strip, ideal in zip(page.strips, page.facts["ideals"], strict=True):
        if ideal["longest_sleep_ns"] is None:
            assert strip["sleep"] is None
            continue
        first, last = strip["sleep"]
        assert (last - first) * length == pytest.approx(ideal["longest_sleep_ns"])
        awake = sum(width for _, width in strip["awake"])
        assert awake == pytest.approx(ideal["bar"].count("█") / len(ideal["bar"]), abs=0.6)


def test_all_stories_of_a_small_capture_and_examples_of_a_large_one(built, monkeypatch):
    analysis, page = built
    assert sorted(page.data["stories"]) == list(range(1, len(analysis.base) + 1))
    monkeypatch.setattr(stories, "MANY_STORIES", 20)
    told = stories.told(analysis)
    assert len(told) <= 20
    begun = analysis.named.begun
    assert {c for n in told for c in begun[n]} == {c for row in begun for c in row}


def test_rows_that_are_left_out_are_told_first(monkeypatch):
    monkeypatch.setattr(building, "MANY_ROWS", {"wakeups": 10})
    page = build(Analysis(Capture.open(GOLDEN / "requeue.whowoke")))
    assert page.data["cut"] == {"wakeups": [10, 59]}
    text = render(page)
    note = text.index("the first 10 of 59 rows of wakeups")
    assert note < text.index('id="answer"')
    assert "--from TIME --to TIME" in text


def test_the_command_says_what_was_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(building, "MANY_ROWS", {"wakeups": 10})
    result = invoke("report", GOLDEN / "requeue.whowoke", "-o", tmp_path / "x.html")
    assert result.exit_code == 0
    assert "the first 10 of 59 rows of wakeups" in result.stderr


def test_the_first_rows_are_those_of_the_tables(monkeypatch):
    monkeypatch.setattr(outputs, "ROWS", 4)
    monkeypatch.setattr(building, "MANY_ROWS", dict.fromkeys(building.MANY_ROWS, 10))
    analysis = Analysis(Capture.open(GOLDEN / "requeue.whowoke"))
    page, found = build(analysis), tables(analysis)
    for name in building.SHOWN:
        packed, total = page.data["tables"][name], len(found[name])
        limit = 10 if name in building.MANY_ROWS else total
        assert (packed["rows"], packed["total"]) == (min(limit, total), total)
    packed = page.data["tables"]["wakeups"]
    ids = values(packed["columns"]["wakeup_id"], packed["rows"])
    assert ids == found["wakeups"]["wakeup_id"].tolist()[:10]


def test_of_a_long_capture_no_story_is_told(monkeypatch):
    monkeypatch.setattr("whowoke.analysis.page.stories.LONG", 10)
    assert build(Analysis(Capture.open(GOLDEN / "requeue.whowoke"))).data["stories"] == {}


def test_what_was_lost_comes_before_any_conclusion():
    capture = Synthetic()
    capture.at(1).fire(9, ("main.loop",))
    capture.lost = [(5, "threads", 2624)]
    capture.complete = False
    text = render(build(Analysis(capture)))
    answer = text.index('id="answer"')
    for told in ("2,624 threads", "counts are lower bounds", "has no end"):
        assert 0 < text.index(told) < answer


def test_how_it_was_recorded_tells_probes_cost_and_losses():
    capture = Synthetic()
    sites = [{"probe": "timer_fire", "function": "runtime.f"}, {"probe": "ready"}]
    capture.metadata |= {"sites": sites, "hits": [600, 20], "end_ns": 10**10}
    capture.metadata |= {"bpf_cost": {"share": 0.0012}, "kernel": "6.18.1"}
    capture.lost = [(5, "threads", 3), (6, "texts", 40)]
    told = words(build(Analysis(capture)))
    recorded = dict(told["recorded"])
    assert recorded["kernel"] == "6.18.1"
    assert recorded["probe hits"] == "620, 62 a second"
    assert recorded["whowoke's programs in the kernel"] == "0.12% of one CPU"
    assert told["losses"] == [("texts", 40), ("threads", 3)]
    assert [(row["probe"], row["hits"]) for row in told["probes"]] == [
        ("timer_fire", 600),
        ("ready", 20),
    ]


def test_a_part_has_its_own_rows_with_the_ids_of_the_whole():
    capture = Capture.open(GOLDEN / "requeue.whowoke")
    analysis = Analysis(capture, Limits.parse("4s", "8s"))
    page = build(analysis)
    wakeups = page.data["tables"]["wakeups"]
    ids = values(wakeups["columns"]["wakeup_id"], wakeups["rows"])
    assert 0 < len(ids) == page.facts["wakeups"] < len(analysis.base)
    times = values(wakeups["columns"]["ts_ns"], len(ids))
    assert 0 <= min(times) <= max(times) < page.data["duration_ns"] == 4 * 10**9
    assert page.data["offset_ns"] == 4 * 10**9
    assert sorted(page.data["stories"]) == ids
    links = values(page.data["causes_of"]["wakeups"] | {"type": "text"}, len(ids))
    for number, cause in enumerate(page.facts["causes"]):
        counted = sum(str(number) in (link or "").split(",") for link in links)
        assert counted == cause["wakeups"] + cause["continuations"], cause["cause"]
    assert "4 s from 4 s on of 16 s recorded" in render(page)


def test_losses_outside_of_a_part_are_told():
    capture = Synthetic()
    for ms in (1, 5000):
        capture.at(ms).fire(9, ("main.loop",))
    capture.lost = [(4 * 10**9, "threads", 31)]
    text = render(build(Analysis(capture, Limits.parse(None, "1s"))))
    assert text.index("31 records were lost outside") < text.index('id="answer"')


def test_three_sentences(built):
    _, page = built
    sentences = in_short(page.facts)
    assert len(sentences) == 3
    assert all(sentence.endswith(".") for sentence in sentences)
    assert page.facts["causes"][0]["cause"] in sentences[0]
    assert all(sentence in render(page).replace("&#39;", "'") for sentence in sentences)


def test_an_empty_capture_is_a_page_too():
    text = render(build(Analysis(Synthetic().at(1))))
    assert "Nothing woke it while it was recorded." in text


HOSTILE = "</script><script>alert(1)</script><!--\u2028'\"&\x00"


def test_texts_of_the_target_cannot_end_a_script_or_be_markup():
    capture = Synthetic()
    capture.metadata |= {"name": HOSTILE, "kernel": HOSTILE, "missing": [HOSTILE]}
    capture.at(1).fire(9, (HOSTILE,))
    capture.reconcile("web", controller=HOSTILE)
    made = report.make(capture)
    assert made.text.count("<script") == 2
    assert made.text.count("</script>") == 2
    assert "<!--" not in made.text
    assert "\x00" not in made.text
    data = re.search(r'<script type="application/json" id="data">(.*)</script>', made.text)[1]
    assert json.loads(data)["causes"]
    assert not set(data) & {"<", ">", "&", "\u2028"}


def test_the_policy_lets_nothing_in(page):
    text = render(page)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1].replace("&#39;", "'")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert set(rules) == {"script-src", "style-src", "base-uri", "form-action"}
    assert all("unsafe" not in rule and "http" not in rule for rule in rules.values())
    assert not re.search(r"""\b(src|href)\s*=\s*["'](?!#)""", text.split("<script", 1)[0])


def test_every_colour_has_enough_contrast_in_both_modes():
    colours = palette()
    for mode in ("light", "dark"):
        ground = luminance(colours["background"][mode])
        for origin, colour in colours["origin"].items():
            high, low = sorted((luminance(colour[mode]), ground), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 3, f"{origin} in {mode}"


def luminance(colour):
    """As WCAG 2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_every_origin_has_a_colour():
    text = (GOLDEN.parent.parent / "analysis/rules/causes.toml").read_text()
    assert set(re.findall(r'^origin = "([^"]+)"', text, re.MULTILINE)) <= set(palette()["origin"])


def test_the_command_writes_beside_the_capture_and_replaces_nothing(tmp_path):
    capture = tmp_path / "op.whowoke"
    capture.write_bytes((GOLDEN / "requeue.whowoke").read_bytes())
    done = invoke("report", capture)
    written = tmp_path / "op.html"
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith(f"wrote {written} (")
    assert written.stat().st_mode & 0o777 == 0o600
    before = written.read_bytes()
    done = invoke("report", capture)
    assert (done.exit_code, written.read_bytes()) == (2, before)
    assert is_two_lines(done.stderr)
    assert invoke("report", capture, "--force").exit_code == 0
    done = invoke("report", capture, "-o", capture, "--force")
    assert done.exit_code == 2
    assert is_two_lines(done.stderr)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["op.html", "op.whowoke"]


def test_where_it_cannot_be_written_it_says_so_in_two_lines(tmp_path):
    done = invoke("report", GOLDEN / "requeue.whowoke", "-o", tmp_path / "no" / "such.html")
    assert done.exit_code == 1
    assert is_two_lines(done.stderr)


def test_without_the_template_engine_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    done = invoke("report", GOLDEN / "requeue.whowoke", "-o", tmp_path / "x.html")
    assert done.exit_code == 3
    assert is_two_lines(done.stderr)
    assert "whowoke[report]" in done.stderr


def test_a_capture_of_random_records_is_a_page(tmp_path):
    write_small(tmp_path / "small.whowoke")
    done = invoke("report", tmp_path / "small.whowoke")
    assert done.exit_code == 0
    assert "threads" in (tmp_path / "small.html").read_text()


@pytest.mark.parametrize("redact", [False, True])
def test_a_capture_of_anything_is_a_page(tmp_path, redact):
    write_odd(tmp_path / "odd.whowoke")
    made = report.make(Capture.open(tmp_path / "odd.whowoke"), redact=redact)
    assert made.text.startswith("<!doctype html>")


def test_a_packed_table_says_how_many_rows_there_were():
    frame = tables(Analysis(Capture.open(GOLDEN / "requeue.whowoke")))["wakeups"]
    packed = pack_table(TABLE_BY_NAME["wakeups"], frame.iloc[:5], 0, 59)
    assert (packed["rows"], packed["total"]) == (5, 59)
