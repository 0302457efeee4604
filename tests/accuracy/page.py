"""docs/supported-versions.md, made from what ``make accuracy`` printed:

make accuracy > table; build/venv/bin/python -m tests.accuracy.page < table
"""

import re
import sys
from collections.abc import Iterator

from tests import fixtures, versions

PAGE = fixtures.ROOT / "docs" / "supported-versions.md"
ROW = re.compile(
    r"^(\S+) +judged +(\d+) +right +(\d+) +wrong +(\d+) +unknown +(\d+)$", re.MULTILINE
)
HEAD = """# Supported versions

Made by `python -m tests.accuracy.page` of what `make accuracy` said. Each row is a program that
was built with these versions, run and recorded, and judged against what it noted of itself. Linux
on amd64. `judged` are its reconciles and the wake-ups of the series concerned.

A newer patch of a minor version in the table is taken as that one. Of a minor version that isn't in
the table, whowoke records what doesn't depend on it, and says what is missing.

| program | Go | libraries | judged | right | wrong | unknown |
|---|---|---|---|---|---|---|
"""


def rows(table: str) -> Iterator[str]:
    """One line for each build of the version matrix, its mechanisms added up."""
    counts: dict[str, list[int]] = {}
    for name, *numbers in dict.fromkeys(match.groups() for match in ROW.finditer(table)):
        counts[name] = [int(number) for number in numbers]
    for build in sorted(versions.builds(), key=_order):
        found = [
            numbers
            for name, numbers in counts.items()
            if name == build.name or name.rpartition("-")[0] == build.name
        ]
        if found:
            sums = " | ".join(str(sum(column)) for column in zip(*found, strict=True))
            libraries = ", ".join(build.requires) or "none"
            yield f"| {build.name} | {build.go.removeprefix('go')} | {libraries} | {sums} |\n"


def _order(build: versions.Build) -> tuple[str, list[int]]:
    return build.template, [int(number) for number in re.findall(r"\d+", build.name)]


if __name__ == "__main__":
    PAGE.write_text(HEAD + "".join(rows(sys.stdin.read())))
