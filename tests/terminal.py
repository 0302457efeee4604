"""A terminal of 80 columns and 24 lines in which a program runs, by tmux: its screen, its keys."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import fixtures

COLUMNS, LINES = 80, 24
PATIENCE_S = 90.0


@dataclass(frozen=True)
class Terminal:
    """A running program; ``pid`` is its own, ``ended`` has its exit code once it ended."""

    socket: Path
    pid: int
    ended: Path

    def screen(self, *options: str) -> str:
        """What is on the screen; with ``-e`` also its colours."""
        return _tmux(self.socket, "capture-pane", "-p", "-t", "0", *options)

    def press(self, *keys: str) -> None:
        """Press keys, as tmux calls them: ``q``, ``Enter``, ``C-c``."""
        _tmux(self.socket, "send-keys", "-t", "0", *keys)

    def wait_for(self, pattern: str) -> str:
        """Wait until this, a regular expression, is on the screen, and return all of it."""

        def found() -> str | None:
            screen = self.screen()
            return screen if re.search(pattern, screen, re.MULTILINE) else None

        try:
            return fixtures.wait_until(found, PATIENCE_S, f"{pattern!r} on the screen")
        except fixtures.FixtureError as err:
            raise fixtures.FixtureError(f"{err}; there is:\n{self.screen()}") from None

    def wait_end(self) -> int:
        """Wait until the program ends; returns its exit code."""
        return int(fixtures.wait_until(_written(self.ended), PATIENCE_S, "the program's end"))


@contextmanager
def terminal(
    folder: Path, argv: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run a program in a terminal; its shell stays until the block is left."""
    socket, ended, own = folder / "tmux", folder / "ended", folder / "pid"
    words = ["env", *(f"{k}={v}" for k, v in (environment or {}).items()), *argv]
    quoted = {path: shlex.quote(str(path)) for path in (own, ended)}
    program = f"sh -c {shlex.quote(f'echo $$ >{own}; exec {shlex.join(words)}')}"
    script = f"{program}; echo $? >{quoted[ended]}.new; mv {quoted[ended]}.new {quoted[ended]}; cat"
    size = ("-x", str(COLUMNS), "-y", str(LINES))
    _tmux(socket, "-f", "/dev/null", "new-session", "-d", *size, script)
    try:
        pid = fixtures.wait_until(_written(own), PATIENCE_S, "the program's pid")
        yield Terminal(socket, int(pid), ended)
    finally:
        _tmux(socket, "kill-server")


def _written(path: Path) -> Callable[[], str | None]:
    """What a file says once it says something."""
    return lambda: path.read_text().strip() or None if path.exists() else None


def _tmux(socket: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["tmux", "-S", str(socket), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise fixtures.FixtureError(f"tmux {arguments[0]}: {done.stderr}")
    return done.stdout
