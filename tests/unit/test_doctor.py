"""The doctor: each prerequisite, found or missing, and what to do."""

import json
import os

from typer.testing import CliRunner

from whowoke.analysis.errors import PermissionDeniedError
from whowoke.tracer import doctor, kernel, privileges, settings, uprobes
from whowoke.tracer.cli import app
from whowoke.tracer.doctor import Check


def statuses(*checks):
    return [check.status for check in checks]


def test_capabilities_decide_not_the_user(monkeypatch):
    cases = {
        1 << 63 - 1 - 42: "fail",
        0: "fail",
        1 << 21 | 1 << 19: "warn",
        1 << 39 | 1 << 38 | 1 << 19: "warn",
        1 << 39 | 1 << 38 | 1 << 19 | 1 << 2: "warn",
        1 << 39 | 1 << 38 | 1 << 34 | 1 << 19 | 1 << 2: "ok",
        1 << 39 | 1 << 34 | 1 << 19 | 1 << 2: "fail",
        1 << 39 | 1 << 38: "fail",
        1 << 21: "fail",
        (1 << 41) - 1: "ok",
    }
    for capabilities, expected in cases.items():
        files = {
            "/proc/self/status": f"Name:\tx\nCapEff:\t{capabilities:016x}\n",
            "/proc/self/uid_map": "         0          0 4294967295\n",
        }
        monkeypatch.setattr(doctor, "_read", files.get)
        assert doctor.check_privileges().status == expected, hex(capabilities)
        files["/proc/self/uid_map"] = "0 100000 65536\n"
        assert doctor.check_privileges().status == "fail"


def test_each_missing_capability_is_named(monkeypatch):
    least = {c.name: c for c in privileges.LEAST}
    for left_out, capability in least.items():
        bits = sum(1 << c.bit for c in least.values() if c is not capability)
        files = {
            "/proc/self/status": f"CapEff:\t{bits:016x}\n",
            "/proc/self/uid_map": "         0          0 4294967295\n",
        }
        monkeypatch.setattr(doctor, "_read", files.get)
        check = doctor.check_privileges()
        assert check.status in ("warn", "fail")
        assert f"no {left_out}: {capability.without}" in check.found
        assert sum(name in check.found for name in least) == 1
        assert f"+{left_out.removeprefix('CAP_').lower()}" in check.advice


def test_settings_of_the_machine(monkeypatch):
    """Each one that is in the way is named, with the command that mends it."""
    no_bpf = 1 << privileges.SYS_PTRACE.bit
    cases = [
        ("check_paranoid", "kernel/perf_event_paranoid", "2\n", "ok", ""),
        ("check_paranoid", "kernel/perf_event_paranoid", "", "fail", "CONFIG_PERF_EVENTS"),
        ("check_kernel_pointers", "kernel/kptr_restrict", "2\n", "warn", "kptr_restrict=1"),
        ("check_kernel_pointers", "kernel/kptr_restrict", "1\n", "ok", ""),
        ("check_unprivileged_bpf", "kernel/unprivileged_bpf_disabled", "2\n", "ok", ""),
        ("check_ptrace", "kernel/yama/ptrace_scope", "3\n", "fail", "ptrace_scope=1"),
        ("check_ptrace", "kernel/yama/ptrace_scope", "1\n", "ok", ""),
        ("check_ptrace", "kernel/yama/ptrace_scope", "", "ok", ""),
    ]
    for name, path, text, status, advice in cases:
        monkeypatch.setattr(settings, "_read", {f"/proc/sys/{path}": text}.get)
        monkeypatch.setattr(settings, "effective", lambda: (1 << 41) - 1)
        check = getattr(settings, name)()
        assert (check.status, advice in check.advice) == (status, True), (name, text)
    monkeypatch.setattr(settings, "_read", lambda _: "2\n")
    monkeypatch.setattr(settings, "effective", lambda: no_bpf)
    assert "no CAP_PERFMON" in settings.check_paranoid().found
    assert "no CAP_BPF" in settings.check_unprivileged_bpf().found
    assert statuses(settings.check_paranoid(), settings.check_unprivileged_bpf()) == ["warn"] * 2


def test_mounts_and_clocks(monkeypatch, tmp_path):
    assert settings.check_mounts().status == "ok"
    missing = ((str(tmp_path), "sysfs", "kernel"),)
    monkeypatch.setattr(settings, "MOUNTS", missing)
    assert settings.check_mounts().advice == f"mount -t sysfs sysfs {tmp_path}"
    for text, status in (
        ("monotonic 0 0\nboottime 0 0\n", "ok"),
        ("monotonic 86400 0\nboottime 0 0\n", "fail"),
        ("monotonic 0 0\nboottime -10 0\n", "fail"),
        ("", "ok"),
    ):
        monkeypatch.setattr(settings, "_read", lambda _, text=text: text)
        assert settings.check_time_namespace().status == status, text


