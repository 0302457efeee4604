"""Completion in a shell: captures, causes, formats, metrics, processes; without a slow import."""

import os
import subprocess
import sys

from tests.unit import gobuild
from whowoke.analysis import completion
from whowoke.analysis.comparing.conditions import COUNTS
from whowoke.analysis.comparing.metrics import BY_NAME
from whowoke.analysis.output import exporter
from whowoke.analysis.output.export import EXPORTERS
from whowoke.tracer import completion as processes


def completed(whowoke, folder, *words):
    """What bash is told for the last of some words."""
    environment = os.environ | {
        "_WHOWOKE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("whowoke", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(whowoke, cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout.split()


def test_captures_and_folders(whowoke, tmp_path):
    (tmp_path / "day").mkdir()
    for name in ("op.whowoke", "op.html", ".hidden.whowoke", "day/one.whowoke"):
        (tmp_path / name).touch()
    assert completed(whowoke, tmp_path, "explain", "o") == ["op.whowoke"]
    assert completed(whowoke, tmp_path, "info", "d") == ["day/"]
    assert completed(whowoke, tmp_path, "diff", "op.whowoke", "day/") == ["day/one.whowoke"]
    assert completed(whowoke, tmp_path, "show", "no/where") == []


def test_causes_and_what_begins_alike(whowoke, tmp_path):
    found = completed(whowoke, tmp_path, "show", "op.whowoke", "--cause", "requeue")
    assert found == ["requeue.*", "requeue.after", "requeue.error", "requeue.rate_limited"]
    assert completion.causes("unk") == ["unknown"]


def test_formats_and_weights_are_those_of_export():
    assert tuple(EXPORTERS) == completion.FORMATS
    assert exporter.WEIGHTS == completion.WEIGHTS


def test_metrics_are_those_of_conditions(whowoke, tmp_path):
    assert (*BY_NAME, *COUNTS) == completion.METRICS
    assert completed(whowoke, tmp_path, "diff", "a", "b", "--fail-if", "ideal") == [
        "ideal_asleep", "ideal_sleep",
    ]  # fmt: skip
    assert completed(whowoke, tmp_path, "export", "a", "--weight", "c") == ["cpu"]


def test_go_processes_by_pid_and_name(tmp_path, monkeypatch):
    go = gobuild.build("package main\n\nfunc main() {}\n", "-ldflags=-s -w")
    for pid, name, executable in (("41", "op", go), ("42", "python3", sys.executable)):
        folder = tmp_path / pid
        folder.mkdir()
        (folder / "cmdline").write_bytes(b"x\0")
        (folder / "comm").write_text(f"{name}\n")
        (folder / "exe").symlink_to(executable)
    (tmp_path / "43").mkdir()
    monkeypatch.setattr(processes, "PROC", tmp_path)
    assert processes.pids("4") == [("41", "op")]
    assert processes.pids("5") == []
    assert processes.names("o") == ["op"]


def test_an_executable_that_cannot_be_read_may_be_go(tmp_path, monkeypatch):
    def refuse(self, mode):
        raise PermissionError

    monkeypatch.setattr(processes.Path, "open", refuse)
    assert processes._may_be_go(tmp_path / "exe")


def test_nothing_slow_is_imported():
    code = (
        "import sys, whowoke.tracer.completion as p, whowoke.analysis.completion as a;"
        "p.pids(''), a.causes('');"
        "print({'numpy', 'pandas', 'capstone', 'psutil'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n"
