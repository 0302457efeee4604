"""What the operators of tests/operators say that each of their reconciles read and wrote."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.accuracy import diary

Read = tuple[str, str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Write:
    """A write; before and after are resource versions."""

    verb: str
    kind: str
    name: str
    before: str
    after: str
    failed: bool

    @property
    def changed(self) -> bool:
        return not self.failed and self.before != self.after


@dataclass(frozen=True)
class Pass:
    """One reconcile, by the operator's own words.

    A read is source (cache or api), kind, name (empty for a list) and the NAME=VERSION of what was
    there. outside is what others than Kubernetes answered. Times are CLOCK_MONOTONIC.
    """

    controller: str
    namespace: str
    name: str
    start_ns: int
    end_ns: int
    reads: tuple[Read, ...]
    writes: tuple[Write, ...]
    outside: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.controller, self.namespace, self.name

    def versions(self, kind: str) -> set[str]:
        """NAME=VERSION of all of a kind that was read."""
        return {version for _, read, _, found in self.reads if read == kind for version in found}

    def repeats(self, last: "Pass") -> bool:
        """Whether it read what the last one of its object read, and changed nothing."""
        unchanged = not any(write.changed for write in self.writes)
        read = sorted(self.reads) == sorted(last.reads) and self.outside == last.outside
        return read and unchanged


def read(log: Path) -> list[Pass]:
    """All passes of an operator's diary, in the order in which they ended."""
    return [_pass(json.loads(note.about)) for note in diary.read(log) if note.word == "pass"]


def with_last(passes: Iterable[Pass]) -> Iterator[tuple[Pass, Pass | None]]:
    """Each pass and the one before it that was about the same object."""
    last: dict[tuple[str, str, str], Pass] = {}
    for one in passes:
        yield one, last.get(one.key)
        last[one.key] = one


def _pass(line: dict[str, Any]) -> Pass:
    reads = [
        (one["source"], one["kind"], one["name"], tuple(one["versions"] or ()))
        for one in line["reads"] or ()
    ]
    writes = tuple(Write(**one) for one in line["writes"] or ())
    outside = tuple(line["outside"] or ())
    return Pass(**line | {"reads": tuple(reads), "writes": writes, "outside": outside})
