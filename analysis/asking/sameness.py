"""Whether a reconcile was answered as in the last one of the same object: the column ``same``."""

from typing import NamedTuple

import numpy as np

from whowoke.analysis.asking.family import FOREVER, Family, signed
from whowoke.analysis.asking.requests import Requests
from whowoke.analysis.rules.frames import CaptureLike, Rows
from whowoke.analysis.rules.lookup import MISSING, codes, next_after

UNKNOWN, DIFFERENT, SAME = -1, 0, 1
# What is told apart in an answer.
NOTHING, ABSENT, VERSION, LIST, OBJECT, OUTLINE = range(6)
NOT_FOUND = 404
QUESTION = (
    "kind", "verb", "reader", "method", "host", "path_hash",
)  # fmt: skip


def questions(requests: Requests) -> Rows:
    """A number for what is asked: of whom, about what, from where."""
    # Only of a cached read: what is decoded of an answer is no part of the question.
    cached = requests.has("kind", "cache")
    lister = cached & (requests["reader"] == 0)
    about = [np.where(cached, requests[name], 0) for name in ("key_namespace", "key_name")]
    about.append(np.where(lister, requests["type"], 0))
    # The place of a connection is known only where a goroutine had to wait for it.
    placed = ~requests.has("kind", "connection")
    about += [np.where(placed, requests[name], 0) for name in ("function", "location")]
    return codes(*(requests[name] for name in QUESTION), *about)


class _Answers:
    """Answers as numbers: of what they are, and two that tell them apart."""

    def __init__(self, count: int) -> None:
        self.what = np.full(count, NOTHING)
        self.first = np.zeros(count, np.int64)
        self.second = np.zeros(count, np.int64)

    def set(self, where: Rows, what: int, first: Rows | int = 0, second: Rows | int = 0) -> None:
        """These rows have that answer, if they have none yet."""
        where = where & (self.what == NOTHING)
        self.what[where] = what
        for column, values in ((self.first, first), (self.second, second)):
            column[where] = values[where] if isinstance(values, np.ndarray) else values


