"""A timeline for Perfetto: https://ui.perfetto.dev, which reads the file in the browser.

Tracks: the process awake and asleep, its wake-ups by origin, work queues, reconciles by controller,
requests, goroutines, threads, losses. An arrow leads from a wake-up to each reconcile it led to.
"""

import heapq
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whowoke.analysis.errors import UsageError
from whowoke.analysis.output.exporter import Exporter, Source
from whowoke.analysis.output.files import replaced, single
from whowoke.analysis.output.trackfile import TrackFile
from whowoke.analysis.tables.columns import (
    EPISODES,
    LOSSES,
    QUEUE,
    RECONCILES,
    REQUESTS,
    THREAD_WAKEUPS,
    WAKEUPS,
)

if TYPE_CHECKING:
    import pandas as pd

    from whowoke.analysis.model import Analysis

Row = dict[str, Any]
# Wake-ups and thread wake-ups in one file: more take gigabytes here, and in the browser.
MANY_EVENTS = 1_000_000
# What an event says when it is clicked on, by table; the rest is in the other formats.
WAKEUP_FACTS = (
    *("wakeup_id", "kind", "cause", "subject", "peer", "function", "location", "location_kind"),
    *("armed_period_ns", "lateness_ns", "goroutine_id", "goroutine_start", "continuation_of"),
    *("woke_process", "cpu_ns", "evidence"),
)
QUEUE_FACTS = (
    *("event_id", "operation", "cause", "after_ns", "rate_limited", "priority", "wakeup_id"),
    *("reconcile_id", "function", "location"),
)
RECONCILE_FACTS = (
    *("reconcile_id", "causes", "result", "requeue_after_ns", "location", "triggers", "redundant"),
    *("redundant_reason", "cache_reads", "api_reads", "api_writes", "goroutine_id"),
)
REQUEST_FACTS = (
    *("request_id", "reconcile_id", "kind", "status", "found", "objects", "same", "changed"),
    *("host", "path", "goroutine_id", "function", "location"),
)
EPISODE_FACTS = ("episode_id", "cpu_ns", "wakeups", "thread_wakeups", "carriers")
THREAD_FACTS = ("carrier", "waker_tid", "off_cpu_ns", "wakeup_id")


def write_perfetto(source: Source, path: Path) -> None:
    """One file, written event by event."""
    if source.analysis is None:
        raise UsageError("perfetto needs a capture", "export one: whowoke export FILE")
    _check_size(source.analysis)
    pair = (source.analysis.capture.metadata.get(f"clock_{name}_ns") for name in CLOCKS)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path, binary=True) as file:
        trace = TrackFile(file, *(n if isinstance(n, int) else None for n in pair))
        _Timeline(source, source.analysis, trace).write()


def _check_size(analysis: "Analysis") -> None:
    events = analysis.survey.thread_wakeups + int(analysis.wakeups_inside.sum())
    if events > MANY_EVENTS:
        raise UsageError(
            f"{events:,} wake-ups and thread wake-ups are too many for one timeline",
            f"choose a part with --from and --to, of {MANY_EVENTS:,} at most; "
            "csv, ndjson and parquet take all",
        )


CLOCKS = ("monotonic", "realtime")


