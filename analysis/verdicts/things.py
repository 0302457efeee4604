"""What is asked for: rows of the table ``requests``, and the things that are counted together."""

from typing import Any, NamedTuple

import pandas as pd

from whowoke.analysis.asking.askers import load_known

READING = ("get", "list")
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


def load(requests: pd.DataFrame) -> list[Request]:
    """Rows of the table ``requests``."""
    columns = (_plain(requests[name]) for name in Request._fields)
    return list(map(Request._make, zip(*columns, strict=True)))


def _plain(column: "pd.Series[Any]") -> list[Any]:
    return column.to_numpy(object, na_value=None).tolist()  # type: ignore[call-overload,no-any-return]


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
