"""The output tables of an analysed capture, with the columns of ``columns.py``."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.capture.ordering import in_order
from whowoke.analysis.model import Analysis
from whowoke.analysis.queueing.queues import Add, Done, Get, Ready, Reconcile
from whowoke.analysis.rules.causes import Cause
from whowoke.analysis.rules.frames import CaptureLike, Rows
from whowoke.analysis.tables.columns import INT, TEXT
from whowoke.analysis.tables.nullable import ids, integers, nullable, unless_missing
from whowoke.analysis.tables.shape import TABLE_BY_NAME, TABLES, conform, empty, utc_times
from whowoke.analysis.waking.calls import syscalls
from whowoke.analysis.waking.lossy import COUNTED_NS
from whowoke.analysis.waking.threads import episode_at

# Of a table that are in memory at a time.
ROWS = 50_000
ALL = slice(None)
QueueEvent = Add | Ready | Get | Done
OPERATIONS = {Add: "add", Ready: "ready", Get: "get", Done: "done"}


def analyse(capture: CaptureLike) -> dict[str, pd.DataFrame]:
    """All tables of a capture by name, with the columns of ``columns.py``."""
    return tables(Analysis(capture))


def tables(analysis: Analysis) -> dict[str, pd.DataFrame]:
    """All tables by name."""
    return {table.name: table_of(analysis, table.name) for table in TABLES}


def table_of(analysis: Analysis, name: str) -> pd.DataFrame:
    """One table: of rows with a time those that begin in the window, with the ids they always have.

    The rows of ``checks``, ``ideals`` and ``causes`` are counts of what is in the window.
    """
    first, *others = parts_of(analysis, name)
    return pd.concat([first, *others], ignore_index=True) if others else first


def parts_of(analysis: Analysis, name: str) -> Iterator[pd.DataFrame]:
    """The same in parts of at most ``ROWS`` rows: at least one, which may be empty."""
    yielded = False
    for frame in BUILDERS[name](analysis):
        for first in range(0, len(frame), ROWS):
            part = _inside(analysis, name, _conformed(name, frame.iloc[first : first + ROWS]))
            if len(part):
                yield part
                yielded = True
    if not yielded:
        yield empty(TABLE_BY_NAME[name])


def _inside(analysis: Analysis, name: str, frame: pd.DataFrame) -> pd.DataFrame:
    begins = BEGINS.get(name)
    # A loss is told whenever it was.
    if begins is None or (name == "losses" and not analysis.window.limited):
        return frame
    late_ns = COUNTED_NS if name == "losses" else 0
    inside = analysis.window.holds(frame[begins], late_ns)
    if inside.all():
        return frame
    return frame[inside].reset_index(drop=True)


def _conformed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with all columns of its table; a text that is empty is not known."""
    table = conform(TABLE_BY_NAME[name], frame)
    texts = [column for column, dtype in table.dtypes.items() if dtype == TEXT]
    return table.assign(**{str(text): table[text].replace("", pd.NA) for text in texts})


def names(causes: Iterable[Cause]) -> str:
    """Several causes by name, each once."""
    return ";".join(dict.fromkeys(cause.cause for cause in causes))


def _joined(causes: Iterable[Cause], column: str) -> str | None:
    values = (getattr(cause, column) for cause in causes)
    return ";".join(dict.fromkeys(value for value in values if value)) or None


