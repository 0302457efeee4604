"""Writes docs/supported-kernels.md of what ran: build/venv/bin/python -m tests.vm.page

Results in build/vm/results are first taken into tests/vm/ran.json, which is kept.
"""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from tests.fixtures import ROOT
from tests.vm import about, boxes

PAGE = ROOT / "docs" / "supported-kernels.md"
RAN = Path(__file__).resolve().parent / "ran.json"
TEXT = Path(__file__).resolve().parent / "page.md"
PROBES = "uprobes"
HOST = "host"


def main() -> None:
    """Take the results in, write the page."""
    rows = json.loads(RAN.read_text()) if RAN.exists() else {}
    for path in sorted((boxes.FOLDER / "results").glob(f"*/{about.NAME}")):
        rows[path.parent.name] = row(path.parent, json.loads(path.read_text()))
    RAN.write_text(json.dumps(dict(sorted(rows.items())), indent=2) + "\n")
    PAGE.write_text(page(rows))


def row(folder: Path, facts: dict[str, Any]) -> dict[str, str]:
    """What is told of one machine: system, kernel, bcc, how probes attach, what ran."""
    return {
        "system": facts["system"],
        "kernel": facts["kernel"].partition("-fc-")[0],
        "bcc": facts["packages"]["python3-bpfcc"],
        "probes": next(check["found"] for check in facts["doctor"] if check["name"] == PROBES),
        "tests": told(folder / "tests.xml"),
        "verdict": told(folder / "same.xml"),
    }


def page(rows: dict[str, dict[str, str]]) -> str:
    """The page, with a row for the host of the runs and one for each guest."""
    lines = []
    for name, cells in sorted(rows.items(), key=lambda item: (item[0] != HOST, item[0])):
        where = "the host" if name == HOST else f"guest `{name}`"
        lines.append(f"| {' | '.join([where, *cells.values()])} |")
    return TEXT.read_text().replace("ROWS\n", "\n".join(lines) + "\n")


def told(path: Path) -> str:
    """The counts of a JUnit file."""
    if not path.exists():
        return "not run"
    suite = next(ET.parse(path).getroot().iter("testsuite"))
    failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    return f"{int(suite.attrib['tests']) - failed} passed, {failed} failed"


if __name__ == "__main__":
    main()
