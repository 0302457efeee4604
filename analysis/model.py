"""A capture, analysed: what woke the process and why, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

import numpy as np
import pandas as pd

from whowoke.analysis.asking.asked import Asked, collect, request_rows, verdicts
from whowoke.analysis.asking.redundancy import sees_writes
from whowoke.analysis.logs.spans import join
from whowoke.analysis.origins.attribution import Attribution
from whowoke.analysis.queueing.reconciles import Operations, replay
from whowoke.analysis.rules.causes import Cause, Rules, load_rules
from whowoke.analysis.rules.frames import CaptureLike, Code, Rows
from whowoke.analysis.tables.shape import TABLE_BY_NAME, conform
from whowoke.analysis.verdicts.checks import Checks
from whowoke.analysis.verdicts.evidence import clock_offset_ns, gather
from whowoke.analysis.verdicts.ideal import Ideal, Wakeups, ideal_table, ideals, led_to, set_by
from whowoke.analysis.verdicts.listeners import listeners
from whowoke.analysis.verdicts.reasons import Evidence, Reasoned, load_reasons, reason
from whowoke.analysis.verdicts.tallies import Named, all_causes, cause_table, name_all
from whowoke.analysis.verdicts.things import load
from whowoke.analysis.waking.calls import syscalls
from whowoke.analysis.waking.chains import Chains, follow
from whowoke.analysis.waking.peers import Peers
from whowoke.analysis.waking.survey import Survey, Wakings
from whowoke.analysis.waking.threads import Threads, episode_at, load_threads, recorded, seen_until
from whowoke.analysis.waking.wakeups import base_wakeups
from whowoke.analysis.window import EVERYTHING, Limits, Window


@dataclass
class Analysis:
    """One capture, analysed step by step when a step is asked for.

    Each step is about the whole capture, also about what some probes saw before all were attached.
    What is counted is chosen at the end: ``counted``, ``checks``, ``evidence``, ``causes``,
    ``ideals`` are about ``window`` only.
    """

    capture: CaptureLike
    limits: Limits = EVERYTHING

    @cached_property
    def rules(self) -> Rules:
        """The rules of ``causes.toml``."""
        return load_rules()

    @cached_property
    def code(self) -> Code:
        """Functions and their owners."""
        return Code(self.capture, self.rules.plumbing)

    @cached_property
    def base(self) -> pd.DataFrame:
        """Wake-ups without causes, see ``base_wakeups``."""
        return base_wakeups(self.capture, self.code, self.rules.receivers)

    @cached_property
    def peers(self) -> Peers:
        """Who is at the other end of each descriptor."""
        return Peers(self.capture)

    @cached_property
    def calls(self) -> pd.DataFrame:
        """The table ``syscalls``."""
        return syscalls(self.capture.records("syscall"), self.peers)

    @cached_property
    def chains(self) -> Chains:
        """What each goroutine's cause was at each time."""
        return follow(self.capture, self.base, self.code, self.rules, self.peers)

    @cached_property
    def operations(self) -> Operations:
        """The operator's queues and reconciles, with what logs tell of these."""
        found = replay(self.capture, self.code, self.rules)
        found.reconciles = join(self.capture, found.reconciles)
        return found

    @cached_property
    def asked(self) -> Asked:
        """What reconciles read and wrote."""
        return collect(
            self.capture, self.code, self.rules, self.peers, self.chains, self.operations.reconciles
        )

    @cached_property
    def requests(self) -> pd.DataFrame:
        """The table ``requests``, also with those that belong to no reconcile."""
        return conform(TABLE_BY_NAME["requests"], request_rows(self.asked))

    @cached_property
    def judged(self) -> pd.DataFrame:
        """Of each reconcile whether it was redundant, and its requests; see ``verdicts``."""
        return verdicts(self.capture, self.asked, self.operations.reconciles)

    @property
    def redundancy(self) -> list[tuple[str, str]]:
        """The verdict on each reconcile (yes, no, unknown) and what it rests on."""
        found = self.judged
        return list(zip(found["redundant"], found["redundant_reason"], strict=True))

    @cached_property
    def attribution(self) -> Attribution:
        """Causes of single wake-ups, adds and reconciles."""
        return Attribution(
            self.capture,
            self.code,
            self.rules,
            self.base,
            self.chains,
            self.operations,
            self.peers,
        )

    @cached_property
    def named(self) -> Named:
        """Causes of all wake-ups and reconciles."""
        return name_all(self.attribution, self.base)

    @cached_property
    def threads(self) -> Threads:
        """Scheduler events, all in memory."""
        return load_threads(self.capture)

    @cached_property
    def recorded(self) -> tuple[int, int]:
        """Begin and end of the recording."""
        return recorded(self.capture)

    @cached_property
    def wakings(self) -> Wakings:
        """Thread wake-ups, window by window."""
        return Wakings(self.capture, self.base, self.rules)

    @cached_property
    def survey(self) -> Survey:
        """Episodes, and counts of the thread wake-ups that are counted."""
        return self.wakings.survey(self.window.holds)

    @property
    def spans(self) -> pd.DataFrame:
        """Episodes, see ``episodes``."""
        return self.survey.spans

    @cached_property
    def episode_of(self) -> Rows:
        """Row of each wake-up's episode, -1 for none."""
        return episode_at(self.spans, self.base["ts_ns"].to_numpy(np.int64))

    @cached_property
    def woke_process(self) -> list[bool | None]:
        """Of each wake-up whether it ended an idle time: the first one of an episode that did.

        None without thread records, and from when on there are none any more.
        """
        ended_idle = self.spans["idle_before_ns"].notna().to_numpy(bool)
        if not len(ended_idle):
            return [None] * len(self.base)
        episode = self.episode_of
        first = np.zeros(len(episode), bool)
        first[np.unique(episode, return_index=True)[1]] = True
        found = (first & (episode >= 0) & ended_idle[episode]).astype(object)
        found[self.base["ts_ns"].to_numpy(np.int64) > seen_until(self.capture)] = None
        rows: list[bool | None] = found.tolist()
        return rows

    @cached_property
    def sees_threads(self) -> bool:
        """Whether it is known of all the time that is counted if the process slept."""
        return len(self.spans) > 0 and seen_until(self.capture) >= self.window.end_ns

    @cached_property
    def carried(self) -> pd.DataFrame:
        """Thread wake-ups, see ``thread_wakeups``."""
        return pd.concat(list(self.wakings.frames()), ignore_index=True)

    @cached_property
    def window(self) -> Window:
        """The part of the recording that is counted; UsageError where there is none."""
        offset_ns = clock_offset_ns(self.capture.metadata)
        return self.limits.window(*self.recorded, offset_ns)

    @property
    def duration_ns(self) -> int:
        """Length of what is counted."""
        return self.window.duration_ns

    @cached_property
    def wakeups_inside(self) -> Rows:
        """Which wake-ups are counted."""
        return self.window.holds(self.base["ts_ns"])

    @cached_property
    def reconciles_inside(self) -> Rows:
        """Which reconciles are counted."""
        return self.window.holds([r.start_ns for r in self.operations.reconciles])

    @cached_property
    def counted(self) -> Named:
        """``named``, with nothing where a wake-up or reconcile isn't counted."""
        if self.wakeups_inside.all() and self.reconciles_inside.all():
            return self.named
        wakeups, reconciles = self.wakeups_inside.tolist(), self.reconciles_inside.tolist()
        return Named(
            _chosen(self.named.wakeups, wakeups),
            _chosen(self.named.begun, wakeups),
            self.named.continues,
            _chosen(self.named.reconciles, reconciles),
        )

    @cached_property
    def cpu_ns(self) -> list[int | None]:
        """CPU time of each wake-up that is alone in its episode but for answers to it."""
        began = np.array([not self.named.is_continuation(n) for n in range(len(self.base))], bool)
        cpu = self.spans["cpu_ns"].tolist()
        counts = np.bincount(self.episode_of[began & (self.episode_of >= 0)], minlength=len(cpu))
        strangers = self._strangers(began)
        return [
            cpu[episode] if first and episode >= 0 and counts[episode] == 1
            and episode not in strangers else None
            for first, episode in zip(began.tolist(), self.episode_of.tolist(), strict=True)
        ]  # fmt: skip

    def _strangers(self, began: Rows) -> set[int]:
        """Episodes with an answer to something that began in another one."""
        found = set()
        for number in np.flatnonzero(~began).tolist():
            asked = self.named.continues[number]
            if asked is None or self.episode_of[asked] != self.episode_of[number]:
                found.add(int(self.episode_of[number]))
        return found

    @cached_property
    def checks(self) -> Checks:
        """What reconciles read, and whether an event for it exists."""
        controllers = {n: r.controller for n, r in enumerate(self.operations.reconciles, 1)}
        heard = listeners(self.capture, self.attribution)
        requests = load(self.asked)
        inside = self.window.holds(self.asked.requests["ts_ns"])
        return Checks(list(compress(requests, inside)), controllers, heard, requests)

    @cached_property
    def evidence(self) -> dict[Cause, Evidence]:
        """What is known of each cause besides its wake-ups."""
        redundant = self.judged["redundant"].tolist()
        return gather(self.attribution, self.counted, self.checks, redundant, self.capture)

    @cached_property
    def reasoned(self) -> dict[Cause, Reasoned]:
        """Why each cause comes back, and what would end it."""
        found = {}
        for cause in all_causes(self.counted):
            rule = self.rules.about(cause.origin, cause.cause)
            advice = rule.advice if rule else ""
            found[cause] = reason(cause, self.evidence[cause], self.checks.verdicts, advice)
        return found

    @cached_property
    def causes(self) -> pd.DataFrame:
        """See ``cause_table``."""
        found = (self.attribution, self.counted, self.base, self.cpu_ns, self.duration_ns)
        return cause_table(*found, self.evidence, self.reasoned)

    @cached_property
    def led_to(self) -> dict[int, tuple[int, ...]]:
        """Reconciles, by row, that each wake-up led to."""
        return led_to(self.attribution)

    @cached_property
    def ideals(self) -> list[Ideal]:
        """How long it could have slept, scenario by scenario."""
        wakeups = Wakeups(
            named=self.named,
            answered=lambda number: self.attribution.seen(number).answered,
            is_plumbing=load_reasons().is_plumbing,
            led_to=self.led_to,
            set_by=set_by(self.attribution),
            redundant=set(np.flatnonzero(self.judged["redundant"] == "yes").tolist()),
            wrote=self.checks.wrote,
            sees_writes=sees_writes(self.capture, self.chains.blind),
        )
        window = (self.window.start_ns, self.window.end_ns)
        spans = self.spans if self.sees_threads else self.spans[:0]
        episode_of = self.episode_of if self.sees_threads else np.full(len(self.base), -1)
        return ideals(wakeups, episode_of, spans, window, self.wakeups_inside)

    @cached_property
    def ideal_rows(self) -> pd.DataFrame:
        """See ``ideal_table``."""
        return ideal_table(self.ideals)

    @cached_property
    def stack_ids(self) -> dict[int, int]:
        """A small number for each stack's hash."""
        return {value: number for number, value in enumerate(sorted(self.capture.stacks), 1)}


def _chosen(rows: Sequence[list[Cause]], inside: Sequence[bool]) -> list[list[Cause]]:
    return [row if counted else [] for row, counted in zip(rows, inside, strict=True)]
