"""Minor versions of Go and of modules, and the struct offsets that belong to them."""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from whowoke.tracer.buildinfo import BuildInfo


@cache
def read_table(name: str) -> dict[str, Any]:
    """One of the tables beside this file."""
    return tomllib.loads((files(__package__) / name).read_text())


def minor_version(text: str) -> str:
    """``1.26`` of ``go1.26.8`` and ``0.24`` of ``v0.24.1``; empty for anything else."""
    match = re.match(r"(?:go|v)(\d+\.\d+)(?!\d)", text)
    return match[1] if match else ""


def minor_versions(texts: list[str]) -> tuple[str, ...]:
    """``1.19``, ``1.20``, ``1.21`` of ``["1.19-1.21"]``: a table's row names all that it is for."""
    found: list[str] = []
    for text in texts:
        first, _, last = text.partition("-")
        major, low = first.split(".")
        high = (last or first).split(".")[1]
        found += [f"{major}.{minor}" for minor in range(int(low), int(high) + 1)]
    return tuple(found)


def versions_of(info: BuildInfo) -> dict[str, str]:
    """Version of Go (as ``go``) and of each module that was built from its own source."""
    versions = {"go": info.go_version}
    versions |= {path: module.built_version for path, module in info.modules.items()}
    return versions


@cache
def offset_sets() -> tuple[dict[str, Any], ...]:
    """The sets of offsets.toml, in order; ``versions`` are single minor versions."""
    rows = read_table("offsets.toml")["set"]
    return tuple({**row, "versions": minor_versions(row["versions"])} for row in rows)


def offsets(versions: dict[str, str]) -> tuple[dict[str, str], set[str]]:
    """Macros of the versions that are known, 0 for the rest, and the modules that have none."""
    macros: dict[str, str] = {}
    unknown = {row["module"] for row in offset_sets()}
    for row in offset_sets():
        values = {name: hex(value) for name, value in row["values"].items()}
        if minor_version(versions.get(row["module"], "")) in row["versions"]:
            macros |= values
            unknown.discard(row["module"])
        else:
            macros |= {name: "0" for name in values if name not in macros}
    return macros, unknown
