"""Whether reconciles changed nothing and learned nothing: ``yes``, ``no`` or ``unknown``, and why.

``yes`` needs everything to be known: all reads answered as in the last reconcile of the object, all
writes without effect, the same result, nothing outside of Kubernetes, nothing lost.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from whowoke.analysis.asking import phrases
from whowoke.analysis.asking.changes import CHANGED, UNCHANGED
from whowoke.analysis.asking.family import Family
from whowoke.analysis.asking.phrases import Row
from whowoke.analysis.asking.requests import Requests
from whowoke.analysis.asking.sameness import DIFFERENT, SAME, UNKNOWN, codes_of_both
from whowoke.analysis.queueing.queues import Reconcile
from whowoke.analysis.rules.frames import CaptureLike, Rows, probe_sites
from whowoke.analysis.rules.lookup import MISSING, codes
from whowoke.analysis.waking.lossy import lossy_spans

# Without these probes it isn't seen what reconciles read and write. The others belong to functions
# that a program may lack; where one was left out for another reason, the recorder says so.
PROBES = ("store_get", "http_request", "http_response")
OPTIONAL = ("store_get_end", "store_list", "store_by_index", "store_index", "store_list_end")
# Where controller-runtime's reads are followed, the second tells what the first began.
FOLLOWED = ("cache_list", "cache_list_end")
# Losses that leave requests, goroutines and reconciles whole. A lost text is sent again.
HARMLESS = ("thread_", "sched", "signal", "text")
HTTP = frozenset({"http_request", "http_response"})
# Each count with the probes that it needs.
NEEDED = {
    "cache_reads": frozenset({"store_get", *OPTIONAL, *FOLLOWED}),
    "api_reads": HTTP,
    "api_writes": HTTP,
    "other_requests": HTTP,
}


def missing_probes(capture: CaptureLike) -> set[str]:
    """The probes for reads and requests that the recording was made without."""
    sites = probe_sites(capture)
    if sites is None:
        return set()
    told = capture.metadata.get("missing")
    left_out = {
        name.strip()
        for text in (told if isinstance(told, list) else [])
        for name in str(text).rpartition(": no ")[2].split(",")
    }
    there = {site.probe for site in sites}
    lost = set(FOLLOWED[1:]) - there if FOLLOWED[0] in there else set()
    return set(PROBES) - there | left_out.intersection(OPTIONAL) | lost


def sees_writes(capture: CaptureLike, blind: Iterable[tuple[int, int]]) -> bool:
    """Whether every write of the recorded time was seen."""
    return not missing_probes(capture) & HTTP and not lossy_times(capture, blind)


def lossy_times(capture: CaptureLike, blind: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """From when to when records may have been lost that tell what reconciles did."""
    spans = lossy_spans(capture.losses, lambda kind: not any(name in kind for name in HARMLESS))
    return sorted([*spans, *blind])


def overlaps(spans: Sequence[tuple[int, int]], start: Rows, end: Rows) -> Rows:
    """Whether each time from start to end meets one of the sorted spans."""
    if not spans:
        return np.zeros(len(start), bool)
    first = np.array([span[0] for span in spans], np.int64)
    last = np.maximum.accumulate(np.array([span[1] for span in spans], np.int64))
    before = np.searchsorted(first, end, side="right") - 1
    found: Rows = (before >= 0) & (last[np.maximum(before, 0)] >= start)
    return found


def count(requests: Requests, runs: int) -> dict[str, Rows]:
    """Requests of each reconcile by the names of ``NEEDED``."""
    writing, run = requests.writes(), requests["run"]
    of = {
        "cache_reads": requests.has("kind", "cache"),
        "api_reads": requests.has("kind", "api") & ~writing,
        "api_writes": writing,
        "other_requests": requests.has("kind", "http", "connection"),
    }
    return {
        name: np.bincount(run[which & (run != MISSING)], minlength=runs)
        for name, which in of.items()
    }


def asked_the_same(run: Rows, question: Rows, previous: Rows) -> Rows:
    """For each reconcile whether it asked just what the one before asked, each as often."""
    runs = len(previous)
    _, first, times = np.unique(codes(run, question), return_index=True, return_counts=True)
    owner, asked = run[first], question[first]
    now, then = codes_of_both((previous[owner], asked, times), (owner, asked, times))
    common = np.bincount(owner[np.isin(now, then)], minlength=runs)
    total = np.bincount(owner, minlength=runs)
    before = np.where(previous == MISSING, MISSING, total[previous] if runs else 0)
    equal: Rows = (common == total) & (total == before)
    return equal


class Judge:
    """Puts the verdict on each reconcile together from its requests.

    ``same`` and ``changed`` are of each request; ``whole`` says of each reconcile whether nothing
    was lost in it and since the one before, ``handed`` whether another goroutine worked for it.
    """

    def __init__(
        self,
        requests: Requests,
        question: Rows,
        same: Rows,
        changed: Rows,
        family: Family,
        reconciles: Sequence[Reconcile],
        whole: Rows,
        handed: Rows,
    ) -> None:
        self._reconciles, self._previous = reconciles, family.previous.tolist()
        self._whole, self._handed = whole.tolist(), handed.tolist()
        own = requests["run"] != MISSING
        part, question, same, changed = (
            requests.take(own), question[own], same[own], changed[own],
        )  # fmt: skip
        run, writes, notes = part["run"], part.writes(), part.notes()
        now, then = codes_of_both((family.previous[run], question), (run, question))
        asked = asked_the_same(run[~notes], question[~notes], family.previous)
        self._asked_same = asked.tolist()
        reads = part.has("kind", "cache", "api") & ~writes
        harmless = writes & ~notes & (changed != UNKNOWN)
        self._totals = np.stack(
            [
                np.bincount(run[which], minlength=len(reconciles))
                for which in (reads, reads & (same == SAME), harmless)
            ],
            axis=1,
        ).tolist()
        # The others say nothing but that everything was as before.
        telling = np.where(writes, notes | (changed != UNCHANGED), same != SAME)
        order = np.flatnonzero(telling)[np.argsort(run[telling], kind="stable")]
        flags = (writes, notes, np.isin(now, then), same, changed)
        self._rows = phrases.rows(part.take(order), *(values[order] for values in flags))
        starts = np.searchsorted(run[order], np.arange(len(reconciles) + 1))
        self._first = starts.tolist()

    def verdict(self, number: int) -> tuple[str, str]:
        """``redundant`` and ``redundant_reason`` of a reconcile."""
        if self._reconciles[number].end_ns is None:
            return "unknown", "its end wasn't seen"
        if self._reconciles[number].goid <= 0:
            return "unknown", "only a log tells of it, not what it asked"
        if not self._whole[number]:
            return "unknown", "it, or the one before, wasn't recorded whole"
        rows = self._rows[self._first[number] : self._first[number + 1]]
        if differences := self._differences(number, rows):
            return "no", phrases.several(differences)
        if self._previous[number] == MISSING:
            return "unknown", "the first that was seen of this object"
        told = phrases.told(rows, *self._totals[number])
        if open_ := self._open(number, rows):
            return "unknown", "; ".join(filter(None, (told, phrases.several(open_))))
        return "yes", told or "it read nothing and wrote nothing"

    def _results(self, number: int) -> list[tuple[str, int]]:
        """What this one and the one before returned."""
        numbers = [n for n in (number, self._previous[number]) if n != MISSING]
        found = [self._reconciles[n] for n in numbers]
        return [(r.result, r.requeue_after_ns or 0) for r in found]

    def _differences(self, number: int, rows: list[Row]) -> list[str]:
        found = [phrases.write(row) for row in rows if row.changed == CHANGED and not row.note]
        found += [phrases.difference(row) for row in rows if row.same == DIFFERENT]
        results = self._results(number)
        if len(set(results)) > 1 and all(result != "unknown" for result, _ in results):
            found.append("its result differs")
        return found

    def _open(self, number: int, rows: list[Row]) -> list[str]:
        """What would have to be known for a ``yes``."""
        found = [phrases.unread(row) for row in rows if not row.writes and row.same == UNKNOWN]
        found += [
            phrases.unwritten(row)
            for row in rows
            if row.writes and not row.note and row.changed == UNKNOWN
        ]
        if any(result == "unknown" for result, _ in self._results(number)):
            found.append("its result isn't known")
        if self._handed[number]:
            found.append("another goroutine worked for it, what that gave isn't known")
        if not found and not self._asked_same[number]:
            found.append("it asked for less than the last time")
        return found


def whole(spans: Sequence[tuple[int, int]], family: Family) -> Rows:
    """Of which reconciles nothing was lost, nor of the time since the one before began."""
    if not len(family.start):
        return np.zeros(0, bool)
    before = np.where(family.previous == MISSING, family.start, family.start[family.previous])
    probed = family.goid > 0
    probed &= (family.previous == MISSING) | probed[family.previous]
    kept: Rows = probed & family.follows & ~overlaps(spans, before, family.until)
    return kept
