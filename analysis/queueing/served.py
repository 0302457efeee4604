"""Requests from outside: which wake-ups are about which, by handler and path."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd

from whowoke.analysis.rules.causes import Cause, Rules, distinct
from whowoke.analysis.rules.frames import NOWHERE, CaptureLike, Place, plain_name, probe_sites
from whowoke.analysis.waking.chains import Chains

# A wake-up of a goroutine that was created while a request was served is about that request.
GENERATIONS = 3


class Request(NamedTuple):
    """One request, with the cause that it is."""

    ts_ns: int
    goid: int
    cause: Cause


class Served:
    """The requests that the target served, by the wake-ups and goroutines around them."""

    def __init__(
        self, capture: CaptureLike, rules: Rules, chains: Chains, wakeups: pd.DataFrame
    ) -> None:
        self._chains = chains
        self._woken, self._times = wakeups["goid"].to_numpy(), wakeups["ts_ns"].to_numpy()
        self._of_wakeup: dict[int, list[Request]] = {}
        self._of_goroutine: dict[int, list[Request]] = {}
        for request in _requests(capture, rules):
            self._file(request)

    def _file(self, request: Request) -> None:
        goids = {request.goid}
        wakeup = self._chains.cause(request.goid, request.ts_ns)
        if wakeup is not None:
            self._of_wakeup.setdefault(wakeup, []).append(request)
            goids |= {self._woken.item(wakeup), *self._readied(wakeup)}
        for goid in goids - {0}:
            self._of_goroutine.setdefault(goid, []).append(request)

    def _readied(self, wakeup: int) -> list[int]:
        return [goid for _, _, goid in self._chains.readied(wakeup)]

    def causes(self, wakeup: int) -> list[Cause]:
        """What was served by, before or after a wake-up of a connection; empty if it isn't known.

        The requests that it brought; else those of the connections that it opened; else the
        connection's last one, or its first.
        """
        return distinct(self._causes(wakeup, GENERATIONS))

    def _causes(self, wakeup: int, generations: int) -> Iterable[Cause]:
        if brought := self._of_wakeup.get(wakeup):
            return [request.cause for request in brought]
        ts, goid = self._times.item(wakeup), self._woken.item(wakeup)
        children = [self._first(child, ts) for (child,) in self._chains.children.get(wakeup)]
        if opened := [request.cause for request in children if request]:
            return opened
        for near in (goid, *self._readied(wakeup)):
            if request := self._last(near, ts) or self._first(near, ts):
                return [request.cause]
        before = self._chains.cause(goid, ts - 1) if goid else None
        return self._causes(before, generations - 1) if before is not None and generations else []

    def _last(self, goid: int, ts_ns: int) -> Request | None:
        requests = self._of_goroutine.get(goid, [])
        index = bisect_right(requests, ts_ns, key=lambda request: request.ts_ns) - 1
        return requests[index] if index >= 0 else None

    def _first(self, goid: int, ts_ns: int) -> Request | None:
        requests = self._of_goroutine.get(goid, [])
        index = bisect_left(requests, ts_ns, key=lambda request: request.ts_ns)
        return requests[index] if index < len(requests) else None


def _requests(capture: CaptureLike, rules: Rules) -> Iterable[Request]:
    """All requests in the order of time, each with the known handler that it reached."""
    rows: list[Any] = [(*row, None) for row in _columns(capture, "http_serve", "path")]
    rows += [(*row, row[2]) for row in _columns(capture, "http_handler", "site")]
    places = _handlers(capture)
    open_: dict[int, tuple[int, str, Place]] = {}
    found: list[tuple[int, int, str, Place]] = []
    for ts, goid, value, site in sorted(rows, key=lambda row: row[0]):
        if site is None:
            if goid in open_:
                found.append((open_[goid][0], goid, *open_[goid][1:]))
            open_[goid] = (ts, capture.strings.get(value, ""), NOWHERE)
        elif goid in open_ and open_[goid][2] == NOWHERE:
            open_[goid] = (*open_[goid][:2], places.get(site, NOWHERE))
    found += [(ts, goid, path, place) for goid, (ts, path, place) in open_.items()]
    for ts, goid, path, place in sorted(found):
        rule = rules.request(place.function, path)
        yield Request(ts, goid, Cause(rule.origin, rule.cause, path, "", *place))


def _columns(capture: CaptureLike, name: str, column: str) -> list[tuple[int, int, int]]:
    rows: list[tuple[int, int, int]] = capture.records(name)[["ts_ns", "goid", column]].tolist()
    return rows


def _handlers(capture: CaptureLike) -> dict[int, Place]:
    """The functions of the probe sites in handlers."""
    places = {}
    for number, site in enumerate(probe_sites(capture) or []):
        if site.probe == "http_handler":
            location = f"{site.file}:{site.line}" if site.file and site.line else ""
            places[number] = Place(plain_name(site.function), location, "callback")
    return places
