"""All processes of one recording: those that are there at its start, and those that follow."""

import time
from collections.abc import Callable, Mapping

from whowoke.analysis.capture.chunks import MAX_PARTS
from whowoke.analysis.capture.reader import CaptureWriter
from whowoke.analysis.durations import format_duration
from whowoke.analysis.errors import WhowokeError
from whowoke.tracer.calibrate import calibrated
from whowoke.tracer.finding.search import Found, Search
from whowoke.tracer.finding.selection import Likeness, Selection
from whowoke.tracer.options import Ended
from whowoke.tracer.program import Program
from whowoke.tracer.recorded import Recorded, Terms, note_hidden
from whowoke.tracer.target import Target

# How often /proc is looked through for a process that follows, and for one more beside others.
WAITING_INTERVAL_S = 0.2
GROWING_INTERVAL_S = 1.0
MAX_TOLD = 20
MORE_BUDGET = "for a longer recording give more, as --budget 10%"

Say = Callable[[str], None]


class Session:
    """Records one process or several into one capture, a part for each.

    ``say`` gets what the user should know while it goes on, ``notes`` what at its end.
    """

    def __init__(
        self,
        terms: Terms,
        search: Search,
        writer: CaptureWriter,
        say: Say | None,
    ) -> None:
        self.recorded: list[Recorded] = []
        self.last_end: Ended = "target exited"
        self._terms, self._options = terms, terms.options
        self._search, self._writer = search, writer
        self._say = say or (lambda _: None)
        self._passed_over: set[tuple[int, int]] = set()
        self._told: list[str] = []
        self._next_look_s = 0.0
        # More of them may come while all are running.
        self._grows = self._options.selection.everything or bool(self._options.selection.labels)

    @property
    def records(self) -> int:
        """Records so far."""
        return sum(one.records for one in self.recorded)

    @property
    def lost(self) -> int:
        """Records that were lost so far."""
        return sum(one.lost for one in self.recorded)

    @property
    def sites(self) -> int:
        """Places that have a probe."""
        return sum(len(one.plan.sites) for one in self.recorded if not one.ended)

    @property
    def pause_s(self) -> float:
        """For how long nothing needs to be drained, or looked for."""
        pauses = [one.pause_s for one in self.recorded if one.is_running]
        return min(pauses, default=WAITING_INTERVAL_S)

    @property
    def is_enough(self) -> bool:
        """Whether what is asked about came back often enough, in one of them."""
        return any(one.is_enough for one in self.recorded)

    @property
    def notes(self) -> list[str]:
        """What was left out, and what became of processes that came later."""
        missing = [text for one in self.recorded for text in one.plan.missing]
        return [*dict.fromkeys(missing), *self._told]

    def load(self, programs: list[Program]) -> None:
        """Prepare what is recorded from the start; nothing is attached yet."""
        for program in programs:
            one = Recorded(program, self._search.identity(program.target.pid))
            self.recorded.append(one)
            one.load(self._terms.timing)
            self._describe(one)
        with self._terms.timing.step("calibrate"):
            self._terms.traps = calibrated()

    def attach(self) -> None:
        """Attach to all of them."""
        for one in self.recorded:
            try:
                one.attach(self._terms)
            except WhowokeError as err:
                if not any(other.is_running for other in self.recorded if other is not one):
                    raise
                self._tell_failed(one.name, err)
                one.finish("target exited")
        if self._options.command or self._options.selection.pids:
            self._look_for_alike()

    def step(self) -> bool:
        """Drain once, and look for those that follow; False where nothing more can come."""
        for one in self.recorded:
            if one.is_running and (ended := self._drained(one)):
                self.last_end = ended
                one.finish(ended)
                self._tell_exit(one, ended)
        if self._follows and self._is_due():
            for found in self._search.newcomers(self._known()):
                self._add(found)
        return any(one.is_running for one in self.recorded) or self._waits

    def finish(self, ended: Ended) -> None:
        """Detach from all that still run."""
        for one in self.recorded:
            if one.is_running:
                one.finish(ended)

    def close(self) -> None:
        """Detach and give up everything, after an error too."""
        for one in self.recorded:
            one.close()

    def metadata(self, values: Mapping[str, object]) -> None:
        """Write into the parts of all that run."""
        for one in self.recorded:
            if one.is_running:
                one.metadata(values)

    @staticmethod
    def _drained(one: Recorded) -> Ended | None:
        """Drain one; what fails because it has just ended is its end."""
        try:
            return one.step()
        except WhowokeError:
            if ended := one.how_it_ended():
                return ended
            raise

    def _describe(self, one: Recorded) -> None:
        number = self.recorded.index(one) + 1
        writer = self._writer if number == 1 else self._writer.part()
        one.describe(writer, number)

    def _look_for_alike(self) -> None:
        """A pid names one process, so the next one is known by what it has in common with it."""
        alike = tuple(Likeness(one.target.executable, one.who) for one in self.recorded)
        self._search = Search(Selection(like=alike))

    @property
    def _follows(self) -> bool:
        return self._options.follows and len(self.recorded) < MAX_PARTS

    @property
    def _waits(self) -> bool:
        """Whether somebody may come whose place is free."""
        return self._follows and bool(self._left() or self._grows)

    def _known(self) -> set[tuple[int, int]]:
        return self._passed_over | {(o.target.pid, o.target.start_ticks) for o in self.recorded}

    def _left(self) -> list[Recorded]:
        """Those that ended and whose place nobody took."""
        gone = [one for one in self.recorded if one.ended not in (None, "over budget")]
        followed = [one.follows for one in self.recorded]
        return [one for one in gone if one not in followed]

    def _is_due(self) -> bool:
        now_s = time.monotonic()
        if now_s < self._next_look_s or not (self._left() or self._grows):
            return False
        interval_s = WAITING_INTERVAL_S if self._left() else GROWING_INTERVAL_S
        self._next_look_s = now_s + interval_s
        return True

    def _add(self, found: Found) -> None:
        """Attach to a process that came later; what fails is told, and the recording goes on."""
        left = self._left()
        if not (left or self._grows):
            return
        alike = [one for one in left if _alike(one, found)]
        if not alike and not self._grows and not self._options.selection.name:
            # Another container of the pod.
            self._passed_over.add((found.pid, found.start_ticks))
            return
        before = next(iter(alike or ([] if self._grows else left)), None)
        one: Recorded | None = None
        try:
            program = Program(Target.open(found.pid), self._terms.kernel)
            note_hidden([program])
            one = Recorded(program, found.identity, before)
            one.load(self._terms.timing)
            self.recorded.append(one)
            self._describe(one)
            one.attach(self._terms)
        except WhowokeError as err:
            self._passed_over.add((found.pid, found.start_ticks))
            self._tell_failed(f"{found.command} ({found.pid})", err)
            if one:
                one.finish("target exited")
            return
        gap = f", {format_duration(one.gap_ns)} after the one before it" if before else ""
        self._say(f"recording {one.name}{gap}")
        if len(self.recorded) == MAX_PARTS:
            self._told.append(f"{MAX_PARTS} processes were recorded: what came then wasn't")

    def _tell_failed(self, name: str, err: WhowokeError) -> None:
        if len(self._told) < MAX_TOLD:
            self._told.append(f"{name} came and wasn't recorded: {err}")

    def _tell_exit(self, one: Recorded, ended: Ended) -> None:
        if ended == "over budget":
            self._told.append(
                f"{one.name}: its timers and reconciles cost more than the budget: {MORE_BUDGET}"
            )
            return
        what = "became another program" if ended == "target replaced" else "exited"
        if self._follows:
            self._say(f"{one.name} {what}; the one that follows will be recorded")


def _alike(one: Recorded, found: Found) -> bool:
    """Whether a process may be the same container's next one."""
    return Likeness(one.target.executable, one.who).fits(found.executable, found.identity)
