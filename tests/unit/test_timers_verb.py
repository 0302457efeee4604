"""The verb ``timers`` on real programs, each built for the test, of every version that is read."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from functools import cache

import pytest
from elftools.elf.elffile import ELFFile

from tests.unit import gobuild, timer_programs
from tests.unit.commands import invoke, is_two_lines
from whowoke.analysis.errors import PermissionDeniedError, UnsupportedError
from whowoke.tracer.anchors import find_anchors
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.forecast import forecast
from whowoke.tracer.memory import layout_of, supported_versions
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.sites import Code
from whowoke.tracer.target import Target

SECOND = 10**9


def build(source, *flags, cgo=False, toolchain="local"):
    """Of Go 1.23's language where it can be: older ones have channel timers of the old kind."""
    language = min("1.23", minor_of(toolchain), key=lambda minor: int(minor.split(".")[1]))
    return gobuild.build(source, *flags, cgo=cgo, toolchain=toolchain, language=language)


def minor_of(toolchain):
    """``1.26``; skips the test for a version whose timers aren't read."""
    minor = re.search(r"go(1\.\d+)", gobuild._version(toolchain))[1]
    if minor not in supported_versions():
        pytest.skip(f"the timers of Go {minor} aren't read")
    return minor


@pytest.mark.parametrize("toolchain", gobuild.toolchains())
def test_offsets_are_those_of_the_compiler(toolchain):
    minor = minor_of(toolchain)
    path = build(timer_programs.WAITS, *gobuild.UNSTRIPPED, toolchain=toolchain)
    layout, found = layout_of(minor), dwarf_offsets(path)
    assert {name: found[name] for name in layout.offsets} == dict(layout.offsets)


