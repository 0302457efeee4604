"""The recording loop: find the target, attach, drain rings into a capture, detach."""

import platform
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Literal

from whowoke.analysis.capture.reader import CaptureWriter, sudo_owner
from whowoke.analysis.capture.segments import KeepingWriter, RotatingWriter
from whowoke.analysis.errors import UsageError, WhowokeError
from whowoke.tracer import privileges, uprobes
from whowoke.tracer.budget import Budget
from whowoke.tracer.calibrate import calibrated
from whowoke.tracer.compiling import compiled
from whowoke.tracer.doctor import ensure_recordable, installed_version
from whowoke.tracer.drain import Drain
from whowoke.tracer.enabling import Enabling
from whowoke.tracer.engine import Engine
from whowoke.tracer.follow import Followed, clock_reading, identity
from whowoke.tracer.informers import read_informers
from whowoke.tracer.launch import Launched
from whowoke.tracer.options import RecordOptions, RecordSummary, default_output
from whowoke.tracer.periods import Periods
from whowoke.tracer.program import Program
from whowoke.tracer.sockets import open_sockets
from whowoke.tracer.statistics import Statistics
from whowoke.tracer.suspends import Suspends
from whowoke.tracer.symbols import kernel_symbols_are_hidden
from whowoke.tracer.target import Target
from whowoke.tracer.timing import Timing
from whowoke.tracer.versions import versions_of

TOLD_DETACH_S = 0.5
HIDDEN = "the kernel hides its functions (no CAP_SYSLOG): what woke threads isn't known"

Ended = Literal["duration", "interrupted", "target exited", "target replaced", "periods"]
Progress = Callable[[float, int, int], None]
Say = Callable[[str], None]


def record(
    options: RecordOptions, progress: Progress | None = None, say: Say | None = None
) -> RecordSummary:
    """Record as asked. ``progress`` gets elapsed seconds, records and lost records.

    ``say`` gets what the user should know before it happens.

    Everything is detached and the capture is whole when this returns or raises.
    """
    timing = Timing()
    ensure_recordable()
    with ExitStack() as stack:
        launched = stack.enter_context(Launched(options.command)) if options.command else None
        with timing.step("open target"):
            target = stack.enter_context(_find_target(options, launched))
        enabling = stack.enter_context(Enabling())
        privileges.before_target(uprobes.way(), launched is not None)
        with timing.step("read binary and plan"):
            program = Program(target)
        if kernel_symbols_are_hidden():
            program.plan.missing.append(HIDDEN)
        if options.dry_run:
            return _dry_run(program)
        program.symbols.read_kernel()
        output = options.output or default_output(target.command, target.pid)
        writer = stack.enter_context(_writer(options, output))
        followed = Followed(options.spans, writer)
        stack.callback(followed.close)
        engine = Engine(program.plan, target)
        stack.callback(engine.close)
        _load(engine, timing)
        with timing.step("calibrate"):
            traps = calibrated()
        with timing.step("read kernel symbols"):
            program.symbols.wait_for_kernel()
        interrupted = stack.enter_context(_interrupts())
        _tell_detach(program, say, " when the recording ends")
        writer.metadata(_metadata(program) | identity(target.pid))
        clock = clock_reading()
        writer.metadata({"clocks": [clock]})
        with timing.step("attach"):
            engine.attach()
        _give_up(options, output, launched, writer)
        start_ns = time.monotonic_ns()
        writer.metadata({"start_ns": start_ns, "sysmon_tid": program.sysmon_tid()})
        _begin(launched, options.ready_file)
        budget = Budget(engine, options.budget, traps, start_ns)
        periods = Periods(options.periods, options.period_ns) if options.periods else None
        statistics = Statistics(engine.programs, enabling.descriptor)
        drain = Drain(engine, program, writer, budget, statistics, timing, periods)
        if isinstance(writer, RotatingWriter):
            writer.last_words = partial(_last_words, program, drain)
        watched = (drain, followed, Suspends(writer))
        ended = _loop(options, target, watched, interrupted, start_ns, progress)
        end_ns = time.monotonic_ns()
        _tell_detach(program, say, "")
        drain.finish(end_ns, ended, program.sysmon_tid())
        writer.metadata({"traps": asdict(traps), "timing_ns": timing.steps})
        followed.finish()
        writer.metadata({"clocks": [clock, clock_reading()]})
        if target.is_alive() and ended != "target replaced":
            writer.metadata(read_informers(program, drain.controllers, drain.readers))
        writer.close()
        return RecordSummary(
            pid=target.pid,
            name=target.command,
            output=writer.path,
            duration_ns=end_ns - start_ns,
            records=drain.records,
            lost=drain.lost + followed.lost,
            size=_size(writer.path),
            ended=ended,
            notes=list(program.plan.missing),
            timing_ns=timing.steps,
        )