class _Timeline:
    """Writes one group of tracks after the other."""

    def __init__(self, source: Source, analysis: "Analysis", trace: TrackFile) -> None:
        metadata = analysis.capture.metadata
        self._source, self._analysis, self._trace = source, analysis, trace
        self._pid = _whole(metadata.get("pid"))
        self._name = str(metadata.get("name") or "process")
        command = metadata.get("command")
        words = [str(word) for word in command] if isinstance(command, list) else []
        process = trace.process(self._pid, self._name, words)
        self._parent = trace.track(f"{self._name}: why it woke", process)

    def write(self) -> None:
        """All tracks, from the process down to its threads."""
        groups = {
            "awake": self._awake,
            "wake-ups": self._wakeups,
            "queues": self._queues,
            "reconciles": self._reconciles,
            "requests": self._requests,
            "losses": self._losses,
            "goroutines": self._goroutines,
            "threads": self._threads,
        }
        for name, write in groups.items():
            self._source.step(name)
            write()

    def _track(self, name: str) -> int:
        return self._trace.track(name, self._parent)

    def _awake(self) -> None:
        track = self._track("process")
        before = None
        for row in _rows(self._source.table(EPISODES)):
            start, idle_ns = row["start_ns"], row["idle_before_ns"]
            if idle_ns and before is not None:
                self._trace.slice(track, start - idle_ns, start, "asleep", {})
            self._trace.slice(track, start, row["end_ns"], "awake", _facts(row, EPISODE_FACTS))
            before = start

    def _wakeups(self) -> None:
        parent, tracks = self._track("wake-ups"), dict[str, int]()
        for row in _rows(self._source.table(WAKEUPS)):
            origin = row["origin"] or "unknown"
            if origin not in tracks:
                tracks[origin] = self._trace.track(origin, parent)
            flows = [flow for _, flow in self._arrows.get(row["wakeup_id"], ())]
            name = f"{row['cause'] or 'unknown'}{' (answer)' if row['continuation_of'] else ''}"
            facts = _facts(row, WAKEUP_FACTS)
            self._trace.instant(tracks[origin], row["ts_ns"], name, facts, flows)

    @cached_property
    def _arrows(self) -> dict[int, list[tuple[int, int]]]:
        """By wake-up the reconciles that it led to, each with the number of its arrow.

        By ids. Only where both ends are exported.
        """
        wakeups, reconciles = self._analysis.wakeups_inside, self._analysis.reconciles_inside
        return {
            wakeup + 1: [
                (reconcile + 1, self._trace.new_flow())
                for reconcile in sorted(led)
                if reconciles[reconcile]
            ]
            for wakeup, led in sorted(self._analysis.led_to.items())
            if wakeups[wakeup]
        }

    def _queues(self) -> None:
        """What happened to each work queue."""
        parent, tracks = self._track("queues"), dict[int | None, int]()
        for row in _rows(self._source.table(QUEUE)):
            queue = row["queue_id"]
            if queue not in tracks:
                tracks[queue] = self._trace.track(row["controller"] or "unnamed", parent)
            name = f"{row['operation']} {_object(row) or 'unknown'}"
            self._trace.instant(tracks[queue], row["ts_ns"], name, _facts(row, QUEUE_FACTS))

    def _reconciles(self) -> None:
        ending: dict[int, list[int]] = {}
        for reconcile, flow in (arrow for arrows in self._arrows.values() for arrow in arrows):
            ending.setdefault(reconcile, []).append(flow)
        rows = _rows(self._source.table(RECONCILES))
        for row in rows:
            row["track"] = row["controller"] or "unnamed"
            row["title"] = _object(row) or "unknown"
            row["unfinished"] = row["end_ns"] is None or None
            row["ends"] = ending.get(row["reconcile_id"], ())
            if row["end_ns"] is None:
                row["end_ns"] = max(row["start_ns"], self._analysis.recorded[1])
        self._lanes("reconciles", rows, (*RECONCILE_FACTS, "unfinished"))

    def _requests(self) -> None:
        rows = _rows(self._source.table(REQUESTS))
        for row in rows:
            row["track"], row["start_ns"] = row["kind"] or "unknown", row["ts_ns"]
            row["end_ns"] = row["ts_ns"] + (row["duration_ns"] or 0)
            what = row["object_kind"] or row["resource"] or row["host"] or row["path"]
            row["title"] = " ".join(filter(None, (row["verb"], what, _object(row)))) or "unknown"
        self._lanes("requests", rows, REQUEST_FACTS)

    def _lanes(self, group: str, rows: list[Row], names: tuple[str, ...]) -> None:
        """Slices below a track for each ``track``; what overlaps goes to further lanes."""
        parent = self._track(group)
        for name in sorted({row["track"] for row in rows}):
            tracks: list[int] = []
            own = (row for row in rows if row["track"] == name)
            for lane, row in _laned(own):
                if lane == len(tracks):
                    tracks.append(self._trace.track(name, parent))
                times, facts = (row["start_ns"], row["end_ns"]), _facts(row, names)
                self._trace.slice(tracks[lane], *times, row["title"], facts, row.get("ends", ()))

    def _losses(self) -> None:
        rows = _rows(self._source.table(LOSSES))
        track = self._track("losses") if rows else 0
        for row in sorted(rows, key=lambda row: row["ts_ns"]):
            title = f"lost {row['count']} {row['kind']}"
            self._trace.instant(track, row["ts_ns"], title, {"count": row["count"]})

    def _goroutines(self) -> None:
        """Each time that a goroutine was made runnable, named after the cause that it so got."""
        parent, analysis = self._track("goroutines"), self._analysis
        starts: dict[int, int] = {}
        events: dict[int, list[tuple[int, int, str]]] = {}
        for ts, waker, goid, start, what in _readied(analysis):
            starts[goid] = start or starts.get(goid, 0)
            events.setdefault(goid, []).append((ts, waker, what))
        for goid in sorted(events):
            function = analysis.code.function_name(starts[goid]) or "unknown start"
            track = self._trace.track(f"{goid} {function.rsplit('/', 1)[-1]}", parent)
            for ts, waker, what in sorted(events[goid]):
                number = analysis.chains.cause(goid, ts)
                causes = [] if number is None else analysis.named.wakeups[number]
                facts = {"woken_by_goroutine": waker or None, "what": what}
                facts["wakeup_id"] = None if number is None else number + 1
                name = "+".join(dict.fromkeys(c.cause for c in causes)) or "unknown"
                self._trace.instant(track, ts, name, facts)

    def _threads(self) -> None:
        threads = self._analysis.threads
        wakings: dict[int, list[Row]] = {}
        for row in _rows(self._source.table(THREAD_WAKEUPS)):
            wakings.setdefault(row["tid"], []).append(row)
        inside = self._analysis.window.holds(threads.on_start)
        owner, start, end = (a[inside] for a in (threads.on_tid, threads.on_start, threads.on_end))
        for tid in sorted({*wakings, *owner.tolist()}):
            track = self._trace.thread(self._pid, tid, self._thread_name(tid))
            for row in wakings.get(tid, ()):
                name = f"woken: {row['context'] or 'unknown'}"
                self._trace.instant(track, row["ts_ns"], name, _facts(row, THREAD_FACTS))
            mine = owner == tid
            for first, last in zip(start[mine].tolist(), end[mine].tolist(), strict=True):
                self._trace.slice(track, first, last, "running", {})

    def _thread_name(self, tid: int) -> str:
        if tid == self._analysis.threads.sysmon:
            return "sysmon"
        return self._name if tid == self._pid else ""


