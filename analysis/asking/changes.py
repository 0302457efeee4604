"""Whether a write changed its object, and which watch event brought what a read found new."""

from bisect import bisect_left, bisect_right
from itertools import islice

import numpy as np

from whowoke.analysis.asking.askers import Texts, kind_of
from whowoke.analysis.asking.family import FOREVER, Family, signed
from whowoke.analysis.asking.requests import Requests
from whowoke.analysis.asking.sameness import DIFFERENT, UNKNOWN
from whowoke.analysis.queueing.watches import CHANGES
from whowoke.analysis.rules.frames import CaptureLike, Rows
from whowoke.analysis.rules.lookup import MISSING, codes, last_before

CHANGED, UNCHANGED = 1, 0
CREATED = 201
# A change comes back on the watch stream within milliseconds, rarely later.
COMES_BACK_NS = 50_000_000
LATE_NS = 2_000_000_000
# So many streams of one kind and namespace are looked at; an informer has one.
MOST_STREAMS = 64
DELETES = ("delete", "deletecollection")


class Events:
    """What came on watch streams: columns of numbers, texts as in ``Texts``."""

    def __init__(self, capture: CaptureLike, texts: Texts) -> None:
        found = capture.records("watch_event")
        self.ts_ns, self.goid, self.type = (
            signed(found[name]) for name in ("ts_ns", "goid", "object_type")
        )
        self.key_namespace, self.key_name, self.version = (
            signed(found[name]) for name in ("namespace", "object_name", "resource_version")
        )
        self.namespace, self.name = texts.of(found["namespace"]), texts.of(found["object_name"])
        self.kind = texts.changed(texts.of(found["object_type"]), kind_of)
        event = texts.of(found["event_type"])
        self.is_change = np.isin(event, [texts.code(name) for name in CHANGES])
        self.is_deletion = event == texts.code("DELETED")


def _seen_before(asked: Requests, requests: Requests, events: Events) -> tuple[Rows, Rows]:
    """Whether the version of each answer, or any one of its object, was seen before it."""
    names = ("key_namespace", "key_name", "answer_version")
    answers = requests.take(requests["answer_version"] != 0, *names, "ts_ns", "end_ns")
    sent = requests.take(requests["sent_version"] != 0, *names[:2], "sent_version", "ts_ns")
    parts = [
        (events.key_namespace, events.key_name, events.version, events.ts_ns),
        (*(answers[name] for name in names), np.maximum(answers["end_ns"], answers["ts_ns"])),
        (*(sent[name] for name in names[:2]), sent["sent_version"], sent["ts_ns"]),
    ]
    namespace, name, version, ts = (np.concatenate(column) for column in zip(*parts, strict=True))
    mine, count = [asked[column] for column in names], len(asked)
    objects = codes(np.r_[mine[0], namespace], np.r_[mine[1], name])
    versions = codes(objects, np.r_[mine[2], version])
    before = asked["ts_ns"] - 1
    known, first = (version != 0) & (name != 0), mine[1] != 0
    found = [
        first & (last_before(c[:count], before, c[count:][known], ts[known]) != MISSING)
        for c in (versions, objects)
    ]
    return found[0], found[1]


def changed(requests: Requests, events: Events) -> Rows:
    """For each write ``CHANGED``, ``UNCHANGED`` or ``UNKNOWN``; others are unknown.

    What the server refused changed nothing. Where it failed or didn't answer, that isn't known.
    """
    result = np.full(len(requests), UNKNOWN, np.int8)
    rows = np.flatnonzero(requests.writes())
    part = requests.take(rows)
    status = part["status"]
    done, refused = status // 100 == 2, (status >= 300) & (status < 500)
    version_known, object_known = _seen_before(part, requests, events)
    answer, sent = part["answer_version"], part["sent_version"]
    is_new = part.has("verb", "create") | (status == CREATED)
    answered = done & (answer != 0) & ~is_new
    found = np.full(len(part), UNKNOWN, np.int8)
    found[answered & ((sent != 0) | object_known)] = CHANGED
    found[answered & ((answer == sent) | version_known)] = UNCHANGED
    unread = done & (answer == 0) & ~is_new & part.has("verb", "update", "patch")
    if unread.any():
        found[unread] = _by_stream(part.take(unread), requests, events)
    found[done & (is_new | part.has("verb", *DELETES))] = CHANGED
    found[refused] = UNCHANGED
    result[rows] = found
    return result


def _plural(kind: str) -> str:
    """The resource of a kind, as UnsafeGuessKindToResource of k8s.io/apimachinery guesses it."""
    lower = kind.lower()
    if not lower or lower in ("endpoints",):
        return lower
    if lower.endswith("s"):
        return f"{lower}es"
    return f"{lower.removesuffix('y')}ies" if lower.endswith("y") else f"{lower}s"


