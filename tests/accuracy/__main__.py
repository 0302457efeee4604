"""``make accuracy``: is whowoke right about every source of wake-ups, on every version?

    python -m tests.accuracy [--sources PATTERN ...] [--versions PATTERN ...] [--blind N] [--again]

Prints a table, what was said instead, and last one line of JSON. What was recorded stays in
build/accuracy and can be judged again. Patterns are the shell's; without any, everything runs.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests import blind, fixtures, versions
from tests.accuracy import blind_sources, matrix, session
from tests.accuracy.judge import Tally
from tests.accuracy.sources import SOURCES
from tests.accuracy.truth import Source

FOLDER = fixtures.ROOT / "build" / "accuracy"
Row = TypeVar("Row", Source, versions.Build)
# The version that is judged, and what opens the truth in a folder.
Verdict = tuple[str, Callable[[Path], Tally]]
BLIND_FOLDER = fixtures.ROOT / "build" / "blind"
BLIND = len(blind.MECHANISMS)
AT_ONCE = 8
PLAIN_AT_ONCE = 4


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", nargs="*", help="names in tests/accuracy/sources.py")
    parser.add_argument("--versions", nargs="*", help="names of the version matrix")
    parser.add_argument("--blind", type=int, help="so many operators drawn from new seeds")
    parser.add_argument("--again", action="store_true", help="judge what was recorded before")
    asked = parser.parse_args()
    everything = (asked.sources, asked.versions, asked.blind) == (None, None, None)
    sources = chosen(SOURCES, ["*"] if everything else asked.sources)
    builds = chosen(versions.builds(), ["*"] if everything else asked.versions)
    plain = [build for build in builds if build.template == "plain"]
    for build in builds:
        if build.template != "plain":
            sources += matrix.sources(build)
    if (everything or asked.blind) and not asked.again:
        sources += blind_sources.draw(asked.blind or BLIND, BLIND_FOLDER)
    if not asked.again:
        record(sources, plain)
    verdicts: dict[str, Verdict] = {}
    for source in sources:
        verdicts[source.name] = source.subject, partial(session.verdict, source)
    for build in plain:
        verdicts[build.name] = build.subject, matrix.verdict_plain
    tell(verdicts)


def chosen(rows: Sequence[Row], patterns: Sequence[str] | None) -> list[Row]:
    """Those of the rows whose names match."""
    return [row for row in rows if any(fnmatch(row.name, p) for p in patterns or ())]


def record(sources: Sequence[Source], plain: Sequence[versions.Build]) -> None:
    """Record, side by side, those that take as long as each other."""
    for some in pieces(plain, PLAIN_AT_ONCE):
        print(f"recording {' '.join(build.name for build in some)}", file=sys.stderr)
        matrix.record_plain(some, FOLDER)
    if not sources:
        return
    with (
        tempfile.TemporaryDirectory(prefix="whowoke-accuracy-") as folder,
        fixtures.cluster(Path(folder)) as cluster,
    ):
        session.record(sources, cluster, FOLDER, AT_ONCE)


def pieces(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    """The rows, so many at a time."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def tell(verdicts: dict[str, Verdict]) -> None:
    """Open the truth: one row for each source, what was said instead, the sum."""
    tallies: dict[str, Tally] = {}
    for name, (_, verdict) in verdicts.items():
        if (FOLDER / name / "capture.whowoke").exists():
            try:
                tallies[name] = verdict(FOLDER / name)
            except Exception as error:  # noqa: BLE001 # others are judged, and this one counts
                tallies[name] = Tally(unknown=1)
                tallies[name].said[f"no verdict: {error!r}"] += 1
        else:
            tallies[name] = Tally(unknown=1)
            tallies[name].said["no recording"] += 1
        print(line(name, tallies[name]), flush=True)
    print()
    print("".join(explained(tallies)))
    total = Tally()
    for tally in tallies.values():
        total += tally
    subjects = {verdicts[name][0] for name in tallies}
    counts = {"judged": total.judged, "right": total.right, "wrong": total.wrong}
    counts |= {"unknown": total.unknown, "versions": len(subjects), "sources": len(tallies)}
    print(json.dumps(counts, separators=(",", ":")))


def line(name: str, tally: Tally) -> str:
    """One row of the table."""
    return (
        f"{name:30} judged {tally.judged:5}  right {tally.right:5}"
        f"  wrong {tally.wrong:4}  unknown {tally.unknown:4}"
    )


def explained(tallies: dict[str, Tally]) -> Iterator[str]:
    """What whowoke said where it wasn't right, source by source."""
    for name, tally in tallies.items():
        if tally.said:
            yield f"{line(name, tally)}\n"
            yield from (f"    {count:4} x {said}\n" for said, count in tally.said.most_common(6))


if __name__ == "__main__":
    main()