def _give_up(
    options: RecordOptions, output: Path, launched: Launched | None, writer: CaptureWriter
) -> None:
    """Keep only the privileges that the rest needs, and put them into the capture."""
    folders = [path.absolute().parent for path in (output, options.ready_file) if path]
    makes_files = bool(options.keep or options.rotate)
    privileges.once_attached(uprobes.way(), launched is not None, folders, makes_files=makes_files)
    writer.metadata({"privileges": privileges.told()})


def _begin(launched: Launched | None, ready_file: Path | None) -> None:
    """Let the command run, and say that all probes are attached."""
    if launched:
        launched.release()
    if ready_file:
        _touch(ready_file)


def _load(engine: Engine, timing: Timing) -> None:
    before_ns = time.monotonic_ns()
    programs, kept = compiled(engine.plan)
    name = "read compiled programs" if kept else "compile"
    timing.steps[name] = time.monotonic_ns() - before_ns
    with timing.step("load"):
        engine.load(programs)


def _touch(path: Path) -> None:
    try:
        path.touch()
    except OSError as err:
        raise WhowokeError(
            f"cannot make the ready file {path}: {err.strerror}", "name a file that can be made"
        ) from None


def _size(output: Path) -> int:
    try:
        return output.stat().st_size
    except OSError:
        raise WhowokeError(
            f"{output} was removed while it was recorded", "record again, and leave it there"
        ) from None


def _tell_detach(program: Program, say: Say | None, when: str) -> None:
    """Say how long it takes to take the probes off where that is worth a word."""
    sites = len(program.plan.sites)
    seconds = uprobes.detach_s(sites)
    if say and seconds >= TOLD_DETACH_S:
        say(f"detaching {sites} probes takes about {seconds:.0f} s{when}")


def _find_target(options: RecordOptions, launched: Launched | None) -> Target:
    if launched:
        return Target.open(launched.pid)
    if options.pid is not None:
        return Target.open(options.pid)
    if options.name:
        return Target.by_name(options.name)
    raise UsageError("no target was named", "give -p PID, --name NAME or -- COMMAND")


def _dry_run(program: Program) -> RecordSummary:
    target, plan = program.target, program.plan
    sites = [
        f"{planned.probe.name}: {planned.function.name} +{planned.site.offset:#x}"
        for planned in plan.sites
    ]
    missing = [f"left out: {reason}" for reason in plan.missing]
    return RecordSummary(
        pid=target.pid,
        name=target.command,
        output=None,
        duration_ns=0,
        records=0,
        lost=0,
        size=0,
        notes=sites + missing,
    )


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """A list that SIGINT and SIGTERM are put into instead of ending us."""
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _loop(
    options: RecordOptions,
    target: Target,
    watched: tuple[Drain, Followed, Suspends],
    interrupted: list[int],
    start_ns: int,
    progress: Progress | None,
) -> Ended:
    """Drain until the end; returns why it ended."""
    drain, logs, suspends = watched
    while True:
        left_s = (options.duration_ns - time.monotonic_ns() + start_ns) / 1e9
        time.sleep(max(0.0, min(drain.pause_s, left_s)))
        # Asked before the drain, so that what the target did last is drained as well.
        alive = target.is_alive()
        drain.step()
        logs.step()
        suspends.step()
        elapsed_ns = time.monotonic_ns() - start_ns
        if progress:
            progress(elapsed_ns / 1e9, drain.records, drain.lost)
        if not alive:
            return "target exited"
        if target.has_become_another():
            return "target replaced"
        if interrupted:
            return "interrupted"
        if elapsed_ns >= options.duration_ns:
            return "duration"
        if drain.is_enough():
            return "periods"


def _writer(options: RecordOptions, output: Path) -> CaptureWriter:
    """Into one file, into one of which only the end is kept, or into one after the other."""
    force, owner = options.force, sudo_owner()
    if options.keep:
        return KeepingWriter(output, options.keep, force=force, owner=owner)
    if options.rotate:
        return RotatingWriter(output, options.rotate, force=force, owner=owner)
    return CaptureWriter(output, force=force, owner=owner)


def _last_words(program: Program, drain: Drain) -> dict[str, object]:
    """What the analysis needs of the end of a file after which another one follows."""
    sites = {"sites": program.plan.described(), "missing": program.plan.missing}
    return sites | read_informers(program, drain.controllers, drain.readers)


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
