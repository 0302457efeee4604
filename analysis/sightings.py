"""Which rule each wake-up falls under, and which line of code is its own."""

from functools import cached_property
from typing import Any

import pandas as pd

from whowoke.analysis.causes import Fire, Rule, Rules, locate
from whowoke.analysis.frames import NOWHERE, Code, Place, place

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


class Sightings:
    """Wake-ups by row number, as far as their own records tell."""

    def __init__(
        self, wakeups: pd.DataFrame, code: Code, rules: Rules, resync_types: dict[int, str]
    ) -> None:
        self.rows: list[Row] = wakeups.to_dict("records")
        self._code, self._rules, self._resync_types = code, rules, resync_types
        self._tickers = tickers(wakeups)
        self._classes: dict[tuple[object, ...], tuple[Rule | None, Place]] = {}

    def classify(self, number: int) -> tuple[Rule | None, Place]:
        """The rule for a wake-up and its own line of code."""
        row, ticker = self.rows[number], number in self._tickers
        columns = ("kind", "callback", "function", "parked_stack", "start", "armed_stack")
        key = (*(row[name] for name in columns), row["period_ns"], ticker)
        if key not in self._classes:
            self._classes[key] = self._classify(row, ticker)
        return self._classes[key]

    def _classify(self, row: Row, ticker: bool) -> tuple[Rule | None, Place]:
        code = self._code
        fire = Fire(
            kind=row["kind"],
            callback=code.function_name(row["callback"]),
            function=code.function_name(row["function"]),
            woken=code.stack(row["parked_stack"], row["start"]),
            armed=code.stack(row["armed_stack"]),
            period_ns=row["period_ns"],
            ticker=ticker,
        )
        rule = self._rules.first(fire, code)
        symbol = code.symbol(row["function"]) if row["function"] else None
        callback = place(symbol, "callback") if symbol else NOWHERE
        return rule, locate(fire, callback, rule, code)

    def subject(self, number: int) -> str:
        """What the cause is about: a type of objects, or the module of a library."""
        rule, _ = self.classify(number)
        if rule is None or not rule.subject:
            return ""
        row, code = self.rows[number], self._code
        if rule.subject == "resync_type":
            return self._resync_types.get(row["goid"], "")
        frames = (
            *code.stack(row["parked_stack"], row["start"]),
            *code.stack(row["armed_stack"]),
        )
        found = code.owned_by("library", frames)
        return code.module(found.function if found else code.function_name(row["function"]))

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
