"""The screens that lie over the live view: one wake-up's chain, and the help."""

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from whowoke.tracer.live.analyst import Ask, Story
from whowoke.tracer.live.lines import cut, hanging
from whowoke.tracer.live.marks import LOOKS
from whowoke.tracer.live.view import CauseRow

if TYPE_CHECKING:
    from whowoke.tracer.live.app import LiveApp

STORY_KEYS = "esc back  ← → the wake-up before, after  ↑↓ scroll  q quit"
HELP = """\
Each line is a cause at one place, counted as in whowoke explain.
 per min  wake-ups a minute, without answers to its own requests
 gap      median time between two, of one object's reconciles if there are some
 last     since the last one       cpu/min  CPU time a minute, as far as known
The strip has a letter for each wake-up of the last {span}, answers too:
{letters}
 & several origins at once         +        more than there is room for
Head: records lost, wake-ups of unknown cause, and what this costs of one CPU:
the probes in the process, the recorder, this view with its analysis.

 ↑ ↓    choose a line              enter    freeze its last wake-up, read on
 /      only what has this text    esc      everything
 space  stand still (it records)   + -      less or more time on the strip
 s      rank by something else     tab      other pane; enter: only its causes
 w      keep the capture           q ctrl+c quit: probes are taken off
"""
LETTERS_A_LINE = 4


class StoryScreen(Screen[None]):
    """A frozen wake-up of a cause; others of the same cause are a key away."""

    app: "LiveApp"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "dismiss"),
        Binding("left,p", "step(-1)"),
        Binding("right,n", "step(1)"),
    ]

    def __init__(self, row: CauseRow) -> None:
        super().__init__()
        self._row = row
        self._at = len(row.recent_ns) - 1

    def compose(self) -> ComposeResult:
        """Which one it is, its story, keys."""
        yield Static(id="story-head")
        with VerticalScroll(id="story-scroll"):
            yield Static("reading …", id="story")
        yield Static(STORY_KEYS, id="help", markup=False)

    def on_mount(self) -> None:
        """Ask for the story: not before there is a place for the answer."""
        self._ask()
        self.query_one("#story-scroll").focus()

    def tell(self, story: Story) -> None:
        """Show what the analyst told."""
        if story.ts_ns == self._row.recent_ns[self._at]:
            width = self.app.size.width - 2
            self.query_one("#story", Static).update(Text(hanging(story.text, width)))

    def action_step(self, step: int) -> None:
        """Go to the wake-up before or after."""
        at = min(max(self._at + step, 0), len(self._row.recent_ns) - 1)
        if at != self._at:
            self._at = at
            self._ask()

    def _ask(self) -> None:
        self.app.ask(Ask(self._row.recent_ns[self._at]))
        count = len(self._row.recent_ns)
        text = f"FROZEN: {self._row.cause}, {self._at + 1} of its last {count} wake-ups"
        self.query_one("#story-head", Static).update(Text(cut(text, self.app.size.width), "bold"))


class HelpScreen(Screen[None]):
    """What letters, columns and keys are."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,question_mark,h", "dismiss")]

    def __init__(self, span: str) -> None:
        super().__init__()
        self._span = span

    def compose(self) -> ComposeResult:
        """One page."""
        looks = [(name, look) for name, look in LOOKS.items() if look.letter not in "&+"]
        text = Text(HELP.split("{letters}")[0].format(span=self._span))
        for number, (name, look) in enumerate(looks, 1):
            text.append(f" {look.letter}", f"bold {look.colour}").append(f" {name:<18}")
            text.append("\n" if number % LETTERS_A_LINE == 0 and number < len(looks) else "")
        text.append(HELP.split("{letters}")[1])
        with VerticalScroll():
            yield Static(text)
        yield Static("esc back", id="help", markup=False)
