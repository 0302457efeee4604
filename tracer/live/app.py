"""The live view on a terminal: draws what the analyst says, asks it for stories. Needs textual."""

import asyncio
import contextlib
import signal
import time
from bisect import bisect_left
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, OptionList, Static

from whowoke.analysis.durations import format_duration
from whowoke.tracer.live import lines
from whowoke.tracer.live.analyst import Hold, Problem, Story
from whowoke.tracer.live.panes import Causes, Controllers, Next, OwnCost, Strip
from whowoke.tracer.live.recorder import Recorder
from whowoke.tracer.live.screens import HelpScreen, StoryScreen
from whowoke.tracer.live.upcoming import Upcoming
from whowoke.tracer.live.view import View

POLL_S = 0.25
REDRAW_S = 1.0
SAID_S = 2.5
SPANS_NS = tuple(seconds * 10**9 for seconds in (15, 30, 60, 120, 300, 600))
HELP_LINE = "q quit  ⏎ chain  / filter  space hold  +- zoom  s sort  tab pane  w keep  ? help"


@dataclass(frozen=True, slots=True)
class Session:
    """What is looked at: by whom it is read, and who records it, if we do.

    ``title`` is the file or the process, ``kept`` where the capture stays, None for nowhere, and
    ``keep_as`` where the key ``w`` would keep it. ``readers`` are pids of our own processes.
    """

    analyst: Connection
    title: str
    recorder: Recorder | None = None
    kept: str | None = None
    keep_as: str | None = None
    readers: tuple[int, ...] = ()


