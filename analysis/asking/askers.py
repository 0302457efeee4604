"""Who asks, by the stack: the operator's line, and whether client-go's own code is between."""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from whowoke.analysis.rules.frames import NOWHERE, Code, Place, Rows, matches_any, place
from whowoke.analysis.tables.columns import TEXT


class Known(NamedTuple):
    """The table ``requests.toml``: patterns of functions, names of resources."""

    stacks: Mapping[str, list[str]]
    reviews: frozenset[str]
    notes: frozenset[str]


@cache
def load_known() -> Known:
    """Read the table that lies beside this file."""
    text = resources.files("whowoke.analysis").joinpath("asking/requests.toml").read_text("utf-8")
    table = tomllib.loads(text)
    names = table["resources"]
    return Known(table["stacks"], frozenset(names["reviews"]), frozenset(names["notes"]))


class Asker(NamedTuple):
    """Who asks, by the stack: the place, and whether it goes through client-go's own code."""

    place: Place = NOWHERE
    is_api: bool = False
    is_watch: bool = False
    is_informer: bool = False
    is_http_reader: bool = False


class Askers:
    """The stacks of a capture's requests."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._known = load_known().stacks
        self._found: dict[tuple[int, int], Asker] = {}

    def asker(self, stack: int, start: int = 0) -> Asker:
        """Who asks, or waits, with this stack."""
        if (stack, start) not in self._found:
            self._found[stack, start] = self._read(stack, start)
        return self._found[stack, start]

    def _read(self, stack: int, start: int) -> Asker:
        frames = self._code.stack(stack, start)
        if not frames:
            return Asker()
        names = [frame.function for frame in frames]
        has = [
            any(matches_any(self._known[key], name) for name in names)
            for key in ("api", "watch", "informer", "http_reader")
        ]
        found = self._code.owned_by("operator", frames) or self._code.owned_by("library", frames)
        found = found or next((frame for frame in frames if not self._is_client(frame[0])), None)
        where = place(found, "waiting") if found else NOWHERE
        return Asker(where, *has)

    def _is_client(self, function: str) -> bool:
        return self._code.owner(function) == "std" or matches_any(self._known["client"], function)

    def column(self, stacks: Rows, value: Callable[[Asker], Any]) -> Rows:
        """A value of each stack's asker."""
        return mapped(stacks, lambda stack: value(self.asker(stack)))


def mapped(values: Rows, function: Callable[[int], Any]) -> Rows:
    """A number that is a function of each value; it is called once for each different one."""
    where, distinct = pd.factorize(values)
    found = np.array([function(value) for value in distinct.tolist()], np.int64)
    column: Rows = found[where] if len(found) else np.zeros(0, np.int64)
    return column


class Texts:
    """Texts as numbers, 0 for none: columns of numbers are compared much faster."""

    def __init__(self, strings: Mapping[int, str]) -> None:
        self._strings = strings
        self._codes = {"": 0}
        self._found = [""]

    def code(self, text: str) -> int:
        """The number of a text."""
        code = self._codes.setdefault(text, len(self._found))
        if code == len(self._found):
            self._found.append(text)
        return code

    def text(self, code: int) -> str:
        """The text of a number."""
        return self._found[code]

    def known(self, code: int) -> str | None:
        """The same, None for none."""
        return self._found[code] or None

    def of(self, hashes: Rows) -> Rows:
        """The text of each hash, also of those made signed; none where it isn't known."""
        return mapped(hashes, lambda value: self.code(self.of_hash(value)))

    def of_hash(self, value: int) -> str:
        """The text of one hash."""
        return self._strings.get(value & 0xFFFF_FFFF_FFFF_FFFF, "")

    def changed(self, codes: Rows, function: Callable[[str], str]) -> Rows:
        """A function of each text."""
        return mapped(codes, lambda code: self.code(function(self._found[code])))

    def column(self, codes: Rows) -> pd.Series:
        """The texts themselves, empty for none."""
        texts: pd.Series = pd.Series([None, *self._found[1:]], dtype=TEXT)
        return texts.take(codes).reset_index(drop=True)


def kind_of(type_name: str) -> str:
    """The kind that a Go type stands for: ``ConfigMap`` of ``*v1.ConfigMap``."""
    return type_name.split("[")[0].rpartition(".")[2].lstrip("*")
