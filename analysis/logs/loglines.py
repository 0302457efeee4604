"""Reads an operator's logs, and traces of it, for what they say of its reconciles.

Lines are JSON as controller-runtime's loggers write them: zap (``ts`` in any of its encodings) and
klog's JSON format (component-base, ``ts`` in milliseconds). From 0.12 on controller-runtime puts
``controller``, ``namespace``, ``name`` and ``reconcileID`` into each line of a reconcile
(pkg/internal/controller, pkg/builder). The prefixes of a container runtime (CRI) and the wrapping
of docker's json-file are taken off. For traces see ``otlp.py``.
"""

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from whowoke.analysis.durations import parse_duration
from whowoke.analysis.errors import PermissionDeniedError, UsageError
from whowoke.analysis.logs.otlp import reconcile_spans
from whowoke.analysis.logs.told import Told, Window, moment, named, text

MAX_LINE = 16 << 20
MAX_DOCUMENT = 64 << 20
MAX_RECONCILES = 1_000_000
# Messages of controller-runtime 0.12 to 0.25; those on level 5 since 0.16.
BEGIN = "Reconciling"
OUTCOMES = {
    "Reconciler error": "error",
    "Reconcile done, requeueing": "requeue",
    "Reconcile successful": "success",
}
REQUEUE_AFTER = "Reconcile done, requeueing after "
_ID = re.compile(rb"[rR]econcile[._-]?[iI][dD]")
_CRI = re.compile(rb"\S{20,40} (?:stdout|stderr) [FP](?::\S{0,40})? ")
_TIMES = ("time", "timestamp", "@timestamp")


@dataclass
class Reader:
    """Gathers reconciles, by reconcileID, that were told within a time of the wall clock.

    ``pids`` and ``hosts`` (in small letters, without domain) are those of the process that is
    meant: spans that name others are left out; an empty set excludes nobody. What could not be
    read is counted.
    """

    window_ns: Window
    pids: frozenset[int] = frozenset()
    hosts: frozenset[str] = frozenset()
    found: dict[str, Told] = field(default_factory=dict)
    no_json: int = 0
    too_long: int = 0
    no_time: int = 0
    too_many: int = 0
    strangers: int = 0

    def read(self, path: Path) -> None:
        """Take in a file. UsageError or PermissionDeniedError where it cannot be read."""
        with open_log(path) as file:
            if not _is_document(file):
                self.lines(_bounded_lines(file))
                return
            content = file.read(MAX_DOCUMENT + 1)
            if len(content) > MAX_DOCUMENT:
                self.too_long += 1
            else:
                self._take(_object(content))

    def lines(self, lines: Iterable[bytes | None]) -> None:
        """Take in lines; None is one that was too long."""
        for line in lines:
            if line is None:
                self.too_long += 1
            else:
                self._line(line.strip())

    def _line(self, line: bytes) -> None:
        if not line.startswith(b"{"):
            prefix = _CRI.match(line)
            line = line[prefix.end() :] if prefix else line
        if not line.startswith(b"{"):
            self.no_json += bool(line)
        elif tells(line):
            self._take(_object(line))

    def _take(self, value: dict[str, Any] | None) -> None:
        if value is not None and isinstance(value.get("log"), str) and "stream" in value:
            value = _object(value["log"])
        if value is None:
            self.no_json += 1
        elif "resourceSpans" in value:
            self._take_spans(value)
        else:
            self._take_log_line(value)

    def _take_log_line(self, value: dict[str, Any]) -> None:
        log_id = text(value.get("reconcileID")) or named(value).get("log_id")
        if not log_id:
            return
        stamp = value.get("ts")
        if stamp is None:
            stamp = next((value[name] for name in _TIMES if name in value), None)
        at = moment(stamp)
        if at is None:
            self.no_time += 1
            return
        controller = text(value.get("controller"))
        namespace, name = text(value.get("namespace")), text(value.get("name"))
        if name is None:
            namespace, name = _key_of_kind(value)
        message = value.get("msg", value.get("message"))
        result, after_ns = _outcome(message) if isinstance(message, str) else ("unknown", None)
        ends = result != "unknown"
        told = Told(log_id, controller, namespace, name, at, at, message == BEGIN, ends)
        told.result, told.requeue_after_ns = result, after_ns
        self._add(told)

    def _take_spans(self, document: dict[str, Any]) -> None:
        for spans in reconcile_spans(document):
            self.no_time += spans.no_time
            host = (spans.host or "").partition(".")[0].lower()
            if (self.pids and spans.pid is not None and spans.pid not in self.pids) or (
                self.hosts and host and host not in self.hosts
            ):
                self.strangers += len(spans.told)
                continue
            for told in spans.told:
                self._add(told)

    def _add(self, told: Told) -> None:
        start_ns, end_ns = self.window_ns
        if told.last[1] < start_ns or told.first[0] > end_ns:
            return
        known = self.found.get(told.log_id)
        if known is not None:
            known.add(told)
        elif len(self.found) < MAX_RECONCILES:
            self.found[told.log_id] = told
        else:
            self.too_many += 1


def tells(line: bytes) -> bool:
    """Whether a line may tell of a reconcile; most lines of a log don't."""
    at = line.find(b"econcile")
    return (at > 0 and bool(_ID.search(line, at - 1))) or b"resourceSpans" in line


def open_log(path: Path) -> BinaryIO:
    """A log's file, opened to be read. UsageError or PermissionDeniedError where that fails."""
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    except PermissionError:
        raise PermissionDeniedError(
            f"no permission to read {path}", "read it as its owner"
        ) from None
    except OSError as err:
        hint = "give a file of JSON log lines, or of OTLP/JSON spans"
        raise UsageError(f"cannot read {path}: {err.strerror}", hint) from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UsageError(f"{path} is not a file", "have the log written into one, and give that")
    return file


def _bounded_lines(file: BinaryIO) -> Iterator[bytes | None]:
    while line := file.readline(MAX_LINE + 1):
        if len(line) <= MAX_LINE:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE)
        yield None


def _is_document(file: BinaryIO) -> bool:
    """Whether a file is one document written over several lines; it is read from its start then."""
    first = file.readline(MAX_LINE).strip().replace(b" ", b"")
    file.seek(0)
    return first in (b"{", b'{"resourceSpans":[')


def _object(content: bytes | str) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _key_of_kind(value: dict[str, Any]) -> tuple[str | None, str | None]:
    """Namespace and name as ``"ConfigMap": {"name": …, "namespace": …}`` has them."""
    kind = value.get("controllerKind")
    # Up to 0.12 the kind has a small first letter there.
    for key in (kind, kind[:1].lower() + kind[1:]) if isinstance(kind, str) else ():
        pair = value.get(key)
        if isinstance(pair, dict):
            return text(pair.get("namespace", "")), text(pair.get("name"))
    return None, None


def _outcome(message: str) -> tuple[str, int | None]:
    """The result that a line tells, and the delay in nanoseconds."""
    if not message.startswith(REQUEUE_AFTER):
        return OUTCOMES.get(message, "unknown"), None
    try:
        delay = message[len(REQUEUE_AFTER) :].replace("µ", "u")
        return "requeue_after", parse_duration(delay)
    except UsageError:
        return "requeue_after", None
