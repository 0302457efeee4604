"""What will wake a process next: its pending timers with their causes, as text and as data.

The rules are those of the analysis: they are given the records that the timers would leave if they
fired, in a capture that exists in memory only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.capture.reader import Frame, Keep
from whowoke.analysis.capture.schema import RECORD_BY_NAME, record_dtype
from whowoke.analysis.durations import format_duration
from whowoke.analysis.model import Analysis
from whowoke.analysis.rules.causes import Rule
from whowoke.analysis.rules.frames import Place, plain_name
from whowoke.tracer.anchors import find_anchors
from whowoke.tracer.buildinfo import build_info
from whowoke.tracer.memory import Memory, layout_of
from whowoke.tracer.pclntab import FunctionTable
from whowoke.tracer.sites import Code
from whowoke.tracer.target import Target
from whowoke.tracer.timers import FOREVER_NS, PendingTimer, Reading, TimerReader
from whowoke.tracer.versions import minor_version, versions_of
from whowoke.tracer.waiters import Waiters

INDENT = " " * 14
FRAMES_SHOWN = 4
QUEUE_DUE = "an item of a work queue is due, a requeue or a delayed add: record it to see which"


@dataclass
class Snapshot:
    """The timers of a process as a capture in which each of them fires when it is due."""

    metadata: dict[str, Any]
    timers: list[PendingTimer]
    symbols: dict[int, Frame] = field(default_factory=dict)
    stacks: dict[int, list[Frame]] = field(default_factory=dict)
    strings: dict[int, str] = field(default_factory=dict)
    complete: bool = True
    log_files: Sequence[Path] = ()
    log_notes: list[str] = field(default_factory=list)

    @property
    def losses(self) -> pd.DataFrame:
        """None."""
        return pd.DataFrame(columns=["ts_ns", "kind", "count"])

    def logs(self) -> Iterator[bytes]:
        """None."""
        return iter(())

    def parts(self, *names: str) -> Iterator[tuple[str, np.ndarray]]:
        """All of each kind as one part."""
        return ((name, self.records(name)) for name in names)

    def records(self, name: str, keep: Keep | None = None) -> np.ndarray:
        """One ``timer_fire`` for each timer, in their order; nothing of other kinds."""
        timers = self.timers if name == "timer_fire" else []
        rows = np.zeros(len(timers), record_dtype(RECORD_BY_NAME[name]))
        for number, timer in enumerate(timers):
            waiter = timer.wakes.waiter
            values = {
                "ts_ns": timer.due_ns,
                "timer": timer.address,
                "due_ns": timer.due_ns,
                "period_ns": timer.period_ns,
                "callback": timer.wakes.callback,
                "function": timer.wakes.function,
                "woken_goid": waiter.goid if waiter else 0,
                "woken_start": waiter.start if waiter else 0,
                "parked_stack": number + 1 if waiter else 0,
            }
            for column, value in values.items():
                rows[number][column] = value
        return rows


@dataclass
class Forecast:
    """What is going to wake a process: ``text()`` for people, ``json()`` for programs."""

    target: dict[str, Any]
    reading: Reading
    snapshot: Snapshot

    def __post_init__(self) -> None:
        self._analysis = Analysis(self.snapshot)

    def json(self) -> dict[str, Any]:
        """Everything as data; times are nanoseconds, None is not known.

        ``timers`` are sorted by ``due_ns`` (CLOCK_MONOTONIC, None for never; ``due_in_ns`` is from
        ``now_ns`` on). ``period_ns`` is 0 for a timer that fires once. ``stack`` is where the
        goroutine ``goroutine_id`` waits, innermost first; ``others`` counts the goroutines behind
        it; ``calls`` is an AfterFunc's function, ``fd`` the descriptor of a deadline. ``stopped``,
        ``unsettled`` and ``later`` are those of ``timers.Reading``.
        """
        reading = self.reading
        return {
            "target": self.target,
            "now_ns": reading.now_ns,
            "processors": reading.processors,
            "stopped": reading.stopped,
            "unsettled": reading.unsettled,
            "later": reading.later,
            "timers": [self._row(number) for number in range(len(reading.timers))],
        }

    def text(self) -> str:
        """A head, then two or three lines for each timer; an explanation stands once."""
        lines = [*self._head(), ""]
        said: set[str] = set()
        for number in range(len(self.reading.timers)):
            row = self._row(number)
            lines += self._lines(row)
            explanation = row["explanation"]
            if explanation and explanation not in said:
                lines.append(f"{INDENT}{explanation}")
                said.add(explanation)
        return "\n".join(lines).rstrip()

    # ------------------------------------------------------------ facts

    def _classify(self, number: int) -> tuple[Rule | None, Place]:
        return self._analysis.attribution.sightings.classify(number)

    def _row(self, number: int) -> dict[str, Any]:
        timer = self.reading.timers[number]
        wakes, waiter = timer.wakes, timer.wakes.waiter
        rule, place = self._classify(number)
        never = timer.due_ns == FOREVER_NS
        explanation = rule.explanation if rule else ""
        return {
            "due_ns": None if never else timer.due_ns,
            "due_in_ns": None if never else timer.due_ns - self.reading.now_ns,
            "period_ns": timer.period_ns,
            "kind": wakes.kind,
            "origin": rule.origin if rule else "unknown",
            "cause": rule.cause if rule else "unknown",
            "subject": self._analysis.attribution.sightings.subject(number),
            "function": place.function,
            "location": place.location,
            "location_kind": place.kind,
            "explanation": QUEUE_DUE if rule and rule.decided_by == "queue" else explanation,
            "advice": rule.advice if rule else "",
            "callback": self._name(wakes.callback),
            "calls": self._name(wakes.function) if wakes.function else None,
            "fd": wakes.fd,
            "goroutine_id": waiter.goid if waiter else None,
            "goroutine_start": self._name(waiter.start) if waiter else None,
            "others": waiter.others if waiter else 0,
            "stack": [
                {"function": plain_name(frame.function), "location": _location(frame)}
                for frame in self.snapshot.stacks.get(number + 1, [])
            ],
            "timer": timer.address,
        }

    def _name(self, address: int) -> str:
        frame = self.snapshot.symbols.get(address)
        return plain_name(frame.function) if frame else ""

    # ------------------------------------------------------------ words

    def _head(self) -> list[str]:
        reading, target = self.reading, self.target
        count = len(reading.timers)
        who = f"{target['name']}, pid {target['pid']}; {target['go_version']}"
        text = f"{count:,} timer{'' if count == 1 else 's'} pending   ({who})"
        notes = []
        if reading.unsettled:
            notes.append(f"{reading.unsettled:,} changed while they were read and are left out")
        if reading.later:
            notes.append(f"{reading.later:,} more are due later and weren't looked at")
        if reading.stopped:
            notes.append(f"{reading.stopped:,} stopped but not yet thrown away by Go")
        return [text, *notes]

    def _lines(self, row: dict[str, Any]) -> Iterator[str]:
        about = f" of {row['subject']}" if row["subject"] else ""
        known = row["origin"] != "unknown"
        cause = f"{row['cause']} ({row['origin']}){about}" if known else "unknown"
        yield f"{_due(row['due_in_ns']):>12}  {_period(row)}: {cause}"
        if row["calls"]:
            is_its_own = row["location_kind"] == "callback" and row["location"]
            at = f" at {row['location']}" if is_its_own else ""
            yield f"{INDENT}calls {_short(row['calls'])}{at}"
        if row["fd"] is not None:
            yield f"{INDENT}the deadline of descriptor {row['fd']}"
        if row["goroutine_id"] is not None:
            yield from self._waiting(row)
        elif not row["calls"]:
            yield f"{INDENT}no goroutine waits for it: {row['callback']}"

    def _waiting(self, row: dict[str, Any]) -> Iterator[str]:
        """The line that matters, and those around it where nothing is known of the cause."""
        stack = [frame for frame in row["stack"] if frame["function"] != "runtime.goexit"]
        functions = [frame["function"] for frame in stack]
        first = functions.index(row["function"]) if row["function"] in functions else 0
        count = 1 if row["origin"] != "unknown" else FRAMES_SHOWN
        behind = f" and {row['others']} more" if row["others"] else ""
        verb = f"goroutine {row['goroutine_id']}{behind} waits in"
        for frame in stack[first : first + count]:
            where = frame["location"] or "an unknown line"
            yield f"{INDENT}{verb} {_short(frame['function'])} at {where}"
            verb = "  called by"


def forecast(target: Target) -> Forecast:
    """Read the pending timers of a process once; raises as ``Forecaster`` does."""
    with Forecaster(target) as forecaster:
        return forecaster.read()


class Forecaster:
    """Reads the pending timers of a process, as often as it is asked."""

    def __init__(self, target: Target) -> None:
        """Read what is needed of the executable.

        Raises UnsupportedError for what isn't Go 1.19 to 1.27 on amd64, PermissionDeniedError where
        the process may not be read, WhowokeError where it has ended.
        """
        self._elf = target.open_elf()
        try:
            self._open(target)
        except BaseException:
            self.close()
            raise

    def _open(self, target: Target) -> None:
        elf = self._elf
        info = build_info(elf)
        # Asked first: the functions of a version that is too new can't be read either.
        layout = layout_of(minor_version(info.go_version))
        self._bias = target.load_bias(elf)
        self._table = FunctionTable.open(elf)
        anchors = find_anchors(self._table, Code(elf), layout, elf.name)
        memory = Memory(target, layout)
        waiters = Waiters(memory, self._table, self._bias)
        self._reader = TimerReader(memory, anchors, self._bias, waiters)
        self._metadata = {
            "pid": target.pid,
            "name": target.command,
            "go_version": info.go_version,
            "main_module": info.main.path,
            "modules": versions_of(info),
        }
        self._executable = target.executable

    def __enter__(self) -> "Forecaster":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the executable."""
        self._elf.close()

    def read(self) -> Forecast:
        """The timers that are pending now; raises as ``TimerReader.read`` does."""
        reading = self._reader.read()
        snapshot = _symbolise(reading, self._table, self._bias, self._metadata)
        names = ("name", "pid", "go_version", "main_module")
        described = {name: self._metadata[name] for name in names}
        return Forecast(described | {"executable": self._executable}, reading, snapshot)


