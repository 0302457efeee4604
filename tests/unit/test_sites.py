"""Probe sites, compared with the instructions that ``go tool objdump`` prints."""

import re
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace

import pytest

from tests.unit import gobuild, programs
from whowoke.analysis.errors import UnsupportedError
from whowoke.tracer import sites as sites_module
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.elfheaders import MACHINES
from whowoke.tracer.pclntab import Function, FunctionTable
from whowoke.tracer.sites import Code

OPERATOR = gobuild.BUILD / "bin" / "requeue"
LINE = re.compile(r"  \S+:-?\d+\s+0x([0-9a-f]+)\s+([0-9a-f]+)\s+(.*\S)")

# Without a name: into the middle of runtime.duffzero.
DIRECT = re.compile(r"CALL (\S+\(SB\)|0x[0-9a-f]+)$")


@pytest.fixture(params=gobuild.toolchains())
def program(request):
    """(toolchain, executable, table, code) of the test program."""
    path = gobuild.build(programs.FRAMES, *gobuild.STRIPPED, toolchain=request.param)
    twin = gobuild.build(programs.FRAMES, *gobuild.UNSTRIPPED, toolchain=request.param)
    with ElfFile.open(path) as elf:
        yield twin, elf, FunctionTable.open(elf), Code(elf)


def objdump(executable, pattern):
    """[{address: instruction}] of the functions that ``go tool objdump`` lists."""
    found = []
    for line in gobuild.go("tool", "objdump", "-s", pattern, str(executable)).splitlines():
        if line.startswith("TEXT "):
            found.append({})
        elif match := LINE.match(line):
            found[-1][int(match[1], 16)] = match[3]
    return [instructions for instructions in found if instructions]


PATTERN = r"^(main|runtime|fmt|time|sync)\."
VECTORS = re.compile(r"\?|V[A-Z]+|[A-Z0-9]+ .*[XYZ]\d")  # go tool objdump doesn't know them all


def test_sites_are_the_instructions_of_objdump(program):
    twin, _, table, code = program
    compared = 0
    for instructions in objdump(twin, PATTERN):
        if any(VECTORS.match(text) for text in instructions.values()):
            continue
        addresses = list(instructions)
        function = table.function_at(addresses[0])
        returns = [a for a in addresses if instructions[a] == "RET"]
        assert [s.address for s in code.return_sites(function)] == returns
        calls = [
            (instructions[a], behind)
            for a, behind in pairwise(addresses)
            if instructions[a].startswith("CALL ")
        ]
        sites = code.call_sites(function)
        assert [s.address for s in sites] == [behind for _, behind in calls]
        direct = [DIRECT.match(text) is not None for text, _ in calls]
        assert [s.kind == "after_call" for s in sites] == direct
        assert [s for s in sites if not s.callee] == code.after_indirect_call_sites(function)
        compared += 1
    assert compared > 700


def test_entry_sites_are_the_branches_of_stack_checks(program):
    twin, elf, table, code = program
    guard = re.compile(r"CMPQ \w+, 0x1[08]\((R14|[A-Z]X)\)")
    kinds = Counter()
    for instructions in objdump(twin, PATTERN):
        texts = list(instructions.values())
        function = table.function_at(next(iter(instructions)))
        site = code.entry_site(function)
        assert site.offset == site.address - function.entry
        assert site.file_offset == elf.file_offset(site.address)
        position = list(instructions).index(site.address)
        kinds[site.kind] += 1
        if site.kind == "push":
            assert texts[position] == "PUSHQ BP"
        elif site.kind == "sub":
            assert re.match(r"(SUBQ \$|ADDQ \$-0x80, SP)", texts[position])
        if any(guard.match(text) for text in texts[:7]):
            assert site.kind == "check"
            assert re.match(r"J(BE|LS)", texts[position])
            assert guard.match(texts[position - 1])
        else:
            assert position == 0
    assert kinds["check"] > 500
    assert kinds["push" if table.module.minor >= 21 else "sub"] > 10
    assert kinds["entry"] > 100


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("leaf", None),
        ("nosplit", None),
        ("branches", "cmp rsp"),
        ("large", "lea r12"),
        ("huge", "mov r12, rsp"),
    ],
)
def test_every_form_of_prologue(program, name, check):
    _, _, table, code = program
    (function,) = table.find(f"main.{name}")
    site = code.entry_site(function)
    first = code.instructions(function)[0]
    if name == "leaf":
        assert (site.kind, site.offset) == ("entry", 0)
    elif check is None:
        assert site.kind in ("push", "sub")
        assert site.offset == 0
    else:
        assert first.text.startswith(check)
        assert (site.kind, site.offset > 0) == ("check", True)