def _readied(analysis: "Analysis") -> Iterator[tuple[int, int, int, int, str]]:
    """Time, waker (0: none), goroutine, its start function, and by what it was made runnable."""
    for record, columns in (
        ("goroutine_ready", ("ts_ns", "goid", "woken_goid", "woken_start")),
        ("goroutine_new", ("ts_ns", "goid", "new_goid", "new_start")),
    ):
        rows = analysis.capture.records(record)
        rows = rows[analysis.window.holds(rows["ts_ns"].astype(np.int64))]
        what = record.removeprefix("goroutine_")
        for values in zip(*(rows[name].tolist() for name in columns), strict=True):
            yield (*values, what)
    base = analysis.base
    released = (base["kind"] == "descriptor") & (base["goid"] != 0) & analysis.wakeups_inside
    for ts, goid, start in base.loc[released, ["ts_ns", "goid", "start"]].itertuples(index=False):
        yield int(ts), 0, int(goid), int(start), "descriptor"


def _laned(rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
    """Each row with the first lane that is free at its start."""
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    lanes = 0
    for row in sorted(rows, key=lambda row: row["start_ns"]):
        while busy and busy[0][0] <= row["start_ns"]:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            free.append(lanes)
            lanes += 1
        lane = heapq.heappop(free)
        heapq.heappush(busy, (row["end_ns"], lane))
        yield lane, row


def _rows(frame: "pd.DataFrame") -> list[Row]:
    """Rows with plain values, None where they are not known."""
    plain = frame.astype("object")
    return [
        {str(name): value for name, value in row.items()}
        for row in plain.where(plain.notna(), None).to_dict("records")
    ]


def _object(row: Row) -> str:
    """``namespace/name`` of a row, empty where neither is known."""
    return "/".join(filter(None, (row["namespace"], row["name"])))


def _facts(row: Row, names: Iterable[str]) -> Row:
    return {name: row[name] for name in names}


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


PERFETTO = Exporter("one file for ui.perfetto.dev", single, write_perfetto, ("perfetto",))
