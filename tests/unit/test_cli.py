"""The command line: what it prints where, its exit codes, two lines for each error."""

import json
import os
import subprocess
import sys

import pytest

from tests.unit.commands import invoke, is_two_lines
from whowoke.analysis.capture import schema
from whowoke.analysis.tables.columns import TABLES
from whowoke.tracer import doctor

VERBS = ("explain", "record", "timers", "show", "diff", "export", "info", "schema", "doctor")


def test_help_imports_nothing_slow(whowoke):
    slow = ("pandas", "numpy", "bcc", "elftools", "capstone", "psutil", "zstandard")
    code = (
        "import sys\nfrom whowoke.tracer.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        f"print('loaded:', [name for name in {slow} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_and_an_example(run, verb):
    done = run(verb, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Example: whowoke {verb}" in done.stdout
    assert verb in run("--help").stdout


def test_without_arguments_it_shows_help(run):
    done = run()
    assert done.returncode == 2
    assert "Usage: whowoke" in done.stdout
    assert done.stderr == ""


def test_version(run):
    assert run("--version").stdout == f"whowoke {doctor.installed_version()}\n"


WRONG = [
    ["nonsense"],
    ["--nonsense"],
    ["explain"],
    ["explain", "FILE", "-p", "1"],
    ["explain", "FILE", "--period", "fast"],
    ["explain", "-p", "x"],
    ["explain", "-p", "0"],
    ["explain", "missing.whowoke"],
    ["explain", __file__],
    ["record"],
    ["record", "-p", "1", "--name", "x"],
    ["record", "-p", "1", "-d", "1"],
    ["record", "-p", "1", "--budget", "1"],
    ["record", "123"],
    ["export", "FILE", "--format", "csv"],
    ["export", "FILE", "--format", "xls", "-o", "x"],
    ["export", "FILE", "--format", "perfetto", "-o", "."],
    ["export", "FILE", "--weight", "cpu", "-o", "x"],
    ["export", "FILE", "--from", "noon", "-o", "x"],
    ["explain", "FILE", "--from", "9s", "--to", "3s"],
    ["explain", "FILE", "--to", "2026-01-01"],
    ["show", "FILE", "1", "--from", "1s"],
    ["diff", "FILE"],
    ["diff", "FILE", "FILE", "--fail-if", "wakeups"],
    ["info"],
    ["info", "missing.whowoke"],
]


@pytest.mark.parametrize("args", WRONG, ids=" ".join)
def test_wrong_usage_is_two_lines_and_exit_2(run, small, args):
    done = run(*[small if arg == "FILE" else arg for arg in args])
    assert (done.returncode, done.stdout) == (2, "")
    assert is_two_lines(done.stderr), done.stderr


def test_a_number_as_a_command_gets_a_hint(run):
    assert "-p 123" in run("record", "123").stderr


def test_explain_reads_a_capture(small, analysed):
    result = invoke("explain", small, "--period", "15s")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "it was \N{REPLACEMENT CHARACTER}[31mme\n"
    assert analysed == [("small.whowoke", 15 * 10**9)]
    result = invoke("explain", small, "--json")
    assert json.loads(result.stdout) == {"cause": "requeue.after"}
    assert analysed[1] == ("small.whowoke", None)


def test_a_cut_capture_is_explained_and_said_so(small, analysed):
    os.truncate(small, small.stat().st_size - 5)
    result = invoke("explain", small)
    assert result.exit_code == 4
    assert result.stdout.startswith("it was")
    assert "bytes behind its last whole part were not read" in result.stderr
    assert is_two_lines(result.stderr)


def test_a_damaged_capture_is_told(small, analysed):
    data = bytearray(small.read_bytes())
    data[-40] ^= 1
    small.write_bytes(data)
    result = invoke("explain", small)
    assert result.exit_code == 4
    assert "damaged at byte" in result.stderr


def test_a_capture_without_anything_is_incomplete(small, run):
    os.truncate(small, 14)
    for args in (("explain", small), ("export", small, "-o", small.parent / "out")):
        done = run(*args)
        assert (done.returncode, done.stdout) == (4, "")
        assert is_two_lines(done.stderr)


def test_a_newer_capture_is_exit_3(small, run):
    data = bytearray(small.read_bytes())
    data[8] = 200
    small.write_bytes(data)
    done = run("info", small)
    assert done.returncode == 3
    assert is_two_lines(done.stderr)


def test_export_writes_every_table(small, tmp_path, analysed):
    result = invoke("export", small, "--format", "csv", "-o", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"wrote {len(TABLES)} tables to {tmp_path / 'out'}\n"
    assert len(list((tmp_path / "out").iterdir())) == len(TABLES)
    result = invoke("export", small, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert is_two_lines(result.stderr)
    assert invoke("export", small, "-o", tmp_path / "out", "--force").exit_code == 0


def test_info_says_what_is_inside(small, run):
    facts = json.loads(run("info", small, "--json").stdout)
    assert facts["records"] == {"syscall": 3, "timer_fire": 5}
    assert facts["losses"] == {"threads": 3}
    assert facts["metadata"]["pid"] == 42
    text = run("info", small).stdout
    assert "8 records, 3 lost" in text
    os.truncate(small, small.stat().st_size - 1)
    done = run("info", small)
    assert (done.returncode, "not complete" in done.stdout) == (0, True)


def test_schema_has_every_table_and_record(run):
    data = json.loads(run("schema", "--json").stdout)
    assert [table["name"] for table in data["tables"]] == [table.name for table in TABLES]
    assert [record["kind"] for record in data["records"]] == [r.kind for r in schema.RECORDS]
    for part in data["tables"] + data["records"]:
        assert all(
            set(column) == {"name", "dtype", "unit", "meaning"} for column in part["columns"]
        )


def test_a_reader_that_goes_away_is_no_error(whowoke):
    command = " ".join(whowoke)
    script = f"({command} schema; echo $? >&2) | head -c 1"
    for _ in range(3):
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
        assert done.stdout == "#"
        assert done.stderr.strip() in ("0", str(141))
    script = f"exec 3>&1; ({command} schema; echo $? >&2) | true"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.stderr.strip() == "141"


def test_an_error_of_ours_is_two_lines_without_a_traceback(small, monkeypatch, analysed):
    def explain(_capture, _period_ns, _limits):
        raise KeyError("oops\nand more")

    monkeypatch.setattr(
        sys.modules["whowoke.analysis.telling.explain"], "explain", explain, raising=False
    )
    result = invoke("explain", small)
    assert result.exit_code == 1
    assert is_two_lines(result.stderr)
    assert "KeyError" in result.stderr
    monkeypatch.setenv("WHOWOKE_DEBUG", "1")
    assert "Traceback" in invoke("explain", small).stderr