def test_sites_behind_calls_to_chosen_functions(program):
    _, _, table, code = program
    entries = {
        f.entry: f.name for n in ("medium", "large", "huge") for f in table.find(f"main.{n}")
    }
    (branches,) = table.find("main.branches")
    sites = code.after_call_sites(branches, entries)
    assert {entries[s.callee] for s in sites} == {"main.medium", "main.large", "main.huge"}
    assert code.after_indirect_call_sites(branches) == []
    (indirect,) = table.find("main.indirect")
    behind = code.after_indirect_call_sites(indirect)
    assert [s.callee for s in behind] == [0, 0]
    assert len(code.return_sites(branches)) == 3
    lines = {table.frames(s.address, is_return_address=False)[0].line for s in sites}
    assert len(lines) == 2  # huge and large share theirs


def test_every_function_of_an_operator_is_covered_or_refused():
    if not OPERATOR.exists():
        pytest.skip("build/bin/requeue isn't built: make fixtures")
    refused = []
    with ElfFile.open(OPERATOR) as elf:
        table, code = FunctionTable.open(elf), Code(elf)
        entries = table.entries.tolist()[::40]
        for pc in entries:
            function = table.function_at(pc)
            try:
                site = code.entry_site(function)
            except UnsupportedError:
                refused.append(function.name)
                continue
            assert site.address in {i.address for i in code.instructions(function)}
    assert len(refused) <= 2, refused


def test_code_that_does_not_fit_is_refused(program):
    _, _, table, code = program
    (main,) = table.find("main.main")
    for entry, end in [
        (main.entry, main.entry + 3),  # ends within an instruction
        (main.entry, main.entry),
        (main.entry, main.entry - 16),
        (main.entry, main.entry + (1 << 40)),
        (0, 16),
    ]:
        odd = Function("odd", entry, end, "", 0)
        with pytest.raises(UnsupportedError) as caught:
            code.entry_site(odd)
        assert caught.value.hint


def test_leaving_by_a_jump(program):
    _, _, table, code = program
    (main,) = table.find("main.main")
    assert not code.leaves_by_jump(main)
    (switch,) = table.find("main.table")
    assert not code.leaves_by_jump(switch)
    if table.module.minor >= 19:
        assert any(i.text.startswith("jmp qword ptr [") for i in code.instructions(switch))
    (gogo,) = table.find("gogo")
    assert code.leaves_by_jump(gogo)
    assert code.return_sites(gogo) == []


def function_of(code):
    """The sites of a function of these bytes."""
    stub = SimpleNamespace(
        name="code",
        machine=MACHINES[62],
        read_virtual=lambda at, size: code[at - 0x1000 : at - 0x1000 + size],
        file_offset=lambda at: at - 0x1000,
    )
    return Code(stub), Function("main.f", 0x1000, 0x1000 + len(code), "", 1)


@pytest.mark.parametrize(
    "code",
    [
        "ebff90",  # jmp into itself
        "f2ebff90",  # the same with a prefix
        "c7f8ffffffff90",  # xbegin with its handler in an instruction
        "66e90100000090",  # jmp of 6 bytes for Intel, of 4 for AMD
        "2e66e80100000090",
        "90e9",  # cut
    ],
)
def test_code_that_may_be_read_in_two_ways_is_refused(code):
    decoder, function = function_of(bytes.fromhex(code))
    for ask in (decoder.entry_site, decoder.return_sites, decoder.call_sites):
        with pytest.raises(UnsupportedError):
            ask(function)


def test_prefixes_change_no_kind():
    decoder, function = function_of(bytes.fromhex("f2e800000000 f2c3 f3c3"))
    assert [site.offset for site in decoder.return_sites(function)] == [6, 8]
    assert [site.offset for site in decoder.call_sites(function)] == [6]


def test_the_code_that_is_decoded_is_bounded(monkeypatch):
    monkeypatch.setattr(sites_module, "MAX_ALL_CODE", 3)
    decoder, function = function_of(b"\x90\xc3")
    assert decoder.return_sites(function)
    decoder.instructions.cache_clear()
    with pytest.raises(UnsupportedError, match="too much code"):
        decoder.return_sites(function)
