"""The recording loop: find the target, attach, drain rings into a capture, detach."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from whowoke.analysis.capture.reader import CaptureWriter, sudo_owner
from whowoke.analysis.capture.segments import KeepingWriter, RotatingWriter
from whowoke.analysis.errors import UsageError, WhowokeError
from whowoke.tracer import privileges, uprobes
from whowoke.tracer.apart import give_memory_back
from whowoke.tracer.doctor import ensure_recordable
from whowoke.tracer.enabling import Enabling
from whowoke.tracer.finding.choosing import choose
from whowoke.tracer.finding.search import Search
from whowoke.tracer.follow import Followed
from whowoke.tracer.launch import Launched
from whowoke.tracer.options import Ended, RecordOptions, RecordSummary, default_output
from whowoke.tracer.program import Program
from whowoke.tracer.recorded import Terms, note_hidden
from whowoke.tracer.session import Say, Session
from whowoke.tracer.suspends import Suspends
from whowoke.tracer.symbols import Kernel
from whowoke.tracer.target import Target
from whowoke.tracer.timing import Timing

TOLD_DETACH_S = 0.5

Progress = Callable[[float, int, int], None]


def record(
    options: RecordOptions,
    progress: Progress | None = None,
    say: Say | None = None,
    *,
    is_last: bool = False,
) -> RecordSummary:
    """Record as asked. ``progress`` gets elapsed seconds, records and lost records.

    ``say`` gets what the user should know before it happens. ``is_last`` says that this process
    does nothing afterwards: what would end it is ignored once all is recorded.

    Everything is detached and the capture is whole when this returns or raises.
    """
    timing = Timing()
    ensure_recordable()
    with ExitStack() as stack:
        launched = stack.enter_context(Launched(options.command)) if options.command else None
        enabling = stack.enter_context(Enabling())
        # To choose means to read binaries, too: of all candidates, for their version of Go.
        privileges.before_target(uprobes.way(), launched is not None)
        search = Search(options.selection)
        kernel = Kernel()
        stack.callback(kernel.close)
        if not (options.dry_run or options.list_probes):
            kernel.begin()
        with timing.step("open target"):
            targets = [Target.open(launched.pid)] if launched else choose(search)
        for target in targets:
            stack.callback(target.close)
        with timing.step("read binary and plan"):
            programs = [Program(target, kernel) for target in targets]
        note_hidden(programs)
        if options.dry_run or options.list_probes:
            return _dry_run(programs, search)
        writer = stack.enter_context(_writer(options, targets))
        followed = Followed(options.spans, writer)
        stack.callback(followed.close)
        terms = Terms(options, timing, enabling.descriptor, kernel=kernel)
        session = Session(terms, search, writer, say)
        stack.callback(session.close)
        session.load(programs)
        interrupted = stack.enter_context(_interrupts(is_last))
        _tell_detach(session.sites, say, " when the recording ends")
        session.attach()
        give_memory_back()
        _give_up(options, writer, launched, session)
        start_ns = time.monotonic_ns()
        if isinstance(writer, RotatingWriter):
            writer.last_words = session.recorded[0].last_words
        _begin(launched, options.ready_file)
        watched = (session, followed, Suspends(session))
        ended = _loop(options, watched, interrupted, start_ns, progress)
        end_ns = time.monotonic_ns()
        _tell_detach(session.sites, say, "")
        session.finish(ended)
        followed.finish()
        writer.close()
        return RecordSummary(
            pid=targets[0].pid,
            name=targets[0].command,
            output=writer.path,
            duration_ns=end_ns - start_ns,
            records=session.records,
            lost=session.lost + followed.lost,
            size=_size(writer.path),
            ended=ended,
            notes=session.notes,
            timing_ns=timing.steps,
            processes=len(session.recorded),
        )


def _give_up(
    options: RecordOptions, writer: CaptureWriter, launched: Launched | None, session: Session
) -> None:
    """Keep only the privileges that the rest needs, and put them into the capture."""
    # To attach to the next process needs what the first one needed.
    if not options.follows:
        folders = [path.absolute().parent for path in (writer.path, options.ready_file) if path]
        privileges.once_attached(
            uprobes.way(), launched is not None, folders, makes_files=options.is_segmented
        )
    session.metadata({"privileges": privileges.told()})


def _begin(launched: Launched | None, ready_file: Path | None) -> None:
    """Let the command run, and say that all probes are attached."""
    if launched:
        launched.release()
    if ready_file:
        _touch(ready_file)


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
def _interrupts(is_last: bool) -> Iterator[list[int]]:
    """A list that SIGINT and SIGTERM are put into instead of ending us.

    Python's own end gives them back to the kernel, which would let a recording that is whole look
    like one that failed: with ``is_last`` they are ignored afterwards.
    """
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
        if is_last:
            before = dict.fromkeys(before, signal.SIG_IGN)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _loop(
    options: RecordOptions,
    watched: tuple[Session, Followed, Suspends],
    interrupted: list[int],
    start_ns: int,
    progress: Progress | None,
) -> Ended:
    """Drain until the end; returns why it ended."""
    session, logs, suspends = watched
    while True:
        left_s = (options.duration_ns - time.monotonic_ns() + start_ns) / 1e9
        time.sleep(max(0.0, min(session.pause_s, left_s)))
        going_on = session.step()
        logs.step()
        suspends.step()
        elapsed_ns = time.monotonic_ns() - start_ns
        if progress:
            progress(elapsed_ns / 1e9, session.records, session.lost)
        if not going_on:
            return session.last_end
        if interrupted:
            return "interrupted"
        if elapsed_ns >= options.duration_ns:
            return "duration"
        if session.is_enough:
            return "periods"


def _writer(options: RecordOptions, targets: list[Target]) -> CaptureWriter:
    """Into one file, into one of which only the end is kept, or into one after the other."""
    if options.is_segmented and len(targets) > 1:
        raise UsageError(
            f"--keep and --rotate take one process, these are {len(targets)}", "choose one with -p"
        )
    output = options.output or default_output(targets[0].command, targets[0].pid)
    force, owner = options.force, sudo_owner()
    if options.keep:
        return KeepingWriter(output, options.keep, force=force, owner=owner)
    if options.rotate:
        return RotatingWriter(output, options.rotate, force=force, owner=owner)
    return CaptureWriter(output, force=force, owner=owner)
