"""A line on stderr while something takes long, on a terminal only."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# What is done sooner needs no line.
PATIENCE_S = 1.0
ERASE_LINE = "\r\x1b[K"
WIDTH = 79


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Say what is being done, after a second and then every second; gives how to say it anew.

    Nothing is left of the line afterwards. Nothing is written where stderr is no terminal.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    text, started, done = [what], time.monotonic(), threading.Event()

    def run() -> None:
        while not done.wait(PATIENCE_S):
            elapsed_s = time.monotonic() - started
            line = f"{_plain(text[0])} … {elapsed_s:.0f} s"
            sys.stderr.write(f"{ERASE_LINE}{line[-WIDTH:]}")
            sys.stderr.flush()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield lambda news: text.__setitem__(0, news)
    finally:
        done.set()
        thread.join()
        sys.stderr.write(ERASE_LINE)
        sys.stderr.flush()


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
