"""Segments, sections and build information of ELF files, compared with Go's own tools."""

import struct
import subprocess

import pytest

from tests.unit import gobuild, programs
from whowoke.analysis.errors import PermissionDeniedError, UnsupportedError, WhowokeError
from whowoke.tracer.buildinfo import build_info, parse_go_release
from whowoke.tracer.elf import ElfFile

OPERATOR = gobuild.BUILD / "bin" / "requeue"


def version_m(executable):
    """What ``go version -m`` says: (Go version, its lines as lists of fields)."""
    first, *lines = gobuild.go("version", "-m", str(executable)).splitlines()
    return first.rsplit(": ", 1)[1], [line[1:].split("\t") for line in lines]


@pytest.fixture(params=gobuild.toolchains())
def stripped(request):
    return gobuild.build(programs.FRAMES, *gobuild.STRIPPED, toolchain=request.param)


@pytest.mark.parametrize("flags", [gobuild.STRIPPED, (*gobuild.STRIPPED, *gobuild.PIE)])
def test_addresses_lead_to_the_bytes_in_the_file(flags):
    path = gobuild.build(programs.FRAMES, *flags)
    raw = path.read_bytes()
    with ElfFile.open(path) as elf:
        assert elf.type == ("DYN" if "-buildmode=pie" in flags else "EXEC")
        assert elf.machine.name == "amd64"
        for section in elf.sections.values():
            if section.vaddr and section.kind == 1:
                start = elf.file_offset(section.vaddr)
                assert start == section.file_offset
                wanted = raw[start : start + section.size]
                assert elf.read_virtual(section.vaddr, section.size) == wanted


def test_build_information_is_what_go_version_prints(stripped):
    version, lines = version_m(stripped)
    with ElfFile.open(stripped) as elf:
        info = build_info(elf)
    assert info.go_version == version
    assert ["path", info.path] in lines
    assert ["mod", info.main.path, info.main.version, info.main.checksum] in lines
    for key, value in info.settings.items():
        assert ["build", f"{key}={value}"] in lines
    assert len(info.settings) == sum(line[0] == "build" for line in lines)


def test_the_modules_of_an_operator():
    if not OPERATOR.exists():
        pytest.skip("build/bin/requeue isn't built: make fixtures")
    _, lines = version_m(OPERATOR)
    with ElfFile.open(OPERATOR) as elf:
        info = build_info(elf)
    wanted = {line[1]: line[2] for line in lines if line[0] == "dep"}
    assert {module.path: module.version for module in info.modules.values()} == wanted
    assert info.modules["sigs.k8s.io/controller-runtime"].built_version.startswith("v0.24.")


def test_settings_with_spaces_are_unquoted():
    path = gobuild.build(programs.SMALL, "-ldflags=-s -w")
    with ElfFile.open(path) as elf:
        assert build_info(elf).settings["-ldflags"] == "-s -w"


def test_build_information_without_section_headers(tmp_path, stripped):
    raw = bytearray(stripped.read_bytes())
    raw[0x28:0x30] = bytes(8)  # e_shoff
    raw[0x3C:0x40] = bytes(4)  # e_shnum, e_shstrndx
    bare = tmp_path / "bare"
    bare.write_bytes(raw)
    with ElfFile.open(stripped) as elf, ElfFile.open(bare) as other:
        assert not other.sections
        assert build_info(other) == build_info(elf)


def test_the_build_id_is_the_linkers():
    path = gobuild.build(programs.SMALL, "-ldflags=-s -w -B 0x1234abcd")
    with ElfFile.open(path) as elf:
        assert elf.build_id == "1234abcd"
    path = gobuild.build(programs.SMALL, "-ldflags=-s -w -B none")
    with ElfFile.open(path) as elf:
        assert elf.build_id == gobuild.go("tool", "buildid", str(path)).strip()


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("go1.26.8 X:nogreenteagc", (1, 26, 8)),
        ("go1.22.3-custom", (1, 22, 3)),
        ("go1.27rc1", (1, 27, 0)),
        ("devel go1.28-8f3d1a2 Mon Nov 2", (1, 28, 0)),
        ("unknown", None),
        ("", None),
    ],
)
def test_go_versions(text, release):
    assert parse_go_release(text) == release


def test_a_replaced_module_keeps_both_versions(tmp_path):
    text = (
        "path\tcommand\nmod\texample.test/a\t(devel)\t\n"
        "dep\texample.test/b\tv1.2.3\th1:x=\n=>\texample.test/c\tv1.9.0\th1:y=\n"
        "dep\texample.test/d\tv0.1.0\n=>\t../d\t(devel)\t\n"
        'build\t-ldflags="-s -w"\nbuild\t`odd key`=x\n'
    )
    info = build_info(synthetic(tmp_path, "go1.24.1", text))
    assert info.modules["example.test/b"].version == "v1.2.3"
    assert info.modules["example.test/b"].built_version == "v1.9.0"
    assert info.modules["example.test/d"].built_version == "(devel)"
    assert info.main.path == "example.test/a"
    assert info.settings == {"-ldflags": "-s -w", "odd key": "x"}


def synthetic(folder, version, modules):
    """A file of one writable segment that holds nothing but build information."""
    framed = b"\0" * 16 + modules.encode() + b"\0" * 16
    blob = b"\xff Go buildinf:\x08\x02" + bytes(16)
    for text in (version.encode(), framed):
        size = len(text)
        blob += bytes([size & 0x7F | 0x80, size >> 7]) + text
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x1000, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 6, 128, 0x1000, 0, len(blob), len(blob), 16)
    path = folder / "synthetic"
    path.write_bytes((header + segment).ljust(128, b"\0") + blob)
    return ElfFile.open(path)


def test_errors_are_two_lines(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    fifo = tmp_path / "fifo"
    subprocess.run(["mkfifo", str(fifo)], check=True)
    for path, kind in [
        (tmp_path / "missing", WhowokeError),
        (script, UnsupportedError),
        (fifo, UnsupportedError),
        (tmp_path, UnsupportedError),
        ("/dev/zero", UnsupportedError),
        ("nul\0byte", WhowokeError),
    ]:
        with pytest.raises(kind) as caught:
            ElfFile.open(path)
        assert "\n" not in str(caught.value)
        assert caught.value.hint


def test_a_program_that_is_not_go():
    with ElfFile.open("/bin/true") as elf, pytest.raises(UnsupportedError, match="no Go build"):
        build_info(elf)


def test_a_file_that_may_not_be_read(monkeypatch):
    def refuse(*_arguments):
        raise PermissionError

    monkeypatch.setattr("whowoke.tracer.elf.os.open", refuse)
    with pytest.raises(PermissionDeniedError) as caught:
        ElfFile.open("/bin/true")
    assert caught.value.exit_code == 3
