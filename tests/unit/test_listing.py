"""What would be probed: every probe has a purpose, and what is left out a reason."""

import json
import subprocess
import sys

import pytest

from tests.unit import gobuild, programs
from tests.unit.commands import invoke, is_two_lines
from whowoke.tracer.finding.names import Identity
from whowoke.tracer.listing import as_text, listing, purposes
from whowoke.tracer.options import RecordSummary
from whowoke.tracer.plan import all_probes
from whowoke.tracer.program import Program
from whowoke.tracer.target import Target


@pytest.fixture(scope="module")
def data():
    path = gobuild.build(programs.SMALL, *gobuild.STRIPPED)
    with subprocess.Popen([path], stderr=subprocess.DEVNULL) as process:
        with Target.open(process.pid) as target:
            found = listing(Program(target), Identity(pod="op-0", namespace="ns"))
        process.kill()
    return found


def test_every_probe_has_one_purpose():
    names = [name for _, of in purposes() for name in of]
    assert sorted(names) == sorted({probe.name for probe in all_probes()})


def test_what_is_probed_and_what_is_not(data):
    rows = [row for purpose in data["purposes"] for row in purpose["probes"]]
    left = {row["probe"]: row["reason"] for p in data["purposes"] for row in p["left_out"]}
    assert {row["probe"] for row in rows} >= {"timer_fire", "goroutine_ready"}
    assert all(row["function"] and row["tier"] in (1, 2, 3) for row in rows)
    assert "no sigs.k8s.io/controller-runtime" in left["reconcile_start"]
    assert not left.keys() & {row["probe"] for row in rows}
    assert {name for text in data["missing"] for name in left if name in text} == left.keys()
    assert data["container"] == {"pod": "op-0", "namespace": "ns"}
    json.dumps(data)


def test_it_is_grouped_by_purpose(data):
    lines = as_text(data)
    assert lines[0].startswith(f"{data['name']}, pid {data['pid']}; go1.")
    (fire,) = (line for line in lines if line.startswith("  timer_fire"))
    assert "tier 1  runtime." in fire
    (queue,) = (n for n, line in enumerate(lines) if line.startswith("work queues:"))
    assert lines[queue + 1].startswith("  left out: queue_add, ")


def test_the_command_prints_it(data, monkeypatch, recorded):
    def record(asked, _progress=None, say=None, is_last=False):
        assert asked.list_probes
        return RecordSummary(1, "op", None, 0, 0, 0, 0, listings=[data, data])

    monkeypatch.setattr(sys.modules["whowoke.tracer.record"], "record", record)
    result = invoke("record", "--list-probes", "-p", 7)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("work queues:") == 2
    result = invoke("record", "--list-probes", "--json", "-p", 7)
    assert json.loads(result.stdout) == json.loads(json.dumps([data, data]))


def test_json_belongs_to_the_list(recorded):
    result = invoke("record", "-p", 7, "--json")
    assert result.exit_code == 2
    assert is_two_lines(result.stderr)
    assert recorded == []


def test_the_recorder_does_not_have_to_pay_for_it():
    heavy = "{'pandas', 'lightkube'}"
    code = f"import sys, whowoke.tracer.record; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
