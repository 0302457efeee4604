"""Files that appear whole or not at all, and folders with one for each table."""

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from whowoke.analysis.errors import UsageError
from whowoke.analysis.tables.columns import TABLES


@contextmanager
def replaced(target: Path, binary: bool = False) -> Iterator[IO[Any]]:
    """A new file that takes the target's place once it is whole; a link isn't followed."""
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        if binary:
            with partial.open("xb") as raw:
                yield raw
        else:
            with partial.open("x", encoding="utf-8", newline="") as file:
                yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def all_replaced(
    path: Path, targets: Iterable[Path], binary: bool = False
) -> Iterator[list[IO[Any]]]:
    """New files in a folder that take their places once all are whole; else nothing is left."""
    is_new = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(replaced(target, binary)) for target in targets]
    except BaseException:
        if is_new:
            with suppress(OSError):
                path.rmdir()
        raise


def folder(suffix: str) -> Callable[[Path], list[Path]]:
    """Targets of a format that makes a folder: ``TABLE.suffix`` for each table."""

    def targets(path: Path) -> list[Path]:
        if os.path.lexists(path) and not path.is_dir():
            raise UsageError(
                f"{path} exists and is not a folder", f"{suffix} needs a folder: choose another"
            )
        return [path / f"{table.name}.{suffix}" for table in TABLES]

    return targets


def single(path: Path) -> list[Path]:
    """Target of a format that makes one file."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "this format needs the name of a file")
    return [path]