class _Streams:
    """Which objects came on which watch streams, and when something came on each."""

    def __init__(self, requests: Requests, events: Events) -> None:
        read = requests.take(requests.has("kind", "cache") & (requests["found"] == 1))
        objects = (read[name].tolist() for name in ("type", "namespace", "name"))
        self._read = set(zip(*objects, strict=True))
        self._events: dict[tuple[int, ...], list[int]] = {}
        self._first: dict[tuple[int, int], dict[int, tuple[int, int]]] = {}
        self._times: dict[int, list[int]] = {}
        resources = requests.texts.changed(events.kind, _plural)
        columns = (events.ts_ns, events.goid, events.type, resources, events.namespace, events.name)
        for ts, goid, type_, *key in zip(*(column.tolist() for column in columns), strict=True):
            self._times.setdefault(goid, []).append(ts)
            if key[2]:
                self._events.setdefault(tuple(key), []).append(ts)
                self._first.setdefault((key[0], key[1]), {}).setdefault(goid, (ts, type_))

    def followed(self, about: tuple[int, int, int], start_ns: int, end_ns: int) -> int:
        """Whether an event of that object came in that time.

        One that came much later may be anybody's. That none came is known if the stream that would
        have brought it had something before and afterwards.
        """
        events = self._events.get(about, [])
        first = bisect_right(events, start_ns)
        following = events[first] if first < len(events) else FOREVER
        if following <= end_ns:
            return CHANGED
        streams = self._first.get(about[:2], {}).items()
        for goid, (since, type_) in islice(streams, MOST_STREAMS):
            if since < start_ns and (first or (type_, *about[1:]) in self._read):
                times = self._times[goid]
                after = bisect_right(times, end_ns + LATE_NS)
                if after < len(times) and following > times[after]:
                    return UNCHANGED
        return UNKNOWN


class _Writes:
    """When each object was written."""

    def __init__(self, requests: Requests) -> None:
        self._starts: dict[tuple[int, ...], list[int]] = {}
        self._ends: dict[tuple[int, ...], list[int]] = {}
        written = requests.take(requests.writes())
        columns = (written[name].tolist() for name in ("resource", "namespace", "name", "ts_ns"))
        for *key, start_ns, end_ns in zip(*columns, _end(written), strict=True):
            self._starts.setdefault(tuple(key), []).append(start_ns)
            self._ends.setdefault(tuple(key), []).append(end_ns)
        for times in (*self._starts.values(), *self._ends.values()):
            times.sort()

    def several(self, about: tuple[int, int, int], start_ns: int, end_ns: int) -> bool:
        """Whether more than one write of an object may have come back in that time."""
        begun = bisect_right(self._starts[about], end_ns)
        return begun - bisect_left(self._ends[about], start_ns) > 1


def _end(part: Requests) -> list[int]:
    """Until when the changes that requests made come back."""
    ends: list[int] = (np.maximum(part["ts_ns"], part["end_ns"]) + COMES_BACK_NS).tolist()
    return ends


def _by_stream(part: Requests, requests: Requests, events: Events) -> list[int]:
    """Of writes whose answer can't be read: whether a watch event of the object followed.

    Of an event that another write may have brought it isn't known whose it is.
    """
    streams, writes = _Streams(requests, events), _Writes(requests)
    columns = (part[name].tolist() for name in ("resource", "namespace", "name", "ts_ns"))
    found = []
    for resource, namespace, name, start, last in zip(*columns, _end(part), strict=True):
        about = (resource, namespace, name)
        what = streams.followed(about, start, last)
        open_ = what == CHANGED and writes.several(about, start, last)
        found.append(UNKNOWN if open_ else what)
    return found


def brought_by(requests: Requests, events: Events, same: Rows, family: Family) -> Rows:
    """When the watch event came that brought what a read found different, -1 where none is known.

    For one object the event with the version that was read, or of its deletion; for a list the
    last one of its kind and namespace since the reconcile before.
    """
    result = np.full(len(requests), MISSING)
    rows = np.flatnonzero((same == DIFFERENT) & requests.has("kind", "cache", "api"))
    if not len(rows):
        return result
    part = requests.take(rows)
    mine = {name: part[name] for name in ("namespace", "name")}
    mine |= {"version": part["answer_version"], "kind": part["object_kind"]}
    is_list = part["is_list"] == 1
    is_gone = ~is_list & (mine["version"] == 0)
    everywhere = mine["namespace"] == 0
    found = np.full(len(rows), MISSING)
    for where, candidates, names in (
        (~is_list & ~is_gone, ~events.is_deletion, ("namespace", "name", "version")),
        (is_gone, events.is_deletion, ("kind", "namespace", "name")),
        (is_list & ~everywhere, events.is_change, ("kind", "namespace")),
        (is_list & everywhere, events.is_change, ("kind",)),
    ):
        which = candidates & events.is_change
        both = [np.concatenate((mine[n][where], getattr(events, n)[which])) for n in names]
        code, count, ts = codes(*both), int(where.sum()), events.ts_ns[which]
        event = last_before(code[:count], part["ts_ns"][where], code[count:], ts)
        known = (event != MISSING) & (mine["kind"][where] != 0)
        found[where] = np.where(known, np.r_[ts, MISSING][event], MISSING)
    after = family.start[family.previous[part["run"]]]
    result[rows] = np.where(found > after, found, MISSING)
    return result
