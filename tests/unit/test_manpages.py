"""The man pages are those of today's command line, and are formatted without a warning."""

import subprocess

import pytest

from tests import manpages


def test_pages_are_current(tree):
    there = {path.name: path.read_text() for path in (tree / "docs" / "man").glob("*.1")}
    assert there == manpages.pages(), "run: python -m tests.manpages"


@pytest.mark.parametrize("name", sorted(manpages.pages()))
def test_a_page_is_formatted_right(tree, name):
    page = tree / "docs" / "man" / name
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_options_are_told_with_their_words():
    page = manpages.pages()["whowoke-record.1"]
    assert "\\fB\\-p\\fR, \\fB\\-\\-pid\\fR \\fIPID\\fR\nA running process; repeatable." in page
    assert ".TP\n\\fB3\\fR\nnot permitted or not supported" in page
