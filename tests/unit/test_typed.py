"""The commands of the documents exist; those on captures run and give what the page shows.

WHOWOKE_UPDATE_DOCS=1 writes what they give into the pages, unless lines were left out there.
"""

import os
import re
import shlex

import pytest
from typer.exceptions import TyperException
from typer.main import get_command

from tests import typed
from tests.unit.commands import invoke
from whowoke.tracer.cli import app

GROUP = get_command(app)
LEFT_OUT = "…\n"
SIZE = re.compile(r"[0-9.]+ MB")  # of the report, which any change of its script changes
# The files that the pages name, by what is in the tree.
FILES = {
    "before.whowoke": "docs/tutorial/before.whowoke",
    "after.whowoke": "docs/tutorial/after.whowoke",
    "poller.whowoke": "tests/golden/poller.whowoke",
    "requeue.whowoke": "docs/captures/requeue.whowoke",
    "resync.whowoke": "docs/captures/resync.whowoke",
    "ticker.whowoke": "docs/captures/ticker.whowoke",
    "restart.whowoke": "docs/captures/restart.whowoke",
    "restart.log": "docs/captures/restart.log",
    "op.whowoke": "docs/captures/requeue.whowoke",
    "build/demo/ticker.whowoke": "docs/captures/ticker.whowoke",
    "src/poller": "tests/operators",
}
# What is shown of a recording is what its capture gives.
RECORDED = {
    "sudo whowoke explain -p $(pidof my-operator) --period 15s": (
        "explain", "requeue.whowoke", "--period", "15s",
    ),
}  # fmt: skip
# A condition that holds is the point of that example.
EXIT_CODES = {"came>0": 1}
DEMO = re.compile(r"^── (\w+) ─+\n(.*?)(?=^── |^```)", re.DOTALL | re.MULTILINE)
# What isn't whowoke: the virtual machine's walk-through runs some of it, a reader the rest.
OTHERS = {
    "make", "vagrant", "apt-get", "/usr/bin/python3", "curl", "jq", "export", "cd", "until", "ln",
    "build/bin/cluster", "build/bin/poller", "build/bin/requeue", "/tmp/redis-server",
}  # fmt: skip
COMMANDS = sorted(GROUP.commands)


def plain(page):
    """Those of a page that are run here."""
    asked = (one for one in typed.commands() if one.page == page)
    return [one for one in asked if not one.root or one.line in RECORDED]


@pytest.fixture
def folder(tree, tmp_path, monkeypatch):
    """Where a reader has the files that the pages name."""
    for name, path in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(tree / path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def said(one):
    """Whether it ended as it should, and what it says: stdout, then stderr."""
    words = RECORDED.get(one.line, one.words)
    result = invoke(*(word.replace("~", os.environ["HOME"]) for word in words))
    expected = next((EXIT_CODES[word] for word in words if word in EXIT_CODES), 0)
    assert result.exit_code == expected, (one.line, result.stderr)
    return result.stdout + result.stderr


def shows(page_text, given):
    """Whether the parts between those left out stand in the output in their order."""
    page_text, given = SIZE.sub("MB", page_text), SIZE.sub("MB", given)
    parts = [part for part in page_text.split(LEFT_OUT) if part]
    if not parts:
        return True
    at = 0
    for part in parts:
        at = given.find(part, at)
        if at < 0:
            return False
        at += len(part)
    first, last = page_text.startswith(LEFT_OUT), page_text.endswith(LEFT_OUT)
    return (first or given.startswith(parts[0])) and (last or given.endswith(parts[-1]))


@pytest.mark.parametrize("page", [*filter(plain, typed.PAGES)], ids=lambda page: page.name)
def test_commands_give_what_the_page_shows(folder, page):
    found = [(one, said(one)) for one in plain(page)]
    text = page.read_text()
    update = os.environ.get("WHOWOKE_UPDATE_DOCS")
    for one, given in reversed(found) if update else ():
        shown = text[one.start : one.end]
        if shown and LEFT_OUT not in shown and SIZE.sub("MB", shown) != SIZE.sub("MB", given):
            text = text[: one.start] + given + text[one.end :]
    if update:
        page.write_text(text)
        found = [(one, given) for one, (_, given) in zip(plain(page), found, strict=True)]
    wrong = {one.line: given for one, given in found if not shows(one.shown, given)}
    assert wrong == {}


@pytest.mark.parametrize("name", ["requeue", "resync", "ticker"])
def test_the_demo_says_what_the_readme_shows(folder, tree, name):
    page = tree / "README.md"
    (section,) = (one for one in DEMO.finditer(page.read_text()) if one[1] == name)
    given = invoke("explain", f"{name}.whowoke").stdout
    shown = section[2]
    assert shows(shown, given), given


def mistake(words):
    """What is wrong where the command or an option of it doesn't exist; else None."""
    name, *rest = words
    if name.startswith("-"):
        return None if any(name in one.opts for one in GROUP.params) else f"no option {name}"
    if name not in GROUP.commands:
        return f"no command {name}"
    command = GROUP.commands[name]
    context = command.make_context(name, [], resilient_parsing=True)
    context.resilient_parsing = False
    # Behind an option at the end of a sentence its value may be missing.
    more = ["X"] if rest and takes_value(command, rest[-1]) else []
    try:
        command.make_parser(context).parse_args([*rest, *more])
    except TyperException as error:
        return str(error)
    return None


def takes_value(command, option):
    return any(option in one.opts and not one.is_flag for one in command.params)


def test_every_command_has_its_options():
    asked = [(one.page.name, one.words) for one in typed.commands()] + typed.spans()
    for name in COMMANDS:
        for example in re.findall(r"^Example: whowoke (.+)$", GROUP.commands[name].help, re.M):
            asked.append((f"{name} --help", tuple(shlex.split(example))))
    for page, words in asked:
        assert mistake(words) is None, (page, words)
    assert len(asked) > 80


# The page of schema is what it prints.
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "schema"])
def test_a_page_has_the_options_of_its_command(tree, command):
    """All of them, by one of their names, and in its tables none that isn't one."""
    page = (tree / "docs" / f"{command}.md").read_text()
    own = [
        (*one.opts, *one.secondary_opts)
        for one in GROUP.commands[command].params
        if one.param_type_name == "option" and not one.hidden
    ]
    code = {word for span in re.findall(r"`([^`\n]+)`", page) for word in span.split()}
    assert [names for names in own if not code & set(names)] == []
    rows = re.findall(r"^\| ((?:`[^`]*`(?:, )?)+) \|", page, re.MULTILINE)
    told = {option for row in rows for option in re.findall(r"(?<!\S)`?(--[a-z][a-z-]*)", row)}
    assert told - {name for names in own for name in names} == set()


def test_what_is_no_command_of_ours_is_known():
    lines = [line for page in typed.PAGES for _, line, _, _ in typed.lines(page)]
    ours = {one.line for one in typed.commands()}
    first = {
        next(word for word in shlex.split(line, comments=True) if word != "sudo")
        for line in lines
        if line not in ours
    }
    assert first <= OTHERS


def test_what_is_left_out_is_the_only_difference():
    assert shows("a\n…\nd\n", "a\nb\nc\nd\n")
    assert not shows("a\nd\n", "a\nb\nd\n")
    assert not shows("b\n…\n", "a\nb\nc\n")
    assert not shows("a\n…\nc\n", "a\nc\nd\n")