def _by_version(requests: Requests) -> _Answers:
    """What surely tells answers apart: resource versions, or that nothing is there."""
    found = _Answers(len(requests))
    cached, status, is_list = requests.has("kind", "cache"), requests["status"], _lists(requests)
    found.set(cached & (requests["found"] == 0), ABSENT)
    found.set(~cached & (status == NOT_FOUND), ABSENT)
    here = cached | ((requests["decoded"] == 1) & (status // 100 == 2))
    version, versions = requests["answer_version"], requests["versions"]
    found.set(here & ~is_list & (version != 0), VERSION, version)
    found.set(here & is_list & (versions != 0), LIST, requests["objects"], versions)
    return found


def _by_object(requests: Requests) -> _Answers:
    """What shows that nothing was changed: the same objects in memory, the list's own version."""
    found = _Answers(len(requests))
    cached, pointers = requests.has("kind", "cache"), requests["pointers"]
    here = cached & (pointers != 0) & (requests["found"] != 0)
    found.set(here, OBJECT, pointers, requests["objects"])
    version = requests["answer_version"]
    found.set(~cached & _lists(requests) & (version != 0), VERSION, version)
    return found


def _by_outline(requests: Requests) -> _Answers:
    """What can show a difference, and never that there is none: status, bytes."""
    found = _Answers(len(requests))
    status, received = requests["status"], requests["received_bytes"]
    found.set(status > 0, OUTLINE, status)
    found.set(received != MISSING, OUTLINE, received, requests["sent_bytes"])
    return found


def _lists(requests: Requests) -> Rows:
    found: Rows = requests["is_list"] == 1
    return found


class Addresses(NamedTuple):
    """Of each cached read, what the objects' addresses say beside those of the last time.

    ``reused``: equal ones may stand for other objects. ``renewed``: different ones for the same.
    """

    reused: Rows
    renewed: Rows


def addresses(capture: CaptureLike, requests: Requests, family: Family) -> Addresses:
    """What addresses say.

    Memory is used anew after a collection, of one object after its second change. An informer that
    asks for a list, or opens a watch, may get any number of objects again.
    """
    run, end = requests["run"], requests["ts_ns"]
    previous = np.where(run == MISSING, MISSING, np.r_[family.previous, MISSING][run])
    start = np.r_[family.start, 0][previous]
    asked = requests.has("kind", "api") & requests.has("verb", "list", "watch")
    renewed = _between(end[asked & (run == MISSING)], start, end)
    events = capture.records("watch_event")
    type_, ts = signed(events["object_type"]), signed(events["ts_ns"])
    order = np.lexsort((ts, type_))
    type_, ts = type_[order], ts[order]
    first = next_after(requests["type"], start, type_, ts)
    # The one behind the first is the second, if it is of the same type.
    second = np.where(first == MISSING, len(ts), first + 1)
    twice = np.r_[type_, MISSING][second] == requests["type"]
    twice &= np.r_[ts, FOREVER][second] < end
    collected = _between(signed(capture.records("gc_start")["ts_ns"]), start, end)
    return Addresses(collected & (twice | renewed), renewed)


def _between(times: Rows, start: Rows, end: Rows) -> Rows:
    """Whether one of the sorted times is in each span."""
    found: Rows = np.searchsorted(times, end) > np.searchsorted(times, start)
    return found


def answered_the_same(
    requests: Requests, question: Rows, family: Family, comparable: Rows, addresses: Addresses
) -> Rows:
    """For each request ``SAME``, ``DIFFERENT`` or ``UNKNOWN``.

    ``comparable`` says of each reconcile whether nothing was lost in it and in the one before.
    Answers to the same question are compared regardless of their order: as many equal ones as there
    were are the same.
    """
    result = np.full(len(requests), UNKNOWN, np.int8)
    rows = np.flatnonzero((requests["run"] != MISSING) & ~requests.writes())
    if not len(rows):
        return result
    part, question = requests.take(rows), question[rows]
    run = part["run"]
    before = np.where(comparable[run], family.previous[run], MISSING)
    now, then = codes_of_both((before, question), (run, question))
    found = np.full(len(rows), UNKNOWN, np.int8)
    version = _by_version(part)
    found[_differ(_by_outline(part), now, then)] = DIFFERENT
    # Of a list's addresses some may be of objects that its label selector leaves out.
    moved = _differ(_by_object(part), now, then) & ~_lists(part) & ~addresses.renewed[rows]
    found[moved] = DIFFERENT
    found[_equal(_by_object(part), now, then) & ~addresses.reused[rows]] = SAME
    found[_differ(version, now, then)] = DIFFERENT
    found[_equal(version, now, then)] = SAME
    found[before == MISSING] = UNKNOWN
    result[rows] = found
    return result


def codes_of_both(now: tuple[Rows, ...], then: tuple[Rows, ...]) -> tuple[Rows, Rows]:
    """Combinations of values as numbers, the same in both."""
    both = codes(*(np.concatenate(pair) for pair in zip(now, then, strict=True)))
    return both[: len(now[0])], both[len(now[0]) :]


def _columns(answers: _Answers) -> tuple[Rows, Rows, Rows]:
    return answers.what, answers.first, answers.second


def _equal(answers: _Answers, now: Rows, then: Rows) -> Rows:
    """Rows whose answer was given last time, not more often than then."""
    columns = _columns(answers)
    mine, theirs = codes_of_both((now, *columns), (then, *columns))
    mine, theirs = codes_of_both((mine, _rank(mine)), (theirs, _rank(theirs)))
    known = answers.what != NOTHING
    equal: Rows = known & np.isin(mine, theirs[known])
    return equal


def _rank(code: Rows) -> Rows:
    """Which of the rows with its number each row is."""
    order = np.argsort(code, kind="stable")
    ordered = code[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]][: len(code)]
    start = np.maximum.accumulate(np.where(first, np.arange(len(code)), 0))
    rank = np.empty(len(code), np.int64)
    rank[order] = np.arange(len(code)) - start
    return rank


def _differ(answers: _Answers, now: Rows, then: Rows) -> Rows:
    """Rows whose answer wasn't among the last ones, all of which are known."""
    columns, known = _columns(answers), answers.what != NOTHING
    mine, theirs = codes_of_both((now, *columns), (then, *columns))
    differ: Rows = known & np.isin(now, then) & ~np.isin(now, then[~known])
    return differ & ~np.isin(mine, theirs)
