"""Which rule each wake-up falls under, and which line of code is its own."""

from collections.abc import Callable
from functools import cached_property
from signal import Signals
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.rules.causes import Fire, Rule, Rules, locate
from whowoke.analysis.rules.frames import (
    NOWHERE,
    CaptureLike,
    Code,
    Place,
    Rows,
    Stack,
    matches_any,
    package,
    plain_name,
    probe_sites,
)
from whowoke.analysis.rules.lookup import MISSING, codes
from whowoke.analysis.waking.peers import Peers

# Wake-ups that agree in these, come from the same line and fall under the same rule.
TELLING = (
    "kind", "callback", "function", "parked_stack", "start", "armed_stack", "period_ns",
)  # fmt: skip


class Row:
    """One row of a ``Table``."""

    __slots__ = ("_columns", "_number")

    def __init__(self, columns: dict[str, Rows], number: int) -> None:
        self._columns, self._number = columns, number

    def __getitem__(self, name: str) -> Any:
        """A value, as a plain number or text."""
        return self._columns[name].item(self._number)


class Table:
    """A frame by rows, which are made when they are asked for: a day has hundreds of thousands."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.columns: dict[str, Rows] = {str(name): frame[name].to_numpy() for name in frame}

    def __getitem__(self, number: int) -> Row:
        """One row."""
        return Row(self.columns, number)


def tickers(wakeups: pd.DataFrame) -> frozenset[int]:
    """Rows of timers that come back by themselves.

    A period alone is no proof: ``time.Tick`` in a loop makes a new timer for each wait. So the
    timer came back, or its goroutine waits for no other one there.
    """
    periodic = wakeups[(wakeups["kind"] == "timer") & (wakeups["period_ns"] > 0)]
    came_back = periodic["timer"].isin(periodic.loc[periodic["again"].astype(bool), "timer"])
    sites = ["goid", "callback", "function", "parked_stack", "start", "armed_stack"]
    alone = periodic.groupby(sites)["timer"].transform("nunique") == 1
    return frozenset(periodic.index[came_back | (alone & (periodic["goid"] != 0))].tolist())


def _inbound(wakeups: pd.DataFrame, peers: Peers) -> Rows:
    """1 for wake-ups of connections that somebody else opened, 0 for others, -1: not known."""
    found = np.zeros(len(wakeups), np.int64)
    rows = np.flatnonzero((wakeups["kind"] == "descriptor").to_numpy(bool))
    fds, times = (wakeups[name].to_numpy()[rows].tolist() for name in ("fd", "ts_ns"))
    known = (peers.is_inbound(fd, ts) for fd, ts in zip(fds, times, strict=True))
    found[rows] = [MISSING if inbound is None else inbound for inbound in known]
    return found


def declared(capture: CaptureLike) -> Place:
    """Where the operator's only Reconcile is declared, as far as the probe sites tell."""
    found = {site for site in probe_sites(capture) or () if site.probe == "reconcile_return"}
    if len(found) != 1:
        return NOWHERE
    site = found.pop()
    location = f"{site.file}:{site.line}" if site.file else ""
    return Place(plain_name(site.function), location, "declared")


def signal_name(number: int) -> str:
    """``SIGHUP`` for 1, as Linux numbers them."""
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


