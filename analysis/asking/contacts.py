"""Connections and files of reconciles, from the system calls of their goroutines."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from whowoke.analysis.asking.askers import Askers, Texts
from whowoke.analysis.asking.family import FOREVER, Family, signed
from whowoke.analysis.asking.requests import Answers, Requests, rows
from whowoke.analysis.rules.frames import NOWHERE, CaptureLike, Place, Rows
from whowoke.analysis.rules.lookup import MISSING, last_before
from whowoke.analysis.waking.peers import Peers, telling

# Linux on amd64.
READ, WRITE, PREAD64, CONNECT, SENDTO, RECVFROM, WAIT4, WAITID, OPENAT = (
    0, 1, 17, 42, 44, 45, 61, 247, 257,
)  # fmt: skip
CALLS = (READ, WRITE, PREAD64, CONNECT, SENDTO, RECVFROM, WAIT4, WAITID, OPENAT)
SENDING, RECEIVING = (WRITE, SENDTO), (READ, PREAD64, RECVFROM)
OUTPUTS = (1, 2)


class Exchanges:
    """When goroutines were inside of the HTTP transport, and which goroutines are its own."""

    def __init__(self, capture: CaptureLike, family: Family, answers: Answers) -> None:
        asked = capture.records("http_request")
        answered = signed(capture.records("http_response")["ts_ns"])
        self._goid, self._start = signed(asked["goid"]), signed(asked["ts_ns"])
        self._end = np.full(len(asked), FOREVER)
        known = answers.response != MISSING
        self._end[known] = answered[answers.response[known]]
        links = np.array(family.links, np.int64).reshape(-1, 3)
        inside = self.inside(links[:, 1], links[:, 0])
        self.own: set[int] = set()
        for creator, child, within in zip(*links[:, 1:].T.tolist(), inside.tolist(), strict=True):
            if within or creator in self.own:
                self.own.add(child)

    def inside(self, goid: Rows, ts: Rows) -> Rows:
        """Whether each goroutine waited for an answer at that time."""
        request = last_before(goid, ts, self._goid, self._start)
        if not len(self._start):
            return np.zeros(len(goid), bool)
        found: Rows = (request != MISSING) & (ts <= self._end[request])
        return found

    def of_transport(self, goid: Rows, ts: Rows) -> Rows:
        """Whether what each goroutine does at that time belongs to a request of ``net/http``."""
        return self.inside(goid, ts) | np.isin(goid, np.array(sorted(self.own), np.int64))


class _Call(NamedTuple):
    """A descriptor as long as it has one peer, and the peer."""

    fd: int
    opening: int
    peer: str


def contact_rows(
    capture: CaptureLike,
    texts: Texts,
    askers: Askers,
    family: Family,
    peers: Peers,
    exchanges: Exchanges,
) -> Requests:
    """One row for each reconcile and peer, and for its files and child processes.

    Connections of HTTP clients are none, their requests are told instead; neither is the output.
    The place of a connection is where a goroutine waited for it.
    """
    calls = capture.records("syscall", telling)
    breaks = _poller(calls)
    calls = calls[np.isin(calls["number"], CALLS) & (calls["goid"] != 0)]
    run = family.reconcile_of(signed(calls["goid"]), signed(calls["ts_ns"]))
    calls, run = calls[run != MISSING], run[run != MISSING]
    transport = exchanges.of_transport(signed(calls["goid"]), signed(calls["ts_ns"]))
    opened = _openings(calls, peers)
    waits = _waits(capture)
    http = _http_descriptors(waits, askers, peers)
    http |= {call[:2] for call, own in zip(opened, transport.tolist(), strict=True) if own}
    hosts = _hosts(capture)
    kept, peer, verb = [], [], []
    for row, (call, number, own) in enumerate(
        zip(opened, calls["number"].tolist(), transport.tolist(), strict=True)
    ):
        if own or call.peer in hosts or (call.fd != MISSING and call[:2] in http):
            continue
        what = _verb(number, call, breaks)
        if what is not None:
            kept.append(row)
            peer.append(call.peer)
            verb.append(what)
    total = _placed(_summed(calls[kept], run[kept], peer, verb), waits, askers, family, peers)
    columns = {str(name): total[name].to_numpy() for name in total}
    for name in ("verb", "host", "function", "location"):
        columns[name] = np.array([texts.code(text) for text in columns[name]], np.int64)
    is_file = columns["verb"] != 0
    columns["sent_bytes"] = np.where(is_file, MISSING, columns["sent_bytes"])
    kind = np.where(is_file, texts.code("file"), texts.code("connection"))
    return rows(texts, len(total), **columns, kind=kind)


def _verb(number: int, call: _Call, breaks: frozenset[int]) -> str | None:
    """What a file's call does, nothing for a connection's; None if it says nothing."""
    if number in (WAIT4, WAITID):
        return "exec"
    if number == OPENAT:
        return "open"
    if call.peer:
        return ""
    if number in SENDING:
        return None if call.fd in OUTPUTS or call.fd in breaks else "write"
    return "read" if number in RECEIVING else None


def _openings(calls: Rows, peers: Peers) -> list[_Call]:
    found: dict[tuple[int, int], _Call] = {}
    opened = []
    with_fd = ~np.isin(calls["number"], (WAIT4, WAITID, OPENAT))
    ended = signed(calls["ts_ns"]) + signed(calls["duration_ns"])
    for fd, ts, known in zip(
        calls["first"].tolist(), ended.tolist(), with_fd.tolist(), strict=True
    ):
        key = (fd, peers.opening(fd, ts)) if known else (MISSING, MISSING)
        if key not in found:
            found[key] = _Call(key[0], key[1], peers.address(fd, ts) if known else "")
        opened.append(found[key])
    return opened


def _waits(capture: CaptureLike) -> pd.DataFrame:
    """Goroutines that a descriptor let go on: ``fd``, ``ts_ns``, ``stack``, ``start``, ``goid``."""
    ready = capture.records("netpoll_ready")
    columns = {"fd": "fd", "ts_ns": "ts_ns", "stack": "parked_stack", "start": "woken_start"}
    columns |= {"goid": "woken_goid"}
    return pd.DataFrame({name: ready[column] for name, column in columns.items()})


def _http_descriptors(waits: pd.DataFrame, askers: Askers, peers: Peers) -> set[tuple[int, int]]:
    """Descriptors, as long as they have one peer, on which a reader of an HTTP client waited."""
    where: dict[tuple[int, int], bool] = {}
    found = set()
    for fd, ts, stack, start, _ in waits.itertuples(index=False):
        if (stack, start) not in where:
            where[stack, start] = askers.asker(stack, start).is_http_reader
        if where[stack, start]:
            found.add((fd, peers.opening(fd, ts)))
    return found


def _placed(
    frame: pd.DataFrame, waits: pd.DataFrame, askers: Askers, family: Family, peers: Peers
) -> pd.DataFrame:
    """Connections with the place where the reconcile's goroutine waited for them first.

    One that didn't have to wait has the place of the others with this peer, if these have one.
    """
    run = family.reconcile_of(signed(waits["goid"].to_numpy()), signed(waits["ts_ns"].to_numpy()))
    places: dict[tuple[int, str], Place] = {}
    of_peer: dict[str, set[Place]] = {}
    for owner, (fd, ts, stack, start, _) in zip(
        run[run != MISSING].tolist(), waits[run != MISSING].itertuples(index=False), strict=True
    ):
        if peer := peers.address(fd, ts):
            where = askers.asker(stack, start).place
            places.setdefault((owner, peer), where)
            of_peer.setdefault(peer, set()).add(where)
    usual = {peer: min(found) for peer, found in of_peer.items() if len(found) == 1}
    keys = list(zip(frame["run"], frame["host"], strict=True))
    found = [places.get(key, usual.get(key[1], NOWHERE)) for key in keys]
    return frame.assign(
        function=[where.function for where in found], location=[where.location for where in found]
    )


def _hosts(capture: CaptureLike) -> set[str]:
    """Hosts of HTTP requests: some are addresses."""
    hosts = np.unique(capture.records("http_request")["host"]).tolist()
    return {capture.strings.get(host, "") for host in hosts} - {""}


def _poller(calls: Rows) -> frozenset[int]:
    """Descriptors by which goroutines wake the scheduler's poller: it alone reads them."""
    reads = calls[(calls["number"] == READ) & (calls["goid"] == 0)]
    return frozenset(np.unique(reads["first"]).tolist())


def _summed(calls: Rows, run: Rows, peer: list[str], verb: list[str]) -> pd.DataFrame:
    number, result = calls["number"], np.maximum(calls["result"], 0)
    frame = pd.DataFrame(
        {
            "run": run,
            "host": pd.Series(peer, dtype=object),
            "verb": pd.Series(verb, dtype=object),
            "ts_ns": signed(calls["ts_ns"]),
            "goid": signed(calls["goid"]),
            "sent_bytes": np.where(np.isin(number, SENDING), result, 0),
            "received_bytes": np.where(np.isin(number, RECEIVING), result, 0),
        }
    )
    # A file that is opened is read by other calls: both are one row.
    frame["verb"] = frame["verb"].replace("open", "read")
    groups = frame.groupby(["run", "host", "verb"], sort=False, as_index=False)
    return groups.agg(
        {"ts_ns": "min", "goid": "first", "sent_bytes": "sum", "received_bytes": "sum"}
    )