@cache
def dwarf_offsets(path):
    """Of the structs of runtime and context: ``runtime.timer.when``."""
    offsets = {}
    with path.open("rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            top = unit.get_top_DIE()
            if top.attributes["DW_AT_name"].value not in (b"runtime", b"context"):
                continue
            for die in top.iter_children():
                if die.tag != "DW_TAG_structure_type" or "DW_AT_name" not in die.attributes:
                    continue
                struct = die.attributes["DW_AT_name"].value.decode()
                for member in die.iter_children():
                    if member.tag == "DW_TAG_member":
                        name = member.attributes["DW_AT_name"].value.decode()
                        at = member.attributes["DW_AT_data_member_location"].value
                        offsets[f"{struct}.{name}"] = at
    return offsets


def variables(path):
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {one.name: one["st_value"] for one in table.iter_symbols()}


@pytest.mark.parametrize("toolchain", gobuild.toolchains())
def test_variables_are_found_without_symbols(toolchain):
    minor = minor_of(toolchain)
    path = build(timer_programs.WAITS, *gobuild.UNSTRIPPED, toolchain=toolchain)
    symbols = variables(path)
    with ElfFile.open(path) as elf:
        found = find_anchors(FunctionTable.open(elf), Code(elf), layout_of(minor), "x")
    assert found.allp == symbols["runtime.allp"]
    assert found.gomaxprocs == symbols["runtime.gomaxprocs"]
    of_old = layout_of(minor).has("runtime.p", "timer0When")
    assert found.timers == (0 if of_old else dwarf_offsets(path)["runtime.p.timers"])


VARIANTS = {
    "stripped": (gobuild.STRIPPED, False, {}),
    "unstripped": (gobuild.UNSTRIPPED, False, {}),
    "pie": ((*gobuild.STRIPPED, *gobuild.PIE), False, {}),
    "external-pie": (gobuild.EXTERNAL_PIE, True, {}),
    "asynctimerchan": (gobuild.STRIPPED, False, {"GODEBUG": "asynctimerchan=1"}),
    "one-processor": (gobuild.STRIPPED, False, {"GOMAXPROCS": "1"}),
}
CASES = [("local", variant) for variant in VARIANTS]
CASES += [(toolchain, "stripped") for toolchain in gobuild.toolchains()[1:]]


@contextmanager
def running(variant="stripped", toolchain="local"):
    """The program WAITS: when each timer was set (earliest, latest), and the process."""
    flags, cgo, environment = VARIANTS[variant]
    source = timer_programs.WAITS_WITH_C if cgo else timer_programs.WAITS
    path = build(source, *flags, cgo=cgo, toolchain=toolchain)
    process = subprocess.Popen(
        [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | environment
    )
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("toolchain", "variant"), CASES)
def test_what_a_real_process_waits_for(toolchain, variant):
    minor_of(toolchain)
    with running(variant, toolchain) as (process, was_set):
        time.sleep(0.1)
        with Target.open(process.pid) as target:
            found = forecast(target).json()
        expected = {
            "ticker": ("operator.ticker", "channel", 30, "main.waitTicker"),
            "timer": ("operator.timer", "channel", 0, "main.waitTimer"),
            "sleep": ("operator.sleep", "sleep", 0, "main.waitSleep"),
            "function": ("operator.timer", "function", 0, "main.called"),
            "context": ("operator.timer", "function", 0, "main.waitContext"),
            "deadline": ("operator.timer", "deadline", 0, "main.waitDeadline"),
        }
        assert found["unsettled"] == 0
        assert len(found["timers"]) == len(expected)
        for name, row in zip(expected, found["timers"], strict=True):
            cause, kind, period_s, function = expected[name]
            earliest, latest = was_set[name]
            assert earliest <= row["due_ns"] <= latest, name
            assert row["due_in_ns"] == row["due_ns"] - found["now_ns"]
            assert (row["cause"], row["kind"]) == (cause, kind), name
            assert row["period_ns"] == period_s * SECOND
            assert row["function"] == function
            assert re.fullmatch(r".*main\.go:\d+", row["location"])
        waiting = {t["function"]: t["goroutine_id"] for t in found["timers"] if t["stack"]}
        assert len(set(waiting.values())) == 5
        assert [t["fd"] for t in found["timers"]].count(None) == 5


def test_a_frozen_process_is_read_as_well():
    with running() as (process, _):
        time.sleep(0.1)
        process.send_signal(signal.SIGSTOP)
        with Target.open(process.pid) as target:
            first, second = (forecast(target).json()["timers"] for _ in range(2))
    assert [t["due_ns"] for t in first] == [t["due_ns"] for t in second]
    assert len(first) == 6


def test_the_command_prints_words_or_json():
    with running() as (process, _):
        time.sleep(0.1)
        words = invoke("timers", "-p", process.pid)
        data = invoke("timers", "-p", process.pid, "--json")
    assert words.exit_code == 0, words.stderr
    assert words.stdout.startswith(f"6 timers pending   (probe, pid {process.pid}; go1.")
    lines = words.stdout.splitlines()
    assert re.fullmatch(r" +in 2\d(\.\d)? s  every 30 s: operator.ticker \(operator\)", lines[2])
    assert "waits in main.waitTicker at example.test/probe/main.go:" in lines[3]
    assert words.stdout.count("the operator's own time.Ticker") == 1
    assert len(json.loads(data.stdout)["timers"]) == 6


@pytest.mark.parametrize("toolchain", gobuild.toolchains())
def test_a_busy_process_is_read_too(toolchain):
    """Timers that are set anew all the time are told or counted, and cost bounded time."""
    path = build(timer_programs.BUSY, *gobuild.STRIPPED, toolchain=toolchain)
    process = subprocess.Popen([path], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        started = time.monotonic()
        for _ in range(5):
            with Target.open(process.pid) as target:
                found = forecast(target).json()
            resting = [t for t in found["timers"] if t["period_ns"] == 3600 * SECOND]
            assert len(resting) == 50
            assert {t["function"] for t in resting} == {"main.rest"}
        assert time.monotonic() - started < 20
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("version", ["1.17", "1.18", "1.28", ""])
def test_other_versions_are_refused_in_two_lines(version):
    with pytest.raises(UnsupportedError, match=r"can't be read from memory") as caught:
        layout_of(version)
    assert "1.19 to 1.27" in caught.value.hint


def test_what_is_no_go_program_is_refused():
    done = invoke("timers", "-p", os.getpid())
    assert done.exit_code == 3
    assert is_two_lines(done.stderr)
    done = invoke("timers", "-p", 4_194_303)
    assert done.exit_code == 1
    assert is_two_lines(done.stderr)


def test_optimisation_turned_off_is_refused():
    """timeSleepUntil then calls what is inlined elsewhere."""
    path = build("package main\n\nfunc main() {}\n", "-gcflags=all=-N -l")
    with ElfFile.open(path) as elf:
        table = FunctionTable.open(elf)
        layout = layout_of(f"1.{table.module.minor}")
        with pytest.raises(UnsupportedError, match="can't be found"):
            find_anchors(table, Code(elf), layout, "x")


@pytest.mark.root
def test_another_time_namespace_has_another_clock():
    path = build(timer_programs.WAITS, *gobuild.STRIPPED)
    argv = ["unshare", "--time", "--monotonic", "100000", path]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        was_set = json.loads(process.stdout.readline())
        time.sleep(0.1)
        with Target.open(process.pid) as target:
            first = forecast(target).json()["timers"][0]
    finally:
        process.kill()
        process.communicate()
    ahead_ns = 100_000 * SECOND
    assert was_set["ticker"][0] <= first["due_ns"] + ahead_ns <= was_set["ticker"][1]
    assert 0 < first["due_in_ns"] < 30 * SECOND


@pytest.mark.root
def test_another_user_is_refused_and_the_own_user_is_not():
    with running() as (process, _), Target.open(process.pid) as target:
        pid = os.fork()
        if not pid:
            os.setgid(65534)
            os.setuid(65534)
            try:
                forecast(target)
            except PermissionDeniedError as error:
                os._exit(3 if error.hint else 4)
            os._exit(5)
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 3


def test_the_verb_has_help_and_an_example():
    assert "Example: whowoke timers -p 4242" in invoke("timers", "--help").stdout
