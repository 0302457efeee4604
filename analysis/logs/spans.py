"""Reconciles that logs and traces tell of, joined to those of the capture.

A reconcile is found by its key (controller, namespace, name) and time. Reconciles of one object
never overlap, so each line of a log lies in one stretch: "Reconciling" between the last end and
the entry, a result between the end and the next entry, all others between the two. What fits no
reconcile or several is not joined, but counted. Where the capture could not see reconciles, those
of the logs take their place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from whowoke.analysis.logs.loglines import Reader
from whowoke.analysis.logs.told import Told
from whowoke.analysis.queueing.queues import Reconcile
from whowoke.analysis.rules.frames import CaptureLike, probe_sites

TOLERANCE_NS = 50_000_000
PROBES = ("reconcile_start", "queue_get")
NO_GOROUTINE = -1
END_OF_TIME = 1 << 62

Key = tuple[str, str, str]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Clock:
    """From the wall clock to CLOCK_MONOTONIC, right to ``error_ns``."""

    points: tuple[tuple[int, int], ...]
    error_ns: int

    def monotonic_ns(self, wall_ns: Times) -> Times:
        """The times; between two pairs in proportion, for a clock may be slewed."""
        (wall, offset), (last, last_offset) = self.points[0], self.points[-1]
        if last <= wall:
            return wall_ns - offset
        share = np.clip((wall_ns - wall) / (last - wall), 0, 1)
        return wall_ns - offset - np.rint(share * (last_offset - offset)).astype(np.int64)


def clock_of(metadata: dict[str, Any]) -> Clock | None:
    """The clock by ``clocks`` (monotonic, wall, error; at start and end), else by the one pair."""
    clocks = metadata.get("clocks")
    rows = [row for row in clocks if _is_reading(row)] if isinstance(clocks, list) else []
    if rows:
        points = tuple((wall, wall - monotonic) for monotonic, wall, _ in rows)
        moved = abs(points[-1][1] - points[0][1]) if len(rows) > 1 else TOLERANCE_NS
        return Clock(points[:1] + points[1:][-1:], max(row[2] for row in rows) + moved)
    monotonic = _time(metadata.get("clock_monotonic_ns"))
    wall = _time(metadata.get("clock_realtime_ns"))
    if monotonic is None or wall is None:
        return None
    return Clock(((wall, wall - monotonic),), TOLERANCE_NS)


def join(capture: CaptureLike, reconciles: list[Reconcile]) -> list[Reconcile]:
    """The reconciles, with ``log_id`` where the capture's logs tell of them; what they say else
    goes into ``capture.log_notes``. Where none could be seen those of the logs are returned.
    """
    reader = _read(capture)
    if reader is None:
        return reconciles
    clock = clock_of(capture.metadata)
    if clock is None:
        capture.log_notes.append("logs: the capture doesn't say what time it was")
        return reconciles
    told = list(reader.found.values())
    if reconciles or _could_see(capture):
        joined, note = _join(capture, told, clock, reconciles)
    else:
        reconciles = list(_made(capture, told, clock))
        joined, note = len(reconciles), "no probe could see reconciles: these are from the logs"
    text = f"logs: {joined:,} of {len(told):,} reconciles joined"
    capture.log_notes.append("; ".join([text, *filter(None, (note, *_not_read(reader)))]))
    return reconciles


def _read(capture: CaptureLike) -> Reader | None:
    """What the logs of a capture, and those given with it, say of its time; None without any."""
    texts = list(capture.logs())
    if not texts and not capture.log_files:
        return None
    metadata = capture.metadata
    clock = clock_of(metadata)
    start, end = _time(metadata.get("start_ns")), _time(metadata.get("end_ns"))
    offset = clock.points[0][1] if clock else 0
    window = (
        (start or 0) + offset - TOLERANCE_NS,
        (END_OF_TIME if end is None else end) + offset + TOLERANCE_NS,
    )
    pids = metadata.get("namespace_pids")
    hosts = metadata.get("hosts")
    reader = Reader(
        window,
        frozenset(p for p in pids if isinstance(p, int)) if isinstance(pids, list) else frozenset(),
        frozenset(map(str, hosts)) if isinstance(hosts, list) else frozenset(),
    )
    for text in texts:
        reader.lines(text.split(b"\n"))
    for path in capture.log_files:
        reader.read(path)
    return reader


def _could_see(capture: CaptureLike) -> bool:
    return any(site.probe in PROBES for site in probe_sites(capture) or ())


def _not_read(reader: Reader) -> Iterator[str]:
    for count, what in (
        (reader.no_json, "lines are no JSON"),
        (reader.too_long, "lines are too long"),
        (reader.no_time, "lines have no time that is known"),
        (reader.strangers, "spans are of other processes"),
        (reader.too_many, "lines are of more reconciles than are read"),
    ):
        if count:
            yield f"{count:,} {what}"


def _join(
    capture: CaptureLike, told: list[Told], clock: Clock, reconciles: list[Reconcile]
) -> tuple[int, str]:
    """Give each reconcile its ``log_id``; returns how many, and a word on the others."""
    of_key: dict[Key, list[Reconcile]] = {}
    for reconcile in reconciles:
        of_key.setdefault(_key(capture, reconcile), []).append(reconcile)
    told_of: dict[Key, list[Told]] = {}
    keys, unknown = _Keys(list(of_key)), 0
    for one in told:
        key = keys.find(one)
        if key is None:
            unknown += 1
        else:
            told_of.setdefault(key, []).append(one)
    joined = ambiguous = 0
    for key, ones in told_of.items():
        rows, several = _match(ones, of_key[key], clock)
        for one, row in zip(ones, rows.tolist(), strict=True):
            if row >= 0:
                of_key[key][row].log_id = one.log_id
        joined += int((rows >= 0).sum())
        ambiguous += several
    others = len(told) - joined - ambiguous - unknown
    notes = (
        (ambiguous, "fit several"),
        (others, "fit none that was recorded"),
        (unknown, "are of objects of which none was recorded"),
    )
    return joined, ", ".join(f"{count:,} {what}" for count, what in notes if count)


class _Keys:
    """Finds the key that is meant; a part that isn't told may be any, if only one key fits."""

    def __init__(self, keys: list[Key]) -> None:
        self._keys = set(keys)
        self._fitting: dict[tuple[str | None, ...], list[Key]] = {}
        for controller, namespace, name in keys:
            for c in (controller, None):
                for n in (namespace, None):
                    found = self._fitting.setdefault((c, n, name), [])
                    found.append((controller, namespace, name))

    def find(self, told: Told) -> Key | None:
        found = self._fitting.get((told.controller, told.namespace, told.name), [])
        return found[0] if len(found) == 1 else None


