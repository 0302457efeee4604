"""Writes docs/supported-kernels.md from build/vm/results: build/venv/bin/python -m tests.vm.page"""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from tests.fixtures import ROOT
from tests.vm import boxes

PAGE = ROOT / "docs" / "supported-kernels.md"
MARK = "|---|---|---|---|---|\n"
PROBES = "uprobes"


def main() -> None:
    """Replace the rows of the guests; what stands around them, and the host's row, is kept."""
    before, _, rest = PAGE.read_text().partition(MARK)
    own, _, after = rest.partition("\n\n")
    rows = {row.split(" | ")[0]: row for row in own.splitlines()}
    for path in sorted((boxes.FOLDER / "results").glob("*/guest.json")):
        row = guest_row(path.parent, json.loads(path.read_text()))
        rows[row.split(" | ")[0]] = row
    PAGE.write_text(before + MARK + "\n".join(rows.values()) + "\n\n" + after)


def guest_row(folder: Path, about: dict[str, Any]) -> str:
    """One row: system, kernel, bcc, how probes attach, what ran."""
    probes = next((check["found"] for check in about["doctor"] if check["name"] == PROBES), "")
    cells = [
        f"{about['system']}, guest `{about['guest']}`",
        about["kernel"],
        about["packages"]["python3-bpfcc"],
        probes,
        f"tests: {told(folder / 'tests.xml')}; the host's verdict: {told(folder / 'same.xml')}",
    ]
    return f"| {' | '.join(cells)} |"


def told(path: Path) -> str:
    """The counts of a JUnit file."""
    if not path.exists():
        return "not run"
    suite = next(ET.parse(path).getroot().iter("testsuite"))
    failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    return f"{int(suite.attrib['tests']) - failed} passed, {failed} failed"


if __name__ == "__main__":
    main()