def found_by(monkeypatch, multi, perf):
    """What the doctor says of a kernel that answers like this; an error is raised."""

    def answer(value):
        def ask():
            if isinstance(value, Exception):
                raise value
            return value

        return ask

    monkeypatch.setattr(kernel, "has_uprobe_multi", answer(multi))
    monkeypatch.setattr(kernel, "has_perf_uprobes", answer(perf))
    uprobes.way.cache_clear()
    try:
        return doctor.check_uprobes()
    finally:
        uprobes.way.cache_clear()


def test_the_way_of_the_uprobes_is_what_the_kernel_answers(monkeypatch):
    monkeypatch.delenv(uprobes.WITHOUT, raising=False)
    denied = PermissionDeniedError("no", "see: whowoke doctor")
    newest = found_by(monkeypatch, multi=True, perf=True)
    older = found_by(monkeypatch, multi=False, perf=True)
    assert ("uprobe_multi" in newest.found, "perf event" in older.found) == (True, True)
    assert "0.1 s" in older.found
    none = found_by(monkeypatch, multi=False, perf=False)
    not_for_us = found_by(monkeypatch, multi=False, perf=denied)
    assert statuses(newest, older, none, not_for_us) == ["ok", "ok", "fail", "fail"]
    assert not_for_us.advice.startswith("run with sudo, or: sudo setpriv")
    monkeypatch.setenv(uprobes.WITHOUT, "uprobe_multi")
    assert found_by(monkeypatch, multi=True, perf=True) == older


def test_an_older_scheduler_tracepoint_is_refused(monkeypatch):
    for able, expected in ((True, "ok"), (False, "fail")):
        monkeypatch.setattr(kernel, "has_switch_state", lambda able=able: able)
        assert doctor.check_kernel().status == expected


def test_machine_facts():
    assert statuses(
        doctor.check_architecture("x86_64"),
        doctor.check_architecture("aarch64"),
        doctor.check_lockdown("[none] integrity confidentiality\n"),
        doctor.check_lockdown("none [integrity] confidentiality\n"),
        doctor.check_lockdown("none integrity [confidentiality]\n"),
        doctor.check_lockdown(""),
    ) == ["ok", "fail", "ok", "ok", "fail", "ok"]


def test_bcc_that_cannot_be_imported_says_why(monkeypatch):
    monkeypatch.setattr(doctor, "_BCC", "raise ImportError('no bcc here')")
    check = doctor.check_bcc()
    assert (check.status, check.found) == ("fail", "no bcc here")
    assert "python3-bpfcc" in check.advice
    monkeypatch.setattr(doctor, "_BCC", "print('0.30.0')")
    assert doctor.check_bcc() == Check("bcc", "ok", "0.30.0")


def test_every_failure_says_what_to_do(monkeypatch):
    monkeypatch.setattr(doctor, "_read", lambda _: "")
    monkeypatch.setattr(doctor, "_BCC", "raise ImportError")
    for check in doctor.diagnose():
        assert check.found
        assert check.status == "ok" or check.advice


def test_a_process_that_is_not_there():
    checks = doctor.check_target(2**22 + 1)
    assert statuses(*checks) == ["fail"]
    assert checks[0].advice


def test_a_process_that_is_not_go():
    checks = doctor.check_target(os.getpid())
    assert statuses(*checks) == ["fail"]
    assert checks[0].advice


def test_the_verb_prints_and_exits_3_where_something_is_missing(monkeypatch):
    good, bad = Check("a", "ok", "there"), Check("b", "fail", "not there", "get it")
    monkeypatch.setattr(doctor, "diagnose", lambda _: [good, bad])
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 3
    assert result.stdout == "ok    a: there\nfail  b: not there\n      get it\n"
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 3
    assert json.loads(result.stdout)[1] == {
        "name": "b", "status": "fail", "found": "not there", "advice": "get it",
    }  # fmt: skip
    monkeypatch.setattr(doctor, "diagnose", lambda _: [good, Check("c", "warn", "old", "renew")])
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 0


def test_an_error_in_a_check_is_told_in_two_lines(monkeypatch):
    def fail(_):
        raise PermissionDeniedError("no", "yes")

    monkeypatch.setattr(doctor, "diagnose", fail)
    result = CliRunner().invoke(app, ["doctor"])
    assert (result.exit_code, result.stderr) == (3, "whowoke: no\n  hint: yes\n")
