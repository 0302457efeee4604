"""The tutorial's code runs, block by block, and gives what the page shows.

WHOWOKE_UPDATE_DOCS=1 writes what it gives into the page: read the difference before you commit it.
"""

import ast
import os
import re
from pathlib import Path

import pandas as pd

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)
# How pandas ends a column depends on its version.
TAIL = re.compile(r"\n?(Name: [^\n]*)?(dtype: \S+)?$")


def value_of(code, names):
    """Run a block; the value of its last line, if that is an expression."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "python.md", "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "python.md", "eval"), names)


def text_of(value):
    if value is None:
        return ""
    text = value if isinstance(value, str) else repr(value)
    lines = TAIL.sub("", text).rstrip().splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def test_the_code_gives_what_the_page_shows(tree, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    path, names = tree / "docs" / "python.md", {}
    page = path.read_text()
    with pd.option_context("display.width", 100, "display.max_colwidth", 100):
        found = [(block, text_of(value_of(block[1], names))) for block in BLOCK.finditer(page)]
    if os.environ.get("WHOWOKE_UPDATE_DOCS"):
        for block, text in reversed(found):
            shown = f"\n```text\n{text}```\n" if text else ""
            code = f"```python\n{block[1]}```\n"
            page = page[: block.start()] + code + shown + page[block.end() :]
        path.write_text(page)
    shown = [block[2] or "" for block in BLOCK.finditer(page)]
    assert [text.split() for text in shown] == [text.split() for _, text in found]
    assert len(found) > 10
