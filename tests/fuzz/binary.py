"""The readers of executables and of the kernel's types, on input that was made to do harm."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

from tests.fuzz.choices import Choices, patched
from tests.fuzz.executable import TEXT, Image
from tests.fuzz.limits import file_of, two_lines
from whowoke.analysis.errors import UnsupportedError, WhowokeError
from whowoke.tracer import btf
from whowoke.tracer.buildinfo import build_info
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.elfheaders import MACHINES
from whowoke.tracer.gotypes import type_name
from whowoke.tracer.moduledata import find_module_data
from whowoke.tracer.pclntab import Function, FunctionTable
from whowoke.tracer.pcvalues import PcValues, text_at
from whowoke.tracer.probes import make_plan
from whowoke.tracer.sites import Code

MAX_FUNCTIONS = 16
sound = cache(Image)


def elf(data: bytes) -> None:
    """All that is read of an executable, with some bytes of it changed."""
    choices = Choices(data)
    minor = choices.pick((26, 20, 18, 27))
    with file_of(patched(sound().raw, choices, sound().fields)) as path:
        try:
            with ElfFile.open(path) as file:
                read_all(file, minor)
        except WhowokeError as error:
            two_lines(error)


def read_all(file: ElfFile, minor: int) -> None:
    """Everything that whowoke asks of an executable. Raises WhowokeError."""
    assert file.build_id.isprintable()
    info = build_info(file)
    for text in (info.go_version, info.path, *info.modules, *info.settings.values()):
        assert text.isprintable(), text
    try:
        module = find_module_data(file, minor)
    except UnsupportedError:
        module = FunctionTable.open(file).module
    table, code = FunctionTable(file, module), Code(file)
    assert type_name(file, module, module.types).isprintable()
    make_plan(info, table, code, 0)
    found = table.find("main.(*R).Reconcile") + table.matching("^main")
    found += [f for pc in table.entries.tolist() if (f := table.function_at(pc))]
    for function in found[:MAX_FUNCTIONS]:
        for pc in (function.entry, function.entry + 11, function.end):
            for frame in table.frames(pc, is_return_address=True):
                assert (frame.function + frame.file).isprintable()
        check_sites(code, function)


def check_sites(code: Code, function: Function) -> None:
    """A site is an instruction of a function that decodes without a gap, else nothing is probed."""
    try:
        instructions = code.instructions(function)
        sites = [code.entry_site(function), *code.return_sites(function)]
        sites += code.call_sites(function)
        code.leaves_by_jump(function)
    except UnsupportedError as error:
        two_lines(error)
        return
    at = function.entry
    starts = set()
    for instruction in instructions:
        assert instruction.address == at
        starts.add(at)
        at = instruction.end
    assert at == function.end
    assert {site.address for site in sites} <= starts
    # What control may go to within the function are instructions, too.
    for instruction in instructions:
        words = instruction.operands.split()
        if instruction.name.split()[-1][:1] in "jlcx" and words and words[-1].startswith("0x"):
            to = int(words[-1], 16) if words[-1][2:].isalnum() else 0
            is_branch = instruction.name.split()[-1].startswith(("j", "loop", "xbegin"))
            assert not is_branch or not function.entry <= to < function.end or to in starts


def sites(data: bytes) -> None:
    """Code of any bytes, as one function."""
    stub = SimpleNamespace(
        name="code",
        machine=MACHINES[62],
        read_virtual=lambda at, size: data[at - TEXT : at - TEXT + size],
        file_offset=lambda at: at - TEXT,
    )
    check_sites(Code(stub), Function("main.main", TEXT, TEXT + len(data), "", 1))  # type: ignore[arg-type]


def values(data: bytes) -> None:
    """Tables of values by program counter, and texts."""
    choices = Choices(data)
    offset, pc = choices.word(0, 1), TEXT + choices.word(0, 1)
    rest = choices.rest()
    table = PcValues(lambda at, size: rest[at : at + size], choices.pick((1, 4)))
    for at in (offset, 0, 1, len(rest) // 2, len(rest)):
        table.at(at, TEXT, pc)
        table.at(at, TEXT, TEXT + 1)
        assert text_at(rest, at).isprintable()


def types(data: bytes) -> None:
    """The kernel's types: BTF with some bytes changed."""
    image = bytes.fromhex("9feb0100 18000000 00000000 2c000000 2c000000 15000000") + b"".join(
        number.to_bytes(4, "little")
        for number in (
            *(1, 1 << 24, 4, 32),
            *(5, 4 << 24 | 2, 8, 17, 1, 0, 13, 1, 32),
        )
    )
    image = image[:24] + image[24:].ljust(44, b"\0") + b"\0int\0task_st\0pid\0tg\0"
    fields = [(0, 2), *((at, 4) for at in range(4, 76, 4))]
    with file_of(patched(image, Choices(data), fields)) as path:
        try:
            found = btf.field_offsets.__wrapped__("task_st", ("pid", "tg"), Path(path))
        except UnsupportedError as error:
            two_lines(error)
        else:
            assert all(0 <= offset < 1 << 30 for offset in found.values())
