"""``make bench``: a table, and last one JSON line; ``ONLY=hit,drain`` runs a part.

Loads BPF programs, so it needs root. Results are kept in build/bench for the page on overhead.
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from tests import fixtures
from tests.bench import rows
from tests.bench.parts import PART_BY_NAME, PARTS, Part
from tests.bench.rows import Outcome, Row, keyed
from tests.bench.stage import MOST_ROUNDS, Stage

RESULTS = fixtures.ROOT / "build" / "bench" / "results.json"
LONGEST_REASON = 160
console = Console(stderr=True)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="PART,…", help="all parts if left out")
    parser.add_argument(
        "--rounds", type=int, default=MOST_ROUNDS, metavar="N", help="at most so many"
    )
    asked = parser.parse_args()
    names = [name for name in asked.only.split(",") if name]
    if unknown := [name for name in names if name not in PART_BY_NAME]:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PART_BY_NAME)}")
    if os.geteuid() != 0:
        sys.exit("the benchmark loads BPF programs: run it as root")
    parts = [part for part in PARTS if not names or part.name in names]
    outcomes = []
    # What was started ends with us, also where a shell in the background ignores Ctrl-C for us.
    for interrupt in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupt, lambda number, _: sys.exit(128 + number))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whowoke-bench-")))
        stage = Stage(folder, stack, asked.rounds)
        for number, part in enumerate(parts, 1):
            console.print(f"{number}/{len(parts)} {part.name}: {part.what} …")
            outcomes.append(run(part, stage))
            rows.save(RESULTS, machine(), outcomes[-1:])
    found = [row for outcome in outcomes for row in outcome.rows]
    print("\n".join(rows.text_table(found)))
    print(rows.json_line(found), flush=True)


def run(part: Part, stage: Stage) -> Outcome:
    """Measure; a part that fails says why and leaves its keys empty."""
    time_now, start = datetime.now(UTC), time.monotonic()
    load = os.getloadavg()[0]
    try:
        found = part.measure(stage)
    except Exception as err:  # noqa: BLE001 - whatever it is, the other parts are run
        found = _failed(part, _reason(err, stage))
    seconds = time.monotonic() - start
    said_at = time_now.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Outcome(part.name, said_at, round(seconds, 1), round(load, 2), tuple(found))


def _failed(part: Part, why: str) -> list[Row]:
    rows_of = [keyed(name, None, note=why) for name in part.keys]
    return rows_of or [Row(part.name, part.what, None, note=why)]


def _reason(err: Exception, stage: Stage) -> str:
    """One short line, without paths of this machine."""
    text = f"{type(err).__name__}: {err}".splitlines()[0]
    for folder in (stage.folder, fixtures.ROOT):
        text = text.replace(f"{folder}/", "")
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} …"


def machine() -> dict[str, Any]:
    """What the numbers were measured on, without a path."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(pages * page / 1e9, 1),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
