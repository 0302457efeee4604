"""What is asked for: rows of the table ``requests``, and the things that are counted together."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from whowoke.analysis.asking.asked import Asked
from whowoke.analysis.asking.askers import load_known
from whowoke.analysis.asking.requests import TEXTS
from whowoke.analysis.asking.sameness import UNKNOWN
from whowoke.analysis.rules.frames import Rows
from whowoke.analysis.rules.lookup import MISSING

READING = ("get", "list")
FLAGS = {UNKNOWN: None, 0: False, 1: True}
UNNAMED = {
    "cache": "an unknown kind",
    "api": "an unknown path",
    "http": "an unknown host",
    "connection": "an unknown peer",
    "file": "a file",
}


class Request(NamedTuple):
    """One row of the table ``requests``, as far as it is looked at; None is not known."""

    reconcile_id: int | None
    goroutine_id: int | None
    ts_ns: int
    namespace: str | None
    name: str | None
    found: bool | None
    same: bool | None
    changed: bool | None
    event_ns: int | None
    function: str | None
    location: str | None
    # From here on: what is asked for.
    kind: str
    verb: str | None
    group: str | None
    version: str | None
    resource: str | None
    subresource: str | None
    object_kind: str | None
    host: str | None
    path: str | None


_FIRST = Request._fields.index("kind")


def what(row: Request) -> tuple[object, ...]:
    """What is asked for, whoever asks."""
    return tuple(row)[_FIRST:]


def load(asked: Asked) -> list[Request]:
    """Rows of the table ``requests``, without that table: each text is in memory once."""
    requests = asked.requests
    columns: dict[str, Iterable[Any]] = {
        name: map(requests.texts.known, requests[name].tolist()) for name in TEXTS
    }
    columns["ts_ns"] = requests["ts_ns"].tolist()
    columns["reconcile_id"] = _unless(MISSING + 1, requests["run"] + 1)
    columns["goroutine_id"] = _unless(0, requests["goid"])
    columns["event_ns"] = _unless(MISSING, asked.event_ns)
    flags = {"found": requests["found"], "same": asked.same, "changed": asked.changed}
    for name, values in flags.items():
        columns[name] = map(FLAGS.get, values.tolist())
    rows = zip(*(columns[name] for name in Request._fields), strict=True)
    return list(map(Request._make, rows))


def _unless(missing: int, values: Rows) -> Iterator[int | None]:
    return (None if value == missing else value for value in values.tolist())


class Thing(NamedTuple):
    """What is counted together; ``host`` is who is asked, outside of Kubernetes.

    ``controller`` is None for what was asked outside of reconciles.
    """

    controller: str | None
    kind: str
    group: str = ""
    version: str = ""
    name: str = ""
    subresource: str = ""
    host: str = ""


def told_name(asked: Thing) -> str:
    """A kind or peer as it is told."""
    name = f"{asked.name}/{asked.subresource}" if asked.subresource else asked.name
    return name or asked.host or UNNAMED[asked.kind]


def is_read(row: Request) -> bool:
    """Whether a request asks for something: all but writes to the API server, and watches."""
    if row.kind != "api":
        return True
    return row.verb in READING or is_review(row.resource, row.subresource)


def is_review(resource: str | None, subresource: str | None) -> bool:
    """Whether a request is a question that is sent as an object and answered in it."""
    about = f"{resource}/{subresource}" if subresource else resource
    return about in load_known().reviews


def is_write(row: Request) -> bool:
    """Whether a request is to change something that an operator looks after."""
    if row.kind != "api" or not row.resource or is_read(row):
        return False
    return row.verb != "watch" and row.resource not in load_known().notes
