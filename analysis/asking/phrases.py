"""What a reconcile read and wrote, in words: the parts of ``redundant_reason``."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from whowoke.analysis.asking.requests import Requests
from whowoke.analysis.rules.frames import Rows

MOST = 3
WRITTEN = {"create": "created", "delete": "deleted", "deletecollection": "deleted all of"}
FILES = {"read": "it read a file", "write": "it wrote to a file", "exec": "it ran a program"}


class Row(NamedTuple):
    """A request as far as it is told. ``again``: it was asked the last time, too."""

    kind: str
    verb: str
    subresource: str
    object_kind: str
    resource: str
    namespace: str
    name: str
    host: str
    path: str
    is_list: int
    status: int
    found: int
    writes: bool
    note: bool
    again: bool
    same: int
    changed: int


TEXTS, NUMBERS = Row._fields[:9], Row._fields[9:12]


def rows(requests: Requests, *flags: Rows) -> list[Row]:
    """Requests as they are told; ``flags`` are the last five columns."""
    text = requests.texts.text
    columns = [[text(code) for code in requests[name].tolist()] for name in TEXTS]
    columns += [values.tolist() for values in (*(requests[n] for n in NUMBERS), *flags)]
    return [Row(*row) for row in zip(*columns, strict=True)]


def several(sentences: Iterable[str]) -> str:
    """The first sentences, each once, and how many more there are."""
    distinct = list(dict.fromkeys(sentences))
    told = ", ".join(distinct[:MOST])
    return f"{told} and {len(distinct) - MOST} more" if len(distinct) > MOST else told


def subject(row: Row) -> str:
    """What a request is about: ``StatefulSet shop/db``, or the path of one about no object."""
    kind = row.object_kind or row.resource
    if not kind:
        return row.path or "an unknown object"
    if row.is_list == 1:
        return f"the {kind} list in {row.namespace}" if row.namespace else f"the {kind} list"
    name = "/".join(filter(None, (row.namespace, row.name)))
    return f"{kind} {name}".strip()


def difference(row: Row) -> str:
    """A request that was answered otherwise than the last time."""
    if row.kind in ("cache", "api"):
        gone = row.found == 0 or row.status == 404
        return f"{subject(row)} {'is gone' if gone else 'changed'}"
    if row.kind == "file":
        return "what it read of files has another length"
    what = "status" if row.kind == "http" else "number of bytes"
    return f"{row.host or 'an unknown peer'} answered with another {what}"


def write(row: Row) -> str:
    """A write: ``wrote status of ConfigMap a/b``."""
    verb = WRITTEN.get(row.verb, "wrote")
    part = f"{row.subresource} of " if row.subresource else ""
    return f"{verb} {part}{subject(row)}"


def unread(row: Row) -> str:
    """A request of which it isn't known whether it was answered as the last time."""
    if row.kind in ("cache", "api"):
        if not row.again:
            return f"{subject(row)} wasn't asked for the last time"
        return f"the answer about {subject(row)} isn't known"
    if row.kind == "file":
        return f"{FILES[row.verb]}, the content isn't known"
    peer = row.host or "an unknown peer"
    if not row.again:
        return f"{peer} answered, the content isn't known"
    what = "status" if row.kind == "http" else "number of bytes"
    return f"{peer} answered with the same {what}, its content isn't known"


def unwritten(row: Row) -> str:
    """A write of which it isn't known whether it changed anything."""
    return f"whether it changed {subject(row)} isn't known"


def told(rows: Sequence[Row], reads: int, same: int, writes: int) -> str:
    """What is known of a reconcile that learned nothing.

    Of its ``reads`` so many were the ``same``, so many ``writes`` had no effect; ``rows`` are the
    others.
    """
    parts = []
    if same and same == reads == 1:
        parts.append("the one Kubernetes read unchanged")
    elif same:
        share = f"all {same}" if same == reads else f"{same} of {reads}"
        parts.append(f"{share} Kubernetes reads unchanged")
    if writes:
        parts.append(
            f"{writes} writes changed nothing" if writes > 1 else "one write changed nothing"
        )
    notes = ("an Event" if row.resource == "events" else "a Lease" for row in rows if row.note)
    parts += [f"wrote {note}" for note in dict.fromkeys(notes)]
    return ", ".join(parts)
