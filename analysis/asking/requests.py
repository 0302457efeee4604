"""What reconciles read and write: reads of caches, requests to the API server and to others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from whowoke.analysis.asking import apipaths
from whowoke.analysis.asking.askers import Askers, Texts, kind_of, load_known, mapped
from whowoke.analysis.asking.family import Family, signed
from whowoke.analysis.rules.frames import CaptureLike, Rows
from whowoke.analysis.rules.lookup import MISSING

# Of every row, as far as it has them: texts and hashes, of which 0 is none, numbers with -1.
TEXTS = (
    "kind", "verb", "group", "version", "resource", "subresource", "object_kind", "namespace",
    "name", "host", "path", "resource_version", "function", "location",
)  # fmt: skip
HASHES = (
    "reader", "type", "key_namespace", "key_name", "method", "path_hash", "answer_version",
    "sent_version", "versions", "pointers", "goid",
)  # fmt: skip
NUMBERS = (
    "ts_ns", "end_ns", "run", "status", "found", "objects", "sent_bytes", "received_bytes",
    "is_list", "decoded",
)  # fmt: skip
# Types that stand for any kind, or for none: the resource says more.
GENERAL = ("", "Unstructured", "UnstructuredList", "PartialObjectMetadata", "Status")


@dataclass(frozen=True)
class Requests:
    """Rows of requests: a column of numbers for each of ``TEXTS``, ``HASHES``, ``NUMBERS``."""

    texts: Texts
    columns: dict[str, Rows]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.columns["ts_ns"])

    def __getitem__(self, name: str) -> Rows:
        """A column."""
        return self.columns[name]

    def take(self, rows: Rows, *names: str) -> "Requests":
        """These rows, of all columns or of these."""
        return Requests(self.texts, {n: self.columns[n][rows] for n in names or self.columns})

    def has(self, name: str, *texts: str) -> Rows:
        """Which rows have one of these texts."""
        return np.isin(self.columns[name], [self.texts.code(text) for text in texts])

    def writes(self) -> Rows:
        """Which may change an object of the API server; a review only asks."""
        known = load_known().reviews
        asks = self.has("resource", *known) & self.has("subresource", "")
        for review in known:
            resource, _, subresource = review.partition("/")
            if subresource:
                asks |= self.has("resource", resource) & self.has("subresource", subresource)
        reads = self.has("verb", *apipaths.READS, "head", "options")
        found: Rows = self.has("kind", "api") & ~reads & ~asks
        return found

    def notes(self) -> Rows:
        """Writes that change nothing of what an operator looks after: Events, leases."""
        found: Rows = self.writes() & self.has("resource", *load_known().notes)
        return found


def rows(texts: Texts, count: int, **columns: Any) -> Requests:
    """Requests with these columns; the others have nothing. A text stands for all rows."""
    found = {}
    for name in (*TEXTS, *HASHES, *NUMBERS):
        value = columns.get(name, MISSING if name in NUMBERS else 0)
        if isinstance(value, str):
            value = texts.code(value)
        found[name] = (
            signed(value) if isinstance(value, np.ndarray) else np.full(count, value, np.int64)
        )
    return Requests(texts, found)


def together(parts: Sequence[Requests]) -> Requests:
    """All rows, in the order of time."""
    order = np.argsort(np.concatenate([part["ts_ns"] for part in parts]), kind="stable")
    columns = {
        name: np.concatenate([part[name] for part in parts])[order] for name in parts[0].columns
    }
    return Requests(parts[0].texts, columns)


def cache_rows(capture: CaptureLike, texts: Texts, askers: Askers, family: Family) -> Requests:
    """One row for each read of an informer's store, but for those of the informers themselves."""
    reads = capture.records("cache_read")
    reads = reads[askers.column(reads["stack"], lambda asker: asker.is_informer) == 0]
    about = _of_readers(capture, texts, reads["reader"])
    types = texts.changed(texts.of(reads["object_type"]), kind_of)
    about["object_kind"] = np.where(about["object_kind"] == 0, types, about["object_kind"])
    is_list, ts = reads["is_list"] != 0, signed(reads["ts_ns"])
    objects = signed(reads["objects"])
    return rows(
        texts,
        len(reads),
        **about,
        ts_ns=ts,
        run=family.reconcile_of(signed(reads["goid"]), ts),
        goid=reads["goid"],
        kind="cache",
        verb=np.where(is_list, texts.code("list"), texts.code("get")),
        namespace=texts.of(reads["namespace"]),
        name=texts.of(reads["object_name"]),
        found=np.where(is_list, MISSING, objects > 0),
        objects=np.where(is_list, objects, MISSING),
        resource_version=texts.of(reads["resource_version"]),
        reader=reads["reader"],
        type=reads["object_type"],
        key_namespace=reads["namespace"],
        key_name=reads["object_name"],
        answer_version=reads["resource_version"],
        versions=reads["versions"],
        pointers=reads["pointers"],
        is_list=is_list,
        **_places(texts, askers, reads["stack"]),
    )