class LiveApp(App[None]):
    """Causes, reconciles, the strip and what is next; the result says whether to keep all that."""

    CSS_PATH = "live.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit"),
        Binding("ctrl+c,ctrl+q", "quit", priority=True),
        Binding("space", "pause"),
        # Before the focused pane has it: what is typed next, however fast, is for the filter.
        Binding("slash", "filter", priority=True),
        Binding("escape", "clear"),
        Binding("plus,equals_sign", "zoom(-1)"),
        Binding("minus", "zoom(1)"),
        Binding("s", "sort"),
        Binding("w", "keep"),
        Binding("question_mark,h", "help"),
    ]

    def __init__(self, session: Session) -> None:
        # The terminal's own colours: right on light and dark ones, with 16 colours and with none.
        super().__init__(ansi_color=True)
        self.session = session
        self.view: View | None = None
        self.is_paused = False
        self.is_kept = session.kept is not None
        self.filter_text = ""
        self.sort = next(iter(lines.SORTS))
        self._span = SPANS_NS.index(60 * 10**9)
        self._upcoming = Upcoming([], "not read yet")
        self._problem = "attached; waiting for the first wake-ups"
        self._frozen_ns: int | None = None
        self._own = OwnCost(session.readers)

    def compose(self) -> ComposeResult:
        """Head, strip, causes, the chosen one, two panes side by side, keys."""
        yield Static(id="head")
        yield Strip(id="strip")
        yield Static(lines.CAUSE_TITLE, id="title")
        yield Causes(id="causes", markup=False)
        yield Static(id="detail")
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield Static(lines.CONTROLLER_TITLE, id="controller-title")
                yield Controllers(id="controllers", markup=False)
            with Vertical(id="right"):
                yield Static("what fires next", id="next-title")
                yield Next(id="next")
        yield Input(
            id="filter", placeholder="a part of a cause, controller, function", compact=True
        )
        yield Static(HELP_LINE, id="help", markup=False)

    def on_mount(self) -> None:
        """Begin to listen."""
        self.theme = "ansi-dark"
        self.query_one("#filter").display = False
        self.query_one("#causes").focus()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(ValueError, RuntimeError):  # only in the main thread
                asyncio.get_running_loop().add_signal_handler(number, self.exit)
        self.set_interval(POLL_S, self._listen)
        self.set_interval(REDRAW_S, self._redraw)
        self._draw_head()

    # ------------------------------------------------------------ what the analyst says

    def _listen(self) -> None:
        try:
            while self.is_running and self.session.analyst.poll():
                self._take(self.session.analyst.recv())
        except (EOFError, OSError):
            self._problem = "the analysis has ended: what is shown stays as it is"

    def _take(self, said: object) -> None:
        if isinstance(said, View):
            self.view, self._problem = said, ""
            self._redraw()
        elif isinstance(said, Upcoming):
            self._upcoming = said
        elif isinstance(said, Problem):
            self._problem = said.text
            self._redraw()
        elif isinstance(said, Story) and isinstance(self.screen, StoryScreen):
            self.screen.tell(said)

    def ask(self, question: object) -> None:
        """Ask the analyst something."""
        with contextlib.suppress(OSError):
            self.session.analyst.send(question)

    # ------------------------------------------------------------ drawing

    @property
    def now_ns(self) -> int:
        """The moment that is shown: now, when it was frozen, or a recording's end."""
        if self._frozen_ns is not None:
            return self._frozen_ns
        if self.view and self.view.complete:
            return self.view.end_ns
        return time.monotonic_ns()

    def _redraw(self) -> None:
        # Timers go on for a moment when all that could be drawn on is gone.
        if not self.is_running or self.screen is not self.screen_stack[0]:
            return
        self._draw_head()
        if self.view is None:
            return
        self._draw(self.view)

    def _draw_head(self) -> None:
        notes = self._notes()
        if self.view:
            late_from = self.now_ns if not self.view.complete else self.view.opened_ns
            text = lines.head(self.view, late_from, notes, self._own.share())
        else:
            text = ["; ".join([self.session.title, *notes]), "", ""]
        width = self.size.width
        head = Text("\n".join(lines.cut(line, width) for line in text))
        if self.view and (self.view.facts["lost"] or self.view.facts["unknown"]):
            head.stylize("bold", len(head.plain.split("\n")[0]))
        self.query_one("#head", Static).update(head)

    def _notes(self) -> list[str]:
        found = [self._problem] if self._problem else []
        if self.is_paused:
            found.append("PAUSED")
        if self.view and self.view.complete:
            found.append("the recording has ended")
        elif self.session.recorder and not self.session.recorder.is_running():
            found.append("the recorder has ended")
        if self.filter_text:
            found.append(f"only “{self.filter_text}”")
        if self.is_kept and self.session.kept:
            found.append("kept")
        return found

    def _draw(self, view: View) -> None:
        text, now_ns = self.filter_text, self.now_ns
        fitting = {n for n, row in enumerate(view.causes) if lines.fits(row, text)}
        first = bisect_left(view.marks, now_ns - SPANS_NS[self._span], key=lambda m: m.ts_ns)
        marks = [m for m in view.marks[first:] if not text or fitting.intersection(m.rows)]
        self.query_one(Strip).show(marks, now_ns, SPANS_NS[self._span])
        rows = lines.ordered(view.causes, self.sort)
        self.query_one(Causes).show([row for row in rows if lines.fits(row, text)], now_ns)
        self._draw_detail()
        self.query_one(Controllers).show(view.controllers, now_ns)
        dues = self._upcoming.after(now_ns)
        dues = [due for due in dues if lines.matches(text, due.cause, due.origin, due.function)]
        self.query_one(Next).show(dues, now_ns, self._upcoming.problem)

    def _draw_detail(self) -> None:
        row = self.query_one(Causes).chosen
        text = "\n".join(lines.detail_lines(row, self.size.width)) if row else "\n"
        self.query_one("#detail", Static).update(Text(text, "dim"))

    # ------------------------------------------------------------ keys

    def on_option_list_option_highlighted(self, _: OptionList.OptionHighlighted) -> None:
        """Say more of the row that the cursor is on."""
        self._draw_detail()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Of a cause tell the last wake-up; of a controller show the causes."""
        if event.option_list.id == "controllers" and self.view:
            self.filter_text = self.view.controllers[event.option_index].controller
            self._redraw()
            return
        row = self.query_one(Causes).chosen
        if row and row.recent_ns:
            self._freeze()
            self.push_screen(StoryScreen(row), lambda _: self._thaw())
        elif row:
            self._say("no wake-up of it was seen: its reconciles came from the queue")

    def action_pause(self) -> None:
        """Freeze what is shown, or go on; the recording goes on in any case."""
        self.is_paused = not self.is_paused
        self._freeze() if self.is_paused else self._thaw()
        self._redraw()

    def _freeze(self) -> None:
        if self._frozen_ns is None:
            self._frozen_ns = self.now_ns
            self.ask(Hold(wanted=True))

    def _thaw(self) -> None:
        if not self.is_paused:
            self._frozen_ns = None
            self.ask(Hold(wanted=False))
            self._redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key is ours now: a filter may have a slash in it."""
        if action == "filter":
            return len(self.screen_stack) == 1 and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Let the user say what to show."""
        found = self.query_one("#filter", Input)
        found.display = True
        found.value = self.filter_text
        self.screen.set_focus(found)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        self.filter_text = event.value
        self._redraw()

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Keep the filter."""
        self._close_filter()

    def action_clear(self) -> None:
        """Show everything again."""
        self.filter_text = ""
        self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter").display = False
        self.screen.set_focus(self.query_one("#causes"))
        self._redraw()

    def action_zoom(self, step: int) -> None:
        """Show less or more time on the strip."""
        self._span = min(max(self._span + step, 0), len(SPANS_NS) - 1)
        self._redraw()

    def action_sort(self) -> None:
        """Rank by the next number."""
        names = list(lines.SORTS)
        self.sort = names[(names.index(self.sort) + 1) % len(names)]
        self._say(f"ranked by {lines.SORTS[self.sort]}")
        self._redraw()

    def action_keep(self) -> None:
        """Keep the capture, or don't."""
        if self.session.keep_as is None:
            self._say(f"it is in {self.session.kept} already")
            return
        self.is_kept = not self.is_kept
        word = f"will be {self.session.keep_as}" if self.is_kept else "will be thrown away"
        self._say(f"when you quit, the capture {word}")

    def _say(self, text: str) -> None:
        self.notify(text, timeout=SAID_S, markup=False)

    def action_help(self) -> None:
        """Say what letters, columns and keys are."""
        span = format_duration(SPANS_NS[self._span])
        self.push_screen(HelpScreen(span), lambda _: self._redraw())
