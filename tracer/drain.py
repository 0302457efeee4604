"""From the rings to the capture: texts first, then records; losses, budget and plausibility."""

import time

import numpy as np
import numpy.typing as npt

from whowoke.analysis.capture import schema
from whowoke.analysis.capture.reader import Frame, Loss, PartWriter
from whowoke.tracer import tiers
from whowoke.tracer.budget import Budget, Walks
from whowoke.tracer.engine import Engine
from whowoke.tracer.periods import Periods
from whowoke.tracer.program import Program
from whowoke.tracer.ring import distinct
from whowoke.tracer.statistics import Statistics
from whowoke.tracer.symbols import code_addresses, split_texts
from whowoke.tracer.timing import Timing

COUNT_INTERVAL_NS = 1_000_000_000
COST_INTERVAL_NS = 5_000_000_000
# Start functions and callbacks seen before the offsets count as checked.
CHECKED_ADDRESSES = 3
# Seconds between two drains, the shorter the fuller the rings were.
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.25
FULL, EMPTY = 1 / 6, 1 / 16


class Drain:
    """Moves what the kernel side has recorded into the capture, a batch a step."""

    def __init__(
        self,
        engine: Engine,
        program: Program,
        writer: PartWriter,
        budget: Budget,
        walks: Walks,
        statistics: Statistics,
        timing: Timing,
        periods: Periods | None = None,
    ) -> None:
        self.pause_s = SHORTEST_PAUSE_S
        self.records = 0
        self.lost = 0
        self.readers: set[int] = set()
        self.controllers: set[int] = set()
        self._engine = engine
        self._program = program
        self._writer = writer
        self._budget = budget
        self._walks = walks
        self._statistics = statistics
        self._timing = timing
        self._periods = periods
        self._symbols: set[int] = set()
        self._lost: dict[str, int] = {}
        self._counted_ns = 0
        self._lost_since_ns = 0
        self._cost_told_ns = 0
        self._end_ns = 0
        self._offsets_checked = 0
        self._reconcilers: set[tuple[int, int]] = set()

    def step(self) -> None:
        """Drain once and watch the budgets; every second count losses and write out."""
        self._drain()
        now_ns = time.monotonic_ns()
        if taken_off := self._budget.check(now_ns):
            self._tell(taken_off)
        self._walks.check(now_ns)
        if now_ns - self._counted_ns >= COUNT_INTERVAL_NS:
            self._counted_ns = now_ns
            self._count()
            self._tell_cost(now_ns)
            self._writer.flush_old()
            if self._statistics.step(now_ns):
                self._budget.price(self._statistics.run_cost_ns)
                self._walks.price(self._statistics.run_cost_ns)

    def is_enough(self) -> bool:
        """Whether what is asked about came back often enough, a moment ago."""
        return self._periods is not None and self._periods.is_over(time.monotonic_ns())

    @property
    def is_over_budget(self) -> bool:
        """Whether wake-ups aren't recorded any more, because that cost too much."""
        return self._budget.is_exceeded

    def _drain(self) -> None:
        rings = self._engine.rings
        batches = [(name, rings[name].drain()) for name in ("threads", "go")]
        # After the events: what their hashes stand for was sent before them.
        self._write_texts()
        fullest = max(ring.fill for ring in rings.values())
        if fullest > FULL:
            self.pause_s = max(self.pause_s / 2, SHORTEST_PAUSE_S)
        elif fullest < EMPTY:
            self.pause_s = min(self.pause_s * 1.5, LONGEST_PAUSE_S)
        for name, rows in batches:
            self._write_rows(
                schema.THREAD_RECORDS if name == "threads" else schema.GO_RECORDS, rows
            )

    def finish(self, end_ns: int, ended: str, sysmon_tid: int | None) -> None:
        """Drain what came before the end, detach, write the totals.

        Detaching may take seconds, in which probes go off one by one: what comes then isn't kept.
        """
        hits = self._engine.hits()
        self._drain()
        detach_ns = time.monotonic_ns()
        self._tell(self._budget.check(detach_ns))
        self._count()
        self._statistics.end(detach_ns)
        with self._timing.step("detach"):
            self._engine.detach(self._engine.attached)
        detached_ns = time.monotonic_ns()
        self._end_ns = end_ns
        self._drain()
        self._writer.metadata(
            {
                "end_ns": end_ns,
                "ended": ended,
                "sysmon_tid": sysmon_tid,
                "hits": hits.tolist(),
                "detach_ns": detached_ns - detach_ns,
                "skipped": self._engine.skipped(),
                "stacks_left_out": self._walks.left_out,
                "bpf_cost": self._statistics.described(),
                "offsets_checked": self._offsets_checked,
                "missing": self._program.plan.missing,
                "sites": self._program.plan.described(),
            }
        )

    def _write_texts(self) -> None:
        rows = self._engine.rings["texts"].drain()
        if not len(rows):
            return
        strings, stacks = split_texts(rows, self._program.symbols)
        if strings:
            self._writer.strings(strings)
        if stacks:
            self._writer.stacks(stacks)

    def _write_rows(self, records: tuple[schema.Record, ...], batch: npt.NDArray[np.void]) -> None:
        batch = batch[batch["ts_ns"] <= self._end_ns] if self._end_ns else batch
        if not len(batch):
            return
        if not self.records:
            self._timing.first_record()
        self.records += len(batch)
        kinds = batch["kind"]
        there = set(np.flatnonzero(np.bincount(kinds)).tolist())
        for record in (record for record in records if record.kind in there):
            rows = batch[kinds == record.kind].view(schema.record_dtype(record))
            self._write_symbols(rows)
            if "due_ns" in (rows.dtype.names or ()):
                rows["due_ns"] = self._program.our_times(rows["due_ns"])
            self._writer.records(record, rows)
            if self._periods:
                self._periods.take(record.name, rows)
            if record.name == "cache_reader":
                self.readers |= set(rows["reader"].tolist())
            elif record.name == "reconcile_start":
                self.controllers |= set(rows["controller_object"].tolist())

    def _write_symbols(self, rows: npt.NDArray[np.void]) -> None:
        found: dict[int, Frame] = {}
        for address, is_return_address in code_addresses(rows):
            if address not in self._symbols:
                self._symbols.add(address)
                found[address] = self._program.symbol(address, is_return_address=is_return_address)
        if found:
            self._writer.symbols(found)
        if "closure" in (rows.dtype.names or ()):
            self._add_reconcilers(rows)
        if "object_type" in (rows.dtype.names or ()):
            self._write_types(rows)
        if self._offsets_checked < CHECKED_ADDRESSES and "woken_start" in (rows.dtype.names or ()):
            self._check_offsets(rows)

    def _add_reconcilers(self, rows: npt.NDArray[np.void]) -> None:
        """Probe the returns of reconcilers that are only known since they run."""
        for method, closure in distinct(rows[["method", "closure"]]).tolist():
            if (method, closure) in self._reconcilers:
                continue
            self._reconcilers.add((method, closure))
            indexes = self._program.add_reconciler(method, closure)
            if indexes:
                self._engine.attach_sites(indexes)

    def _write_types(self, rows: npt.NDArray[np.void]) -> None:
        new = set(distinct(rows["object_type"]).tolist()) - self._symbols - {0}
        self._symbols |= new
        if new:
            self._writer.strings({a: self._program.symbols.type_name(a) for a in new})

    def _check_offsets(self, rows: npt.NDArray[np.void]) -> None:
        """Goroutines start at functions: if these don't, the offsets are not this program's."""
        for address in distinct(rows["woken_start"]):
            if not address:
                continue
            if self._program.symbols.is_entry(int(address)):
                self._offsets_checked += 1
                continue
            self._engine.detach(list(tiers.PROBES))
            self._program.plan.missing.append(
                "the runtime's offsets don't fit this process: Go probes were taken off"
            )
            self._offsets_checked = CHECKED_ADDRESSES
            return

    def _tell_cost(self, now_ns: int) -> None:
        """Say now and then what the recording costs, for who follows the capture."""
        if now_ns - self._cost_told_ns < COST_INTERVAL_NS:
            return
        cost = {
            "ts_ns": now_ns,
            "probes_ns": self._budget.spent_ns + self._walks.spent_ns,
            "recorder_cpu_ns": time.process_time_ns(),
        }
        first = {} if self._cost_told_ns else {"cost_since": cost}
        self._cost_told_ns = now_ns
        self._writer.metadata({"cost": cost, "stacks_left_out": self._walks.left_out} | first)

    def _count(self) -> None:
        since_ns, self._lost_since_ns = self._lost_since_ns, time.monotonic_ns()
        lost = self._engine.lost() | {
            f"skipped {name}": count for name, count in self._engine.skipped().items()
        }
        now_ns = time.monotonic_ns()
        rows = [
            Loss(now_ns, kind, count - self._lost.get(kind, 0), since_ns)
            for kind, count in lost.items()
            if count > self._lost.get(kind, 0)
        ]
        self._lost = lost
        self._tell(rows)

    def _tell(self, losses: list[Loss]) -> None:
        self.lost += sum(loss.count for loss in losses)
        self._writer.losses(losses)
