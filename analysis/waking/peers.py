"""Who is at the other end of each descriptor, and when the target's goroutines wrote there."""

from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np

from whowoke.analysis.rules.frames import CaptureLike, Rows

# Linux on amd64.
READ, WRITE, CLOSE, SENDTO, ACCEPT4 = 0, 1, 3, 44, 288


def telling(calls: Rows) -> Rows:
    """Which system calls tell more than that the scheduler waited: most of an idle process do."""
    found: Rows = (calls["goid"] != 0) | np.isin(calls["number"], (READ, CLOSE))
    return found


class Peers:
    """Addresses of connections by descriptor and time, as far as they are known."""

    def __init__(self, capture: CaptureLike) -> None:
        self._times: dict[int, list[int]] = {}
        self._found: dict[int, list[tuple[str, bool]]] = {}
        self._writes: dict[tuple[int, int], list[int]] = {}
        self._add_open(capture.metadata.get("sockets"))
        calls = capture.records("syscall", telling)
        rows = capture.records("socket_address")
        changes = [
            (ts, fd, capture.strings.get(address, ""), number == ACCEPT4)
            for ts, number, fd, address in rows[["ts_ns", "number", "fd", "address"]].tolist()
        ]
        closes = calls[calls["number"] == CLOSE][["ts_ns", "first"]].tolist()
        changes += [(ts, fd, "", False) for ts, fd in closes]
        for change in sorted(changes):
            self._add(*change)
        calls = calls[np.isin(calls["number"], (WRITE, SENDTO)) & (calls["goid"] != 0)]
        for ts, goid, fd in calls[["ts_ns", "goid", "first"]].tolist():
            self._writes.setdefault((goid, fd), []).append(ts)

    def _add_open(self, sockets: object) -> None:
        """Connections from before the recording: inbound at a port on which the target listens."""
        rows: list[dict[str, Any]] = [
            row
            for row in (sockets if isinstance(sockets, list) else [])
            if isinstance(row, dict) and isinstance(row.get("fd"), int)
        ]
        listening = {_port(row.get("local")) for row in rows if not row.get("peer")} - {""}
        for row in rows:
            if peer := row.get("peer"):
                self._add(0, row["fd"], str(peer), _port(row.get("local")) in listening)

    def _add(self, ts_ns: int, fd: int, address: str, inbound: bool) -> None:
        self._times.setdefault(fd, []).append(ts_ns)
        self._found.setdefault(fd, []).append((address, inbound))

    def _at(self, fd: int, ts_ns: int) -> tuple[str, bool]:
        index = self.opening(fd, ts_ns)
        return self._found[fd][index] if index >= 0 else ("", False)

    def address(self, fd: int, ts_ns: int) -> str:
        """The peer of a descriptor at that time, empty where it isn't known."""
        return self._at(fd, ts_ns)[0]

    def opening(self, fd: int, ts_ns: int) -> int:
        """A number for as long as it has this peer, -1 before the first that is known."""
        times = self._times.get(fd)
        return bisect_right(times, ts_ns) - 1 if times else -1

    def is_inbound(self, fd: int, ts_ns: int) -> bool:
        """Whether somebody else opened the connection."""
        return self._at(fd, ts_ns)[1]

    def wrote(self, goid: int, fd: int, start_ns: int, end_ns: int) -> bool:
        """Whether a goroutine wrote to a descriptor in that time."""
        times = self._writes.get((goid, fd), [])
        return bisect_left(times, start_ns) < bisect_left(times, end_ns)


def _port(address: object) -> str:
    return address.rpartition(":")[2] if isinstance(address, str) else ""
