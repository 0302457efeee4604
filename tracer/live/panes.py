"""The panes of the live view: each draws its part of what is to be shown."""

import contextlib
import time
from collections.abc import Sequence

import psutil
from rich.text import Text
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from whowoke.tracer.live import lines
from whowoke.tracer.live.marks import LOOKS, strip
from whowoke.tracer.live.upcoming import Due
from whowoke.tracer.live.view import CauseRow, ControllerRow, Mark

STRIP_ROWS = 3
SCROLLBAR = 1
OWN_COST_S = 5.0


class Strip(Static):
    """Each wake-up as a letter of its origin, on the last part of time."""

    def show(self, marks: Sequence[Mark], now_ns: int, span_ns: int) -> None:
        """Draw it up to now."""
        text, width = Text(), self.app.size.width
        for line in strip(marks, now_ns, span_ns, width, STRIP_ROWS):
            for origin in line:
                look = LOOKS[origin] if origin else None
                text.append(look.letter if look else " ", look.colour if look else "")
            text.append("\n")
        self.update(text.append(lines.axis(span_ns, width), "dim"))


class Lines(OptionList):
    """Lines of which one is chosen: that has a mark, which needs no colour."""

    MARK_AT = 0
    _texts: Sequence[Text] = ()

    def fill(self, texts: Sequence[Text], chosen: int | None) -> None:
        """Other lines; as long as their number stays, nothing scrolls or blinks."""
        self._texts = texts
        with self.prevent(OptionList.OptionHighlighted):
            if self.option_count != len(texts):
                self.clear_options()
                self.add_options([Option(text) for text in texts])
            if texts and chosen is not None:
                self.highlighted = min(chosen, len(texts) - 1)
        self.mark()

    def mark(self) -> None:
        """Draw the lines with the mark where it is now."""
        for number, text in enumerate(self._texts):
            is_chosen = number == self.highlighted
            self.replace_option_prompt_at_index(number, self._marked(text) if is_chosen else text)

    def _marked(self, text: Text) -> Text:
        sign = Text(">" if self.has_focus else "-", "bold")
        return text[: self.MARK_AT] + sign + text[self.MARK_AT + 1 :]

    def on_option_list_option_highlighted(self) -> None:
        """Move the mark."""
        self.mark()

    def on_focus(self) -> None:
        """Show that keys go here."""
        self.call_after_refresh(self.mark)

    def on_blur(self) -> None:
        """Show that keys go elsewhere."""
        self.call_after_refresh(self.mark)


class Causes(Lines):
    """The ranked list; the cursor stays on its cause when the ranks change."""

    MARK_AT = 1
    rows: Sequence[CauseRow] = ()

    @property
    def chosen(self) -> CauseRow | None:
        """The row that the cursor is on."""
        number = self.highlighted
        return self.rows[number] if number is not None and number < len(self.rows) else None

    def show(self, rows: Sequence[CauseRow], now_ns: int) -> None:
        """Draw these rows in their order."""
        before, width = self.chosen, self.app.size.width - SCROLLBAR
        self.rows = rows
        at = (n for n, row in enumerate(rows) if before and row.place == before.place)
        texts = [_coloured(lines.cause_line(row, now_ns, width), row.origin) for row in rows]
        self.fill(texts, next(at, 0))


class Controllers(Lines):
    """Reconciles by controller."""

    def show(self, rows: Sequence[ControllerRow], now_ns: int) -> None:
        """Draw these rows."""
        width = (self.size.width or self.app.size.width // 2) - SCROLLBAR
        texts = [Text(lines.controller_line(row, now_ns, width)) for row in rows]
        self.fill(texts, self.highlighted)


class Next(Static):
    """What fires next."""

    def show(self, dues: Sequence[Due], now_ns: int, problem: str) -> None:
        """Draw as many as there is room for, or why there are none."""
        width, text = self.size.width or self.app.size.width // 3, Text()
        for due in dues[: max(1, self.size.height)]:
            line = lines.due_line(due, now_ns, width)
            text.append_text(_coloured(line, due.origin)).append("\n")
        if not dues:
            text.append(lines.cut(problem or "nothing", width), "dim")
        self.update(text)


class OwnCost:
    """What our own processes but the recorder cost, as a share of one CPU."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._processes = [psutil.Process(), *map(psutil.Process, pids)]
        self._before = (time.monotonic(), self._spent_s())
        self._share: float | None = None

    def share(self) -> float | None:
        """Of the last seconds; None in the first ones."""
        then_s, before_s = self._before
        now_s = time.monotonic()
        if now_s - then_s >= OWN_COST_S:
            spent_s = self._spent_s()
            self._share = max(0.0, spent_s - before_s) / (now_s - then_s)
            self._before = (now_s, spent_s)
        return self._share

    def _spent_s(self) -> float:
        total_s = 0.0
        for process in self._processes:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total_s += times.user + times.system
        return total_s


def _coloured(line: str, origin: str) -> Text:
    text = Text(line, no_wrap=True)
    text.stylize(f"bold {LOOKS.get(origin, LOOKS['unknown']).colour}", 0, 1)
    return text
