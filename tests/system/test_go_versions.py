"""Each supported version of Go, on a plain program: exact counts, causes and lines.

WHOWOKE_VERSIONS chooses builds of tests/operators/versions/versions.toml by pattern (``*`` is all);
without it the selected ones run, which `make fixtures` builds.
"""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests import fixtures, versions
from tests.system.conftest import Recorder

SOURCE = versions.TEMPLATES / "plain" / "kinds.go"
SECONDS = 6.0
# Kind of timer: the cause, and the line that is told.
KINDS = {
    "early": ("operator.ticker", "waits for"),
    "ticker": ("operator.ticker", "arms"),
    "timer": ("operator.timer", "arms"),
    "reset": ("operator.timer", "arms"),
    "after": ("operator.timer", "arms"),
    "context": ("operator.timer", "arms"),
    "sleep": ("operator.sleep", "arms"),
    "function": ("operator.timer", "callback"),
    "deadline": ("operator.timer", "arms"),
}


def marked_lines(kind: str, what: str) -> set[str]:
    """The lines of kinds.go that arm a timer of that kind, or wait for it."""
    lines = SOURCE.read_text().splitlines()
    found = {n for n, line in enumerate(lines, 1) if line.endswith(f"// {what} {kind}")}
    return {f"kinds.go:{number}" for number in found}


@contextmanager
def plain(binary: Path, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    output = folder / "plain.out"
    with output.open("wb") as file:
        popen = subprocess.Popen([str(binary)], stdin=subprocess.PIPE, stdout=file)
    try:
        wait_line(output, "ready", popen)
        yield popen
    finally:
        popen.kill()
        popen.communicate()


def wait_line(output: Path, word: str, popen: "subprocess.Popen[bytes]") -> str:
    def found() -> str | None:
        match = re.search(rf"^{word} (.*)\n", output.read_text(), re.MULTILINE)
        return match[1] if match else None

    return fixtures.wait_until(found, 20, f"plain: the line {word}", popen)


def write_line(popen: "subprocess.Popen[bytes]") -> None:
    assert popen.stdin is not None
    popen.stdin.write(b"\n")
    popen.stdin.flush()


@pytest.mark.parametrize("name", versions.chosen("plain"))
def test_a_go_version_has_exact_counts_causes_and_lines(
    name: str, tmp_path: Path, record: Recorder
) -> None:
    build = versions.by_name(name)
    with plain(build.binary, tmp_path) as popen:
        output = tmp_path / "plain.out"
        with record(popen.pid) as recording:
            write_line(popen)
            start_ns = int(wait_line(output, "start", popen))
            time.sleep(SECONDS)
        write_line(popen)
        truth = json.loads(wait_line(output, "done", popen))
    recording.assert_nothing_lost()
    end_ns = recording.capture.metadata["end_ns"]
    wakeups = recording.tables["wakeups"]
    wakeups = wakeups[(wakeups.kind == "timer") & (wakeups.ts_ns >= start_ns)]
    wakeups = wakeups.assign(line=wakeups.location.fillna("").str.rpartition("/")[2])
    wakeups = wakeups[wakeups.line.str.startswith("kinds.go:")]
    judged = 0
    for kind, (cause, what) in KINDS.items():
        lines = marked_lines(kind, "arms" if what == "callback" else what)
        own = wakeups[wakeups.line.isin(lines)]
        assert set(own.cause) == {cause}, kind
        seen = [ns for ns in truth[kind]["seen_ns"] if start_ns <= ns < end_ns]
        assert one_for_each(own.ts_ns.tolist(), seen), kind
        judged += len(own)
    assert judged == len(wakeups), "no wake-up is invented"


def one_for_each(wakeups_ns: list[int], seen_ns: list[int]) -> bool:
    """Whether each expiry that was seen has one wake-up since the one before, and there is no more.

    The first may have come just before the start; one more may have come and not yet be seen.
    """
    counts = [
        sum(first < ns <= last for ns in wakeups_ns) for first, last in pairwise([0, *seen_ns])
    ]
    later = sum(ns > seen_ns[-1] for ns in wakeups_ns)
    return counts[0] <= 1 and set(counts[1:]) == {1} and later <= 1
