"""Whose code a function is, and which line of a stack says most about it."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from whowoke.analysis.chunks import Frame

Stack = tuple[Frame, ...]
Rows = npt.NDArray[Any]


class CaptureLike(Protocol):
    """What the analysis needs of a capture; tests build one event by event."""

    metadata: dict[str, Any]
    strings: dict[int, str]
    stacks: dict[int, list[Frame]]
    symbols: dict[int, Frame]
    complete: bool

    @property
    def losses(self) -> pd.DataFrame:
        """``ts_ns``, ``kind``, ``count``."""

    def records(self, name: str) -> np.ndarray:
        """All records of a kind, sorted by ``ts_ns``."""


class Place(NamedTuple):
    """A line of code and what it is: ``armed``, ``waiting``, ``callback`` and so on."""

    function: str
    location: str
    kind: str


NOWHERE = Place("", "", "unknown")


def plain_name(symbol: str) -> str:
    """A function as the Go runtime prints it: type arguments as ``[...]``, dots not escaped."""
    if "[" in symbol:
        depth, kept = 0, []
        for character in symbol:
            if character == "[":
                kept.append("[...]" if depth == 0 else "")
                depth += 1
            elif character == "]":
                depth -= 1
            elif depth == 0:
                kept.append(character)
        symbol = "".join(kept)
    return symbol.replace("%2e", ".")


def matches(pattern: str, function: str) -> bool:
    """Whether a function, or one of its closures and method values, is meant by a pattern."""
    if pattern.endswith("*"):
        return function.startswith(pattern[:-1])
    if not function.startswith(pattern):
        return False
    return len(function) == len(pattern) or function[len(pattern)] in ".-"


def matches_any(patterns: Iterable[str], function: str) -> bool:
    """Whether one of the patterns means the function."""
    return any(matches(pattern, function) for pattern in patterns)


def place(frame: Frame, kind: str) -> Place:
    """A frame as function and ``file:line``."""
    location = f"{frame.file}:{frame.line}" if frame.file else ""
    return Place(frame.function, location, kind)


def known_modules(capture: CaptureLike) -> dict[str, str]:
    """Versions of the modules that the target is made of."""
    modules = capture.metadata.get("modules")
    return modules if isinstance(modules, dict) else {}


class Code:
    """The functions of one capture: stacks with plain names, and the module that owns each."""

    def __init__(self, capture: CaptureLike, plumbing: Iterable[str]) -> None:
        metadata = capture.metadata
        self._main = str(metadata.get("main_module") or "")
        # "go" is the toolchain, not a module whose packages begin so.
        paths = {str(path) for path in known_modules(capture)} - {"go"}
        self._modules = sorted(paths | set(plumbing) | {self._main} - {""}, key=len, reverse=True)
        self._plumbing = frozenset(plumbing)
        self._capture = capture
        self._stacks: dict[tuple[int, int], Stack] = {}
        self._owners: dict[str, str] = {}

    def symbol(self, address: int) -> Frame | None:
        """The function at an address, None where it isn't known."""
        found = self._capture.symbols.get(address)
        return found and found._replace(function=plain_name(found.function))

    def function_name(self, address: int) -> str:
        """Name of the function at an address, empty where it isn't known."""
        found = self.symbol(address)
        return found.function if found else ""

    def stack(self, stack_id: int, start: int = 0) -> Stack:
        """Frames innermost first; the goroutine's start function closes a stack that was cut."""
        key = (stack_id, start)
        if key not in self._stacks:
            frames = [
                frame._replace(function=plain_name(frame.function))
                for frame in self._capture.stacks.get(stack_id, [])
            ]
            first = self.symbol(start) if start else None
            if first and all(frame.function != first.function for frame in frames):
                frames.append(first)
            self._stacks[key] = tuple(frames)
        return self._stacks[key]

    def module(self, function: str) -> str:
        """Path of the module that a function belongs to, ``std`` for the standard library."""
        if function.startswith("main."):
            return self._main or "main"
        for path in self._modules:
            if function.startswith(path) and function[len(path) : len(path) + 1] in (".", "/"):
                return path
        first, slash, _ = function.partition("/")
        if not slash or "." not in first:
            return "std"
        return "/".join(function.split("/")[:3]).split(".(")[0]

    def owner(self, function: str) -> str:
        """``operator``, ``std``, ``plumbing`` or ``library``."""
        if function not in self._owners:
            module = self.module(function)
            if module in ("main", self._main):
                owner = "operator"
            elif module == "std":
                owner = "std"
            else:
                owner = "plumbing" if module in self._plumbing else "library"
            self._owners[function] = owner
        return self._owners[function]

    def owned_by(self, owner: str, frames: Stack) -> Frame | None:
        """The innermost frame of that owner."""
        return next((frame for frame in frames if self.owner(frame.function) == owner), None)

    def outside_std(self, frames: Stack) -> Frame | None:
        """The innermost frame outside of the standard library."""
        return next((frame for frame in frames if self.owner(frame.function) != "std"), None)
