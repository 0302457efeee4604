"""Logs and OTLP files: lines and documents with senseless values, joined to a capture."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz.captures import TEXTS, VALUES
from tests.fuzz.choices import Choices, patched
from tests.fuzz.limits import file_of, two_lines
from tests.fuzz.recorded import LOG, operator
from tests.unit.askings import Asking
from whowoke.analysis.errors import WhowokeError
from whowoke.analysis.logs.spans import join
from whowoke.analysis.model import Analysis
from whowoke.analysis.queueing.queues import Reconcile

MAX_LINES = 12
LINE = LOG | {"reconcileID": "1" * 36, "name": "a", "ConfigMap": {"name": "a", "namespace": "ns"},
              "controllerKind": "ConfigMap"}  # fmt: skip
SPAN = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "parentSpanId": "eee19b7ec3c1b173",
    "startTimeUnixNano": "1700000000012000000",
    "endTimeUnixNano": 1_700_000_000_013_000_000,
    "attributes": [
        {"key": "k8s.object.name", "value": {"stringValue": "a"}},
        {"key": "controller", "value": {"stringValue": "web"}},
        {"key": "reconcileID", "value": {"stringValue": "22222222"}},
    ],
    "status": {"code": 2},
}
DOCUMENT = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [
                    {"key": "process.pid", "value": {"intValue": "42"}},
                    {"key": "host.name", "value": {"stringValue": "node.example.com"}},
                ]
            },
            "scopeSpans": [{"spans": [SPAN, SPAN | {"spanId": "eee19b7ec3c1b173"}]}],
        }
    ]
}
MESSAGES = (
    *("Reconciling", "Reconciler error", "Reconcile done, requeueing", "Reconcile successful"),
    *("Reconcile done, requeueing after 5s", "Reconcile done, requeueing after 1h1h", "x"),
)
TIMES = (
    *(0, -1, 1.5, 1e18, 1e19, 10**400, 1_700_000_000, 1_700_000_000_012.5, "2023-11-14T22:13:20Z"),
    *("2023-11-14T22:13:20.012+00:00", "2023-02-31T25:61:61Z", "9999-12-31T23:59:60-23:59", "0"),
)


def logs(data: bytes) -> None:
    """One file of lines or documents."""
    choices = Choices(data)
    is_pretty = choices.below(4) == 3
    content = b""
    for _ in range(MAX_LINES):
        if not choices:
            break
        content += _line(choices, is_pretty)
    fields = [(at, 4) for at in range(0, max(4, min(len(content), 2000)), 3)]
    content = bytes(patched(content, choices, fields))
    capture, reconciles = _recorded(choices.below(2) == 1)
    with file_of(content) as path:
        capture.log_files = (Path(path),)
        try:
            found = join(capture, reconciles)
        except WhowokeError as error:
            two_lines(error)
            return
    assert all(note.isprintable() for note in capture.log_notes)
    for reconcile in found:
        assert reconcile.log_id.isprintable()
        assert 0 <= reconcile.start_ns < 1 << 63
    assert all(text.isprintable() for text in capture.strings.values())


def _line(choices: Choices, is_pretty: bool) -> bytes:
    kind = choices.below(8)
    if kind == 0:
        return choices.take(choices.below(32)) + b"\n"
    if kind < 4:
        value: Any = LINE | {"ts": choices.pick(TIMES), "msg": choices.pick(MESSAGES)}
    else:
        value = copy.deepcopy(DOCUMENT)
    for _ in range(choices.below(4)):
        _change(value, choices)
    text = json.dumps(value, indent=1 if is_pretty else None)
    if kind == 3:
        text = json.dumps({"log": text, "stream": "stdout", "time": "x"})
    prefix = b"2023-11-14T22:13:20.012345678Z stdout F " if choices.below(4) == 3 else b""
    return prefix + text.encode() + b"\n"


def _change(value: Any, choices: Choices) -> None:
    for _ in range(12):
        if not isinstance(value, dict | list) or not value:
            return
        key = choices.pick(sorted(value) if isinstance(value, dict) else list(range(len(value))))
        if isinstance(value[key], dict | list) and choices.below(8) != 7:
            value = value[key]
            continue
        if isinstance(value, dict) and choices.below(4) == 3:
            value[choices.pick(TEXTS)] = value.pop(key)
        else:
            value[key] = copy.deepcopy(choices.pick((choices.pick(TEXTS), choices.pick(VALUES))))
        return


@cache
def _replayed() -> tuple[Asking, list[Reconcile]]:
    capture = operator()
    capture.log_texts = []
    return capture, Analysis(capture).operations.reconciles


def _recorded(is_blind: bool) -> tuple[Asking, list[Reconcile]]:
    """The capture, and its reconciles unless no probe could see them."""
    sound, reconciles = _replayed()
    capture = copy.copy(sound)
    capture.strings, capture.log_notes = dict(sound.strings), []
    if is_blind:
        capture.metadata = sound.metadata | {"sites": []}
        return capture, []
    return capture, [copy.copy(reconcile) for reconcile in reconciles]
