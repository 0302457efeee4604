"""Functions, lines and inlined calls of stripped executables, compared with Go's own tools."""

import json
import re
import subprocess
import time

import pytest

from tests.unit import gobuild, programs
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.pclntab import FunctionTable

OPERATOR = gobuild.BUILD / "bin" / "requeue"
UNSTRIPPED_OPERATOR = gobuild.BUILD / "bin" / "requeue-unstripped"
VARIANTS = {
    "plain": (gobuild.STRIPPED, False),
    "pie": ((*gobuild.STRIPPED, *gobuild.PIE), False),
    "external-pie": (gobuild.EXTERNAL_PIE, True),
}


@pytest.fixture(params=gobuild.toolchains())
def toolchain(request):
    return request.param


@pytest.fixture
def opened():
    files = []

    def open_table(path):
        files.append(ElfFile.open(path))
        return FunctionTable.open(files[-1])

    yield open_table
    for file in files:
        file.close()


@pytest.mark.parametrize("pie", [(), gobuild.PIE])
def test_every_function_that_nm_lists(opened, toolchain, pie):
    twin = gobuild.build(programs.FRAMES, *gobuild.UNSTRIPPED, *pie, toolchain=toolchain)
    table = opened(gobuild.build(programs.FRAMES, *gobuild.STRIPPED, *pie, toolchain=toolchain))
    compare_with_nm(table, twin, least=1500)


def test_every_function_of_an_operator(opened):
    if not OPERATOR.exists() or not UNSTRIPPED_OPERATOR.exists():
        pytest.skip("build/bin/requeue isn't built: make fixtures")
    compare_with_nm(opened(OPERATOR), UNSTRIPPED_OPERATOR, least=30000)


def compare_with_nm(table, twin, least):
    """Names, entries and sizes: the table's function ends with the padding behind nm's."""
    symbols = [s for s in gobuild.symbols(twin) if s[2] not in ("runtime.text", "runtime.etext")]
    assert len(symbols) >= least
    assert len(symbols) == len(table)
    wrong = []
    for address, size, name in symbols:
        function = table.function_at(address)
        # Up to Go 1.20 the table itself has [...] for type arguments.
        wanted = short(name) if table.module.minor <= 20 else name
        if (function.name.replace("·", "."), function.entry) != (wanted, address):
            wrong.append((name, function))
        assert 0 <= function.end - address - size < 64
        assert table.function_at(address + size - 1) == function
    assert wrong == []


def test_lines_are_those_of_addr2line(opened, toolchain):
    twin = gobuild.build(programs.FRAMES, *gobuild.UNSTRIPPED, toolchain=toolchain)
    table = opened(gobuild.build(programs.FRAMES, *gobuild.STRIPPED, toolchain=toolchain))
    compare_with_addr2line(table, twin, step=89)


def test_lines_of_an_operator(opened):
    if not OPERATOR.exists() or not UNSTRIPPED_OPERATOR.exists():
        pytest.skip("build/bin/requeue isn't built: make fixtures")
    compare_with_addr2line(opened(OPERATOR), UNSTRIPPED_OPERATOR, step=9973)


def compare_with_addr2line(table, twin, step):
    symbols = {address: size for address, size, _ in gobuild.symbols(twin)}
    addresses = []
    for pc in range(table.module.min_pc, table.module.max_pc, step):
        entry = table.function_at(pc).entry
        if pc < entry + symbols[entry]:  # not in the padding
            addresses.append(pc)
    assert len(addresses) > 1000
    asked = "".join(f"{pc:#x}\n" for pc in addresses)
    lines = gobuild.go("tool", "addr2line", str(twin), text=asked).splitlines()
    for pc, name, place in zip(addresses, lines[0::2], lines[1::2], strict=True):
        frames = table.frames(pc, is_return_address=False)
        assert f"{frames[0].file}:{frames[0].line}" == place
        assert frames[-1].function == name.removesuffix(".abi0")
        assert not frames[-1].inlined
        assert all(frame.inlined for frame in frames[:-1])