def _match(told: list[Told], reconciles: list[Reconcile], clock: Clock) -> tuple[Times, int]:
    """The row of each one's reconcile, of those of one object in the order of time; -1 for none.

    Also how many fit several: these aren't joined.
    """
    starts = np.array([r.start_ns for r in reconciles], np.int64)
    ends = np.array([END_OF_TIME if r.end_ns is None else r.end_ns for r in reconciles], np.int64)
    if np.any(starts[1:] < ends[:-1]):
        return np.full(len(told), -1), len(told)  # two queues, or records that were lost
    edges = np.array([(*one.first, *one.last) for one in told], np.int64)
    places = _Places(starts, ends, told, *clock.monotonic_ns(edges).T)
    rows, several = np.full(len(told), -1), np.zeros(len(told), bool)
    free = np.ones(len(reconciles), bool)
    for low, high in (places.exact(clock.error_ns), places.near()):
        _assign(low, high, rows, several, free)
    for number in np.flatnonzero(rows >= 0).tolist():
        results = {told[number].result, reconciles[rows[number]].result} - {"unknown"}
        if len(results) > 1:
            rows[number] = -1
    return rows, int(several.sum())


@dataclass
class _Places:
    """Which reconciles, as a range of rows, the lines of each told one can lie at."""

    starts: Times
    ends: Times
    told: list[Told]
    first_low: Times
    first_high: Times
    last_low: Times
    last_high: Times

    def near(self) -> tuple[Times, Times]:
        """Where they lie within the reconcile, or almost."""
        low = np.searchsorted(self.ends, self.last_low - TOLERANCE_NS, "left")
        high = np.searchsorted(self.starts, self.first_high + TOLERANCE_NS, "right")
        return low, high

    def exact(self, error_ns: int) -> tuple[Times, Times]:
        """Where each line lies in its own stretch, but for the error of the clock."""
        begins = np.array([one.begins for one in self.told], bool)
        ends = np.array([one.ends for one in self.told], bool)
        enters = ~begins & ~(ends & (self.first_low == self.last_low))
        before = np.concatenate([[-END_OF_TIME], self.ends[:-1]])
        after = np.concatenate([self.starts[1:], [END_OF_TIME]])
        low, high = self.near()
        for which, edges, latest in (
            (begins, self.starts, self.first_low),
            (ends, after, self.last_low),
            (~ends, self.ends, self.last_low),
        ):
            rows = np.searchsorted(edges, latest - error_ns, "left")
            low = np.where(which, np.maximum(low, rows), low)
        for which, edges, earliest in (
            (begins, before, self.first_high),
            (enters, self.starts, self.first_high),
            (ends, self.ends, self.last_high),
        ):
            rows = np.searchsorted(edges, earliest + error_ns, "right")
            high = np.where(which, np.minimum(high, rows), high)
        return low, high


