"""One process of a recording: its program, its probes, and its part of the capture."""

import platform
import time
from pathlib import Path
from typing import Literal

from whowoke.analysis.capture.reader import Loss, PartWriter
from whowoke.analysis.durations import format_duration
from whowoke.tracer import uprobes
from whowoke.tracer.doctor import installed_version
from whowoke.tracer.drain import Drain
from whowoke.tracer.engine import Engine
from whowoke.tracer.finding.names import Identity
from whowoke.tracer.follow import clock_reading, identity
from whowoke.tracer.informers import read_informers
from whowoke.tracer.program import Program
from whowoke.tracer.sockets import open_sockets
from whowoke.tracer.versions import versions_of

Ended = Literal["duration", "interrupted", "target exited"]


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
        """Whether it is being recorded."""
        return self._drain is not None

    def load(self) -> None:
        """Compile and load the kernel side."""
        self._engine.load()

    def describe(self, writer: PartWriter, number: int, budget: float) -> None:
        """Begin its part of the capture, the ``number``-th."""
        program = self._opened
        self.number, self._writer = number, writer
        self._drain = Drain(self._engine, program, writer, budget)
        about = _metadata(program) | identity(self.target.pid)
        container = self.who.described()
        writer.metadata(about | ({"container": container} if container else {}))
        self._clock = clock_reading()
        writer.metadata({"clocks": [self._clock]})

    def attach(self) -> None:
        """Put the probes on; from now on it is recorded."""
        try:
            self._engine.attach()
        finally:
            self.start_ns = self.seen_ns = time.monotonic_ns()
            self._writer.metadata({"start_ns": self.start_ns})
        self._writer.metadata({"sysmon_tid": self._opened.sysmon_tid()})
        if self.follows:
            self._tell_gap(self.follows)

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
            if self.target.is_alive():
                found = read_informers(program, self._drain.controllers, self._drain.readers)
                self._writer.metadata(found)
            self._writer.flush()
        self.close()

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
