"""Builds small Go programs for tests, kept in build/, and asks Go's own tools about them.

``WHOWOKE_TEST_GO`` lists further versions to test with, such as ``go1.21.13,go1.27.3``; ``go``
downloads them. Without it only the installed Go is tested.
"""

import fcntl
import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build"
CACHE = BUILD / "unit"
# `make` puts a link to a Go that is new enough there.
GO = str(BUILD / "go") if (BUILD / "go").exists() else "go"
STRIPPED = ("-trimpath", "-ldflags=-s -w")
UNSTRIPPED = ("-trimpath",)
PIE = ("-buildmode=pie",)
# Position independent through gcc's linker: its pointers are only in the relocation table.
EXTERNAL_PIE = ("-buildmode=pie", "-ldflags=-s -w -linkmode=external", "-trimpath")


def toolchains() -> list[str]:
    """Return the versions of Go to test with, as GOTOOLCHAIN names them."""
    more = [v for v in os.environ.get("WHOWOKE_TEST_GO", "").split(",") if v]
    return ["local", *more]


def go(*arguments: str, toolchain: str = "local", cwd: Path | None = None, text: str = "") -> str:
    """Run ``go`` with ``arguments`` and return what it prints."""
    done = subprocess.run(
        [GO, *arguments],
        cwd=cwd,
        env=_environment(toolchain),
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"go {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def build(
    source: str, *flags: str, toolchain: str = "local", cgo: bool = False, language: str = "1.18"
) -> Path:
    """Return the executable of a program of one file ``source``, built with ``flags``."""
    text = f"module example.test/probe\n\ngo {language}\n"
    parts = [source, text, *flags, toolchain, str(cgo), _version(toolchain)]
    folder = CACHE / hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    executable = folder / "probe"
    with _alone():
        if not executable.exists():
            _build(folder, source, text, flags, _environment(toolchain, cgo=cgo))
    return executable


def _build(
    folder: Path, source: str, module: str, flags: tuple[str, ...], environment: dict[str, str]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "go.mod").write_text(module)
    (folder / "main.go").write_text(source)
    done = subprocess.run(
        [GO, "build", "-o", "partial", *flags, "."],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder / "partial").rename(folder / "probe")


@contextmanager
def _alone() -> Iterator[None]:
    """Tests that run side by side build one after the other, and each program once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def symbols(executable: Path) -> list[tuple[int, int, str]]:
    """Return (address, size, name) of the functions that ``go tool nm`` lists.

    Without ``.abi0``, by which nm tells two forms of one function apart. nm writes the middle dot
    of local types as a full stop.
    """
    found = []
    for line in go("tool", "nm", "-size", str(executable)).splitlines():
        address, size, kind, name = line.split(maxsplit=3)
        if kind in "Tt" and int(size):
            found.append((int(address, 16), int(size), name.removesuffix(".abi0")))
    return found


@cache
def _version(toolchain: str) -> str:
    return go("version", toolchain=toolchain)


def _environment(toolchain: str, *, cgo: bool | None = None) -> dict[str, str]:
    own = {"GOTOOLCHAIN": toolchain, "GOFLAGS": "-mod=mod -buildvcs=false"}
    return os.environ | own | ({} if cgo is None else {"CGO_ENABLED": "1" if cgo else "0"})