def _assign(low: Times, high: Times, rows: Times, several: Times, free: Times) -> None:
    """Give each one that has no row yet the only free one of its range."""
    count = np.concatenate([[0], np.cumsum(free)])
    many = np.where(high > low, count[high] - count[np.minimum(low, high)], 0)
    open_ones = (rows < 0) & ~several
    several |= open_ones & (many > 1)
    only = np.flatnonzero(open_ones & (many == 1))
    found = np.searchsorted(count, count[low[only]] + 1, "left") - 1
    taken = np.bincount(found, minlength=len(free))
    alone = taken[found] == 1
    rows[only[alone]] = found[alone]
    several[only[~alone]] = True
    free[found] = False


def _key(capture: CaptureLike, reconcile: Reconcile) -> Key:
    _, namespace, name = reconcile.key
    texts = capture.strings
    return reconcile.controller, texts.get(namespace, ""), texts.get(name, "")


def _made(capture: CaptureLike, told: list[Told], clock: Clock) -> Iterator[Reconcile]:
    """Reconciles as the logs tell of them, from the first line to the last."""
    named = [one for one in told if one.name]
    edges = np.array([(one.first[0], one.last[0]) for one in named], np.int64).reshape(-1, 2)
    times = np.maximum(clock.monotonic_ns(edges), 0).tolist()
    for (start_ns, end_ns), one in sorted(zip(times, named, strict=True), key=lambda row: row[0]):
        controller, namespace, name = (
            _add_text(capture, text or "") for text in (one.controller, one.namespace, one.name)
        )
        yield Reconcile(
            start_ns,
            NO_GOROUTINE,
            (controller, namespace, name),
            one.controller or "",
            end_ns=end_ns,
            result=one.result,
            requeue_after_ns=one.requeue_after_ns,
            log_id=one.log_id,
        )


def _add_text(capture: CaptureLike, text: str) -> int:
    """A text's hash; not one that the recorder makes, but as good."""
    number = int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    capture.strings.setdefault(number, text)
    return number


def _time(value: Any) -> int | None:
    """A time that a sound capture may have."""
    return value if type(value) is int and 0 <= value < END_OF_TIME else None


def _is_reading(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 3 and all(_time(v) is not None for v in row)
