"""Who is at the other end of each descriptor, and when the target's goroutines wrote there."""

from bisect import bisect_left, bisect_right
from typing import Any, NamedTuple

import numpy as np

from whowoke.analysis.rules.frames import CaptureLike, Rows
from whowoke.analysis.waking.lossy import FOREVER, joined, lossy_spans

# Linux on amd64.
READ, WRITE, CLOSE, SENDTO, ACCEPT4 = 0, 1, 3, 44, 288
# Losses after which a descriptor may be another connection's than before.
CALLS = ("syscall", "socket_address", "sys_enter", "sys_exit")


def telling(calls: Rows) -> Rows:
    """Which system calls tell more than that the scheduler waited: most of an idle process do."""
    found: Rows = (calls["goid"] != 0) | np.isin(calls["number"], (READ, CLOSE))
    return found


class Peer(NamedTuple):
    """``address`` is empty for none; where calls were lost it isn't ``known`` what there was."""

    address: str
    inbound: bool
    known: bool = True


NOBODY, UNKNOWN = Peer("", inbound=False), Peer("", inbound=False, known=False)


class Peers:
    """Addresses of connections by descriptor and time, as far as they are known."""

    def __init__(self, capture: CaptureLike) -> None:
        self._times: dict[int, list[int]] = {}
        self._found: dict[int, list[Peer]] = {}
        lossy = lossy_spans(capture.losses, lambda kind: any(call in kind for call in CALLS))
        self._blind = joined(lossy)
        self._add_open(capture.metadata.get("sockets"))
        calls = capture.records("syscall", telling)
        rows = capture.records("socket_address")
        changes = [
            (ts, fd, Peer(capture.strings.get(address, ""), number == ACCEPT4))
            for ts, number, fd, address in rows[["ts_ns", "number", "fd", "address"]].tolist()
        ]
        closes = calls[calls["number"] == CLOSE][["ts_ns", "first"]].tolist()
        changes += [(ts, fd, NOBODY) for ts, fd in closes]
        for change in sorted(changes):
            self._add(*change)
        calls = calls[np.isin(calls["number"], (WRITE, SENDTO)) & (calls["goid"] != 0)]
        calls = calls[np.lexsort((calls["ts_ns"], calls["goid"]))]
        # Of each goroutine together. Looked up one by one, which is faster in a memoryview.
        self._writers, self._written_ns = (calls[name].copy().data for name in ("goid", "ts_ns"))
        self._written_fds = calls["first"].copy()

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
                self._add(0, row["fd"], Peer(str(peer), _port(row.get("local")) in listening))

    def _add(self, ts_ns: int, fd: int, peer: Peer) -> None:
        self._times.setdefault(fd, []).append(ts_ns)
        self._found.setdefault(fd, []).append(peer)

    def _at(self, fd: int, ts_ns: int) -> Peer:
        index, lossy = self.opening(fd, ts_ns), bisect_right(self._blind, (ts_ns, FOREVER)) - 1
        if lossy >= 0 and (index < 0 or self._times[fd][index] < self._blind[lossy][1]):
            return UNKNOWN
        return self._found[fd][index] if index >= 0 else NOBODY

    def address(self, fd: int, ts_ns: int) -> str:
        """The peer of a descriptor at that time, empty where it isn't known."""
        return self._at(fd, ts_ns).address

    def opening(self, fd: int, ts_ns: int) -> int:
        """A number for as long as it has this peer, -1 before the first that is known."""
        times = self._times.get(fd)
        return bisect_right(times, ts_ns) - 1 if times else -1

    def is_inbound(self, fd: int, ts_ns: int) -> bool | None:
        """Whether somebody else opened the connection; None where calls were lost."""
        peer = self._at(fd, ts_ns)
        return peer.inbound if peer.known else None

    def wrote(self, goid: int, fd: int, start_ns: int, end_ns: int) -> bool:
        """Whether a goroutine wrote to a descriptor in that time."""
        own = bisect_left(self._writers, goid), bisect_right(self._writers, goid)
        first, end = (bisect_left(self._written_ns, ts, *own) for ts in (start_ns, end_ns))
        return bool(np.any(self._written_fds[first:end] == fd))


def _port(address: object) -> str:
    return address.rpartition(":")[2] if isinstance(address, str) else ""
