"""The recording loop: find the target, attach, drain rings into a capture, detach."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from whowoke.analysis.capture.reader import CaptureWriter, sudo_owner
from whowoke.tracer import uprobes
from whowoke.tracer.doctor import ensure_recordable
from whowoke.tracer.finding.choosing import choose
from whowoke.tracer.finding.search import Search
from whowoke.tracer.follow import Followed
from whowoke.tracer.launch import Launched
from whowoke.tracer.options import RecordOptions, RecordSummary, default_output
from whowoke.tracer.program import Program
from whowoke.tracer.recorded import Ended
from whowoke.tracer.session import Say, Session
from whowoke.tracer.target import Target

DRAIN_INTERVAL_S = 0.1
TOLD_DETACH_S = 0.5

Progress = Callable[[float, int, int], None]


def record(
    options: RecordOptions, progress: Progress | None = None, say: Say | None = None
) -> RecordSummary:
    """Record as asked. ``progress`` gets elapsed seconds, records and lost records.

    ``say`` gets what the user should know before it happens.

    Everything is detached and the capture is whole when this returns or raises.
    """
    ensure_recordable()
    with ExitStack() as stack:
        launched = stack.enter_context(Launched(options.command)) if options.command else None
        search = Search(options.selection)
        targets = [Target.open(launched.pid)] if launched else choose(search)
        for target in targets:
            stack.callback(target.close)
        programs = [Program(target) for target in targets]
        if options.dry_run or options.list_probes:
            return _dry_run(programs, search)
        first = targets[0]
        output = options.output or default_output(first.command, first.pid)
        writer = stack.enter_context(CaptureWriter(output, force=options.force, owner=sudo_owner()))
        followed = Followed(options.spans, writer)
        stack.callback(followed.close)
        session = Session(options, search, writer, say)
        stack.callback(session.close)
        session.load(programs)
        interrupted = stack.enter_context(_interrupts())
        _tell_detach(session.sites, say, " when the recording ends")
        session.attach()
        start_ns = time.monotonic_ns()
        if launched:
            launched.release()
        if options.ready_file:
            options.ready_file.touch()
        ended = _loop(options, (session, followed), interrupted, start_ns, progress)
        end_ns = time.monotonic_ns()
        _tell_detach(session.sites, say, "")
        session.finish(ended)
        followed.finish()
        writer.close()
        return RecordSummary(
            pid=first.pid,
            name=first.command,
            output=output,
            duration_ns=end_ns - start_ns,
            records=session.records,
            lost=session.lost + followed.lost,
            size=output.stat().st_size,
            ended=ended,
            notes=session.notes,
            processes=len(session.recorded),
        )


def _tell_detach(sites: int, say: Say | None, when: str) -> None:
    """Say how long it takes to take the probes off where that is worth a word."""
    seconds = uprobes.detach_s(sites)
    if say and seconds >= TOLD_DETACH_S:
        say(f"detaching {sites} probes takes about {seconds:.0f} s{when}")


def _dry_run(programs: list[Program], search: Search) -> RecordSummary:
    # Needs pandas, which a recorder has no room for.
    from whowoke.tracer.listing import listing

    notes: list[str] = []
    for program in programs:
        notes += [
            f"{planned.probe.name}: {planned.function.name} +{planned.site.offset:#x}"
            for planned in program.plan.sites
        ]
        notes += [f"left out: {reason}" for reason in program.plan.missing]
    target = programs[0].target
    return RecordSummary(
        pid=target.pid,
        name=target.command,
        output=None,
        duration_ns=0,
        records=0,
        lost=0,
        size=0,
        notes=notes,
        listings=[listing(program, search.identity(program.target.pid)) for program in programs],
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
    watched: tuple[Session, Followed],
    interrupted: list[int],
    start_ns: int,
    progress: Progress | None,
) -> Ended:
    """Drain until the end; returns why it ended."""
    session, logs = watched
    while True:
        time.sleep(DRAIN_INTERVAL_S)
        going_on = session.step()
        logs.step()
        elapsed_ns = time.monotonic_ns() - start_ns
        if progress:
            progress(elapsed_ns / 1e9, session.records, session.lost)
        if not going_on:
            return "target exited"
        if interrupted:
            return "interrupted"
        if elapsed_ns >= options.duration_ns:
            return "duration"