def _frame(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame with all columns of a table."""
    columns: dict[str, Any] = {}
    for column, dtype in TABLE_BY_NAME[name].dtypes.items():
        values = [row.get(column) for row in rows]
        columns[column] = integers(values) if dtype == INT else pd.Series(values, dtype="object")
    return pd.DataFrame(columns)


def wakeup_rows(analysis: Analysis, rows: slice = ALL) -> pd.DataFrame:
    """The table ``wakeups``: every wake-up with its causes.

    Columns as in ``columns.WAKEUPS``. The line is the wake-up's own, so that a timer that was set
    before the recording has the line that waits, also where ``causes`` counts it under the line
    that set the ones after it.
    """
    base, named = analysis.base.iloc[rows], analysis.named.wakeups[rows]
    numbers = range(len(analysis.base))[rows]
    seen = [analysis.attribution.seen(number) for number in numbers]
    frame = pd.DataFrame({"wakeup_id": np.array(numbers, np.int64) + 1, "ts_ns": base["ts_ns"]})
    frame["time"] = utc_times(frame["ts_ns"], analysis.capture.metadata)
    frame["episode_id"] = ids(analysis.episode_of[rows])
    frame["kind"] = base["kind"]
    frame["woke_process"] = pd.array(analysis.woke_process[rows], "boolean")
    asked = analysis.named.continues[rows]
    frame["continuation_of"] = integers(None if n is None else n + 1 for n in asked)
    pairs = [list({(c.origin, c.cause): c for c in causes}.values()) for causes in named]
    for column in ("origin", "cause"):
        frame[column] = [";".join(getattr(c, column) for c in causes) for causes in pairs]
    frame["subject"] = [_joined(causes, "about") for causes in named]
    frame["peer"] = [analysis.attribution.sightings.peer(n) or None for n in numbers]
    for column, field in (("function",) * 2, ("location",) * 2, ("location_kind", "kind")):
        frame[column] = [
            getattr(s.place, field) or None if s.has_own_place else _joined(causes, column)
            for s, causes in zip(seen, named, strict=True)
        ]
    _add_timing(analysis, base, frame, [s.place.kind == "armed" for s in seen])
    frame["cpu_ns"] = integers(analysis.cpu_ns[rows])
    frame["evidence"] = [s.evidence for s in seen]
    return frame


def _add_timing(
    analysis: Analysis, base: pd.DataFrame, frame: pd.DataFrame, armed: list[bool]
) -> None:
    timer = (base["kind"] == "timer").to_numpy(bool)
    frame["armed_period_ns"] = unless_missing(base["armed_period_ns"].to_numpy())
    late = (base["ts_ns"] - base["due_ns"]).to_numpy(np.int64)
    frame["lateness_ns"] = nullable(late, timer)
    frame["armed_ns"] = unless_missing(base["armed_ns"].to_numpy())
    goid = base["goid"].to_numpy(np.int64)
    frame["goroutine_id"] = nullable(goid, goid != 0)
    starts = [int(address) for address in base["start"].tolist()]
    frame["goroutine_start"] = [analysis.code.function_name(a) or None for a in starts]
    frame["tid"] = base["tid"].astype(np.int64)
    stacks = np.where(armed, base["armed_stack"], base["parked_stack"]).tolist()
    frame["stack_id"] = integers(analysis.stack_ids.get(s) for s in stacks)


def thread_parts(analysis: Analysis) -> Iterator[pd.DataFrame]:
    """The table ``thread_wakeups``; columns as in ``columns.THREAD_WAKEUPS``."""
    spans = analysis.spans
    for carried in analysis.wakings.frames():
        frame = carried.drop(columns="wakeup")
        frame["episode_id"] = ids(episode_at(spans, frame["ts_ns"].to_numpy(np.int64)))
        frame["wakeup_id"] = ids(carried["wakeup"].to_numpy(np.int64))
        yield frame


def syscall_parts(analysis: Analysis) -> Iterator[pd.DataFrame]:
    """The table ``syscalls``."""
    for rows in in_order(analysis.capture, "syscall"):
        yield syscalls(rows, analysis.peers)


def episode_rows(analysis: Analysis) -> pd.DataFrame:
    """The table ``episodes``; columns as in ``columns.EPISODES``."""
    frame, count = analysis.spans.copy(), len(analysis.spans)
    columns = ("thread_wakeups", "carriers", "wakeups")
    counts = {column: np.zeros(count, np.int64) for column in columns}

    def add(column: str, rows: Rows) -> None:
        counts[column] += np.bincount(rows[rows >= 0], minlength=count)

    for carried in analysis.wakings.frames():
        threads = episode_at(analysis.spans, carried["ts_ns"].to_numpy(np.int64))
        add("thread_wakeups", threads)
        add("carriers", threads[carried["carrier"].to_numpy(bool)])
    add("wakeups", analysis.episode_of)
    frame.insert(0, "episode_id", np.arange(count) + 1)
    return frame.assign(**counts)


def queue_parts(analysis: Analysis) -> Iterator[pd.DataFrame]:
    """The table ``queue``: every add, ready, get and done; columns as in ``columns.QUEUE``."""
    events = sorted(queue_events(analysis), key=lambda event: event.ts_ns)
    numbers = {id(r): number for number, r in enumerate(analysis.operations.reconciles, 1)}
    for first in range(0, len(events), ROWS):
        rows = [_queue_row(analysis, event, numbers) for event in events[first : first + ROWS]]
        frame = _frame("queue", rows)
        frame["event_id"] = np.arange(first, first + len(frame)) + 1
        yield frame


def queue_events(analysis: Analysis) -> list[QueueEvent]:
    """What is a row of ``queue``, in no order."""
    queues = analysis.operations.queues
    return [*queues.adds, *queues.readies, *queues.gets, *queues.dones]


def _queue_row(analysis: Analysis, event: QueueEvent, numbers: dict[int, int]) -> dict[str, Any]:
    strings, attribution = analysis.capture.strings, analysis.attribution
    wakeup = analysis.chains.cause(event.goid, event.ts_ns)
    queue, namespace, name = event.key
    row: dict[str, Any] = {
        "ts_ns": event.ts_ns,
        "queue_id": queue,
        "controller": analysis.operations.controllers.get(queue),
        "operation": OPERATIONS[type(event)],
        "namespace": strings.get(namespace),
        "name": strings.get(name),
        "wakeup_id": None if wakeup is None else wakeup + 1,
    }
    if isinstance(event, Add):
        causes = attribution.of_add(event)
        row |= {
            "after_ns": event.after_ns,
            "rate_limited": event.rate_limited,
            "priority": event.priority,
            "function": _joined(causes, "function"),
            "location": _joined(causes, "location"),
        }
        consumer: Reconcile | None = event.get.reconcile if event.get else None
    elif isinstance(event, Ready):
        # One that nothing was seen of was added before the recording.
        causes = [cause for add in event.adds for cause in attribution.of_add(add)]
        consumer = next((a.get.reconcile for a in event.adds if a.get), None)
    else:
        get = event if isinstance(event, Get) else event.get
        consumer = get.reconcile if get else None
        causes = attribution.of_reconcile(consumer) if consumer else []
    row["cause"] = names(causes) or "unknown"
    row["reconcile_id"] = numbers.get(id(consumer)) if consumer else None
    return row


def reconcile_rows(analysis: Analysis, chosen: slice = ALL) -> pd.DataFrame:
    """The table ``reconciles``; columns as in ``columns.RECONCILES``."""
    strings, code = analysis.capture.strings, analysis.code
    rows = []
    found, named = analysis.operations.reconciles[chosen], analysis.named.reconciles[chosen]
    for number, (reconcile, causes) in enumerate(
        zip(found, named, strict=True), 1 + (chosen.start or 0)
    ):
        end, start = reconcile.end_ns, reconcile.start_ns
        line = code.symbol(reconcile.return_pc) if reconcile.return_pc else None
        line = line or code.owned_by("operator", code.stack(reconcile.asked_stack))
        rows.append(
            {
                "reconcile_id": number,
                "start_ns": start,
                "end_ns": end,
                "duration_ns": None if end is None else end - start,
                "controller": reconcile.controller,
                "namespace": strings.get(reconcile.key[1]),
                "name": strings.get(reconcile.key[2]),
                "goroutine_id": None if reconcile.goid < 0 else reconcile.goid,
                "result": reconcile.result,
                "requeue_after_ns": reconcile.requeue_after_ns,
                "location": f"{line.file}:{line.line}" if line else None,
                "triggers": len(reconcile.triggers()),
                "causes": names(causes),
                "subjects": _joined(analysis.attribution.of_reconcile(reconcile), "about"),
                "log_reconcile_id": reconcile.log_id or None,
            }
        )
    frame = _frame("reconciles", rows)
    frame["time"] = utc_times(frame["start_ns"], analysis.capture.metadata)
    return frame.assign(**analysis.judged[chosen].reset_index(drop=True))


def stack_rows(analysis: Analysis) -> pd.DataFrame:
    """The table ``stacks``; columns as in ``columns.STACKS``."""
    rows = [
        (number, depth, frame.function, f"{frame.file}:{frame.line}" if frame.file else None)
        for value, number in analysis.stack_ids.items()
        for depth, frame in enumerate(analysis.code.stack(value))
    ]
    return pd.DataFrame(rows, columns=["stack_id", "depth", "function", "location"])


def _wakeup_parts(analysis: Analysis) -> Iterator[pd.DataFrame]:
    return (wakeup_rows(analysis, rows) for rows in _slices(len(analysis.base)))


def _reconcile_parts(analysis: Analysis) -> Iterator[pd.DataFrame]:
    return (reconcile_rows(analysis, rows) for rows in _slices(len(analysis.operations.reconciles)))


def _slices(count: int) -> Iterator[slice]:
    return (slice(first, first + ROWS) for first in range(0, count, ROWS))


# Tables in one or in several parts.
BUILDERS: dict[str, Callable[[Analysis], Iterable[pd.DataFrame]]] = {
    "wakeups": _wakeup_parts,
    "thread_wakeups": thread_parts,
    "syscalls": syscall_parts,
    "episodes": lambda analysis: [episode_rows(analysis)],
    "queue": queue_parts,
    "reconciles": _reconcile_parts,
    "requests": lambda analysis: [analysis.requests],
    "checks": lambda analysis: [analysis.checks.table],
    "ideals": lambda analysis: [analysis.ideal_rows],
    "causes": lambda analysis: [analysis.causes],
    "stacks": lambda analysis: [stack_rows(analysis)],
    "losses": lambda analysis: [analysis.capture.losses],
}
# When a row begins, in the tables whose rows have a time.
BEGINS = {
    "wakeups": "ts_ns",
    "thread_wakeups": "ts_ns",
    "syscalls": "ts_ns",
    "episodes": "start_ns",
    "queue": "ts_ns",
    "reconciles": "start_ns",
    "requests": "ts_ns",
    "losses": "ts_ns",
}
