"""What an operator notes of its reads and writes, and the same as a capture has it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from whowoke.analysis.capture.reader import Capture

Rows = npt.NDArray[Any]

MASK = (1 << 64) - 1
EMPTY_SUM = 0x9E3779B97F4A7C15
TYPED = ("*v1.ConfigMap", "*v1.PartialObjectMetadata")


@dataclass(frozen=True)
class Fact:
    """One line of the diary: Fact in tests/operators/reading/facts.go."""

    ts_ns: int
    what: str
    kind: str = ""
    type: str = ""
    namespace: str = ""
    name: str = ""
    list: bool = False
    versions: tuple[str, ...] = ()
    method: str = ""
    host: str = ""
    path: str = ""
    status: int = 0
    sent: str = ""
    list_version: str = ""
    pointers: tuple[int, ...] = ()


def diary(log: Path) -> list[Fact]:
    """All facts of an operator's log, in order."""
    known = {field.name for field in fields(Fact)}
    found = []
    for ns, what, text in re.findall(r"^@ (\d+) (\w+) (\{.*\})$", log.read_text(), re.MULTILINE):
        values = {key: value for key, value in json.loads(text).items() if key in known}
        for name in ("versions", "pointers"):
            values[name] = tuple(values.get(name) or ())
        found.append(Fact(int(ns), what, **values))
    return found


def passes(facts: list[Fact]) -> Iterator[list[Fact]]:
    """Each reconcile that ended, with its begin and its end."""
    one: list[Fact] = []
    for fact in facts:
        if fact.what == "begin":
            one = []
        one.append(fact)
        if fact.what == "end":
            yield one


class Noted:
    """The reconciles of a recording, whole ones, with their facts."""

    def __init__(self, capture: Capture, log: Path) -> None:
        self.capture = capture
        began, ended = capture.metadata["start_ns"], capture.metadata["end_ns"]
        self.passes = [
            each for each in passes(diary(log)) if began < each[0].ts_ns and each[-1].ts_ns < ended
        ]
        self.span = self.passes[0][0].ts_ns, self.passes[-1][-1].ts_ns
        self.goids = set(self._within("cache_read")["goid"].tolist())

    def facts(self, *whats: str) -> list[Fact]:
        return [fact for each in self.passes for fact in each if fact.what in whats]

    def rows(self, name: str) -> Rows:
        """Records of the goroutines that read."""
        rows = self._within(name)
        return rows[np.isin(rows["goid"], list(self.goids))]

    def _within(self, name: str) -> Rows:
        rows = self.capture.records(name)
        return rows[(rows["ts_ns"] >= self.span[0]) & (rows["ts_ns"] <= self.span[1])]

    def assert_reads(self) -> None:
        """Every read of a cache is there, in order, and none that wasn't."""
        seen = [read_of(self.capture, row) for row in self.rows("cache_read")]
        assert seen == [expected_read(fact) for fact in self.facts("cache")]

    def assert_requests(self) -> None:
        """Every HTTP request is there with its status, in order."""
        requests, responses = self.rows("http_request"), self.rows("http_response")
        noted = self.facts("api", "http")
        seen = [request_of(self.capture, row) for row in requests]
        hosts = {row["host"] for row, fact in zip(seen, noted, strict=True) if not fact.host}
        assert len(hosts) == 1
        expected = [
            {"http_method": fact.method, "host": fact.host or min(hosts), "path": fact.path}
            for fact in noted
        ]
        assert seen == expected
        assert responses["status"].tolist() == [fact.status for fact in noted]
        assert (requests["ts_ns"] < responses["ts_ns"]).all()
        assert (requests["ts_ns"][1:] > responses["ts_ns"][:-1]).all()

    def assert_answers(self) -> None:
        """Every answer is there as it was decoded, in order."""
        seen = [answer_of(self.capture, row) for row in self.rows("answer_decoded")]
        noted = [fact for fact in self.facts("api") if fact.type]
        assert seen == [expected_answer(fact) for fact in noted]


def mixed(value: int) -> int:
    """Scatter 64 bits as bpf/objects.h does."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


def versions_sum(versions: tuple[str, ...]) -> int:
    """What a list's record has of its items' versions."""
    return (EMPTY_SUM + sum(map(_version_hash, versions))) & MASK


def pointers_sum(pointers: tuple[int, ...]) -> int:
    """What a list's record has of the addresses of a store's objects."""
    return (EMPTY_SUM + sum(map(mixed, pointers))) & MASK


def _version_hash(version: str) -> int:
    words = np.frombuffer(version.encode().ljust(32, b"\0"), "<u8").tolist()
    value = mixed((words[0] + len(version)) & MASK)
    for word in words[1:]:
        value = mixed(value ^ word)
    return value


def expected_read(fact: Fact) -> dict[str, Any]:
    """The record of a read that was noted; a lister knows no kind, and unstructured no version."""
    typed = not fact.type or fact.type in TYPED
    return {
        "kind": fact.kind,
        "object_type": fact.type,
        "namespace": fact.namespace,
        "object_name": fact.name,
        "is_list": int(fact.list),
        "objects": len(fact.versions),
        "resource_version": fact.versions[0] if fact.versions and typed and not fact.list else "",
        "versions": versions_sum(fact.versions) if fact.list and typed else 0,
    }


def expected_answer(fact: Fact) -> dict[str, Any]:
    """The record of an answer that was noted."""
    typed = fact.type != "*unstructured.Unstructured"
    failed = fact.status >= 400
    version = fact.list_version or (fact.versions[0] if fact.versions and typed else "")
    return {
        "object_type": fact.type,
        "namespace": fact.namespace if typed else "",
        "object_name": fact.name if typed else "",
        "sent_version": fact.sent,
        "resource_version": "" if failed else version,
        "objects": len(fact.versions) if fact.list else 0,
        "versions": versions_sum(fact.versions) if fact.list else 0,
        "failed": int(failed),
    }


def read_of(capture: Capture, row: Any) -> dict[str, Any]:
    """A cache_read in words."""
    kinds = {
        int(reader["reader"]): capture.strings.get(int(reader["object_kind"]), "?")
        for reader in capture.records("cache_reader")
    }
    texts = ("object_type", "namespace", "object_name", "resource_version")
    found = _texts(capture, row, texts) | _numbers(row, ("is_list", "objects", "versions"))
    return {"kind": kinds[int(row["reader"])] if row["reader"] else "", **found}


def answer_of(capture: Capture, row: Any) -> dict[str, Any]:
    """An answer_decoded in words."""
    texts = ("object_type", "namespace", "object_name", "sent_version", "resource_version")
    return _texts(capture, row, texts) | _numbers(row, ("objects", "versions", "failed"))


def request_of(capture: Capture, row: Any) -> dict[str, Any]:
    """An http_request in words."""
    return _texts(capture, row, ("http_method", "host", "path"))


def _texts(capture: Capture, row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Hashes in words; a text that was lost is a question mark."""
    return {n: capture.strings.get(int(row[n]), "?") if row[n] else "" for n in names}


def _numbers(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: int(row[name]) for name in names}


def functions(capture: Capture, row: Any) -> list[str]:
    """Functions of a record's stack, innermost first."""
    return [frame.function for frame in capture.stacks[int(row["stack"])]]
