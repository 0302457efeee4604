"""Makes a long capture of a real one by playing it again and again:

build/venv/bin/python -m tests.day.replay CAPTURE HOURS OUTPUT

Each repetition has later times. Goroutines that were created in the recording are new ones in each,
so are timers with a period that were set in it or stopped; the others, objects, queues and
descriptors go on. At a seam a thread is taken off its CPU or put on it, where the next repetition
begins so. Chunks are cut as the recorder cuts them. Logs are left out.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from whowoke.analysis.capture.chunks import Loss
from whowoke.analysis.capture.gathering import flush_age_s
from whowoke.analysis.capture.reader import Capture, CaptureWriter
from whowoke.analysis.capture.schema import RECORD_BY_NAME, RECORDS

HOUR_NS = 3600 * 10**9
SECOND_NS = 10**9
# The other fields in nanoseconds are lengths, not points in time.
TIMES = ("ts_ns", "due_ns")
GOROUTINES = ("goid", "woken_goid", "new_goid")
SLEPT = 1
# Addresses have fewer bits.
TIMER_BITS = 44

Rows = dict[str, np.ndarray]


def replay(source: Path, hours: float, output: Path) -> int:
    """Write whole repetitions of ``source`` until they last so long; returns how many."""
    capture = Capture.open(source)
    start_ns, end_ns = capture.metadata["start_ns"], capture.metadata["end_ns"]
    length_ns = end_ns - start_ns
    times = max(1, -int(-hours * HOUR_NS // length_ns))
    rows = _closed({record.name: _inside(capture, record.name) for record in RECORDS}, capture)
    new = np.unique(rows["goroutine_new"]["new_goid"])
    step = 1 + max(int(part[name].max(initial=0)) for part, name in _goroutines(rows))
    with CaptureWriter(output, force=True) as writer:
        hits = [count * times for count in capture.metadata.get("hits", [])]
        span = {"end_ns": start_ns + times * length_ns, "hits": hits}
        writer.metadata(capture.metadata | span)
        writer.strings(capture.strings)
        writer.stacks(capture.stacks)
        writer.symbols(capture.symbols)
        for number in range(times):
            begin_ns = start_ns + number * length_ns
            losses = capture.losses.itertuples(index=False)
            writer.losses(
                [Loss(ts + number * length_ns, kind, count) for ts, kind, count in losses]
            )
            shifted = _shifted(rows, number, length_ns, new, step)
            for until_ns in _cuts(begin_ns - start_ns, length_ns):
                _write(writer, shifted, start_ns + until_ns)
    return times


def _inside(capture: Capture, name: str) -> np.ndarray:
    rows, metadata = capture.records(name), capture.metadata
    found: np.ndarray = (rows["ts_ns"] >= metadata["start_ns"]) & (
        rows["ts_ns"] < metadata["end_ns"]
    )
    return rows[found]  # type: ignore[no-any-return]


def _goroutines(rows: Rows) -> Iterator[tuple[np.ndarray, str]]:
    for part in rows.values():
        yield from ((part, name) for name in GOROUTINES if name in (part.dtype.names or ()))


def _closed(rows: Rows, capture: Capture) -> Rows:
    """The rows with thread switches at the ends, so that the end fits to the begin."""
    start_ns, end_ns = capture.metadata["start_ns"], capture.metadata["end_ns"]
    names = ("thread_off", "thread_on", "thread_start", "thread_exit", "thread_waking")
    events = sorted(
        (ts, name, tid, name != "thread_off" or not state)
        for name in names
        for ts, tid, state in zip(
            rows[name]["ts_ns"].tolist(),
            rows[name]["tid"].tolist(),
            (rows[name]["state"] if name == "thread_off" else rows[name]["tid"]).tolist(),
            strict=True,
        )
    )
    first = {tid: name for _, name, tid, _ in reversed(events)}
    last = {tid: (name, runnable) for _, name, tid, runnable in events}
    on, off = [], []
    for tid, (name, runnable) in last.items():
        begins_on = first[tid] in ("thread_off", "thread_exit")
        ends_on = name in ("thread_on", "thread_start")
        if ends_on and not begins_on:
            off.append((end_ns - 1, tid))
        elif begins_on and not ends_on:
            on.append((start_ns, tid))
        elif not begins_on and runnable and name != "thread_exit":
            # It was to run next when the recording ended, and sleeps when that begins again.
            on.append((end_ns - 2, tid))
            off.append((end_ns - 1, tid))
    return rows | {
        "thread_on": _added(rows["thread_on"], "thread_on", on),
        "thread_off": _added(rows["thread_off"], "thread_off", off),
    }


def _added(rows: np.ndarray, name: str, events: list[tuple[int, int]]) -> np.ndarray:
    more = np.zeros(len(events), rows.dtype)
    more["kind"] = RECORD_BY_NAME[name].kind
    for row, (ts_ns, tid) in zip(more, events, strict=True):
        row["ts_ns"], row["tid"] = ts_ns, tid
    if name == "thread_off":
        more["state"] = SLEPT
    both = np.concatenate([rows, more])
    return both[np.argsort(both["ts_ns"], kind="stable")]


def _shifted(rows: Rows, number: int, length_ns: int, new: np.ndarray, step: int) -> Rows:
    """The repetition of that number: ``new`` are the goroutines whose ids move by ``step``."""
    later_ns, offset = number * length_ns, number * step
    shifted = {name: part.copy() for name, part in rows.items()}
    for part in shifted.values():
        for name in set(TIMES) & set(part.dtype.names or ()):
            part[name] += np.where(part[name] > 0, later_ns, 0).astype(part.dtype[name])
    periodic = _passing(rows, length_ns)
    for name in ("timer_arm", "timer_fire"):
        moves = np.isin(shifted[name]["timer"], periodic)
        shifted[name]["timer"] += np.where(moves, number << TIMER_BITS, 0).astype(np.uint64)
    for part, name in _goroutines(shifted):
        part[name] += np.where(np.isin(part[name], new), offset, 0).astype(part.dtype[name])
    return shifted


def _passing(rows: Rows, length_ns: int) -> np.ndarray:
    """Timers with a period that don't go on: set in the recording, or stopped in it."""
    armed, fired = rows["timer_arm"], rows["timer_fire"]
    found = set(armed["timer"][armed["period_ns"] > 0].tolist())
    periodic = fired[fired["period_ns"] > 0]
    for timer in set(periodic["timer"].tolist()) - found:
        own = periodic[periodic["timer"] == timer]
        if len(own) < length_ns // int(own["period_ns"][0]):
            found.add(timer)
    return np.array(sorted(found), np.uint64)


def _cuts(begin_ns: int, length_ns: int) -> Iterator[int]:
    """When the recorder would have written what it had gathered, from the start of all."""
    at_ns = begin_ns
    while at_ns < begin_ns + length_ns:
        at_ns += int(flush_age_s(at_ns / SECOND_NS) * SECOND_NS)
        yield min(at_ns, begin_ns + length_ns)


def _write(writer: CaptureWriter, rows: Rows, until_ns: int) -> None:
    """Write the rows up to a time, and leave the others."""
    for name, part in rows.items():
        count = int(np.searchsorted(part["ts_ns"], until_ns))
        if count:
            writer.records(RECORD_BY_NAME[name], part[:count])
            rows[name] = part[count:]
    writer.flush()


def main() -> None:
    """Make the capture and say how often the other one is in it."""
    source, hours, output = sys.argv[1:]
    times = replay(Path(source), float(hours), Path(output))
    print(f"wrote {output}: {source} {times} times")


if __name__ == "__main__":
    main()
