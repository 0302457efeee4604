"""The probe plan and the offset tables: complete, consistent with the C source, honest."""

import dataclasses
import re

import numpy as np
import pytest

from tests import derive, fixtures
from whowoke import bpf
from whowoke.tracer import compiling
from whowoke.tracer.arguments import encode
from whowoke.tracer.buildinfo import BuildInfo, Module, build_info
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.plan import Plan, all_probes
from whowoke.tracer.probes import make_plan
from whowoke.tracer.sites import Code
from whowoke.tracer.versions import minor_version, minor_versions, offset_sets

PARTS = ("gotime.c", "operator.c", "stores.c", "requests.c")
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
    kinds = (
        "G M TIMER HCHAN SUDOG POLLDESC PC ITAB TYPE QUEUE TYPED DELAYING RESULT RESYNC REFLECTOR "
        "CONTROLLER OBJECT LIST READER CACHE STORE HTTP REQUEST RESPONSE URL DECODE SET PTRTYPE "
        "SLICETYPE STRUCTTYPE STRUCTFIELD READ"
    )
    pattern = rf"(?<!_)\b(?:{'|'.join(kinds.split())})_[A-Z_]+\b"
    wanted = set(re.findall(pattern, source))
    comments = {"QUEUE_", "RECONCILE_", "INFORMER_", "REFLECTOR_", "G_", "M_", "PC_", "TIMER_"}
    defined = compiling.macros(plan_for("requeue")).keys()
    assert wanted - comments - set(defined) == set()


def test_closures_of_functions_lie_in_the_read_only_data() -> None:
    """They are remembered by their address: all that is there must stay as it is."""
    bias = 0x5000
    with ElfFile.open(fixtures.PROGRAMS / "timers") as elf:
        table = FunctionTable.open(elf)
        macros = make_plan(build_info(elf), table, Code(elf), bias).macros
        start, size = (
            int(macros[name].removesuffix("ULL"), 0)
            for name in ("READ_ONLY_DATA", "READ_ONLY_BYTES")
        )
        words = np.frombuffer(elf.read_virtual(start - bias, size // 8 * 8), "<u8")
        written = [s.vaddr + bias for s in elf.segments if s.writable or s.executable]
        (function,) = table.find("time.sendTime")
    assert function.entry in words
    assert not any(start <= address < start + size for address in written)


def test_every_version_of_a_probe_has_offsets() -> None:
    with_offsets = {(row["module"], minor) for row in offset_sets() for minor in row["versions"]}
    probed = {(probe.module, minor) for probe in all_probes() for minor in probe.versions}
    assert probed == with_offsets


def test_programs_find_their_registers_in_one_place_in_each_version() -> None:
    chosen: dict[tuple[str, str, str], str] = {}
    for probe in all_probes():
        for minor in probe.versions:
            for macro, register in probe.registers.items():
                key = (probe.module, minor, macro)
                assert chosen.setdefault(key, register) == register, key


@pytest.mark.parametrize("name", ["timers-unstripped", "requeue-unstripped"])
def test_offsets_are_those_of_dwarf(name: str) -> None:
    path = fixtures.PROGRAMS / name
    derived, tabled = derive.derive(path), derive.tabled(path)
    assert {macro: tabled[macro] for macro in derived} == derived
    # What DWARF has no word for: an object's metadata behind its type.
    assert {macro for macro in tabled.keys() - derived.keys() if "OBJECT_" not in macro} <= (
        {"REQUEST_METHOD", "REQUEST_URL", "RESPONSE_STATUS", "URL_HOST", "URL_PATH"}
        if name.startswith("timers")
        else set()
    )


def test_an_operator_that_reads_everything_gets_all_probes() -> None:
    plan = plan_for("reading")
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


@pytest.mark.parametrize(
    ("texts", "minors"),
    [
        (["1.26"], ("1.26",)),
        (["1.19-1.21"], ("1.19", "1.20", "1.21")),
        (["0.9-0.11", "0.13"], ("0.9", "0.10", "0.11", "0.13")),
    ],
)
def test_ranges_of_minor_versions(texts: list[str], minors: tuple[str, ...]) -> None:
    assert minor_versions(texts) == minors


def test_a_newer_patch_of_a_known_version_just_works() -> None:
    modules = {
        RUNTIME: Module(RUNTIME, "v0.24.99"),
        "k8s.io/client-go": Module("k8s.io/client-go", "v0.36.99"),
    }
    plan = plan_for("reading", modules=modules, go_version="go1.26.99")
    assert plan.missing == []
    assert {site.probe.name for site in plan.sites} == {probe.name for probe in all_probes()}


@pytest.mark.parametrize(
    ("version", "queue"),
    [("v0.24.1", "classic and priority"), ("v0.99.0", "classic")],
)
def test_an_unknown_controller_runtime_leaves_the_queues_of_client_go(
    version: str, queue: str
) -> None:
    modules = {
        RUNTIME: Module(RUNTIME, version),
        "k8s.io/client-go": Module("k8s.io/client-go", "v0.36.0"),
    }
    plan = plan_for("requeue", modules=modules)
    adds = {site.function.name for site in plan.sites if site.probe.name == "queue_add"}
    assert any("util/workqueue." in name for name in adds)
    assert any("/priorityqueue." in name for name in adds) == ("priority" in queue)
    assert bool(plan.missing) == (version == "v0.99.0")


@pytest.mark.parametrize(
    ("function", "registers", "item", "cookie"),
    [
        ("q.(*Type).Add", ("bx",), "any", 3 << 44 | 2),
        ("q.(*delayingType).AddAfter", ("bx", "behind"), "any", 3 << 44 | 4 << 4 | 2),
        ("q.(*Typed[go.shape.string]).Add", ("cx",), "generic", 2 << 44 | 3),
        ("q.(*delayingType[go.shape.string]).AddAfter", ("cx", "behind"), "generic",
         2 << 44 | 5 << 4 | 3),
        ("q.(*delayingType[go.shape.struct { Namespace string; Name string }]).AddAfter",
         ("cx", "behind"), "generic", 1 << 44 | 7 << 4 | 3),
        ("q.(*noMetrics[k8s.io/client-go/tools/cache.ObjectName]).add", ("bx",), "generic",
         1 << 44 | 2),
        ("q.(*Typed[go.shape.interface {}]).Add", ("cx",), "generic", 3 << 44 | 3),
        ("q.(*Typed[go.shape.int]).Add", ("cx",), "generic", None),
        ("s.(*EventHandler).OnAdd", ("", "cx", "di"), "", 4 << 8 | 3 << 4),
    ],
)  # fmt: skip
def test_cookies_say_where_arguments_are(
    function: str, registers: tuple[str, ...], item: str, cookie: int | None
) -> None:
    assert encode(registers, item, function) == cookie


def test_a_cookie_has_site_and_arguments() -> None:
    planned = dataclasses.replace(plan_for("timers").sites[0], arguments=3 << 44 | 2)
    assert planned.cookie(511) == 3 << 60 | 2 << 16 | 511


def test_build_info_without_modules_is_no_operator() -> None:
    assert BuildInfo("go1.26.8").modules == {}
