"""Captures of several processes, made of real ones of one each: every verb says whose it is."""

import json
from pathlib import Path

import numpy as np
import pytest

import whowoke.analysis
from tests.unit.commands import invoke, is_two_lines
from whowoke.analysis.capture import chunks, schema
from whowoke.analysis.capture.reader import Capture, CaptureWriter, Loss
from whowoke.analysis.durations import format_duration
from whowoke.analysis.errors import UsageError
from whowoke.analysis.telling.explain import explain

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
NAMES = ("requeue", "ticker")
CONTAINER = {
    "container_id": "ab" * 32,
    "namespace": "ns",
    "pod": "op-0",
    "container": "manager",
    "image": "example.com/op:1",
}


def copy_into(writer, source, **more):
    """All of a capture, ready to be read back as a part of another."""
    writer.metadata(source.metadata | more)
    writer.strings(source.strings)
    writer.stacks(source.stacks)
    writer.symbols(source.symbols)
    for name in source.counts():
        record, rows = schema.RECORD_BY_NAME[name], source.records(name)
        whole = np.zeros(len(rows), schema.record_dtype(record))
        for field in rows.dtype.names:
            whole[field] = rows[field]
        writer.records(record, whole)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """An operator, and what took its place 3 s after it was seen last."""
    path = tmp_path_factory.mktemp("several") / "both.whowoke"
    first, second = (Capture.open(GOLDEN / f"{name}.whowoke") for name in NAMES)
    follows = {"part": 1, "pid": first.metadata["pid"], "gap_ns": 3_000_000_000}
    with CaptureWriter(path) as writer:
        copy_into(writer, first, ended="target exited")
        part = writer.part()
        copy_into(part, second, follows=follows, container=CONTAINER)
        part.losses([Loss(second.metadata["start_ns"], "restart: 3 s not recorded", 1)])
    return path


def test_each_has_the_answers_that_it_has_alone(both):
    result = invoke("explain", both, "--json")
    assert result.exit_code == 0, result.stderr
    data = json.loads(result.stdout)
    alone = [explain(Capture.open(GOLDEN / f"{name}.whowoke")).json() for name in NAMES]
    for found, expected in zip(data["processes"], alone, strict=True):
        for key in ("causes", "checks", "redundancy", "ideals", "wakeups", "thread_wakeups"):
            assert found[key] == expected[key]
    assert data["wakeups"] == sum(one["wakeups"] for one in alone)
    assert data["lost"] == 1
    assert data["processes"][1]["follows"]["gap_ns"] == 3 * 10**9
    assert data["processes"][1]["target"]["container"] == CONTAINER


def test_the_gap_is_told_at_the_head(both):
    lines = invoke("explain", both).stdout.splitlines()
    assert (
        "in 2 processes, 1 lost; 1 restart: 3 s not recorded: counts are lower bounds" in lines[0]
    )
    text = " ".join(" ".join(lines[1:8]).split())
    assert "#1 requeue, pid" in text
    assert "exited" in text
    assert ": from the start for" in text
    assert "pod ns/op-0/manager: from" in text
    assert "reconciles: unknown" not in text
    first, second = (Capture.open(f"{both}#{n}").metadata["start_ns"] for n in "12")
    assert f": from {format_duration(second - first)} for" in text
    assert "takes the place of #1 after 3 s" in text
    assert "requeue.after every" in text
    assert all(len(line) <= 100 for line in lines)


def test_an_example_names_the_process_whose_it_is(both):
    text = invoke("explain", both).stdout
    assert text.count("see whowoke show FILE#1") == 1
    assert text.count("see whowoke show FILE#2") == 1


def test_one_process_may_be_chosen(both):
    alone = invoke("explain", f"{both}#2", "--json")
    assert json.loads(alone.stdout)["target"]["name"] == "ticker"
    assert invoke("show", f"{both}#2", "20").exit_code == 0


def test_what_shows_one_process_asks_which(both):
    result = invoke("show", both, "20")
    assert result.exit_code == 2
    assert is_two_lines(result.stderr)
    assert f"{both}#1 (requeue, pid " in result.stderr


def test_export_gives_each_a_folder(both, tmp_path):
    result = invoke("export", both, "-o", tmp_path / "tables")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == ["1", "2"]
    losses = (tmp_path / "tables" / "2" / "losses.csv").read_text()
    assert "restart: 3 s not recorded" in losses
    again = invoke("export", both, "-o", tmp_path / "tables")
    assert again.exit_code == 2
    assert is_two_lines(again.stderr)


def test_export_to_one_file_makes_one_for_each(both, tmp_path):
    result = invoke("export", both, "--format", "folded", "-o", tmp_path / "stacks.txt")
    assert result.exit_code == 0, result.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["stacks-1.txt", "stacks-2.txt"]


def test_python_opens_one_of_them(both):
    with pytest.raises(UsageError, match="has 2 processes"):
        whowoke.analysis.open(both)
    assert whowoke.analysis.open(f"{both}#2").metadata["name"] == "ticker"


def test_two_of_them_are_compared(both):
    result = invoke("diff", f"{both}#1", f"{both}#2")
    assert result.exit_code == 0, result.stderr


def test_info_says_all(both):
    text = invoke("info", both).stdout
    assert text.splitlines()[0].endswith("2 processes")
    assert text.count("metadata") == 2
    assert f"format {chunks.FORMAT_VERSION}" in text
    assert ", pod ns/op-0/manager, image example.com/op:1\n" in text
    facts = json.loads(invoke("info", both, "--json").stdout)
    assert [one["metadata"]["name"] for one in facts["processes"]] == list(NAMES)
    assert json.loads(invoke("info", f"{both}#1", "--json").stdout)["metadata"]["name"] == "requeue"


@pytest.mark.parametrize("known", [{}, {"start_ns": 5}, {"start_ns": 5, "end_ns": 5}])
def test_a_process_that_was_gone_at_once_has_no_answers(both, tmp_path, known):
    path = tmp_path / "gone.whowoke"
    with CaptureWriter(path) as writer:
        copy_into(writer, Capture.open(f"{both}#1"))
        writer.part().metadata({"pid": 8, "name": "gone", "follows": [1]} | known)
    result = invoke("explain", path)
    assert result.exit_code == 0, result.stderr
    assert "#2 gone, pid 8" in result.stdout
    assert "Nothing that was seen started a reconcile." in result.stdout


def test_a_page_is_of_one_of_them(both, tmp_path):
    path = tmp_path / "both.whowoke"
    path.write_bytes(Path(both).read_bytes())
    assert is_two_lines(invoke("report", path).stderr)
    result = invoke("report", f"{path}#2")
    assert result.exit_code == 0, result.stderr
    page = (tmp_path / "both-2.html").read_text()
    assert "pod ns/op-0/manager" in page
    result = invoke("report", f"{path}#2", "-o", path, "--force")
    assert "is the capture itself" in result.stderr