def _symbolise(
    reading: Reading, table: FunctionTable, bias: int, metadata: dict[str, Any]
) -> Snapshot:
    def frames(address: int, *, is_return_address: bool) -> list[Frame]:
        found = table.frames(address - bias, is_return_address=is_return_address)
        return [Frame(frame.function, frame.file, frame.line) for frame in found]

    snapshot = Snapshot(metadata, reading.timers)
    for number, timer in enumerate(reading.timers, 1):
        waiter = timer.wakes.waiter
        addresses = [timer.wakes.callback, timer.wakes.function]
        if waiter:
            addresses.append(waiter.start)
            snapshot.stacks[number] = [
                frame for a in waiter.stack for frame in frames(a, is_return_address=True)
            ]
        for address in filter(None, addresses):
            snapshot.symbols.update(
                (address, frame) for frame in frames(address, is_return_address=False)[:1]
            )
    return snapshot


def _location(frame: Frame) -> str:
    return f"{frame.file}:{frame.line}" if frame.file else ""


def _short(function: str) -> str:
    """Without the path of its package, which is in the location, too."""
    return function.rsplit("/", 1)[-1]


def _period(row: dict[str, Any]) -> str:
    if not row["period_ns"]:
        return "once"
    period = format_duration(row["period_ns"])
    # A priority queue waits with a new time.Tick for each delay.
    return f"once, after {period}" if row["explanation"] == QUEUE_DUE else f"every {period}"


def _due(due_in_ns: int | None) -> str:
    if due_in_ns is None:
        return "never"
    return f"in {format_duration(due_in_ns)}" if due_in_ns > 0 else "now"
