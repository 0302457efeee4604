"""One process of a recording: its program, its probes, and its part of the capture."""

import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from whowoke.analysis.capture.reader import Loss, PartWriter
from whowoke.analysis.durations import format_duration
from whowoke.tracer import privileges, uprobes
from whowoke.tracer.apart import Child
from whowoke.tracer.budget import Budget, Walks
from whowoke.tracer.calibrate import TrapCosts
from whowoke.tracer.compiling import compiled
from whowoke.tracer.doctor import installed_version
from whowoke.tracer.drain import LONGEST_PAUSE_S, Drain
from whowoke.tracer.engine import Engine
from whowoke.tracer.finding.names import Identity
from whowoke.tracer.follow import clock_reading, identity
from whowoke.tracer.informers import read_informers
from whowoke.tracer.options import Ended, RecordOptions
from whowoke.tracer.periods import Periods
from whowoke.tracer.program import Program
from whowoke.tracer.sockets import open_sockets
from whowoke.tracer.statistics import Statistics
from whowoke.tracer.symbols import Kernel, kernel_symbols_are_hidden
from whowoke.tracer.timing import Timing
from whowoke.tracer.versions import versions_of

HIDDEN = "the kernel hides its functions (no CAP_SYSLOG): what woke threads isn't known"


@dataclass(slots=True)
class Terms:
    """What holds for all processes of a recording; ``enable`` begins to measure programs."""

    options: RecordOptions
    timing: Timing
    enable: Callable[[], int]
    traps: TrapCosts = field(default_factory=TrapCosts)
    kernel: Kernel = field(default_factory=Kernel)


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
        program = self._opened
        program.symbols.kernel.begin()
        before_ns = time.monotonic_ns()
        programs, kept = compiled(self.plan)
        name = "read compiled programs" if kept else "compile"
        timing.add(name, time.monotonic_ns() - before_ns)
        with timing.step("load"):
            self._engine.load(programs)
        # Not earlier: who is at the other end of a socket is to hold until the attach.
        self._about = Child(lambda: _metadata(program))
        with timing.step("read kernel symbols"):
            _ = program.symbols.kernel.symbols

    def describe(self, writer: PartWriter, number: int) -> None:
        """Begin its part of the capture, the ``number``-th."""
        self.number, self._writer = number, writer
        about = self._about.result() | identity(self.target.pid)
        container = self.who.described()
        about["privileges"] = privileges.told()
        writer.metadata(about | ({"container": container} if container else {}))
        self._clock = clock_reading()
        writer.metadata({"clocks": [self._clock]})

    def attach(self, terms: Terms) -> None:
        """Put the probes on; from now on it is recorded."""
        self._terms = terms
        # What is attached has its limits from the first hit on.
        limits = self._limits(terms)
        try:
            with terms.timing.step("attach"):
                self._engine.attach()
        finally:
            self.start_ns = self.seen_ns = time.monotonic_ns()
            self._writer.metadata({"start_ns": self.start_ns})
            self._drain = self._new_drain(terms, limits)
        self._writer.metadata({"sysmon_tid": self._opened.sysmon_tid()})
        if self.follows:
            self._tell_gap(self.follows)

    def metadata(self, values: Mapping[str, object]) -> None:
        """Write into its part of the capture."""
        self._writer.metadata(values)

    def _limits(self, terms: Terms) -> tuple[Budget, Walks]:
        engine, share, now_ns = self._engine, terms.options.budget, time.monotonic_ns()
        return Budget(engine, share, terms.traps, now_ns), Walks(engine, share, now_ns)

    def _new_drain(self, terms: Terms, limits: tuple[Budget, Walks]) -> Drain:
        engine, options = self._engine, terms.options
        periods = Periods(options.periods, options.period_ns) if options.periods else None
        statistics = Statistics(engine.programs, terms.enable)
        watched = (*limits, statistics, terms.timing, periods)
        return Drain(engine, self._opened, self._writer, *watched)

    def _tell_gap(self, before: "Recorded") -> None:
        self.gap_ns = self.start_ns - before.seen_ns
        gap = {"part": before.number, "pid": before.target.pid, "gap_ns": self.gap_ns}
        self._writer.metadata({"follows": gap})
        text = f"restart: {format_duration(self.gap_ns)} not recorded"
        self._writer.losses([Loss(self.start_ns, text, 1, before.seen_ns)])

    def step(self) -> Ended | None:
        """Drain once; why it ended if the process was gone before."""
        # Asked before the drain, so that what the target did last is drained as well.
        now_ns, alive = time.monotonic_ns(), self.target.is_alive()
        if alive:
            self.seen_ns = now_ns
        if self._drain:
            self._drain.step()
            self._count(self._drain)
        return self.how_it_ended() if alive else "target exited"

    def how_it_ended(self) -> Ended | None:
        """None while it runs the program that is recorded, and its wake-ups are."""
        if not self.target.is_alive():
            return "target exited"
        if self.target.has_become_another():
            return "target replaced"
        return "over budget" if self._drain and self._drain.is_over_budget else None

    def finish(self, ended: Ended) -> None:
        """Detach, write what belongs to the end, and give up what is open."""
        end_ns = time.monotonic_ns()
        self.ended = ended
        if self._drain:
            program = self._opened
            # First of all: a file of which the end is kept is cut by it, and to detach takes time.
            self._writer.metadata({"end_ns": end_ns})
            self._drain.finish(end_ns, ended, program.sysmon_tid())
            self._count(self._drain)
            self._writer.metadata({"clocks": [self._clock, clock_reading()]})
            self._writer.metadata(
                {"traps": asdict(self._terms.traps), "timing_ns": self._terms.timing.steps}
            )
            if self.target.is_alive() and ended != "target replaced":
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


def note_hidden(programs: Iterable[Program]) -> None:
    """Note with what was left out that the kernel hides its functions, if it does."""
    if kernel_symbols_are_hidden():
        for program in programs:
            program.plan.missing.append(HIDDEN)


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
