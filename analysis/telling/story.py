"""One wake-up as a story: everything that happened for it, step by step, in the order of time.

A goroutine's records belong to the wake-up that it was last made ready for (``chains.py``), also
after it waited for the answer to a request of its own. Thread wake-ups that only carried the story
on are counted, not told.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from whowoke.analysis.model import Analysis
from whowoke.analysis.telling.doings import Doings
from whowoke.analysis.telling.steps import Step, frames_of, or_none, without_std, woken_facts
from whowoke.analysis.waking.threads import ON, episode_at

# What comes first where several steps have the same time.
_FIRST = ("thread_waking", "thread_on", "wakeup", "continuation", "reconcile_start")
# Threads that wake one another, from the interrupt on.
MAX_WAKERS = 8


class Story:
    """The steps of one wake-up, whose row number in ``analysis.base`` is ``number``."""

    def __init__(self, analysis: Analysis, number: int) -> None:
        self.analysis = analysis
        self.number = number
        self.row: dict[Any, Any] = analysis.base.iloc[number].to_dict()
        self.ts_ns = int(self.row["ts_ns"])
        self._code = analysis.code
        self._doings = Doings(analysis, number)

    @cached_property
    def steps(self) -> list[Step]:
        """All steps in the order of time; ``pause`` stands where the whole process slept."""
        found = [
            *self._threads(),
            Step(self.ts_ns, "wakeup", int(self.row["tid"]), facts=self._fired()),
            *self._doings.steps(),
        ]
        order = {kind: number for number, kind in enumerate(_FIRST)}
        found.sort(key=lambda step: (step.ts_ns, order.get(step.kind, len(_FIRST))))
        return self._with_pauses(found)

    @cached_property
    def episodes(self) -> list[int]:
        """Row numbers of the episodes that the story is part of, in order."""
        times = np.array([s.ts_ns for s in self.steps if s.kind != "pause"], np.int64)
        rows = episode_at(self.analysis.spans, times)
        return sorted(set(rows[rows >= 0].tolist()))

    @cached_property
    def carriers(self) -> dict[str, int]:
        """How many threads were woken, by context, only to carry what went on meanwhile.

        Those of all wake-ups in these episodes, but for those that are steps: a carrier doesn't say
        whom it carries. sysmon, the Go runtime's own thread, is a context of its own.
        """
        carried = self.analysis.carried
        told = {(step.ts_ns, step.tid) for step in self.steps if step.kind == "thread_waking"}
        carriers = carried[carried["carrier"].to_numpy(bool)]
        rows = episode_at(self.analysis.spans, carriers["ts_ns"].to_numpy(np.int64))
        inside = carriers[np.isin(rows, self.episodes)][["ts_ns", "tid", "context"]]
        sysmon = self.analysis.threads.sysmon
        return dict(
            Counter(
                "sysmon" if tid == sysmon else str(context)
                for ts, tid, context in inside.itertuples(index=False)
                if (ts, tid) not in told
            ).most_common()
        )

    @cached_property
    def others(self) -> list[int]:
        """Numbers of the other wake-ups in these episodes that don't answer this one's requests."""
        rows = np.flatnonzero(np.isin(self.analysis.episode_of, self.episodes)).tolist()
        return [n for n in rows if n != self.number and not self._doings.are_asked_by(n)]

    def armed_by(self) -> int | None:
        """The wake-up for which the timer was set, None where that isn't known."""
        armed_ns = int(self.row["armed_ns"])
        for name in ("sleep", "timer_arm") if armed_ns >= 0 else ():
            rows = self.analysis.capture.records(name)
            goids = rows["goid"][(rows["ts_ns"] == armed_ns) & (rows["goid"] != 0)].tolist()
            if len(goids) == 1:
                return self.analysis.chains.cause(goids[0], armed_ns)
        return None

    # ------------------------------------------------------------ threads

    def _threads(self) -> Iterator[Step]:
        """From the interrupt to the thread on which it happened, unless that was awake already."""
        carried = self.analysis.carried
        rows = np.flatnonzero(carried["wakeup"].to_numpy(np.int64) == self.number)
        row = int(rows[0]) if len(rows) else None
        until = self.ts_ns
        for _ in range(MAX_WAKERS):
            if row is None:
                return
            found = carried.iloc[row].to_dict()
            yield from self._thread(found, until)
            until = int(found["ts_ns"])
            row = self._waker(or_none(found["waker_tid"]), until)

    def _waker(self, tid: int | None, ts_ns: int) -> int | None:
        """Row of the wake-up of a thread that woke another one; None if it was awake for long."""
        carried, spans = self.analysis.carried, self.analysis.spans
        (episode,) = episode_at(spans, np.array([ts_ns])).tolist()
        if tid is None or episode < 0:
            return None
        times = carried["ts_ns"].to_numpy(np.int64)
        first = int(spans["start_ns"].iloc[episode])
        own = carried["tid"].to_numpy(np.int64) == tid
        rows = np.flatnonzero(own & (times >= first) & (times < ts_ns))
        return int(rows[-1]) if len(rows) else None

    def _thread(self, row: dict[Any, Any], until_ns: int) -> Iterator[Step]:
        ts, tid = int(row["ts_ns"]), int(row["tid"])
        records = self.analysis.capture.records("thread_waking")
        (found,) = np.nonzero((records["ts_ns"] == ts) & (records["tid"] == tid))
        kernel = self._code.stack(int(records["kernel_stack"][found[0]]))
        facts = {
            "context": row["context"],
            "waker_tid": or_none(row["waker_tid"]),
            "off_cpu_ns": or_none(row["off_cpu_ns"]),
            "kernel_stack": [frame.function for frame in kernel],
        }
        yield Step(ts, "thread_waking", tid, facts=facts)
        threads = self.analysis.threads
        on = threads.ts[(threads.kind == ON) & (threads.tid == tid) & (threads.ts >= ts)]
        if len(on) and int(on[0]) <= until_ns:
            yield Step(int(on[0]), "thread_on", tid, facts={"run_delay_ns": int(on[0]) - ts})

    # ------------------------------------------------------------ goroutines

    def _fired(self) -> dict[str, Any]:
        row, timer = self.row, self.row["kind"] == "timer"
        waits = self._code.stack(row["parked_stack"], row["start"])
        armed_ns = int(row["armed_ns"])
        is_armed = timer and armed_ns >= 0
        armed = self._code.stack(row["armed_stack"])
        return {
            "wakeup_kind": row["kind"],
            "lateness_ns": self.ts_ns - int(row["due_ns"]) if timer else None,
            "period_ns": int(row["period_ns"]) if timer else None,
            "armed_ago_ns": self.ts_ns - armed_ns if is_armed else None,
            "armed_for_ns": int(row["armed_period_ns"]) if is_armed else None,
            "armed_stack": frames_of(without_std(self._code, armed)),
            "fd": int(row["fd"]) if row["kind"] == "descriptor" else None,
            "signal": int(row["number"]) if row["kind"] == "signal" else None,
            "calls": self._code.function_name(row["function"]) or None,
            **woken_facts(self._code, int(row["goid"]), int(row["start"]), waits),
        }

    # ------------------------------------------------------------ time

    def _with_pauses(self, steps: list[Step]) -> list[Step]:
        """Tell where the story rests between two steps, and when it is over."""
        spans = self.analysis.spans
        times = np.array([step.ts_ns for step in steps], np.int64)
        rows = episode_at(spans, times).tolist()
        told: list[Step] = []
        last = -1
        for step, row in zip(steps, rows, strict=True):
            if row >= 0 and last >= 0 and row != last:
                end = int(spans["end_ns"].iloc[last])
                facts = {
                    "duration_ns": int(spans["start_ns"].iloc[row]) - end,
                    "episodes_between": row - last - 1,
                }
                told.append(Step(max(end, told[-1].ts_ns), "pause", facts=facts))
            told.append(step)
            last = row if row >= 0 else last
        if last >= 0:
            end = max(int(spans["end_ns"].iloc[last]), told[-1].ts_ns)
            later = spans["idle_before_ns"].iloc[last + 1 : last + 2].tolist()
            facts = {"idle_ns": or_none(later[0]) if later else None}
            told.append(Step(end, "asleep", facts=facts))
        return told
