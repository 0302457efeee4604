"""The probe plan and the offset tables: complete, consistent with the C source, honest."""

import dataclasses
import re

import pytest

from tests import fixtures
from whowoke import bpf
from whowoke.tracer import engine
from whowoke.tracer.buildinfo import BuildInfo, Module, build_info
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.probes import Plan, all_probes, make_plan, minor_version
from whowoke.tracer.sites import Code

PARTS = ("gotime.c", "operator.c")
RUNTIME = "sigs.k8s.io/controller-runtime"


def plan_for(name: str, **changes: object) -> Plan:
    with ElfFile.open(fixtures.PROGRAMS / name) as elf:
        info = dataclasses.replace(build_info(elf), **changes)
        return make_plan(info, FunctionTable.open(elf), Code(elf), 0)


@pytest.fixture(scope="module")
def source() -> str:
    return bpf.source(PARTS)


@pytest.mark.parametrize("probe", all_probes(), ids=lambda probe: probe.name)
def test_every_probe_has_its_program_and_compiles(probe: object, source: str) -> None:
    program, part = probe.program, probe.part  # type: ignore[attr-defined]
    assert re.search(rf"^int {program}\(struct pt_regs", (bpf.headers() / part).read_text(), re.M)
    re.compile(probe.function)  # type: ignore[attr-defined]


def test_every_macro_of_the_source_is_defined_by_the_tables(source: str) -> None:
    wanted = set(re.findall(r"\b(?:G|M|TIMER|HCHAN|SUDOG|POLLDESC|PC)_[A-Z_]+\b", source))
    wanted |= set(
        re.findall(
            r"\b(?:QUEUE|RECONCILE|RESULT|INFORMER|RESYNC|REFLECTOR|CONTROLLER)_[A-Z_]+\b", source
        )
    )
    comments = {"QUEUE_", "RECONCILE_", "INFORMER_", "REFLECTOR_", "G_", "M_", "PC_", "TIMER_"}
    defined = engine.macros(plan_for("requeue"), 1).keys()
    assert wanted - comments - set(defined) == set()


def test_an_operator_gets_all_probes() -> None:
    plan = plan_for("requeue")
    assert plan.missing == []
    assert {site.probe.name for site in plan.sites} == {probe.name for probe in all_probes()}


def test_a_plain_program_gets_the_runtimes_probes_only() -> None:
    plan = plan_for("timers")
    assert {site.probe.module for site in plan.sites} == {"go"}
    assert all("the program has no" in reason for reason in plan.missing)


def test_an_unknown_module_version_loses_what_depends_on_it() -> None:
    modules = {RUNTIME: Module(RUNTIME, "v0.99.0")}
    plan = plan_for("requeue", modules=modules)
    assert {site.probe.module for site in plan.sites} == {"go"}
    assert any(f"{RUNTIME} v0.99.0 is not in the tables" in reason for reason in plan.missing)


def test_a_replaced_module_is_not_taken_for_the_original() -> None:
    fork = Module("example.com/fork", "v9.9.9")
    modules = {RUNTIME: Module(RUNTIME, "v0.24.1", replaced_by=fork)}
    plan = plan_for("requeue", modules=modules)
    assert not any(site.probe.module == RUNTIME for site in plan.sites)


def test_an_unknown_go_version_loses_all_go_probes() -> None:
    plan = plan_for("requeue", go_version="go1.99.0")
    assert plan.sites == []
    assert any("'go1.99.0'" in reason for reason in plan.missing)


def test_the_plan_names_the_line_of_the_return_statement() -> None:
    name = "requeue-unstripped"
    with ElfFile.open(fixtures.PROGRAMS / name) as elf:
        table = FunctionTable.open(elf)
        plan = make_plan(build_info(elf), table, Code(elf), 0)
        returns = [site for site in plan.sites if site.probe.name == "reconcile_return"]
        lines = {
            table.frames(site.line_address, is_return_address=False)[0].line for site in returns
        }
    text = (fixtures.ROOT / "tests/operators/requeue/controller.go").read_text().splitlines()
    assert len(returns) >= 4
    for line in lines:
        assert "return" in text[line - 1], line


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("go1.26.8", "1.26"),
        ("go1.26.8 X:nodwarf5", "1.26"),
        ("go1.26", "1.26"),
        ("v0.24.1", "0.24"),
        ("v0.24.2-0.20260101000000-abcdefabcdef", "0.24"),
        ("(devel)", ""),
        ("", ""),
    ],
)
def test_minor_versions(text: str, minor: str) -> None:
    assert minor_version(text) == minor


def test_build_info_without_modules_is_no_operator() -> None:
    assert BuildInfo("go1.26.8").modules == {}
