"""The lines of source around the locations that a report names."""

import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from whowoke.analysis.errors import UsageError

AROUND = 4
MAX_FILE_BYTES = 2 << 20
MAX_LINE = 240
# Locations come from the target's binary, so they must not name any other file.
SUFFIXES = (".go", ".s")


class Sources:
    """Folders with the target's source: its module, a vendor folder, or Go's module cache."""

    def __init__(self, folders: Sequence[Path], main_module: str) -> None:
        for folder in folders:
            if not folder.is_dir():
                raise UsageError(f"{folder} is not a folder", "give the folder with the go.mod")
        self._folders = [folder.resolve() for folder in folders]
        self._main = PurePosixPath(main_module) if main_module else None
        self._lines: dict[str, list[str] | None] = {}

    def around(self, locations: Iterable[str]) -> dict[str, dict[str, Any]]:
        """By location ``first`` (a line number), ``line`` and ``lines``; only of those found."""
        found = {}
        for location in dict.fromkeys(locations):
            file, _, number = location.rpartition(":")
            if not number.isdecimal():
                continue
            lines, line = self._file(file), int(number)
            if lines is None or not 1 <= line <= len(lines):
                continue
            first = max(1, line - AROUND)
            cut = [text[:MAX_LINE] for text in lines[first - 1 : line + AROUND]]
            found[location] = {"first": first, "line": line, "lines": cut}
        return found

    def _file(self, name: str) -> list[str] | None:
        if name not in self._lines:
            self._lines[name] = next(filter(None, map(_read, self._places(name))), None)
        return self._lines[name]

    def _places(self, name: str) -> Iterable[Path]:
        """Where a file may be: as it is named, in the module, in vendor/ without its version."""
        path = PurePosixPath(name)
        if ".." in path.parts or path.suffix not in SUFFIXES or not name.isprintable():
            return
        plain = PurePosixPath(*(part.partition("@")[0] for part in path.parts))
        names = [path, _escaped(path), PurePosixPath("vendor") / plain]
        if self._main and plain.is_relative_to(self._main):
            names.insert(0, plain.relative_to(self._main))
        for folder in self._folders:
            for relative in names:
                # An absolute path stays itself here, and counts only inside of the folder.
                found = (folder / relative).resolve()
                if found.is_relative_to(folder):
                    yield found


def _escaped(path: PurePosixPath) -> PurePosixPath:
    """As Go's module cache has it: ``!azure`` for Azure, up to the version."""
    module, at, rest = str(path).partition("@")
    return PurePosixPath(re.sub("[A-Z]", lambda m: f"!{m[0].lower()}", module) + at + rest)


def _read(path: Path) -> list[str] | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            return None
        content = os.read(fd, MAX_FILE_BYTES)
    finally:
        os.close(fd)
    return content.decode("utf-8", "replace").expandtabs(4).splitlines()