@pytest.mark.parametrize("variant", VARIANTS)
def test_inlined_calls_are_those_that_the_program_sees_itself(opened, toolchain, variant):
    flags, cgo = VARIANTS[variant]
    path = gobuild.build(programs.FRAMES, *flags, toolchain=toolchain, cgo=cgo)
    printed = subprocess.run([path], capture_output=True, check=True).stdout
    table = opened(path)
    stacks = json.loads(printed)["frames"]
    bias = main_bias(table, stacks[0])
    inlined = 0
    for stack in stacks:
        wanted = [(f["Function"], f["File"], f["Line"]) for f in stack]
        seen = []
        while len(seen) < len(wanted):
            pc = stack[len(seen)]["PC"] - bias
            frames = table.frames(pc, is_return_address=True)
            inlined += len(frames) - 1
            seen += [(short(f.function), f.file, f.line) for f in frames]
        assert [(short(name), file, line) for name, file, line in wanted] == seen
    assert inlined >= 4


def short(name):
    """Go's Frame shortens [go.shape.string] to [...], up to 1.20 in the table itself."""
    return re.sub(r"\[.*\]", "[...]", name)


def main_bias(table, stack):
    """The load bias: the program's own pc in main.main, compared with the table's."""
    pc = next(f["PC"] for f in stack if f["Function"] == "main.main")
    (main,) = table.find("main.main")
    return (pc - main.entry) // 4096 * 4096


def test_declarations(opened):
    table = opened(gobuild.build(programs.FRAMES, *gobuild.STRIPPED))
    source = programs.FRAMES.splitlines()
    for name in ("outer", "leaf", "huge", "branches", "main"):
        (function,) = table.find(f"main.{name}")
        assert function.file == "example.test/probe/main.go"
        assert source[function.line - 1].startswith(f"func {name}(")


def test_finding_names(opened):
    table = opened(gobuild.build(programs.FRAMES, *gobuild.STRIPPED))
    (sysmon,) = table.find("runtime.sysmon")
    assert sysmon == table.function_at(sysmon.entry)
    assert table.find("runtime.sysmo") == table.find("untime.sysmon") == table.find("") == []
    names = [f.name for f in table.matching(r"^main\.(leaf|medium|large)$")]
    assert sorted(names) == ["main.large", "main.leaf", "main.medium"]
    timers = [f.name for f in table.matching(r"\(\*timer\)\.")]
    decoded = [table.function_at(pc).name for pc in table.entries.tolist()]
    assert timers == [name for name in decoded if "(*timer)." in name]
    # Greedy classes run over the ends of names; every name is still judged alone.
    for pattern in (r"^[^(]*$", r"main[^.]*\.(?!leaf)", r"^runtime\.[^.]+$", r"x{3}|y$"):
        found = [f.name for f in table.matching(pattern)]
        assert found == [name for name in decoded if re.search(pattern, name)]


def test_outside_of_the_code(opened):
    table = opened(gobuild.build(programs.FRAMES, *gobuild.STRIPPED))
    low, high = table.module.min_pc, table.module.max_pc
    for pc in (-1, 0, low - 1, high, high + 1, 1 << 63, 1 << 64):
        assert table.function_at(pc) is None
        assert table.frames(pc, is_return_address=False) == []
    assert table.function_at(low) is not None
    assert table.function_at(high - 1) is not None
    assert table.frames(high, is_return_address=True) != []


@pytest.mark.parametrize("pie", [(), gobuild.PIE])
def test_without_section_headers(opened, tmp_path, pie):
    path = gobuild.build(programs.FRAMES, *gobuild.STRIPPED, *pie)
    raw = bytearray(path.read_bytes())
    raw[0x28:0x30] = bytes(8)  # e_shoff
    raw[0x3C:0x40] = bytes(4)  # e_shnum, e_shstrndx
    bare = tmp_path / "bare"
    bare.write_bytes(raw)
    assert opened(bare).module == opened(path).module


def test_an_operator_is_open_in_half_a_second(opened):
    if not OPERATOR.exists():
        pytest.skip("build/bin/requeue isn't built: make fixtures")
    started = time.process_time()
    table = opened(OPERATOR)
    assert table.find("runtime.sysmon")
    assert time.process_time() - started < 0.5
