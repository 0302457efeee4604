"""Stacks on one line each with a weight, as flamegraph.pl, inferno and speedscope read them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whowoke.analysis.output.exporter import Exporter, Source
from whowoke.analysis.output.files import replaced, single
from whowoke.analysis.tables.columns import STACKS, WAKEUPS

# What the format itself needs: between frames, and at the end of a line.
TAKEN = str.maketrans({";": ":", "\n": " ", "\r": " "})


def write_folded(source: Source, path: Path) -> None:
    """One file: ``cause;outermost;…;innermost weight``.

    The first frame is the wake-up's cause, several joined by ``+``; the others are who set its
    timer or, where that wasn't seen, where its goroutine waits. The weight is the number of
    wake-ups, or their CPU time in nanoseconds, of those where it is known.
    """
    weights: Counter[str] = Counter()
    for line, weight in _weighted(source):
        weights[line] += weight
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path) as file:
        file.writelines(f"{line} {weight}\n" for line, weight in sorted(weights.items()))


def _weighted(source: Source) -> Iterator[tuple[str, int]]:
    stacks: dict[int, list[str]] = {}
    frames = source.table(STACKS)[["stack_id", "function"]]
    for stack_id, function in frames.itertuples(index=False, name=None):
        stacks.setdefault(stack_id, []).append(_frame(function))
    total = known = 0
    for cause, stack_id, function, cpu_ns in _wakeups(source):
        total += 1
        # Without a stack its function is what is known.
        inner = stacks.get(stack_id) or ([_frame(function)] if function else [])
        line = ";".join([(cause or "unknown").replace(";", "+"), *reversed(inner)])
        if source.weight == "wakeups":
            yield line, 1
        elif cpu_ns is not None:
            known += 1
            yield line, cpu_ns
    if source.weight == "cpu":
        source.notes.append(
            f"the CPU time of {known:,} of {total:,} wake-ups is known: "
            "those that were alone in their episode"
        )


def _wakeups(source: Source) -> Iterator[list[Any]]:
    for part in source.parts(WAKEUPS):
        wakeups = part[["cause", "stack_id", "function", "cpu_ns"]].astype("object")
        yield from wakeups.where(wakeups.notna(), None).to_numpy().tolist()


def _frame(function: str | None) -> str:
    return (function or "unknown").translate(TAKEN)


FOLDED = Exporter("one text file, a stack a line", single, write_folded)
