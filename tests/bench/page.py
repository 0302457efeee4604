"""Makes docs/overhead.md of the last results: ``python -m tests.bench.page``.

They are kept beside the page, so that a test can see that the page has their numbers.
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

from tests import fixtures
from tests.bench.compare import ALONE, SCENES
from tests.bench.keys import KEYS, Key
from tests.bench.observers import OBSERVERS
from tests.bench.parts import PARTS
from tests.bench.rows import Outcome, Row, load, number, outcomes_of

RESULTS = fixtures.ROOT / "build" / "bench" / "results.json"
DOCS = fixtures.ROOT / "docs"
PAGE, KEPT = DOCS / "overhead.md", DOCS / "overhead.json"

QUIET_LOAD = 1.5

HEAD = """\
# Overhead

<!-- made by `python -m tests.bench.page` from overhead.json: change neither by hand -->

What a recording costs the operator, everybody else and the recorder, measured by `make bench`.
Nothing here is an estimate: each number comes from a run, and one that couldn't be had is missing,
with the reason.
"""

METHOD = """\
## How it is measured

- **Side by side**: what is compared runs in turn, A B A B …, on the same process. A watched window
  is compared with the windows alone before and after it, or of the same round. Medians are shown,
  with the extremes and the number of measurements.
- **Target CPU** is the kernel's clock of the whole process (all threads, also ended ones). Uprobes
  and system-call tracepoints run in the target's threads, so their cost is in it. **Throughput**
  is the operator's own `controller_runtime_reconcile_total`, or what the program counts.
- **A hit**: a Go program arms one timer in bursts and times them by itself. whowoke writes a
  record with a user stack and every hit is looked up in the capture; bpftrace only counts.
  bpftrace is put on the function's entry, as people do it, and on our place, which tells the place
  from the program.
- **The least** that either can cost is measured, too, for it is the kernel's and differs by a
  factor of three between processors: bpftrace's count on our place is little more than the
  breakpoint, and two programs that do nothing are what tracepoints of system calls cost everybody.
- **The same functions** for bpftrace: the entry of each function in which whowoke has a probe.
- **whowoke** has its default budget, 1 % of a core: what costs more is taken off in the first two
  seconds, which aren't compared. What the same probes cost if all stay is said by the row with a
  budget of 100 %.
- **The flood**: a Go program arms a timer and makes a system call again and again; our BPF
  programs write both into the real rings. The recorder's CPU is all that it takes: drain,
  compress, write.
