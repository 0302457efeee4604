"""The verbs that look at one process: who is meant, and who is told to be meant by several."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from tests.unit.commands import invoke, is_two_lines
from whowoke.tracer import doctor, forecast
from whowoke.tracer.finding import choosing
from whowoke.tracer.finding.choosing import SeveralError
from whowoke.tracer.finding.selection import PodName, Selection
from whowoke.tracer.live import command

VERBS = ("live", "timers", "doctor")
FOUND = 42


@pytest.fixture
def chosen(monkeypatch):
    """What was looked for, in place of a machine; all of it is found as one process."""
    asked = []

    def choose(search, at_most):
        assert at_most == 1
        asked.append(search.selection)
        return [nullcontext(SimpleNamespace(pid=FOUND))]

    monkeypatch.setattr(choosing, "choose", choose)
    return asked


@pytest.fixture
def looked_at(monkeypatch):
    """The pids that are looked at, in place of looking."""
    pids = []
    monkeypatch.setattr(command, "_check_terminal", lambda: None)
    monkeypatch.setattr(doctor, "ensure_recordable", lambda: None)
    monkeypatch.setattr(doctor, "diagnose", lambda pid: pids.append(pid) or [])
    told = SimpleNamespace(text=lambda: "", json=dict)
    monkeypatch.setattr(forecast, "forecast", lambda target: pids.append(target.pid) or told)
    monkeypatch.setattr(command, "_record", lambda words, *_: pids.append(int(words[1])))
    return pids


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--pod", "ns/op-0/manager"], Selection(pod=PodName("ns", "op-0", "manager"))),
        (["--pod", "ns/op-0", "-c", "manager"], Selection(pod=PodName("ns", "op-0", "manager"))),
        (["--selector", "app=op", "-n", "ns", "-c", "manager"],
         Selection(labels=(("app", "op"),), namespace="ns", container="manager")),
        (["--name", "op*"], Selection(name="op*")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", VERBS)
def test_who_is_meant(chosen, looked_at, arguments, expected, verb):
    done = invoke(verb, *arguments)
    assert done.exit_code == 0, done.stderr
    assert (chosen, looked_at) == ([expected], [FOUND])


@pytest.mark.parametrize("verb", VERBS)
def test_several_are_told_before_the_error(monkeypatch, looked_at, verb):
    def choose(*_, **__):
        raise SeveralError("2 processes", "choose one", ["PID  NAME", "7    op", "9    op"])

    monkeypatch.setattr(choosing, "choose", choose)
    done = invoke(verb, "--name", "op")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        *("PID  NAME", "7    op", "9    op"),
        *("whowoke: 2 processes", "  hint: choose one"),
    ]
    assert looked_at == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["-p", 7, "--selector", "app=op"], "both -p PID and --selector K=V"),
        (["--pod", "op-0"], "NAMESPACE/POD"),
        (["--selector", "app"], "KEY=VALUE"),
        (["-p", 7, "-n", "ns"], "--namespace belongs to --selector"),
        (["--name", "op", "-c", "manager"], "--container belongs to"),
    ],
)
@pytest.mark.parametrize("verb", VERBS)
def test_what_means_nobody(chosen, looked_at, arguments, word, verb):
    done = invoke(verb, *arguments)
    assert done.exit_code == 2
    assert is_two_lines(done.stderr)
    assert word in done.stderr
    assert (chosen, looked_at) == ([], [])


def test_the_recorder_of_live_asks_the_api_that_was_named(chosen, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(command, "_check_terminal", lambda: None)
    monkeypatch.setattr(doctor, "ensure_recordable", lambda: None)
    monkeypatch.setattr(command, "_record", lambda *words: asked.append(words))
    done = invoke("live", "--selector", "app=op", "--kubeconfig", tmp_path, "--window", "1s")
    assert done.exit_code == 0, done.stderr
    words = ["-p", str(FOUND), "--no-follow", "--budget", "1%", "--kubeconfig", str(tmp_path)]
    assert asked == [([*words, "--keep", "2000000000ns"], 10**9, None)]
    assert chosen[0].kubeconfig == tmp_path
