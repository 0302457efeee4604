"""The targets of the fuzzer on what it found before, and on a few inputs of hypothesis."""

import contextlib
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import binary
from tests.fuzz.__main__ import FOLDER
from tests.fuzz.executable import MODULE, Image
from tests.fuzz.limits import file_of, limited
from tests.fuzz.recorded import operator
from tests.fuzz.targets import TARGETS
from whowoke.analysis.capture.schema import RECORDS
from whowoke.analysis.errors import WhowokeError
from whowoke.tracer import pclntab
from whowoke.tracer.buildinfo import build_info
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.gotypes import type_name
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.probes import make_plan
from whowoke.tracer.sites import Code

CORPUS = sorted(path for path in (FOLDER / "corpus").glob("*/*") if path.is_file())
# A run of the analysis takes a fifth of a second. Many more are tried by `make fuzz`.
EXAMPLES = {"analysis": 20, "capture": 200}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_is_mended(path):
    with limited():
        TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes(name):
    @settings(
        max_examples=EXAMPLES.get(name, 300),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=256))
    def run(data):
        with limited():
            TARGETS[name](data)

    run()


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_change_nothing(name):
    """The input that the others are made of is a sound one: else they would reach little."""
    TARGETS[name](b"")


def test_the_executable_is_read_as_a_whole():
    with file_of(Image().raw) as path, ElfFile.open(path) as elf:
        table, code = FunctionTable.open(elf), Code(elf)
        plan = make_plan(build_info(elf), table, code, 0)
        names = [table.function_at(entry).name for entry in table.entries.tolist()]
        first = table.find("main.(*R).Reconcile")[0].entry
        frames = table.frames(first + 11, is_return_address=True)
    assert names == ["main.(*R).Reconcile", "runtime.(*timer).unlockAndRun", "main.leaf"]
    assert [(frame.function, frame.line) for frame in frames] == [
        ("main.inlined", 11),
        ("main.(*R).Reconcile", 11),
    ]
    assert {site.probe.name for site in plan.sites} == {"reconcile_return", "timer_fire"}


@pytest.mark.parametrize("value", [0, 1, 24, 27, 1 << 63, (1 << 64) - 1])
def test_every_word_of_the_module_data(value):
    image = Image()
    with file_of(image.raw) as path, ElfFile.open(path) as elf:
        module = elf.file_offset(FunctionTable.open(elf).module.address)
    for at in range(module, module + MODULE, 8):
        raw = bytearray(image.raw)
        raw[at : at + 8] = struct.pack("<Q", value)
        with file_of(raw) as path, contextlib.suppress(WhowokeError), ElfFile.open(path) as elf:
            binary.read_all(elf, 26)


def test_functions_that_all_have_one_name(monkeypatch):
    raw = bytearray(Image().raw)
    with file_of(raw) as path, ElfFile.open(path) as elf:
        start = elf.file_offset(FunctionTable.open(elf).module.functions.address)
    for row in (8, 16):
        at = start + struct.unpack_from("<I", raw, start + row + 4)[0]
        raw[at + 4 : at + 8] = bytes(4)
    monkeypatch.setattr(pclntab, "MAX_FOUND", 3)
    with file_of(raw) as path, ElfFile.open(path) as elf:
        table = FunctionTable.open(elf)
        assert len(table.find("main.(*R).Reconcile")) == 3
        monkeypatch.setattr(pclntab, "MAX_FOUND", 2)
        with pytest.raises(WhowokeError, match="too many"):
            table.find("main.(*R).Reconcile")


@pytest.mark.parametrize("before_the_end", [1, 2, 3])
def test_a_type_whose_name_begins_where_types_end(before_the_end):
    raw = bytearray(Image().raw)
    with file_of(raw) as path, ElfFile.open(path) as elf:
        module = FunctionTable.open(elf).module
        at, size = elf.file_offset(module.types), module.etypes - module.types
    raw[at + 40 : at + 44] = struct.pack("<i", size - before_the_end)
    raw[at + size - before_the_end : at + size] = b"\x80" * before_the_end
    with file_of(raw) as path, ElfFile.open(path) as elf:
        assert type_name(elf, module, module.types).isprintable()


def test_the_capture_has_every_kind_of_record():
    rows = operator()
    assert {record.name for record in RECORDS if not len(rows.records(record.name))} == set()
