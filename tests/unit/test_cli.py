"""The command line: what it prints where, its exit codes, two lines for each error."""

import json
import os
import signal
import subprocess
import sys
import types

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.unit.captures import write_small
from whowoke.analysis import schema
from whowoke.analysis.columns import TABLES
from whowoke.tracer import cli, doctor, options
from whowoke.tracer.cli import app

VERBS = ("explain", "record", "export", "info", "schema", "doctor")


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.whowoke"
    write_small(path)
    return path


@pytest.fixture
def run(whowoke):
    def run(*args, **kwargs):
        return subprocess.run(
            [*whowoke, *map(str, args)], capture_output=True, text=True, timeout=60, **kwargs
        )

    return run


@pytest.fixture
def analysed(monkeypatch):
    """A model and a verdict in place of the real ones; returns what they were asked."""
    asked = []

    class Explanation:
        def text(self):
            return "it was \x1b[31mme"

        def json(self):
            return {"cause": "requeue.after"}

    def explain(capture, period_ns):
        asked.append((capture.path.name, period_ns))
        return Explanation()

    model, explanation = types.ModuleType("model"), types.ModuleType("explain")
    model.analyse = lambda _: {"losses": pd.DataFrame({"count": [3]})}
    explanation.explain = explain
    monkeypatch.setitem(sys.modules, "whowoke.analysis.model", model)
    monkeypatch.setitem(sys.modules, "whowoke.analysis.explain", explanation)
    return asked


@pytest.fixture
def recorded(monkeypatch):
    """A recorder in place of the real one; returns what it was asked."""
    asked = []

    def record(asked_options, _progress=None):
        asked.append(asked_options)
        output = asked_options.output or options.default_output("op", 42)
        write_small(output)
        return options.RecordSummary(
            42, "op", output, 1_500_000_000, 1234567, 2, 99, "target exited", ["a note"]
        )

    module = types.ModuleType("record")
    module.record = record
    monkeypatch.setitem(sys.modules, "whowoke.tracer.record", module)
    return asked


def invoke(*args):
    result = CliRunner().invoke(app, [str(arg) for arg in args], prog_name="whowoke")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def is_two_lines(text):
    first, second = text.splitlines()
    return first.startswith("whowoke: ") and second.startswith("  hint: ")


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


def test_explain_of_a_process_records_and_throws_away(tmp_path, monkeypatch, analysed, recorded):
    monkeypatch.chdir(tmp_path)
    result = invoke("explain", "-p", 42, "-d", "2m", "--period", "15s")
    assert result.exit_code == 0
    assert result.stderr == "a note\n"
    assert (recorded[0].pid, recorded[0].duration_ns) == (42, 120 * 10**9)
    assert analysed == [("capture.whowoke", 15 * 10**9)]
    assert list(tmp_path.iterdir()) == []
    assert not recorded[0].output.parent.exists()


def test_explain_of_a_process_keeps_the_capture_where_it_is_told(tmp_path, analysed, recorded):
    kept = tmp_path / "kept.whowoke"
    result = invoke("explain", "-p", 42, "-o", kept)
    assert result.exit_code == 0
    assert f"wrote {kept}" in result.stderr
    assert kept.exists()


def test_record_passes_everything_on(tmp_path, monkeypatch, recorded):
    monkeypatch.chdir(tmp_path)
    result = invoke(
        *("record", "-d", "5s", "-o", "x.whowoke", "--force", "--budget", "0.5%"),
        *("--ready-file", "ready", "--dry-run", "--", "op", "-d", "--force"),
    )
    assert result.exit_code == 0, result.stderr
    asked = recorded[0]
    assert asked.command == ("op", "-d", "--force")
    assert (asked.pid, asked.name, asked.duration_ns) == (None, None, 5 * 10**9)
    assert (str(asked.output), str(asked.ready_file)) == ("x.whowoke", "ready")
    assert (asked.force, asked.dry_run) == (True, True)
    assert asked.budget == pytest.approx(0.005)


def test_record_ends_by_saying_what_it_wrote(tmp_path, monkeypatch, recorded):
    monkeypatch.chdir(tmp_path)
    result = invoke("record", "--name", "op")
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "a note",
        "recorded op (42) for 1.5 s, the target exited: 1,234,567 records, 2 lost",
        "wrote op-42.whowoke (99 bytes)",
    ]
    assert recorded[0] == options.RecordOptions(duration_ns=60 * 10**9, name="op")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("manager", "manager-7.whowoke"),
        ("../../etc/x y\n", "_.._etc_x_y_-7.whowoke"),
        ("", "target-7.whowoke"),
        ("-rf", "rf-7.whowoke"),
    ],
)
def test_an_output_is_named_after_the_target(name, expected):
    assert str(options.default_output(name, 7)) == expected


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


def test_ctrl_c_is_quiet(whowoke, tmp_path):
    code = (
        "import sys, time, types\n"
        "from whowoke.tracer import cli\n"
        "def record(options, progress=None):\n"
        "    print('started', flush=True)\n"
        "    time.sleep(60)\n"
        "sys.modules['whowoke.tracer.record'] = types.SimpleNamespace(record=record)\n"
        "sys.argv = ['whowoke', 'record', '-p', '1']\n"
        "cli.main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")


def test_an_error_of_ours_is_two_lines_without_a_traceback(small, monkeypatch, analysed):
    def explain(_capture, _period_ns):
        raise KeyError("oops\nand more")

    monkeypatch.setattr(sys.modules["whowoke.analysis.explain"], "explain", explain, raising=False)
    result = invoke("explain", small)
    assert result.exit_code == 1
    assert is_two_lines(result.stderr)
    assert "KeyError" in result.stderr
    monkeypatch.setenv("WHOWOKE_DEBUG", "1")
    assert "Traceback" in invoke("explain", small).stderr


def test_progress_is_shown_on_a_terminal_only(monkeypatch, recorded, capsys):
    record = sys.modules["whowoke.tracer.record"]

    def with_progress(asked, progress=None):
        if progress:
            progress(1.5, 1000, 0)
        return options.RecordSummary(1, "op", None, 0, 0, 0, 0)

    monkeypatch.setattr(record, "record", with_progress)
    cli._record(options.RecordOptions(duration_ns=10**10, pid=1))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    cli._record(options.RecordOptions(duration_ns=10**10, pid=1))
    assert "recording 2 of 10 s: 1,000 records, 0 lost" in capsys.readouterr().err
