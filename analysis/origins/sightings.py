"""Which rule each wake-up falls under, and which line of code is its own."""

from collections.abc import Callable
from functools import cached_property
from signal import Signals
from typing import Any

import pandas as pd

from whowoke.analysis.rules.causes import Fire, Rule, Rules, locate
from whowoke.analysis.rules.frames import (
    NOWHERE,
    CaptureLike,
    Code,
    Place,
    Stack,
    matches_any,
    package,
    plain_name,
)
from whowoke.analysis.waking.peers import Peers

Row = dict[Any, Any]


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


def declared(capture: CaptureLike) -> Place:
    """Where the operator's only Reconcile is declared, as far as the probe sites tell."""
    sites = capture.metadata.get("sites")
    functions = {
        (str(site.get("function", "")), str(site.get("file") or ""), str(site.get("line") or ""))
        for site in (sites if isinstance(sites, list) else [])
        if isinstance(site, dict) and site.get("probe") == "reconcile_return"
    }
    if len(functions) != 1:
        return NOWHERE
    function, file, line = functions.pop()
    return Place(plain_name(function), f"{file}:{line}" if file else "", "declared")


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
        self.rows: list[Row] = wakeups.to_dict("records")
        self._code, self._rules, self._informer_type = code, rules, informer_type
        self._peers = peers
        self._tickers = tickers(wakeups)
        self._classes: dict[tuple[object, ...], tuple[Rule | None, Place]] = {}

    def classify(self, number: int) -> tuple[Rule | None, Place]:
        """The rule for a wake-up and its own line of code."""
        row, ticker = self.rows[number], number in self._tickers
        inbound = row["kind"] == "descriptor" and self._peers.is_inbound(row["fd"], row["ts_ns"])
        columns = ("kind", "callback", "function", "parked_stack", "start", "armed_stack")
        key = (*(row[name] for name in columns), row["period_ns"], ticker, inbound)
        if key not in self._classes:
            self._classes[key] = self._classify(row, ticker, inbound)
        return self._classes[key]

    def _classify(self, row: Row, ticker: bool, inbound: bool) -> tuple[Rule | None, Place]:
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
        row, ticker = self.rows[number], number in self._tickers
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
        for number, row in enumerate(self.rows):
            if row["kind"] == "timer" and row["parked_stack"]:
                rule, own = self.classify(number)
                if rule is not None and own.kind == "armed":
                    site = (rule.name, row["parked_stack"], row["start"])
                    places.setdefault(site, set()).add(own)
        return places