def _of_readers(capture: CaptureLike, texts: Texts, readers: Rows) -> dict[str, Rows]:
    """Group, version and kind of each reader's objects."""
    known = capture.records("cache_reader")
    found = {}
    for name in ("group", "version", "object_kind"):
        of = dict(zip(known["reader"].tolist(), texts.of(known[name]).tolist(), strict=True))
        found[name] = mapped(readers, partial(_known, of))
    return found


def _known(table: Mapping[int, int], value: int) -> int:
    return table.get(value, 0)


def _places(texts: Texts, askers: Askers, stacks: Rows) -> dict[str, Rows]:
    return {
        "function": askers.column(stacks, lambda asker: texts.code(asker.place.function)),
        "location": askers.column(stacks, lambda asker: texts.code(asker.place.location)),
    }


class Answers(NamedTuple):
    """Rows of ``http_response`` and ``answer_decoded`` for each ``http_request``, -1 for none."""

    response: Rows
    decoded: Rows


def pair(capture: CaptureLike) -> Answers:
    """What follows a request on its goroutine: its response, after that what was decoded of it.

    Nothing else may come between: where a record was lost, the answer isn't known.
    """
    records = [capture.records(n) for n in ("http_request", "http_response", "answer_decoded")]
    step = np.concatenate([np.full(len(r), number) for number, r in enumerate(records)])
    row = np.concatenate([np.arange(len(r)) for r in records])
    ts = np.concatenate([signed(r["ts_ns"]) for r in records])
    goid = np.concatenate([signed(r["goid"]) for r in records])
    order = np.lexsort((step, ts, goid))
    step, row, goid = step[order], row[order], goid[order]
    count = len(records[0])
    response, decoded = np.full(count, MISSING), np.full(count, MISSING)
    follows = np.r_[False, (goid[1:] == goid[:-1]) & (goid[1:] != 0)][: len(goid)]
    before = np.r_[MISSING, step[:-1]][: len(step)]
    answers = follows & (step == 1) & (before == 0)
    at = np.flatnonzero(answers)
    response[row[at - 1]] = row[at]
    answered = np.r_[False, answers[:-1]][: len(answers)]
    at = np.flatnonzero(follows & (step == 2) & answered)
    decoded[row[at - 2]] = row[at]
    return Answers(response, decoded)


def _taken(column: Rows, index: Rows, missing: int) -> Rows:
    """The column's values at these rows, ``missing`` for -1."""
    if not len(column):
        return np.full(len(index), missing)
    return np.where(index == MISSING, missing, signed(column)[index])