class Sightings:
    """Wake-ups by row number, as far as their own records tell."""

    def __init__(
        self,
        wakeups: pd.DataFrame,
        code: Code,
        rules: Rules,
        informer_type: Callable[[int], str],
        peers: Peers,
    ) -> None:
        self.rows = Table(wakeups)
        self._code, self._rules, self._informer_type = code, rules, informer_type
        self._peers = peers
        self._tickers = np.zeros(len(wakeups), bool)
        self._tickers[list(tickers(wakeups))] = True
        self._inbound = _inbound(wakeups, peers)
        alike = codes(*(wakeups[name].to_numpy() for name in TELLING), self._tickers, self._inbound)
        self._class_of: list[int] = alike.tolist()
        _, self._first = np.unique(alike, return_index=True)
        self._classes: list[tuple[Rule | None, Place] | None] = [None] * len(self._first)

    def classify(self, number: int) -> tuple[Rule | None, Place]:
        """The rule for a wake-up and its own line of code: the same for all that look alike."""
        index = self._class_of[number]
        found = self._classes[index]
        if found is None:
            ticker, inbound = bool(self._tickers[number]), self._inbound.item(number)
            known = None if inbound == MISSING else bool(inbound)
            found = self._classes[index] = self._classify(self.rows[number], ticker, known)
        return found

    def of_cause(self, origin: str, cause: str) -> list[int]:
        """The wake-ups whose rule is about that cause."""
        wanted = np.zeros(len(self._first), bool)
        for index, number in enumerate(self._first.tolist()):
            rule, _ = self.classify(number)
            wanted[index] = rule is not None and (rule.origin, rule.cause) == (origin, cause)
        found: list[int] = np.flatnonzero(wanted[np.array(self._class_of, np.int64)]).tolist()
        return found

    def _classify(self, row: Row, ticker: bool, inbound: bool | None) -> tuple[Rule | None, Place]:
        code = self._code
        fire = Fire(
            kind=row["kind"],
            callback=code.function_name(row["callback"]),
            function=code.function_name(row["function"]),
            woken=code.stack(row["parked_stack"], row["start"]),
            armed=code.stack(row["armed_stack"]),
            period_ns=row["period_ns"],
            ticker=ticker,
            inbound=inbound,
        )
        rule = self._rules.first(fire, code)
        return rule, locate(fire, code.callback(row["function"]), rule, code)

    def is_relay(self, number: int) -> bool:
        """Whether a timer's goroutine only hands its ticks on to another one."""
        row = self.rows[number]
        woken = self._code.stack(row["parked_stack"], row["start"])
        return row["kind"] == "timer" and any(
            matches_any(self._rules.relays, frame.function) for frame in woken
        )

    def by_stack(self, number: int, stack: Stack) -> tuple[Rule | None, Place]:
        """The rule for a timer as if the goroutine with this stack waited for it."""
        row, ticker = self.rows[number], bool(self._tickers[number])
        callback = self._code.function_name(row["callback"])
        fire = Fire("timer", callback, "", stack, (), row["period_ns"], ticker)
        rule = self._rules.first(fire, self._code)
        return rule, locate(fire, NOWHERE, rule, self._code)

    def peer(self, number: int) -> str:
        """The other side of a wake-up's descriptor, empty where it isn't known."""
        row, (rule, _) = self.rows[number], self.classify(number)
        # The number of a file may have been a connection's before.
        if row["kind"] != "descriptor" or (rule and rule.origin == "os"):
            return ""
        return self._peers.address(row["fd"], row["ts_ns"])

    def subject(self, number: int) -> str:
        """What the cause is about: a type of objects, a library's module, a peer, a signal."""
        rule, _ = self.classify(number)
        if rule is None or not rule.subject:
            return ""
        if rule.subject == "informer_type":
            return self._informer_type(self.rows[number]["goid"])
        if rule.subject == "peer":
            return self.peer(number)
        if rule.subject == "signal":
            return signal_name(self.rows[number]["number"])
        return self._module(number)

    def _module(self, number: int) -> str:
        """The library behind a timer: a module, or a package of the standard library."""
        row, code = self.rows[number], self._code
        frames = (
            *code.stack(row["parked_stack"], row["start"]),
            *code.stack(row["armed_stack"]),
        )
        rule, _ = self.classify(number)
        found = code.owned_by("library", frames)
        if found is None and rule is not None:
            found = next((f for f in frames if matches_any(rule.frames, f.function)), None)
        function = found.function if found else code.function_name(row["function"])
        if not function:
            return ""
        module = code.module(function)
        return package(function) if module == "std" else module

    def usual_place(self, number: int) -> Place:
        """The line that sets this timer, also for the one that was set before the recording."""
        rule, own = self.classify(number)
        row = self.rows[number]
        if rule is None or own.kind != "waiting" or row["kind"] != "timer":
            return own
        armed = self._armed.get((rule.name, row["parked_stack"], row["start"]), set())
        return next(iter(armed)) if len(armed) == 1 else own

    @cached_property
    def _armed(self) -> dict[tuple[object, ...], set[Place]]:
        """Lines that set the timers on which goroutines wait, by where they wait."""
        places: dict[tuple[object, ...], set[Place]] = {}
        for number in self._first.tolist():
            row = self.rows[number]
            if row["kind"] == "timer" and row["parked_stack"]:
                rule, own = self.classify(number)
                if rule is not None and own.kind == "armed":
                    site = (rule.name, row["parked_stack"], row["start"])
                    places.setdefault(site, set()).add(own)
        return places
