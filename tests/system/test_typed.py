"""The commands that the pages tell a reader to type as root run on a real operator."""

import pwd
import shlex
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import containers, fixtures, typed
from tests.terminal import terminal

POD = "shop/op-0"
SAYS = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "op-0", "POD_NAMESPACE": "shop"}
USER = "daemon"
PERIOD, LENGTH = "1s", "2s"
# What stands for the value of an option in a page, and what takes its place; ``{pid}`` is the
# operator's. An option that isn't here keeps its value, which then is no placeholder.
FILLED = {
    "-p": "{pid}",
    "--pod": POD,
    "-d": LENGTH,
    "--periods": "2",
    "--period": PERIOD,
    "-o": "op.whowoke",
}
# Labels of pods are the API server's: test_live.py finds a pod by some that is there.
ELSEWHERE = {"whowoke live --selector app=op -n shop"}
LASTING = {"record", "explain"}
AT_ONCE = 3
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def pid(tmp_path_factory: pytest.TempPathFactory, cluster: fixtures.Cluster) -> Iterator[int]:
    """An operator in a pod."""
    folder, program = tmp_path_factory.mktemp("pod"), Path(fixtures.program_path("requeue"))
    with containers.pods(folder) as pods:
        wrapped = pods.wrapped(folder, program, str(uuid.uuid4()), containers.new_id())
        running = fixtures.operator(
            wrapped, cluster, period=PERIOD, namespace="typed", environment=SAYS
        )
        with running as operator:
            yield operator.pid


def filled(words: Sequence[str], pid: int) -> list[str]:
    """A command of a page with what it needs here."""
    values = {option: value.format(pid=pid) for option, value in FILLED.items()}
    found, option = [], ""
    for word in words:
        value = values.get(option, word)
        placeholder = value.isupper() and not value.startswith("-")
        assert not placeholder, f"{word}: say in FILLED what it stands for"
        found.append(value)
        option = word
    if found[0] in LASTING and "-d" not in found and "--list-probes" not in found:
        found += ["-d", LENGTH]
    return found


def as_user(before: Sequence[str]) -> list[str]:
    """What stands before the command: it may give up being root."""
    assert not before or before[0] == "setpriv", f"{before}: what does that do?"
    return [word.replace("$USER", USER) for word in before]


def test_they_end_with_0(tmp_path: Path, pid: int, whowoke: Sequence[str]) -> None:
    asked = {
        (*as_user(one.before), *whowoke, *filled(one.words, pid)): one.line
        for one in typed.commands()
        if one.root and one.words[0] != "live"
    }
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)

    def run(numbered: tuple[int, tuple[str, ...]]) -> "subprocess.CompletedProcess[str]":
        folder = tmp_path / f"command-{numbered[0]}"
        folder.mkdir()
        folder.chmod(0o777)
        return subprocess.run(
            numbered[1], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(run, enumerate(asked)))
    wrong = {
        line: (shlex.join(one.args), one.returncode, one.stderr)
        for line, one in zip(asked.values(), done, strict=True)
        if one.returncode
    }
    assert wrong == {}
    assert len(asked) > 10


def test_live_shows_something_and_quits(tmp_path: Path, pid: int, whowoke: Sequence[str]) -> None:
    lives = [one.words for one in typed.commands() if one.words[0] == "live"]
    views = {
        tuple(filled(words, pid))
        for words in lives
        if shlex.join(["whowoke", *words]) not in ELSEWHERE
    }
    for words in views:
        with terminal(tmp_path, [*whowoke, *words], {}) as view:
            view.wait_for(r"\d wake-ups, 0 lost")
            view.press("q")
            assert view.wait_end() == 0
    assert views


def test_a_placeholder_that_nobody_knows_fails() -> None:
    with pytest.raises(AssertionError, match="FILLED"):
        filled(["record", "--pod", "shop/op-0", "--name", "NAME"], 1)
    assert filled(["record", "-p", "PID"], 7) == ["record", "-p", "7", "-d", LENGTH]
    assert pwd.getpwnam(USER)
