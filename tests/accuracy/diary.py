"""What really happened: diaries, the API server's audit log, marks in the sources."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

from tests import fixtures

OPERATORS = fixtures.ROOT / "tests" / "operators"


@dataclass(frozen=True)
class Note:
    """A line of a diary; about is what is said after the word."""

    ts_ns: int
    word: str
    about: str


def read(log: Path) -> list[Note]:
    """All lines of an operator's diary, in order."""
    found = re.findall(r"(?m)^@ (\d+) (\S+) ?(.*)$", log.read_text(errors="replace"))
    return [Note(int(ts_ns), word, about) for ts_ns, word, about in found]


def collections(log: Path, pid_start_ns: int) -> list[int]:
    """When the collections began that followed two minutes without one, from GODEBUG=gctrace=1."""
    text = log.read_text(errors="replace")
    starts = [float(at) for at in re.findall(r"(?m)^gc \d+ @([\d.]+)s", text)]
    forced = [b for a, b in pairwise(starts) if b - a >= 119.9]
    return [pid_start_ns + int(at * 1e9) for at in forced]


def process_start_ns(pid: int) -> int:
    """CLOCK_MONOTONIC when a process was started, to 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) * 10_000_000


@cache
def marks(program: str) -> dict[str, tuple[str, ...]]:
    """The end of file:line, as a symbol table has it, of each mark in an operator's sources.

    A mark is //@MARK at the end of a line. The program is a folder of tests/operators.
    """
    found: dict[str, list[str]] = {}
    for path in sorted((OPERATORS / program).glob("*.go")):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if match := re.search(r"//@(\w+)$", line):
                place = f"/{path.parent.name}/{path.name}:{number}"
                found.setdefault(match[1], []).append(place)
    return {mark: tuple(lines) for mark, lines in found.items()}


def audited(
    log: Path, wall_ns: int, verb: str, stage: str, resource: str
) -> Iterator[tuple[int, str]]:
    """When the API server received or completed requests, with their URIs.

    wall_ns is the wall clock less CLOCK_MONOTONIC, which is the clock of the result.
    """
    key = {"received": "requestReceivedTimestamp", "complete": "stageTimestamp"}[stage]
    for line in log.read_text().splitlines():
        event = json.loads(line)
        about = event.get("objectRef", {})
        asked = (event["verb"], about.get("resource"), event["stage"])
        if asked == (verb, resource, "ResponseComplete"):
            at = datetime.fromisoformat(event[key])
            yield int(at.timestamp() * 1e6) * 1000 - wall_ns, event["requestURI"]
