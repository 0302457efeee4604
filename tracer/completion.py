"""What a shell completes of running processes. Nothing that is slow to import is imported."""

import re
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
# The note with Go's build id: sizes, type 4, name; the linker puts it at the file's begin, where
# `go tool buildid` looks for it, too (cmd/internal/buildid/note.go).
GO_NOTE = re.compile(rb"\x04\0\0\0....\x04\0\0\0Go\0\0", re.DOTALL)
NOTE_BYTES = 32 << 10


def pids(incomplete: str) -> list[tuple[str, str]]:
    """Pids of Go processes with their names."""
    return [(pid, name) for pid, name in _go_processes() if pid.startswith(incomplete)]


def names(incomplete: str) -> list[str]:
    """Names of Go processes."""
    return sorted({name for _, name in _go_processes() if name.startswith(incomplete)})


def _go_processes() -> Iterator[tuple[str, str]]:
    """Pid and name of each Go process; those whose executable we can't read are in it, too.

    For who completes ``sudo whowoke record -p`` isn't root yet.
    """
    for folder in sorted(PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            command, name = (folder / "cmdline").read_bytes(), (folder / "comm").read_text()
        except OSError:
            continue
        if command and _may_be_go(folder / "exe"):
            yield folder.name, name.strip()


def _may_be_go(executable: Path) -> bool:
    try:
        with executable.open("rb") as file:
            return GO_NOTE.search(file.read(NOTE_BYTES)) is not None
    except PermissionError:
        return True
    except OSError:
        return False
