"""Damaged and malicious executables: a two-line error or an answer, soon, in little memory."""

import contextlib
import os
import resource
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit import gobuild, programs
from whowoke.analysis.errors import WhowokeError
from whowoke.tracer.buildinfo import build_info
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.plan import all_probes
from whowoke.tracer.sites import Code

SECONDS = 1.0
MEMORY = 1 << 30
HUGE = (1 << 64) - 1


@contextlib.contextmanager
def little_memory():
    """A huge allocation fails at once, as a MemoryError that no test expects."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def read_everything(path):
    """Use all that there is on ``path``; return whether it was accepted."""
    started = time.process_time()
    errors = []
    accepted = True
    with little_memory():
        try:
            use_everything(path, errors)
        except WhowokeError as error:
            errors.append(error)
            accepted = False
    assert time.process_time() - started < SECONDS
    assert all(error.hint and "\n" not in str(error) for error in errors)
    return accepted


def use_everything(path, errors):
    with ElfFile.open(path) as elf:
        assert isinstance(elf.build_id, str)
        build_info(elf)
        table, code = FunctionTable.open(elf), Code(elf)
        found = table.find("runtime.sysmon") + table.matching(r"^main\.")[:8]
        found += [f for pc in table.entries.tolist()[::300] if (f := table.function_at(pc))]
        for function in found:
            for pc in (function.entry, (function.entry + function.end) // 2, function.end):
                table.frames(pc, is_return_address=True)
            try:
                code.entry_site(function)
                code.call_sites(function)
            except WhowokeError as error:
                errors.append(error)


@pytest.fixture(scope="module")
def sound():
    """The executable, and (file offset, bytes) of what the readers rely on."""
    path = gobuild.build(programs.FRAMES, *gobuild.STRIPPED)
    with ElfFile.open(path) as elf:
        module = FunctionTable.open(elf).module
        header = elf.file_offset(module.names.address) - 72
        places = [
            (0, 64),
            (64, 56 * 10),
            (struct.unpack("<Q", elf.read_file(0x28, 8))[0], 64 * len(elf.sections)),
            (elf.sections[".go.buildinfo"].file_offset, 64),
            (elf.file_offset(module.address), 360),
            (header, 72),
        ]
        tables = [module.names, module.units, module.files, module.values, module.functions]
        places += [(elf.file_offset(table.address), table.size) for table in tables]
        places.append((elf.file_offset(module.gofunc), 65536))
    return path.read_bytes(), places


@pytest.fixture(scope="module")
def copy(sound, tmp_path_factory):
    """A file to damage: ``copy([(offset, bytes)])`` returns its path, sound but for these."""
    raw, _ = sound
    path = tmp_path_factory.mktemp("hostile") / "damaged"
    path.write_bytes(raw)
    dirty = []

    def damage(changes):
        with path.open("r+b") as file:
            for offset, size in dirty:
                file.seek(offset)
                file.write(raw[offset : offset + size])
            dirty.clear()
            for offset, value in changes:
                file.seek(offset)
                file.write(value)
                dirty.append((offset, len(value)))
            file.truncate(len(raw))
        return path

    return damage


WORDS = st.sampled_from([0, 1, 7, 8, 0xFFFF, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, HUGE])
VALUES = st.one_of(
    st.binary(min_size=1, max_size=8),
    WORDS.map(lambda word: struct.pack("<Q", word)),
    st.integers(0, HUGE).map(lambda word: struct.pack("<Q", word)),
)
CHANGES = st.lists(
    st.tuples(st.integers(0, 11), st.floats(0, 1, exclude_max=True), VALUES), min_size=1, max_size=6
)


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CHANGES)
@example([(0, 0.9, b"\xff" * 8)])
def test_changed_bytes(sound, copy, changes):
    raw, places = sound
    spots = []
    for place, share, value in changes:
        start, size = places[place]
        offset = start + int(share * size) // len(value) * len(value)
        spots.append((offset, value[: len(raw) - offset]))
    read_everything(copy(spots))


def test_the_sound_file_is_accepted(copy):
    assert read_everything(copy([]))


def test_every_word_of_the_headers(sound, copy):
    """Each field at its largest and at zero."""
    _, places = sound
    for start, size in (places[0], places[1], places[4], places[5]):
        for offset in range(start, start + min(size, 360), 8):
            for word in (0, 1 << 40, HUGE):
                read_everything(copy([(offset, struct.pack("<Q", word))]))


def test_truncated(sound, tmp_path):
    raw, places = sound
    path = tmp_path / "truncated"
    ends = {0, 1, 4, 16, 63, 64, 65, 120, len(raw) // 2, len(raw) - 1}
    for start, size in places:
        ends |= {start, start + 1, start + size // 2, start + size - 1}
    for end in sorted(ends):
        path.write_bytes(raw[:end])
        assert not read_everything(path) or end > len(raw) - 4096


def test_a_file_that_shrinks_while_it_is_open(sound, tmp_path):
    raw, _ = sound
    path = tmp_path / "shrinking"
    path.write_bytes(raw)
    with ElfFile.open(path) as elf:
        table, code = FunctionTable.open(elf), Code(elf)
        (function,) = table.find("main.branches")
        path.write_bytes(raw[:4096])
        assert table.frames(function.entry + 40, is_return_address=False)[-1].function
        with pytest.raises(WhowokeError, match="shrank"):
            code.entry_site(function)


def synthetic(path, segments, tail=b"", size=0, kind=2):
    """Write an ELF file of (type, flags, offset, address, bytes in the file)."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack(
        "<HHIQQQIHHHHHH", kind, 62, 1, 0x1000, 64, 0, 0, 64, 56, len(segments), 64, 0, 0
    )
    for what, flags, offset, vaddr, length in segments:
        header += struct.pack("<IIQQQQQQ", what, flags, offset, vaddr, 0, length, length, 8)
    path.write_bytes(header.ljust(4096, b"\0") + tail)
    if size:
        os.truncate(path, size)


