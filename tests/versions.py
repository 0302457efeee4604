"""Builds the programs of the version matrix, below build/versions, each once.

    python -m tests.versions [--selected] [PATTERN ...]

What is built comes from tests/operators/versions/versions.toml: NAME is e.g. go1.19.13-pie or
controller-runtime-0.18, and a pattern chooses names as the shell would.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "tests" / "operators" / "versions"
TABLE = TEMPLATES / "versions.toml"
BUILDS = ROOT / "build" / "versions"
GO = ROOT / "build" / "go"


class BuildError(Exception):
    """go build or go mod tidy failed."""


@dataclass(frozen=True)
class Build:
    """One program of the matrix; template is a folder beside versions.toml."""

    name: str
    template: str
    go: str
    module_go: str
    flags: tuple[str, ...] = ()
    api: tuple[str, ...] = ()
    cgo: bool = False
    rename_pclntab: bool = False
    requires: tuple[str, ...] = ()
    selected: bool = False
    subject: str = field(default="")

    @property
    def folder(self) -> Path:
        return BUILDS / self.name

    @property
    def binary(self) -> Path:
        return self.folder / self.template

    def built(self) -> bool:
        """Whether the binary is there and was made from what the tree has now."""
        stamp = self.folder / "stamp"
        return self.binary.exists() and stamp.exists() and stamp.read_text() == self.fingerprint()

    def fingerprint(self) -> str:
        how = {key: value for key, value in asdict(self).items() if key not in ("name", "selected")}
        digest = hashlib.sha256(json.dumps(how, sort_keys=True).encode())
        for path in sorted((TEMPLATES / self.template).iterdir()):
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()


def builds() -> list[Build]:
    """All programs, the cheap ones first."""
    table = tomllib.loads(TABLE.read_text())
    return [*_plain(table["plain"]), *map(_module, table["module"])]


def by_name(name: str) -> Build:
    """One program; its binary may have to be made yet."""
    return next(build for build in builds() if build.name == name)


def chosen(template: str) -> list[str]:
    """Names of the builds of a template that a test runs: selected, or as WHOWOKE_VERSIONS says."""
    patterns = os.environ.get("WHOWOKE_VERSIONS", "").split()
    return [
        build.name
        for build in builds()
        if build.template == template
        and (any(fnmatch(build.name, p) for p in patterns) if patterns else build.selected)
    ]


def make(build: Build) -> None:
    """Build it unless that is done."""
    if build.built():
        return
    shutil.rmtree(build.folder, ignore_errors=True)
    sources = build.folder / "source"
    shutil.copytree(TEMPLATES / build.template, sources)
    for path in sources.glob("api_*.go"):
        if path.stem.removeprefix("api_") not in build.api:
            path.unlink()
    (sources / "go.mod").write_text(
        f"module whowoke.test/{build.template}\n\ngo {build.module_go}\n"
    )
    if build.requires:
        _go(build, ["mod", "edit", *(f"-require={required}" for required in build.requires)])
        _go(build, ["mod", "tidy"])
    _go(build, ["build", "-buildvcs=false", *build.flags, "-o", str(build.binary), "."])
    _check(build)
    if build.rename_pclntab:
        _rename_pclntab(build.binary)
    (build.folder / "stamp").write_text(build.fingerprint())


def _plain(table: dict[str, Any]) -> Iterator[Build]:
    for variant, how in table["variants"].items():
        for go in table["go"]:
            minor = int(go.split(".")[1])
            if not how.get("since", 0) <= minor < how.get("before", 99):
                continue
            yield Build(
                name=f"{go}-{variant}",
                template="plain",
                go=go,
                module_go=how.get("module_go", f"1.{minor}"),
                flags=tuple(how.get("flags", ())),
                cgo=how.get("cgo", False),
                rename_pclntab=how.get("rename_pclntab", False),
                selected=variant == "stripped" and go in table["selected"],
                subject=go,
            )


def _module(row: dict[str, Any]) -> Build:
    return Build(
        name=row["name"],
        template=row["template"],
        go=row["go"],
        module_go=row.get("module_go", f"1.{row['go'].split('.')[1]}"),
        flags=("-trimpath", "-ldflags=-s -w"),
        api=tuple(row.get("api", ("cache", "channel"))),
        requires=tuple(row["requires"]),
        selected=row.get("selected", False),
        subject="".join(re.findall(r"^.*?-\d+\.\d+", row["name"])),
    )


def _go(build: Build, arguments: Sequence[str]) -> str:
    own = {
        "CGO_ENABLED": str(int(build.cgo)),
        "GOTOOLCHAIN": build.go,
        "GOWORK": "off",
        "GOFLAGS": "-mod=mod",
    }
    argv = ["nice", str(GO), *arguments]
    done = subprocess.run(
        argv,
        cwd=build.folder / "source",
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"{build.name}: go {arguments[0]} failed:\n{done.stderr[-4000:]}")
    return done.stdout


def _check(build: Build) -> None:
    """Tidying may have taken a newer module than the one that was asked for."""
    has = _go(build, ["version", "-m", str(build.binary)])
    for required in build.requires:
        module, _, version = required.partition("@")
        if f"\t{module}\t{version}\t" not in has:
            raise BuildError(f"{build.name}: {build.binary} wasn't built with {required}")


def _rename_pclntab(binary: Path) -> None:
    content = binary.read_bytes()
    assert content.count(b".gopclntab\0") == 1
    binary.write_bytes(content.replace(b".gopclntab\0", b".functions\0"))


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--selected", action="store_true", help="only what make fixtures needs")
    asked = parser.parse_args()
    wanted = [
        build
        for build in builds()
        if any(fnmatch(build.name, pattern) for pattern in asked.patterns)
        and (build.selected or not asked.selected)
    ]
    missing = [build for build in wanted if not build.built()]
    failed = []
    for number, build in enumerate(missing, start=1):
        started = time.monotonic()
        print(f"[{number}/{len(missing)}] {build.name}", end=" ", flush=True)
        try:
            make(build)
        except BuildError as error:
            failed.append(build.name)
            print(f"\n{error}", flush=True)
            continue
        print(f"{time.monotonic() - started:.0f} s", flush=True)
    print(f"{len(wanted) - len(failed)} of {len(wanted)} programs of the version matrix are built")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
