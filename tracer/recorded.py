"""One process of a recording: its program, its probes, and its part of the capture."""

import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from whowoke.analysis.capture.reader import Loss, PartWriter
from whowoke.analysis.durations import format_duration
from whowoke.tracer import uprobes
from whowoke.tracer.budget import Budget
from whowoke.tracer.calibrate import TrapCosts
from whowoke.tracer.compiling import compiled
from whowoke.tracer.doctor import installed_version
from whowoke.tracer.drain import LONGEST_PAUSE_S, Drain
from whowoke.tracer.engine import Engine
from whowoke.tracer.finding.names import Identity
from whowoke.tracer.follow import clock_reading, identity
from whowoke.tracer.informers import read_informers
from whowoke.tracer.options import RecordOptions
from whowoke.tracer.periods import Periods
from whowoke.tracer.program import Program
from whowoke.tracer.sockets import open_sockets
from whowoke.tracer.statistics import Statistics
from whowoke.tracer.timing import Timing
from whowoke.tracer.versions import versions_of

Ended = Literal["duration", "interrupted", "target exited", "periods"]


class Recorded:
    """In this order: ``load``, ``describe``, ``attach``, ``step`` until the end, ``finish``.

    ``seen_ns`` is when the process was last known to run; ``follows`` is the one whose place it
    took, and ``gap_ns`` how long nothing was recorded between the two. ``who`` is its container.
    """

    def __init__(self, program: Program, who: Identity, follows: "Recorded | None" = None) -> None:
        self.target, self.plan, self.who = program.target, program.plan, who
        self.follows = follows
        self.number = self.records = self.lost = 0
        self.start_ns = self.seen_ns = self.gap_ns = 0
        self.ended: Ended | None = None
        self._program: Program | None = program
        self._drain: Drain | None = None
        self._engine = Engine(program.plan, program.target)

    @property
    def name(self) -> str:
        """In words: ``manager (4242)``."""
        return f"{self.target.command} ({self.target.pid})"

    @property
    def is_running(self) -> bool:
        """Whether it is being recorded, or will be."""
        return self._program is not None

    @property
    def pause_s(self) -> float:
        """For how long nothing needs to be drained."""
        return self._drain.pause_s if self._drain else LONGEST_PAUSE_S

    @property
    def is_enough(self) -> bool:
        """Whether what is asked about came back often enough."""
        return self._drain is not None and self._drain.is_enough()

    def load(self, timing: Timing) -> None:
        """Compile the kernel side, or take what was kept, and load it."""
        symbols = self._opened.symbols
        symbols.read_kernel()
        try:
            before_ns = time.monotonic_ns()
            programs, kept = compiled(self.plan)
            name = "read compiled programs" if kept else "compile"
            timing.add(name, time.monotonic_ns() - before_ns)
            with timing.step("load"):
                self._engine.load(programs)
        finally:
            with timing.step("read kernel symbols"):
                symbols.wait_for_kernel()

    def describe(self, writer: PartWriter, number: int) -> None:
        """Begin its part of the capture, the ``number``-th."""
        program = self._opened
        self.number, self._writer = number, writer
        about = _metadata(program) | identity(self.target.pid)
        container = self.who.described()
        writer.metadata(about | ({"container": container} if container else {}))
        self._clock = clock_reading()
        writer.metadata({"clocks": [self._clock]})

    def attach(self, options: RecordOptions, traps: TrapCosts, timing: Timing) -> None:
        """Put the probes on; from now on it is recorded."""
        self._traps, self._timing = traps, timing
        try:
            with timing.step("attach"):
                self._engine.attach()
        finally:
            self.start_ns = self.seen_ns = time.monotonic_ns()
            self._writer.metadata({"start_ns": self.start_ns})
            self._drain = self._new_drain(options)
        self._writer.metadata({"sysmon_tid": self._opened.sysmon_tid()})
        if self.follows:
            self._tell_gap(self.follows)

    def _new_drain(self, options: RecordOptions) -> Drain:
        engine, timing = self._engine, self._timing
        budget = Budget(engine, options.budget, self._traps, self.start_ns)
        periods = Periods(options.periods, options.period_ns) if options.periods else None
        statistics = Statistics(engine.programs)
        return Drain(engine, self._opened, self._writer, budget, statistics, timing, periods)

    def _tell_gap(self, before: "Recorded") -> None:
        self.gap_ns = self.start_ns - before.seen_ns
        gap = {"part": before.number, "pid": before.target.pid, "gap_ns": self.gap_ns}
        self._writer.metadata({"follows": gap})
        text = f"restart: {format_duration(self.gap_ns)} not recorded"
        self._writer.losses([Loss(self.start_ns, text, 1)])

    def step(self) -> bool:
        """Drain once; False if the process was gone before."""
        # Asked before the drain, so that what the target did last is drained as well.
        now_ns, alive = time.monotonic_ns(), self.target.is_alive()
        if alive:
            self.seen_ns = now_ns
        if self._drain:
            self._drain.step()
            self._count(self._drain)
        return alive

    def finish(self, ended: Ended) -> None:
        """Detach, write what belongs to the end, and give up what is open."""
        end_ns = time.monotonic_ns()
        self.ended = ended
        if self._drain:
            program = self._opened
            self._drain.finish(end_ns, ended, program.sysmon_tid())
            self._count(self._drain)
            self._writer.metadata({"clocks": [self._clock, clock_reading()]})
            self._writer.metadata({"traps": asdict(self._traps), "timing_ns": self._timing.steps})
            if self.target.is_alive():
                self._writer.metadata(self._informers(program, self._drain))
            self._writer.flush()
        self.close()

    def last_words(self) -> dict[str, object]:
        """What the analysis needs of the end of a file after which another one follows."""
        if self._drain is None:
            return {}
        sites = {"sites": self.plan.described(), "missing": self.plan.missing}
        return sites | self._informers(self._opened, self._drain)

    @staticmethod
    def _informers(program: Program, drain: Drain) -> dict[str, object]:
        return read_informers(program, drain.controllers, drain.readers)

    def close(self) -> None:
        """Give up what is open, and what takes memory; a second call does nothing."""
        self._engine.close()
        if self._program:
            self._program.elf.close()
        self.target.close()
        self._program = self._drain = None

    @property
    def _opened(self) -> Program:
        if self._program is None:
            raise ValueError(f"{self.name} was closed")
        return self._program

    def _count(self, drain: Drain) -> None:
        self.records, self.lost = drain.records, drain.lost + bool(self.gap_ns)


def _metadata(program: Program) -> dict[str, object]:
    """What the analysis needs of the machine and the binary."""
    target, info = program.target, program.info
    return {
        "whowoke_version": installed_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "boot_id": _boot_id(),
        "clock_monotonic_ns": time.monotonic_ns(),
        "clock_realtime_ns": time.time_ns(),
        "pid": target.pid,
        "name": target.command,
        "executable": target.executable,
        "command": target.command_line,
        "threads": target.thread_ids(),
        "sockets": open_sockets(target),
        "build_id": program.elf.build_id,
        "go_version": info.go_version,
        "main_module": info.main.path,
        "main_package": info.path,
        "modules": versions_of(info),
        "uprobes": uprobes.way(),
        "missing": program.plan.missing,
        "sites": program.plan.described(),
    }


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
