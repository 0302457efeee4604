"""The commands of whowoke that README.md and the pages tell a reader to type.

Those as any user are run on captures by tests/unit/test_typed.py, and give what the page shows;
those as root are run on an operator by tests/system/test_typed.py. In what is shown a line ``…``
stands for lines that were left out.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures import ROOT

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMPT = re.compile(r"^(\S*[$#]) (?=\S)")
SPAN = re.compile(r"`((?:sudo )?whowoke [^`]+)`")
PID = re.compile(r"\$\(pidof [\w-]+\)")
# What ends a command and begins another one.
SHELL = {"&&", "|", ">", "&"}


@dataclass(frozen=True)
class Typed:
    """A command line: words behind ``whowoke`` and before it; where the page shows what it says."""

    page: Path
    line: str
    before: tuple[str, ...]
    words: tuple[str, ...]
    root: bool
    start: int
    end: int

    @property
    def shown(self) -> str:
        """What the page shows below it; empty where it shows nothing."""
        return self.page.read_text()[self.start : self.end]


def lines(page: Path) -> Iterator[tuple[str, str, int, int]]:
    """Prompt, command line, and begin and end of what is shown below it, of each in a page."""
    text = page.read_text()
    for block in BLOCK.finditer(text):
        found: list[tuple[str, str, int]] = []
        at, starts = block.start(1), []
        joined = ""
        for line in block[1].splitlines(keepends=True):
            prompt = PROMPT.match(line)
            if prompt and not joined:
                found.append((prompt[1], "", 0))
                starts.append(at)
                joined = line[prompt.end() :]
            elif joined:
                joined += line
            at += len(line)
            if joined and not joined.endswith("\\\n"):
                sign, *_ = found[-1]
                found[-1] = (sign, joined.replace("\\\n", " ").strip(), at)
                joined = ""
        for number, (sign, line, start) in enumerate(found):
            yield sign, line, start, (*starts, block.end(1))[number + 1]


def commands() -> list[Typed]:
    """Those of whowoke in all pages, in their order."""
    return [typed for page in PAGES for typed in _of_page(page)]


def _of_page(page: Path) -> Iterator[Typed]:
    for sign, line, start, end in lines(page):
        plain = PID.sub("PID", line.replace("$(which whowoke)", "whowoke"))
        words = shlex.split(plain, comments=True)
        at = next((n for n, word in enumerate(words) if Path(word).name == "whowoke"), None)
        if at is None:
            continue
        before, own = words[:at], words[at + 1 :]
        cut = next((n for n, word in enumerate(own) if word in SHELL), len(own))
        root = sign.endswith("#") or "sudo" in before
        others = tuple(word for word in before if word != "sudo")
        yield Typed(page, line, others, tuple(own[:cut]), root, start, end)


def spans() -> list[tuple[str, tuple[str, ...]]]:
    """Page and words of each command in the middle of a sentence."""
    found = []
    for page in PAGES:
        for span in SPAN.findall(page.read_text()):
            words = shlex.split(span.removeprefix("sudo "))
            found.append((page.name, tuple(words[1:])))
    return found
