"""Rules that say what a wake-up is, read from ``causes.toml``, and where its line of code is."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from whowoke.analysis.rules.frames import NOWHERE, Code, Place, Stack, matches_any, place

# In the order in which they are looked for.
WAITS = ("lock", "stream", "serving", "sending", "own_answer", "answer")


class Cause(NamedTuple):
    """One cause at one place: what a row of the table ``causes`` is about."""

    origin: str
    cause: str
    subject: str = ""
    controller: str = ""
    function: str = ""
    location: str = ""
    location_kind: str = "unknown"
    # The single object of a watch event: told of each wake-up, not counted apart.
    detail: str = ""

    @property
    def about(self) -> str:
        """What it is about, with the single object."""
        return " ".join(filter(None, (self.subject, self.detail)))

    def general(self) -> "Cause":
        """The cause without the single object."""
        return self._replace(detail="")

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known of it but its evidence."""
        return self.origin == "unknown"


# The columns that a cause has in every table.
CAUSE_FIELDS = Cause._fields[:-1]
UNKNOWN = Cause("unknown", "unknown")
# A delay or add that was set before the first probe: at most one for each object.
BEFORE = Cause("unknown", "unknown", subject="set before the recording")


def distinct(causes: Iterable[Cause]) -> list[Cause]:
    """Each cause once, in the order of first appearance."""
    return list(dict.fromkeys(causes))


class Shared:
    """Rows of causes, each once in a row; equal rows are one list: a day has few different ones."""

    def __init__(self) -> None:
        self._rows: dict[tuple[Cause, ...], list[Cause]] = {}

    def row(self, causes: Iterable[Cause]) -> list[Cause]:
        """The causes as a list that isn't to be changed."""
        key = tuple(dict.fromkeys(causes))
        found = self._rows.get(key)
        if found is None:
            found = self._rows[key] = list(key)
        return found


class Fire(NamedTuple):
    """What the kernel side saw of one wake-up, as far as the rules look at it.

    ``inbound`` is None where it isn't known.
    """

    kind: str
    callback: str
    function: str
    woken: Stack
    armed: Stack
    period_ns: int
    ticker: bool
    inbound: bool | None = False


@dataclass(frozen=True)
class Rule:
    """One row of ``causes.toml``. Conditions that are empty hold always."""

    name: str
    kind: str
    origin: str
    cause: str
    explanation: str
    advice: str
    versions: str
    event: str = ""
    callback: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    owner: str = ""
    period_ns: int = 0
    ticker: bool = False
    inbound: bool = False
    subject: str = ""
    decided_by: str = ""

    def fits(self, fire: Fire, code: Code) -> bool:
        """Whether the rule is about such a wake-up."""
        if self.kind != fire.kind or (self.period_ns and self.period_ns != fire.period_ns):
            return False
        if (self.ticker and not fire.ticker) or (self.inbound and not fire.inbound):
            return False
        if self.callback and not matches_any(self.callback, fire.callback):
            return False
        functions = _functions(fire)
        if self.frames and not any(matches_any(self.frames, name) for name in functions):
            return False
        return not self.owner or any(code.owner(name) == self.owner for name in functions)


def _functions(fire: Fire) -> list[str]:
    names = [frame.function for frame in (*fire.woken, *fire.armed)]
    return [*names, fire.function] if fire.function else names


@dataclass(frozen=True)
class Rules:
    """Everything in ``causes.toml``."""

    rules: tuple[Rule, ...]
    plumbing: tuple[str, ...]
    receivers: tuple[str, ...]
    relays: tuple[str, ...]
    lists: tuple[str, ...]
    waits: Mapping[str, tuple[str, ...]]
    requeue: Mapping[str, tuple[str, ...]]
    contexts: Mapping[str, tuple[str, ...]]
    interrupts: tuple[str, ...]
    entries: tuple[str, ...]

    def waits_for(self, stack: Stack) -> str:
        """What a parked goroutine waits for, one of ``WAITS`` or nothing known."""
        for wait in WAITS:
            if any(matches_any(self.waits[wait], frame.function) for frame in stack):
                return wait
        return ""

    def is_list(self, stack: Stack) -> bool:
        """Whether a goroutine takes what a watch stream brings for its list of objects."""
        return any(matches_any(self.lists, frame.function) for frame in stack)

    def first(self, fire: Fire, code: Code) -> Rule | None:
        """The first rule that fits; None where it isn't known whether one before it does."""
        maybe = fire._replace(inbound=True) if fire.inbound is None else fire
        found = next((rule for rule in self.rules if rule.fits(maybe, code)), None)
        return found if found and found.fits(fire, code) else None

    def event(self, name: str) -> Rule:
        """The rule for something that the queue's records say."""
        return next(rule for rule in self.rules if rule.event == name)

    def request(self, handler: str, path: str) -> Rule:
        """The rule for a request from outside: by its handler first, by its path second."""
        rules = [rule for rule in self.rules if rule.kind == "request"]
        for rule in rules:
            if handler and matches_any(rule.callback, handler):
                return rule
        for rule in rules:
            if any(_is_path(pattern, path) for pattern in rule.paths):
                return rule
        return next(rule for rule in rules if not rule.callback)

    def about(self, origin: str, cause: str) -> Rule | None:
        """The first rule that gives this cause, for its explanation and advice."""
        if origin == "unknown":
            return None
        return next((r for r in self.rules if (r.origin, r.cause) == (origin, cause)), None)


def _is_path(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return path == pattern or path.startswith(f"{pattern}/")


def _rule(row: dict[str, Any]) -> Rule:
    fields: dict[str, Any] = {
        key: tuple(item) if isinstance(item, list) else item for key, item in row.items()
    }
    return Rule(**fields)


@cache
def load_rules() -> Rules:
    """Read the table that lies beside this file."""
    text = resources.files("whowoke.analysis").joinpath("rules/causes.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return Rules(
        rules=tuple(_rule(row) for row in table["rule"]),
        plumbing=tuple(table["modules"]["plumbing"]),
        receivers=tuple(table["receives"]["callers"]),
        relays=tuple(table["relays"]["functions"]),
        lists=tuple(table["lists"]["functions"]),
        waits={key: tuple(table["waits"][key]) for key in WAITS},
        requeue={key: tuple(names) for key, names in table["requeue"].items()},
        contexts={key: tuple(names) for key, names in table["contexts"].items()},
        interrupts=tuple(table["interrupts"]["functions"]),
        entries=tuple(table["interrupts"]["entries"]),
    )


def locate(fire: Fire, callback: Place, rule: Rule | None, code: Code) -> Place:
    """The line that says most about a wake-up.

    The operator's own line before the one the rule is about, before the innermost outside of the
    standard library; of each, where the timer was set before where the goroutine waits.
    """
    stacks = (("armed", fire.armed), ("waiting", fire.woken))
    called = code.owner(callback.function) if callback.function else "std"
    for kind, stack in stacks:
        if own := code.owned_by("operator", stack):
            return place(own, kind)
    if called == "operator":
        return callback
    if rule and rule.frames:
        for kind, stack in stacks:
            for frame in stack:
                if matches_any(rule.frames, frame.function):
                    return place(frame, kind)
    if called != "std":
        return callback
    for kind, stack in stacks:
        if other := (code.owned_by("library", stack) or code.outside_std(stack)):
            return place(other, kind)
    return callback if callback.function else NOWHERE
