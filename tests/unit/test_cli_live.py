"""The live verbs: what they ask of the recorder and say of it; the recorder is replaced."""

import signal
import subprocess
import sys

import pytest

from tests.unit.commands import invoke
from whowoke.tracer import options, recorder
from whowoke.tracer.finding.selection import PodName, Selection


def test_explain_of_a_process_records_and_throws_away(tmp_path, monkeypatch, analysed, recorded):
    monkeypatch.chdir(tmp_path)
    result = invoke("explain", "-p", 42, "-d", "2m", "--period", "15s")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert recorded[0].selection == Selection(pids=(42,))
    assert recorded[0].duration_ns == 120 * 10**9
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
    assert (asked.selection, asked.duration_ns) == (Selection(), 5 * 10**9)
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
    assert recorded[0] == options.RecordOptions(
        duration_ns=60 * 10**9, selection=Selection(name="op")
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-p", 7, "-p", 9], Selection(pids=(7, 9))),
        (["--pod", "ns/op-0"], Selection(pod=PodName("ns", "op-0"))),
        (["--pod", "ns/op-0/manager", "--all"],
         Selection(pod=PodName("ns", "op-0", "manager"), everything=True)),
        (["--pod", "ns/op-0", "-c", "manager"], Selection(pod=PodName("ns", "op-0", "manager"))),
        (["--selector", "app=op,tier==a", "-n", "ns", "-c", "manager"],
         Selection(labels=(("app", "op"), ("tier", "a")), namespace="ns", container="manager")),
        (["--name", "op*"], Selection(name="op*")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", [["record"], ["explain", "-o", "x.whowoke"]])
def test_who_is_meant(tmp_path, monkeypatch, analysed, recorded, arguments, expected, verb):
    monkeypatch.chdir(tmp_path)
    result = invoke(*verb, *arguments)
    assert result.exit_code == 0, result.stderr
    assert recorded[0].selection == expected
    assert recorded[0].follows == (not expected.pids)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["-p", 7, "--name", "op"], "both"),
        ([], "nothing"),
        (["--pod", "op-0"], "NAMESPACE/POD"),
        (["--pod", "ns/op/x/y"], "NAMESPACE/POD"),
        (["--pod", "../x"], "NAMESPACE/POD"),
        (["--selector", "app"], "KEY=VALUE"),
        (["--selector", "a=b c"], "KEY=VALUE"),
        (["--name", "op", "-n", "ns"], "--selector"),
        (["--name", "op", "-c", "manager"], "--selector"),
        (["--pod", "ns/op-0/manager", "-c", "manager"], "NAMESPACE/POD"),
        (["--selector", "a=b", "-c", "x y"], "no container"),
    ],
)
def test_what_means_nobody(arguments, word, recorded):
    result = invoke("record", *arguments)
    assert result.exit_code == 2
    assert word in result.stderr
    assert len(result.stderr.splitlines()) == 2
    assert recorded == []


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


def test_ctrl_c_is_quiet(whowoke, tmp_path):
    code = (
        "import signal, sys, time, types\n"
        "from whowoke.tracer.__main__ import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a shell's &\n"
        "def record(options, progress=None, say=None, is_last=False):\n"
        "    print('started', flush=True)\n"
        "    time.sleep(60)\n"
        "sys.modules['whowoke.tracer.record'] = types.SimpleNamespace(record=record)\n"
        "sys.argv = ['whowoke', 'record', '-p', '1']\n"
        "main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")


def test_progress_is_shown_on_a_terminal_only(monkeypatch, recorded, capsys):
    record = sys.modules["whowoke.tracer.record"]

    def with_progress(asked, progress=None, say=None, is_last=False):
        if progress:
            progress(1.5, 1000, 0)
        return options.RecordSummary(1, "op", None, 0, 0, 0, 0)

    monkeypatch.setattr(record, "record", with_progress)
    recorder.record(options.RecordOptions(duration_ns=10**10))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    recorder.record(options.RecordOptions(duration_ns=10**10))
    assert "recording 2 of 10 s: 1,000 records, 0 lost" in capsys.readouterr().err


def test_a_recording_may_last(tmp_path, monkeypatch, recorded):
    monkeypatch.chdir(tmp_path)
    assert invoke("record", "-p", 42, "--keep", "10m", "-o", "1").exit_code == 0
    assert invoke("record", "-p", 42, "--rotate", "100MB", "-d", "2h", "-o", "2").exit_code == 0
    assert invoke("record", "-p", 42, "--periods", 5, "--period", "15s", "-o", "3").exit_code == 0
    kept, rotated, counted = recorded
    assert (kept.keep.ns, kept.duration_ns) == (600 * 10**9, 8760 * 3600 * 10**9)
    assert (rotated.rotate.size, rotated.duration_ns) == (10**8, 7200 * 10**9)
    assert (counted.periods, counted.period_ns) == (5, 15 * 10**9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--keep", "10m", "--rotate", "1h"), "at once"),
        (("--period", "15s"), "without --periods"),
        (("--keep", "10"), "neither a time nor a size"),
    ],
)
def test_what_cant_be_together_is_told(options, words, recorded):
    result = invoke("record", "-p", 42, *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 2
    assert recorded == []


@pytest.mark.parametrize("option", ["--keep", "--rotate"])
def test_what_is_begun_anew_follows_nobody(option, tmp_path, monkeypatch, recorded):
    monkeypatch.chdir(tmp_path)
    result = invoke("record", "--pod", "ns/op-0", "--follow", option, "10m")
    assert result.exit_code == 2
    assert "--follow with --keep or --rotate" in result.stderr
    assert not recorded
    assert invoke("record", "--pod", "ns/op-0", option, "10m").exit_code == 0
    assert not recorded[0].follows
