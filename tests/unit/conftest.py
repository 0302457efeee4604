"""Fixtures of the command line's tests."""

import subprocess
import sys
import types

import pytest

from tests.unit.captures import write_small
from whowoke.tracer import options


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
    """A verdict in place of the real one; returns what it was asked."""
    asked = []

    class Explanation:
        def text(self):
            return "it was \x1b[31mme"

        def json(self):
            return {"cause": "requeue.after"}

    def explain(capture, period_ns, limits):
        asked.append((capture.path.name, period_ns))
        return Explanation()

    explanation = types.ModuleType("explain")
    explanation.explain = explain
    monkeypatch.setitem(sys.modules, "whowoke.analysis.telling.explain", explanation)
    return asked


@pytest.fixture
def recorded(monkeypatch):
    """A recorder in place of the real one; returns what it was asked."""
    asked = []

    def record(asked_options, _progress=None, say=None, is_last=False):
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
