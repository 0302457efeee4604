"""What ``go version -m`` prints: the versions of Go and of every module in a Go executable.

Format: debug/buildinfo/buildinfo.go and runtime/debug/mod.go of Go 1.26.8. A header of 32 bytes,
magic first; flag 2 (Go 1.18 and newer) means that two strings follow it, each behind its length as
a varint. Older formats are refused.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from whowoke.analysis.errors import UnsupportedError
from whowoke.analysis.texts import printable
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.elfheaders import refuse

MAGIC = b"\xff Go buildinf:"
MAX_TEXT = 8 << 20
MAX_LINES = 1 << 16
_HEADER_SIZE = 32
_ALIGN = 16
_FLAG_INLINE = 2
_FRAME = 16  # bytes of infoStart and infoEnd around the module text, cmd/go/internal/modload


@dataclass(frozen=True, slots=True)
class Module:
    """One module: its import path, version (``(devel)`` for a local build) and checksum.

    ``replaced_by`` is the module whose code was built instead (a ``replace`` in go.mod).
    """

    path: str
    version: str
    checksum: str = ""
    replaced_by: "Module | None" = None

    @property
    def built_version(self) -> str:
        """The version of the code that was built; empty where a local folder replaced it."""
        return self.version if self.replaced_by is None else self.replaced_by.version


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """The build of an executable.

    ``go_version`` as Go wrote it (``go1.26.8``, with suffixes such as `` X:nosomething``), ``path``
    the main package, ``main`` its module, ``modules`` the dependencies by import path, ``settings``
    the flags of the build (``-trimpath``, ``CGO_ENABLED`` …).
    """

    go_version: str
    path: str = ""
    main: Module = Module("", "")
    modules: dict[str, Module] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def go_release(self) -> tuple[int, int, int] | None:
        """(major, minor, patch) of Go, patch 0 where there is none; None for an odd version."""
        return parse_go_release(self.go_version)


def parse_go_release(text: str) -> tuple[int, int, int] | None:
    """Return (major, minor, patch) of a Go version such as ``go1.26.8`` or ``devel go1.28-8f…``."""
    match = re.match(r"(?:devel )?go(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?(?![\d])", text, re.ASCII)
    if match is None:
        return None
    return int(match[1]), int(match[2]), int(match[3] or 0)


def build_info(elf: ElfFile) -> BuildInfo:
    """Return the build information of ``elf``; UnsupportedError where there is none."""
    for address in _candidates(elf):
        try:
            return _parse_at(elf, address)
        except UnsupportedError:
            continue
    raise refuse(elf.name, "no Go build information: not built with Go 1.18 or newer")


def _candidates(elf: ElfFile) -> Iterator[int]:
    section = elf.sections.get(".go.buildinfo")
    if section is not None:
        yield section.vaddr
    # Only data that can be written: the magic is a constant of debug/buildinfo, too.
    yield from elf.find(MAGIC, writable=True, align=_ALIGN)


def _parse_at(elf: ElfFile, address: int) -> BuildInfo:
    header = elf.read_virtual(address, _HEADER_SIZE)
    if not header.startswith(MAGIC) or not header[15] & _FLAG_INLINE:
        raise refuse(elf.name, "the Go build information is in an unknown format")
    version, address = _read_text(elf, address + _HEADER_SIZE)
    framed, _ = _read_text(elf, address)
    text = printable(version.decode("utf-8", "replace"))
    if parse_go_release(text) is None:
        raise refuse(elf.name, "the Go build information has no Go version")
    # debug/buildinfo strips the frame under the same condition, else there are no modules.
    has_modules = len(framed) > 2 * _FRAME and framed[-_FRAME - 1] == ord("\n")
    modules = framed[_FRAME:-_FRAME] if has_modules else b""
    return _parse_modules(text, modules.decode("utf-8", "replace"))


def _read_text(elf: ElfFile, address: int) -> tuple[bytes, int]:
    """Return the text behind a varint length at ``address`` and the address after it."""
    size = 0
    for shift in range(0, 35, 7):
        byte = elf.read_virtual(address, 1)[0]
        address += 1
        size |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
    if size > MAX_TEXT:
        raise refuse(elf.name, "the Go build information is too long")
    return elf.read_virtual(address, size), address + size


def _parse_modules(go_version: str, text: str) -> BuildInfo:
    path, main = "", Module("", "")
    modules: dict[str, Module] = {}
    settings: dict[str, str] = {}
    last = ""
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        kind, _, rest = line.partition("\t")
        fields = [printable(field) for field in rest.split("\t")]
        if kind == "path":
            path = printable(rest)
        elif kind in ("mod", "dep") and len(fields) >= 2:
            module = Module(fields[0], fields[1], fields[2] if len(fields) > 2 else "")
            last = module.path if kind == "dep" else ""
            if kind == "dep":
                modules[module.path] = module
            else:
                main = module
        elif kind == "=>" and len(fields) >= 2:
            other = Module(fields[0], fields[1], fields[2] if len(fields) > 2 else "")
            if last in modules:
                old = modules[last]
                modules[last] = Module(old.path, old.version, old.checksum, other)
            else:
                main = Module(main.path, main.version, main.checksum, other)
        elif kind == "build":
            key, value = _parse_setting(rest)
            settings[key] = value
    return BuildInfo(go_version, path, main, modules, settings)


def _parse_setting(text: str) -> tuple[str, str]:
    """Split ``key=value``; either may be quoted (runtime/debug ``BuildInfo.String``)."""
    if text[:1] in ('"', "`"):
        end = text.find(text[0] + "=", 1)
        key, value = text[: end + 1], text[end + 2 :]
    else:
        key, _, value = text.partition("=")
    return printable(_unquote(key)), printable(_unquote(value))


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == "`":
        return text[1:-1]
    if len(text) >= 2 and text[0] == text[-1] == '"':
        try:
            # Go's quoting of what a build setting may hold is JSON's.
            return str(json.loads(text))
        except ValueError:
            return text
    return text