- **A day** is a minute of an idle operator, replayed in time; `explain` is measured as a process.
"""


def page(kept: dict[str, Any]) -> str:
    """The whole page."""
    outcomes = outcomes_of(kept)
    order = {part.name: index for index, part in enumerate(PARTS)}
    outcomes.sort(key=lambda outcome: order.get(outcome.part, len(order)))
    rows = [row for outcome in outcomes for row in outcome.rows]
    parts = [
        HEAD,
        _answers(rows),
        "## What that says\n\n" + _reading(rows) + _disturbed(outcomes) + "\n",
        _comparison(rows),
        _linearity(rows),
        METHOD,
        _machine(kept["machine"], outcomes),
        _everything(rows),
    ]
    return "\n".join(part for part in parts if part)


def _answers(rows: Sequence[Row]) -> str:
    found = {row.key: row for row in rows if row.key}
    lines = []
    for key in KEYS:
        row = found.get(key.name)
        value = row.value if row else None
        verdict = "not measured" if value is None else "yes" if key.is_met(value) else "**no**"
        unit = f" {key.unit}" if key.unit and value is not None else ""
        cells = (key.meaning, f"{number(value)}{unit}", _between(row), key.goal, verdict)
        lines.append((f"`{key.name}`", *cells))
    head = ("", "what", "median", "from … to", "goal", "met")
    return "## In short\n\n" + _table(head, lines)


def _reading(rows: Sequence[Row]) -> str:
    """Sentences that follow from the numbers."""
    found = {row.key: row for row in rows if row.key}
    met: list[Key] = []
    failed, absent, noisy = [], [], []
    for key in KEYS:
        row = found.get(key.name)
        if row is None or row.value is None:
            absent.append(f"- `{key.name}`: {row.note if row else 'its part was not run'}.")
            continue
        if key.is_met(row.value):
            met.append(key)
        else:
            failed.append(
                f"- `{key.name}`: {number(row.value)} {key.unit}, the goal is {key.goal}."
            )
        if row.low is not None and row.high is not None and _is_noisy(row):
            noisy.append(f"`{key.name}`")
    lines = [f"{len(met)} of {len(KEYS)} goals are met."]
    if failed:
        lines += ["", "Not met:", "", *failed]
    if absent:
        lines += ["", "Not measured:", "", *absent]
    if noisy:
        apart = (
            "the extremes lie further apart than the median is from zero: read bounds, not numbers"
        )
        lines += ["", f"Noise: of {', '.join(noisy)} {apart}."]
    return "\n".join(lines)


def _disturbed(outcomes: Sequence[Outcome]) -> str:
    loads = [outcome.load for outcome in outcomes]
    if not loads or min(loads) < QUIET_LOAD:
        return ""
    return (
        f"\n\nThe machine had other work all the time (load {number(min(loads))} to "
        f"{number(max(loads))}): times are longer than on a quiet one."
    )


def _is_noisy(row: Row) -> bool:
    assert row.low is not None
    assert row.high is not None
    assert row.value is not None
    return row.count > 1 and row.high - row.low > abs(row.value)


def _comparison(rows: Sequence[Row]) -> str:
    """A table for each program: the tools below each other."""
    by_what = {(row.part, row.what): row for row in rows}
    sections = []
    for scene in SCENES:
        columns = ["target CPU"]
        if scene.unit:
            columns += [f"target CPU for one of its {scene.unit}", f"{scene.unit} lost"]
        lines, notes = [], []
        for tool in OBSERVERS:
            cells = [by_what.get((scene.part, f"{tool}: {column}")) for column in columns]
            if cells[0] is None:
                continue
            if cells[0].value is None:
                notes.append(f"{tool}: {cells[0].note}.")
            lines.append((tool, *(_with_spread(row) for row in cells)))
        if lines:
            rate = by_what.get((scene.part, f"{ALONE}: {scene.unit}"))
            speed = f" Alone it makes {number(rate.value)} {scene.unit} a second." if rate else ""
            head = ("watched by", *columns)
            text = f"### {scene.what[0].upper()}{scene.what[1:]}\n\n" + _table(head, lines)
            sections.append("\n".join([text, *[note + "\n" for note in notes], speed.strip()]))
    if not sections:
        return ""
    return "## Beside other tools\n\n" + "\n".join(section.rstrip() + "\n" for section in sections)


def _linearity(rows: Sequence[Row]) -> str:
    by_what = {row.what: row for row in rows if row.part == "day"}
    lines = []
    for hours in (1, 6, 24):
        cells = [
            by_what.get(f"{hours} h: {what}")
            for what in ("the file", "file to verdict", "most memory")
        ]
        if all(row is not None and row.value is not None for row in cells):
            lines.append((f"{hours} h", *(_cell(row) for row in cells)))
    if not lines:
        return ""
    head = ("idle operator", "the file", "file to verdict", "most memory")
    return "## A day\n\n" + _table(head, lines)


def _machine(machine: dict[str, Any], outcomes: Sequence[Outcome]) -> str:
    said = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in machine.items())
    lines = [
        (outcome.part, outcome.time, number(outcome.seconds), number(outcome.load))
        for outcome in outcomes
    ]
    head = ("part", "began", "seconds", "load of the machine before")
    text = f"## The machine\n\n{said}. The load is of other work and of the part before.\n\n"
    return text + _table(head, lines)


def _everything(rows: Sequence[Row]) -> str:
    lines = [
        (row.part, row.what, _cell(row), _between(row), row.note)
        for row in rows
        if not row.part.startswith("compare")
    ]
    return "## All numbers\n\n" + _table(("part", "what", "median", "from … to", "note"), lines)


def _cell(row: Row | None) -> str:
    if row is None or row.value is None:
        return "-"
    return f"{number(row.value)} {row.unit}".strip()


def _with_spread(row: Row | None) -> str:
    """Median and extremes in one cell."""
    if row is None or row.low is None or row.count < 2:
        return _cell(row)
    return f"{_cell(row)} ({number(row.low)} … {number(row.high)})"


def _between(row: Row | None) -> str:
    if row is None or row.low is None:
        return ""
    return f"{number(row.low)} … {number(row.high)} ({row.count})"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    rule = ["---"] * len(head)
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *escaped])


def main() -> None:
    """Write the page and keep the results that it was made of."""
    if not RESULTS.exists():
        sys.exit("there are no results: run `make bench`")
    kept = load(RESULTS)
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(kept))


if __name__ == "__main__":
    main()