def http_rows(
    capture: CaptureLike, texts: Texts, askers: Askers, family: Family, answers: Answers
) -> Requests:
    """One row for each request of ``net/http``: ``api`` is client-go's, or goes to its servers."""
    asked = capture.records("http_request")
    responses, decoded = capture.records("http_response"), capture.records("answer_decoded")
    stacks, ts = asked["stack"], signed(asked["ts_ns"])
    is_api = askers.column(stacks, lambda asker: asker.is_api) == 1
    is_api |= np.isin(asked["host"], np.setdiff1d(asked["host"][is_api], [0]))
    is_watch = askers.column(stacks, lambda asker: asker.is_watch)
    is_informer = askers.column(stacks, lambda asker: asker.is_informer) == 1
    failed = _taken(decoded["failed"], answers.decoded, 1) != 0
    decode = np.where(failed, MISSING, answers.decoded)
    found = rows(
        texts,
        len(asked),
        **_about(texts, asked, is_api, is_watch),
        ts_ns=ts,
        end_ns=_taken(responses["ts_ns"], answers.response, MISSING),
        run=np.where(is_informer, MISSING, family.reconcile_of(signed(asked["goid"]), ts)),
        goid=asked["goid"],
        kind=np.where(is_api, texts.code("api"), texts.code("http")),
        host=texts.of(asked["host"]),
        status=_taken(responses["status"], answers.response, MISSING),
        method=asked["http_method"],
        path_hash=asked["path"],
        type=_taken(decoded["object_type"], decode, 0),
        key_namespace=_taken(decoded["namespace"], decode, 0),
        key_name=_taken(decoded["object_name"], decode, 0),
        answer_version=_taken(decoded["resource_version"], decode, 0),
        sent_version=_taken(decoded["sent_version"], decode, 0),
        versions=_taken(decoded["versions"], decode, 0),
        objects=_taken(decoded["objects"], decode, MISSING),
        decoded=decode != MISSING,
        **_places(texts, askers, stacks),
    )
    return _described(found)


def _about(texts: Texts, asked: Rows, is_api: Rows, is_watch: Rows) -> dict[str, Rows]:
    """What each request is about: verb, path, and the parts of a path of the API."""
    paths, methods = texts.of(asked["path"]), texts.of(asked["http_method"])
    # The empty method stands for GET, as net/http says.
    methods = np.where(asked["http_method"] == 0, texts.code("GET"), methods)
    flags = is_api * 2 + is_watch
    which = (paths * (int(methods.max(initial=0)) + 1) + methods) * 4 + flags
    _, first, where = np.unique(which, return_index=True, return_inverse=True)
    found = []
    for path, method, flag in zip(
        paths[first].tolist(), methods[first].tolist(), flags[first].tolist(), strict=True
    ):
        text, name = texts.text(path), texts.text(method)
        about = apipaths.parse(text) if flag >= 2 else apipaths.ApiPath()
        verb = apipaths.verb(name, about, flag == 3) if flag >= 2 else name
        told = (verb, "" if about.resource else text, *about)
        found.append([texts.code(part) for part in told])
    columns = ("verb", "path", *apipaths.ApiPath._fields)
    table = np.array(found, np.int64).reshape(len(found), len(columns))
    return {name: table[where, number] for number, name in enumerate(columns)}


def _described(found: Requests) -> Requests:
    """Adds what the decoded answer says: kind, version, name of a new object, count of a list."""
    texts, is_list = found.texts, found.has("verb", "list")
    kinds = texts.changed(texts.of(found["type"]), kind_of)
    lists = texts.changed(kinds, lambda kind: kind.removesuffix("List"))
    created = found.has("verb", "create") & (found["name"] == 0)
    added = {
        "object_kind": _kinds(found, np.where(is_list, lists, kinds)),
        "name": np.where(created, texts.of(found["key_name"]), found["name"]),
        "resource_version": texts.of(found["answer_version"]),
        "objects": np.where(is_list, found["objects"], MISSING),
        "is_list": is_list.astype(np.int64),
    }
    return Requests(texts, found.columns | added)


def _kinds(found: Requests, kinds: Rows) -> Rows:
    """Kinds as decoded; where none or a general type was, the one that the resource has else."""
    general = np.isin(kinds, [found.texts.code(name) for name in GENERAL])
    about = found["group"] * (int(found["resource"].max(initial=0)) + 1) + found["resource"]
    own = ~general & (found["resource"] != 0) & (found["subresource"] == 0)
    count = int(kinds.max(initial=0)) + 1
    seen: dict[int, set[int]] = {}
    for pair_ in np.unique(about[own] * count + kinds[own]).tolist():
        seen.setdefault(pair_ // count, set()).add(pair_ % count)
    known = {resource: min(kinds) for resource, kinds in seen.items() if len(kinds) == 1}
    return np.where(general, mapped(about, partial(_known, known)), kinds)
