"""One wake-up from the interrupt to the reconcile, in words and as data: ``whowoke show``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from whowoke.analysis.durations import format_duration
from whowoke.analysis.errors import UsageError
from whowoke.analysis.model import Analysis
from whowoke.analysis.output.outputs import wakeup_rows
from whowoke.analysis.rules.frames import CaptureLike
from whowoke.analysis.tables.columns import WAKEUPS
from whowoke.analysis.tables.shape import conform
from whowoke.analysis.telling.sentences import Sentences
from whowoke.analysis.telling.steps import Step
from whowoke.analysis.telling.story import Story
from whowoke.analysis.telling.words import fitted

MAX_STEPS = 200
PLACES = {"returned": "returned by", "declared": "returned by", "armed": "set in"}


@dataclass(repr=False)
class Telling:
    """The story of one wake-up: ``text()`` for people, ``json()`` for programs."""

    story: Story
    rows: pd.DataFrame | None = None
    """The table ``wakeups``, where the caller has it already."""

    def json(self) -> dict[str, Any]:
        """Everything as data; times are nanoseconds of CLOCK_MONOTONIC, None is not known.

        ``wakeup`` is its row of the table ``wakeups``, ``armed_by`` the id of the wake-up for which
        its timer was set. Each of ``steps`` has ``ts_ns``, ``since_ns`` (since the step before),
        ``kind``, ``tid``, ``goroutine_id`` and what belongs to its kind. ``carriers`` counts, by
        context, threads that were woken only to carry on what happened in ``episodes``, ``others``
        are the ids of other wake-ups in these, ``cpu_ns`` is the CPU time of all that.
        """
        story, armed_by = self.story, self.story.armed_by()
        spans = story.analysis.spans
        return {
            "wakeup": self._wakeup(),
            "armed_by": None if armed_by is None else armed_by + 1,
            "steps": [self._as_data(step, since) for step, _, since in self._timed()],
            "episodes": [number + 1 for number in story.episodes],
            "cpu_ns": int(spans["cpu_ns"].iloc[story.episodes].sum()),
            "carriers": story.carriers,
            "others": [number + 1 for number in story.others],
        }

    def text(self) -> str:
        """A head, a line or more for each step with the times, and what went on meanwhile."""
        told = self.told()
        lines = [part for line in told["head"] for part in fitted("", line)]
        lines += ["", f"{'from start':>12}{'from step':>12}"]
        for step in told["steps"][:MAX_STEPS]:
            first, *more = step["lines"]
            lines += fitted(f"{step['start']:>12}{step['since']:>12}  ", first)
            lines += [part for line in more for part in fitted(f"{'':>26}", line)]
        if len(told["steps"]) > MAX_STEPS:
            lines.append(f"{'':>24}and {len(told['steps']) - MAX_STEPS:,} more steps, see --json")
        meanwhile = [part for line in told["meanwhile"] for part in fitted("", line)]
        return "\n".join([*lines, "", *meanwhile])

    def told(self) -> dict[str, Any]:
        """The words of ``text``: ``head``, ``steps`` and ``meanwhile``.

        Each step has ``kind``, the times as texts (``start``, ``since``) and ``lines``.
        """
        sentences = Sentences()
        steps = [
            {
                "kind": step.kind,
                "start": format_duration(start) if start else "0",
                "since": f"+{format_duration(since)}" if since else "",
                "lines": sentences.of(step),
            }
            for step, start, since in self._timed()
        ]
        return {"head": self._head(), "steps": steps, "meanwhile": self._meanwhile()}

    def __repr__(self) -> str:
        return self.text()

    # ------------------------------------------------------------ facts

    def _timed(self) -> Iterator[tuple[Step, int, int]]:
        """Each step with the nanoseconds since the first one and since the one before."""
        steps = self.story.steps
        first = last = steps[0].ts_ns
        for step in steps:
            yield step, step.ts_ns - first, step.ts_ns - last
            last = step.ts_ns

    def _as_data(self, step: Step, since_ns: int) -> dict[str, Any]:
        head = {"ts_ns": step.ts_ns, "since_ns": since_ns, "kind": step.kind, "tid": step.tid}
        return head | {"goroutine_id": step.goroutine_id} | step.facts

    def _wakeup(self) -> dict[str, Any]:
        rows = self.rows
        if rows is None:
            rows = conform(WAKEUPS, wakeup_rows(self.story.analysis))
        row = rows.iloc[self.story.number].to_dict()
        return {str(name): _plain(value) for name, value in row.items()}

    # ------------------------------------------------------------ words

    def _head(self) -> list[str]:
        story, analysis, row = self.story, self.story.analysis, self._wakeup()
        causes = analysis.named.wakeups[story.number]
        rows = len(analysis.base)
        into = story.ts_ns - analysis.recorded[0]
        lines = []
        for cause in causes:
            about = f" of {cause.subject}" if cause.subject else ""
            whose = f", controller {cause.controller}" if cause.controller else ""
            origin = "" if cause.is_unknown else f" ({cause.origin})"
            lines.append(f"{cause.cause}{origin}{about}{whose}")
        first = f"wake-up {story.number + 1:,} of {rows:,}, a {row['kind']}: {'; '.join(lines)}"
        where = PLACES.get(row["location_kind"] or "", "in")
        told = [
            first,
            f"  {row['time'] or 'at an unknown time'}, {format_duration(into)} into the recording",
        ]
        if row["function"]:
            at = row["location"] or "an unknown line"
            told.append(f"  {where} {row['function'].rsplit('/', 1)[-1]} at {at}")
        rules = (analysis.rules.about(cause.origin, cause.cause) for cause in causes)
        told += [f"  {rule.explanation}" for rule in rules if rule and rule.explanation]
        if row["continuation_of"]:
            told.append(f"  it answers a request made for wake-up {row['continuation_of']:,}")
        armed_by = story.armed_by()
        if armed_by is not None:
            told.append(f"  its timer was set for wake-up {armed_by + 1:,}")
        return [*told, *self._idle(row)]

    def _idle(self, row: dict[str, Any]) -> list[str]:
        """How long the process had slept before, or that it was awake."""
        episode = row["episode_id"]
        if row["woke_process"] is None or episode is None:
            return []
        idle = self.story.analysis.spans["idle_before_ns"].iloc[episode - 1]
        if pd.isna(idle):
            return []
        if not row["woke_process"]:
            return ["  the process was awake already"]
        return [f"  it ended {format_duration(int(idle))} in which the process slept"]

    def _meanwhile(self) -> list[str]:
        story = self.story
        if not story.episodes:
            return ["no thread of the process was recorded: when it slept is not known"]
        facts = story.carriers
        count = sum(facts.values())
        listed = ", ".join(f"{number:,} {context}" for context, number in facts.items())
        cpu = story.analysis.spans["cpu_ns"].iloc[story.episodes].sum()
        lines = [
            f"carried by {_many(count, 'thread wake-up')}{f': {listed}' if listed else ''}",
            f"{format_duration(int(cpu))} of CPU time in {_many(len(story.episodes), 'episode')}",
        ]
        if story.others:
            shown = ", ".join(str(number + 1) for number in story.others[:10])
            more = " …" if len(story.others) > 10 else ""
            lines.append(f"these are shared with wake-up {shown}{more}")
        return lines


def tell_story(capture: CaptureLike, wakeup_id: int) -> Telling:
    """The story of a wake-up of the table ``wakeups``; UsageError for an id it doesn't have."""
    return story_of(Analysis(capture), wakeup_id)


def story_of(analysis: Analysis, wakeup_id: int) -> Telling:
    """The same, of a capture that is being analysed."""
    count = len(analysis.base)
    if not 1 <= wakeup_id <= count:
        valid = f"it has 1 to {count}" if count else "it has none at all"
        raise UsageError(
            f"this capture has no wake-up {wakeup_id}",
            f"{valid}; whowoke show FILE lists them",
        )
    return Telling(Story(analysis, wakeup_id - 1))


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _plain(value: Any) -> Any:
    """A table's value as JSON has it."""
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, pd.Timestamp) else value
