"""Texts from the target reach a terminal, a table or a file's name only when they are harmless."""

import csv
import json

import pytest

from tests.fuzz.captures import sound_file
from tests.fuzz.recorded import operator
from tests.unit.commands import invoke
from whowoke.analysis.capture.chunks import Frame
from whowoke.analysis.texts import MAX_NUMBER, plain, printable
from whowoke.tracer.options import default_output

ESCAPE, OVERRIDE, SIGN = "\x1b]0;x\x07", "\u202e", "\ufffd"
EVIL = f"a\n9 wake-ups, 0 lost{ESCAPE}{OVERRIDE}\u2066\u200b\u2028\x9b2J\r\t\udcff"


def test_what_is_printable_stays_as_it_is():
    text = "main.(*R[go.shape.int]).Reconcile näme 語 e\u0301 \N{REPLACEMENT CHARACTER}"
    assert printable(text) is text


def test_what_a_terminal_would_act_on_is_replaced():
    assert (
        printable(f"a{ESCAPE}b{OVERRIDE}\n\udcff", keep="\n") == f"a{SIGN}]0;x{SIGN}b{SIGN}\n{SIGN}"
    )
    assert printable(EVIL).isprintable()
    assert len(printable(EVIL)) == len(EVIL)


def test_values_of_json_become_plain():
    given = {"a\n": ["b\x1b", {"c": [MAX_NUMBER + 1, 1e300, float("nan"), -5, True, None, 1.5]}]}
    expected = {f"a{SIGN}": [f"b{SIGN}", {"c": [None, None, None, -5, True, None, 1.5]}]}
    assert plain(given) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("op", "op-7.whowoke"),
        ("../../etc/passwd", "_.._etc_passwd-7.whowoke"),
        ("-rf", "rf-7.whowoke"),
        ("$(reboot)`x`;a b\n*", "_reboot_x_a_b_-7.whowoke"),
        (f"{ESCAPE}{OVERRIDE}", "_0_x_-7.whowoke"),
        ("..", "target-7.whowoke"),
        ("", "target-7.whowoke"),
        ("x" * 300, f"{'x' * 64}-7.whowoke"),
    ],
)
def test_a_file_is_named_by_harmless_characters(name, expected):
    assert str(default_output(name, 7)) == expected


@pytest.fixture
def evil(tmp_path):
    """A capture in which every text is made to do harm."""
    c = operator()
    c.strings = {number: f"={text}{EVIL}" for number, text in c.strings.items()}
    c.symbols = {
        number: Frame(f.function + EVIL, f.file + EVIL, f.line) for number, f in c.symbols.items()
    }
    c.stacks = {
        number: [Frame(f.function + EVIL, f.file + EVIL, f.line) for f in frames]
        for number, frames in c.stacks.items()
    }
    c.metadata |= dict.fromkeys(("name", "main_module", "kernel", "go_version"), EVIL)
    c.metadata |= {"missing": [EVIL], "modules": {EVIL: EVIL}, "command": [EVIL]}
    c.lost = [(5, EVIL, 1)]
    c.log_texts = [json.dumps({"reconcileID": EVIL, "name": EVIL, "ts": 5}).encode() + b"\n"]
    path = tmp_path / "evil.whowoke"
    path.write_bytes(sound_file(c))
    return path


@pytest.mark.parametrize(
    "verb", [("explain",), ("info",), ("show", 1), ("show", 9), ("show", 22)], ids=str
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_reports_print_nothing_that_a_terminal_acts_on(evil, verb, form):
    name, *rest = verb
    done = invoke(name, evil, *rest, *form)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.replace("\n", "").isprintable()
    assert done.stderr.replace("\n", "").isprintable()
    if form:
        assert done.stdout.isascii()
        assert EVIL[1:40] not in json.dumps(json.loads(done.stdout), ensure_ascii=False)
    # A text of the target starts no line of its own.
    assert not any(line.startswith("9 wake-ups") for line in done.stdout.splitlines())


def test_tables_hold_nothing_that_a_terminal_or_a_spreadsheet_acts_on(evil, tmp_path):
    done = invoke("export", evil, "-o", tmp_path / "tables")
    assert done.exit_code == 0, done.stderr
    seen = 0
    for path in (tmp_path / "tables").iterdir():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                texts = [text for text in row.values() if text]
                assert all(text.isprintable() for text in texts)
                assert not any(text.startswith(("=", "+", "@")) for text in texts)
                seen += sum(text.startswith("'=") for text in texts)
    assert seen > 20


def test_an_error_that_is_ours_is_shown_without_what_a_terminal_acts_on(monkeypatch, small):
    def fail(*_):
        raise RuntimeError(EVIL)

    monkeypatch.setattr("whowoke.analysis.telling.info.summary", fail)
    monkeypatch.setenv("WHOWOKE_DEBUG", "1")
    done = invoke("info", small)
    assert done.exit_code == 1
    assert "Traceback" in done.stderr
    assert done.stderr.replace("\n", "").isprintable()
