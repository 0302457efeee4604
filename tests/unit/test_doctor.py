"""The doctor: each prerequisite, found or missing, and what to do."""

import json
import os

import pytest
from typer.testing import CliRunner

from whowoke.analysis.errors import PermissionDeniedError
from whowoke.tracer import doctor
from whowoke.tracer.cli import app
from whowoke.tracer.doctor import Check


def statuses(*checks):
    return [check.status for check in checks]


def test_capabilities_decide_not_the_user(monkeypatch):
    cases = {
        1 << 63 - 1 - 42: "fail",
        0: "fail",
        1 << 21 | 1 << 19: "ok",
        1 << 39 | 1 << 38 | 1 << 19: "ok",
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


@pytest.mark.parametrize(
    ("release", "expected"),
    [("6.10.0", "ok"), ("6.18.44-fc-v657", "ok"), ("7.0", "ok"), ("6.9.12", "fail"),
     ("5.15.0-91-generic", "fail"), ("odd", "fail")],
)  # fmt: skip
def test_the_kernel_by_version(release, expected):
    assert doctor.check_kernel(release).status == expected


def test_a_feature_test_decides_over_the_version():
    assert statuses(
        doctor.check_kernel("5.14.0-503.el9", lambda: True),
        doctor.check_kernel("6.18", lambda: False),
    ) == ["ok", "fail"]


def test_machine_facts():
    assert statuses(
        doctor.check_architecture("x86_64"),
        doctor.check_architecture("aarch64"),
        doctor.check_lockdown("[none] integrity confidentiality\n"),
        doctor.check_lockdown("none [integrity] confidentiality\n"),
        doctor.check_lockdown("none integrity [confidentiality]\n"),
        doctor.check_lockdown(""),
        doctor.check_memlock("6.1"),
    ) == ["ok", "fail", "ok", "ok", "fail", "ok", "ok"]


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
