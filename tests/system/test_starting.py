"""The start of a recording: what is kept from the last one is used, and changes nothing."""

import json
from pathlib import Path

import pytest

from tests import fixtures
from tests.system.conftest import Recorder, Recording

EXPIRIES = 29
RECORDER_KB = 65_000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for what is kept."""
    kept = tmp_path / "kept"
    monkeypatch.setenv("WHOWOKE_CACHE", str(kept))
    return kept


def counted(tmp_path: Path, record: Recorder, *options: str) -> Recording:
    """A recording of a ticker that is checked to be whole."""
    with (
        fixtures.timers(tmp_path, f"--ticker={EXPIRIES}") as program,
        record(program.pid, *options) as recording,
    ):
        start_ns = program.start()
        truth = program.done()
    recording.assert_nothing_lost()
    wakeups = recording.tables["wakeups"]
    wakeups = wakeups[(wakeups.kind == "timer") & (wakeups.ts_ns >= start_ns)]
    line = f"timers/kinds.go:{fixtures.timers_line('ticker')}"
    assert wakeups.location.str.endswith(line).sum() == truth["ticker"]["expiries"]
    return recording


def steps(recording: Recording) -> set[str]:
    found: dict[str, int] = recording.capture.metadata["timing_ns"]
    assert min(found.values()) >= 0
    return set(found)


def test_the_second_start_compiles_nothing_and_records_the_same(
    tmp_path: Path, record: Recorder, folder: Path
) -> None:
    assert "compile" in steps(counted(tmp_path, record))
    [kept] = folder.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    second = counted(tmp_path, record, "--timing")
    assert "compile" not in steps(second)
    assert "read compiled programs" in steps(second)
    told = "\n".join(second.messages)
    for step in ("read binary and plan", "load", "attach", "until the first record", "detach"):
        assert f" ms  {step}\n" in told + "\n"


@pytest.mark.parametrize("damage", [b"", b"\0" * 1000, json.dumps({"maps": []}).encode()])
def test_what_is_damaged_is_compiled_anew(
    tmp_path: Path, record: Recorder, folder: Path, damage: bytes
) -> None:
    counted(tmp_path, record)
    [kept] = folder.iterdir()
    kept.write_bytes(damage)
    assert "compile" in steps(counted(tmp_path, record))
    assert "compile" not in steps(counted(tmp_path, record))


def test_costs_are_measured_and_kept(tmp_path: Path, record: Recorder) -> None:
    metadata = counted(tmp_path, record).capture.metadata
    traps, cost = metadata["traps"], metadata["bpf_cost"]
    assert traps["measured"]
    assert 0 < traps["emulated_ns"] < traps["stepped_ns"]
    assert cost["sampled_ns"] > 0
    assert {"on_sched_switch", "on_sys_exit", "on_hit_1"} <= cost["programs"].keys()
    assert all(row["run_ns"] > 0 for row in cost["programs"].values())
    assert 0 < cost["share"] < 2


def test_the_recorder_holds_no_parser_compiler_or_disassembler(
    tmp_path: Path, record: Recorder
) -> None:
    with fixtures.timers(tmp_path, "--ticker=5") as program, record(program.pid) as recording:
        status = Path(f"/proc/{recording.process.pid}/status").read_text()
        maps = Path(f"/proc/{recording.process.pid}/maps").read_text()
        program.start()
        program.done()
    resident = int(status.partition("VmRSS:")[2].split()[0])
    assert resident < RECORDER_KB
    for library in ("pydantic", "capstone", "libcrypto", "libLLVM", "pandas"):
        assert library not in maps