def test_a_large_sparse_file(tmp_path):
    path = tmp_path / "sparse"
    size = 1 << 38
    synthetic(path, [(1, 6, 0, 0x1000, size)], size=size)
    assert not read_everything(path)
    many = [(1, 6, 0, (i + 1) << 40, size) for i in range(60)]
    synthetic(path, many, size=size)
    assert not read_everything(path)


def test_many_false_starts(tmp_path):
    """Magic numbers and pointers to them, wherever there is room."""
    info = b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\x08go1.26.8" + b"\0" * 7
    for repeated in (
        info * (1 << 20),
        info + struct.pack("<QQ", 0x08010000FFFFFFF1, 0x2028) * (1 << 20),
        info + struct.pack("<Q", 0x08010000FFFFFFF1) * (1 << 20),
        info + b"\x01" * (1 << 24),
    ):
        path = tmp_path / "starts"
        synthetic(path, [(1, 6, 4096, 0x2000, len(repeated))], tail=repeated)
        assert not read_everything(path)


def test_relocations_beyond_all_bounds(tmp_path):
    info = b"\xff Go buildinf:\x08\x02" + bytes(16) + b"\x08go1.26.8" + b"\0" * 7
    for table, length, entry in [
        (0x2000, HUGE, 24),
        (0x2000, 1 << 30, 24),
        (HUGE, 24, 24),
        (0x2000, 25, 24),
        (0x2000, 48, 0),
        (0x2000, 1 << 24, 24),
    ]:
        dynamic = struct.pack("<6Q", 7, table, 8, length, 9, entry)
        tail = info.ljust(4096, b"\0") + dynamic.ljust(4096, b"\0") + bytes(1 << 24)
        segments = [(1, 6, 4096, 0x2000, len(tail)), (2, 6, 8192, 0x3000, len(dynamic))]
        path = tmp_path / "relocations"
        synthetic(path, segments, tail=tail, kind=3)
        assert not read_everything(path)


def test_names_that_would_act_on_a_terminal(sound, copy):
    raw, places = sound
    start, size = places[6]
    at = raw.index(b"main.branches\0", start, start + size)
    path = copy([(at + 5, b"\x1b[2J\r\n")])
    with ElfFile.open(path) as elf:
        table = FunctionTable.open(elf)
        names = [f.name for f in table.matching(r"^main\.")]
    assert "main.\ufffd[2J\ufffd\ufffdes" in names


def test_names_all_alike(sound, copy):
    """One short name over and over: searching stays within its limits."""
    _, places = sound
    start, size = places[6]
    path = copy([(start, (b"a\0" * size)[:size])])
    assert read_everything(path)
    with ElfFile.open(path) as elf:
        table = FunctionTable.open(elf)
        for search in (table.find, table.matching):
            started = time.process_time()
            with contextlib.suppress(WhowokeError):
                search("a")
            assert time.process_time() - started < SECONDS


@pytest.mark.parametrize(
    "unit", [b"a", b"k8s.io/client-go/util/workqueue.(*Typed[go.shape.", b"a."]
)
def test_a_name_without_an_end(sound, copy, unit):
    """What a pattern begins with again and again: searching takes no square of the time."""
    _, places = sound
    start, size = places[6]
    path = copy([(start, (unit * size)[: size - 1] + b"\0")])
    with ElfFile.open(path) as elf:
        table = FunctionTable.open(elf)
        started = time.process_time()
        for probe in all_probes():
            assert table.matching(f"^{probe.function}$") == []
        assert time.process_time() - started < SECONDS
