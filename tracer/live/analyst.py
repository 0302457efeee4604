"""The process that reads the capture again and again: the analysis, at low priority.

It is asked and answers through a pipe; nothing that the user does waits for it. An analysis is
followed by a pause that is the longer the more it took, so that a busy operator is shown late
rather than at a high cost. Should the view be killed, what it left behind is removed from here.
"""

import gc
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from whowoke.analysis.capture.opening import split_part
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.errors import WhowokeError
from whowoke.analysis.model import Analysis
from whowoke.analysis.telling.show import story_of
from whowoke.tracer.live.upcoming import Watch
from whowoke.tracer.live.view import last_part, view_of

NICE = 10
SHORTEST_PAUSE_S = 1.5
# An analysis may take at most a fifth of the time.
PAUSES = 4.0
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """What is followed.

    ``window_ns`` is how much of its end is shown; what began before ``since_ns`` is a file that is
    going to be replaced. ``folder`` is removed, once the process ``recorder`` has ended, if the
    view ends without a word.
    """

    path: Path
    window_ns: int
    since_ns: int = 0
    recorder: int | None = None
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Stop reading, or go on: what is shown stays as it is."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """Tell the story of the wake-up at ``ts_ns``."""

    ts_ns: int


@dataclass(frozen=True, slots=True)
class Bye:
    """The view ends in order."""


@dataclass(frozen=True, slots=True)
class Story:
    """The answer to ``Ask``: what ``whowoke show`` prints."""

    ts_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """The capture can't be read, or not yet."""

    text: str


class Analyst:
    """Reads one capture again and again; ``answer`` takes what it has to say."""

    def __init__(self, job: Job, answer: Callable[[object], None]) -> None:
        self._job = job
        self._answer = answer
        self._analysis: Analysis | None = None
        self._read: tuple[int, int] | None = None
        self._is_held = False
        self._next_s = 0.0
        self._watch = Watch()

    def wait_s(self) -> float:
        """How long there is nothing to do but to wait for a question."""
        return SHORTEST_PAUSE_S if self._is_held else max(0.0, self._next_s - time.monotonic())

    def step(self) -> None:
        """Read and analyse what was written since, and look at what is due next."""
        if self._is_held or self.wait_s() > 0:
            return
        began_s = time.monotonic()
        try:
            self._look()
        except WhowokeError as err:
            self._answer(Problem(str(err)))
        except Exception as err:  # noqa: BLE001
            # The next part of the capture may be understood again; what is shown stays.
            self._answer(Problem(f"internal error: {type(err).__name__}: {err}"))
        took_s = time.monotonic() - began_s
        self._next_s = time.monotonic() + max(SHORTEST_PAUSE_S, PAUSES * took_s)

    def take(self, question: object) -> None:
        """Answer a question."""
        if isinstance(question, Hold):
            self._is_held = question.wanted
        elif isinstance(question, Ask):
            self._answer(Story(question.ts_ns, self._story(question.ts_ns)))

    def _look(self) -> None:
        opened_ns = time.monotonic_ns()
        file, _ = split_part(self._job.path)
        status = file.stat() if file.exists() else None
        now = (status.st_ino, status.st_size) if status else None
        if now == self._read and self._analysis:
            # Nothing was written since: what is shown is still all there is.
            self._look_ahead(self._analysis.capture.complete)
            return
        capture = Capture.open(self._job.path)
        if capture.metadata.get("start_ns", -1) < self._job.since_ns:
            raise WhowokeError("nothing is recorded yet")
        # One of a long capture takes so much memory that there is no room for two.
        self._analysis = None
        gc.collect()
        analysis = Analysis(capture)
        analysis.limits = last_part(analysis, self._job.window_ns)
        view = view_of(analysis, opened_ns)
        self._analysis, self._read = analysis, now
        self._answer(replace(view, took_ns=time.monotonic_ns() - opened_ns))
        self._look_ahead(capture.complete)

    def _look_ahead(self, is_over: bool) -> None:
        if is_over or self._analysis is None:
            return
        if found := self._watch.step(self._analysis.capture.metadata):
            self._answer(found)

    def _story(self, ts_ns: int) -> str:
        if self._analysis is None:
            return "the capture isn't analysed now: try again in a moment"
        numbers = np.flatnonzero(self._analysis.base["ts_ns"].to_numpy(np.int64) == ts_ns)
        if not len(numbers):
            return "this wake-up isn't in what is kept any more"
        return story_of(self._analysis, int(numbers[0]) + 1).text()


def run(connection: Connection, job: Job) -> None:
    """Serve a view until it says goodbye or is gone. The main function of a process."""
    os.nice(NICE)
    _be_silent()
    analyst = Analyst(job, connection.send)
    try:
        while True:
            analyst.step()
            if connection.poll(analyst.wait_s()):
                question = connection.recv()
                if isinstance(question, Bye):
                    return
                analyst.take(question)
    except (EOFError, OSError):
        _clean_up(job)


def _be_silent() -> None:
    """The terminal belongs to the view."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)


def _clean_up(job: Job) -> None:
    """Remove what a killed view can't: the recorder ends by itself, and writes until then."""
    if job.folder is None:
        return
    deadline_s = time.monotonic() + PATIENCE_S
    while job.recorder and Path(f"/proc/{job.recorder}").exists() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    shutil.rmtree(job.folder, ignore_errors=True)
