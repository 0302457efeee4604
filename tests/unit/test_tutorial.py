"""The tutorial's commands on captures run and give what the page shows.

They are those that begin with ``$ whowoke``; what needs root begins with sudo or is in the demo. A
line ``…`` stands for lines that were left out. What a command needs is in docs/tutorial.
"""

import os
import re
import shlex
import shutil
import subprocess

import pytest

BLOCK = re.compile(r"```console\n\$ (whowoke .*?)\n(.*?)```", re.DOTALL)
LEFT_OUT = "…\n"
SIZE = re.compile(r"[0-9.]+ MB")  # of the report, which any change of its script changes


@pytest.fixture
def folder(tree, tmp_path):
    for capture in (tree / "docs" / "tutorial").glob("*.whowoke"):
        shutil.copy(capture, tmp_path)
    return tmp_path


def output(whowoke, folder, line):
    """What a command says: stdout, then stderr."""
    argv = [*whowoke, *shlex.split(line, comments=True)[1:]]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True)
    return done.stdout + done.stderr


def shows(page_text, given):
    """Whether the parts between those left out stand in the output in their order."""
    page_text, given = SIZE.sub("MB", page_text), SIZE.sub("MB", given)
    parts = [part for part in page_text.split(LEFT_OUT) if part]
    if not parts:
        return bool(page_text)
    at = 0
    for part in parts:
        at = given.find(part, at)
        if at < 0:
            return False
        at += len(part)
    first, last = page_text.startswith(LEFT_OUT), page_text.endswith(LEFT_OUT)
    return (first or given.startswith(parts[0])) and (last or given.endswith(parts[-1]))


def test_the_commands_give_what_the_page_shows(tree, whowoke, folder):
    path = tree / "docs" / "tutorial.md"
    page = path.read_text()
    found = [(block, output(whowoke, folder, block[1])) for block in BLOCK.finditer(page)]
    if os.environ.get("WHOWOKE_UPDATE_DOCS"):
        for block, given in reversed(found):
            if LEFT_OUT not in block[2]:
                new = f"```console\n$ {block[1]}\n{given}```"
                page = page[: block.start()] + new + page[block.end() :]
        path.write_text(page)
    shown = [(block[1], block[2]) for block in BLOCK.finditer(page)]
    wrong = {
        line: given
        for (line, text), (_, given) in zip(shown, found, strict=True)
        if not shows(text, given)
    }
    assert wrong == {}
    assert len(found) == page.count("$ whowoke ") >= 6


def test_what_is_left_out_is_the_only_difference():
    assert shows("a\n…\nd\n", "a\nb\nc\nd\n")
    assert not shows("a\nd\n", "a\nb\nd\n")
    assert not shows("b\n…\n", "a\nb\nc\n")
    assert not shows("a\n…\nc\n", "a\nc\nd\n")
