"""From what was found to what is recorded: one process, all that are meant, or who they are."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from whowoke.analysis.errors import UnsupportedError, UsageError, WhowokeError
from whowoke.tracer.finding.host import Host
from whowoke.tracer.finding.search import Found, Search
from whowoke.tracer.target import Target

MAX_AT_ONCE = 32
MAX_ROWS = 40
NOT_GO = "not Go"
COLUMNS = ("PID", "NAME", "CONTAINER", "POD", "STARTED", "GO")


class SeveralError(UsageError):
    """Several processes are meant where one is asked for; ``rows`` are a table of them."""

    def __init__(self, message: str, hint: str, rows: Sequence[str]) -> None:
        super().__init__(message, hint)
        self.rows = rows


def choose(search: Search, host: Host | None = None, at_most: int = MAX_AT_ONCE) -> list[Target]:
    """Open what is meant, ``at_most`` so many; SeveralError where that isn't clear, or too many."""
    selection, host = search.selection, host or Host()
    if selection.pids:
        return _open_all([(pid, None) for pid in dict.fromkeys(selection.pids)])
    found = search.all()
    go = [process for process in found if host.go_version(process.pid)]
    if not found:
        raise _none(search)
    if not go:
        raise UnsupportedError(
            f"no Go program is {selection.told}: {_several(found)}",
            "whowoke explains Go programs; look with ps at what these are",
        )
    if len(go) > 1 and (at_most == 1 or not selection.takes_all):
        raise SeveralError(
            f"{len(go)} processes are {selection.told}",
            f"choose one with -p PID{', or record them with --all' if at_most > 1 else ''}",
            table(found, host),
        )
    if len(go) > at_most:
        raise SeveralError(
            f"{len(go)} processes are {selection.told}, {at_most} can be recorded at once",
            "say more precisely which",
            table(found, host),
        )
    return _open_all([(process.pid, process.start_ticks) for process in go])


def table(found: Sequence[Found], host: Host) -> list[str]:
    """One line for each process: pid, name, container, pod, start, version of Go."""
    rows = [COLUMNS, *(_row(process, host) for process in found[:MAX_ROWS])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    more = len(found) - MAX_ROWS
    return [*lines, f"and {more} more"] if more > 0 else lines


def _row(process: Found, host: Host) -> tuple[str, ...]:
    who = process.identity
    pod = f"{who.namespace or '?'}/{who.pod}" if who.pod else who.pod_uid or "-"
    return (
        str(process.pid),
        process.command,
        who.container or who.container_id[:12] or "-",
        pod,
        _started(process.start_ticks),
        host.go_version(process.pid) or NOT_GO,
    )


def _started(start_ticks: int) -> str:
    """In UTC, to the second."""
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks / os.sysconf("SC_CLK_TCK")
    return datetime.fromtimestamp(time.time() - age_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _several(found: Sequence[Found]) -> str:
    names = ", ".join(f"{process.pid} ({process.command})" for process in found[:4])
    return names + (f" and {len(found) - 4} more" if len(found) > 4 else "")


def _none(search: Search) -> WhowokeError:
    selection = search.selection
    if not (selection.pod or selection.labels):
        return WhowokeError(
            f"no process is {selection.told}", "name its command or executable, or use -p PID"
        )
    hint = "is it on this machine? kubectl get pods -A -o wide says where"
    if search.api_error:
        hint = f"{hint}; {search.api_error}"
    elif not search.asks_api:
        hint = f"{hint}; with --kubeconfig FILE the Kubernetes API is asked, too"
    return WhowokeError(f"no process is {selection.told}", hint)


def _open_all(wanted: Sequence[tuple[int, int | None]]) -> list[Target]:
    """Open processes by pid and, where it is known, their start; two pids may be one process."""
    found: dict[int, Target] = {}
    try:
        for pid, start_ticks in wanted:
            target = Target.open(pid)
            if start_ticks is not None and target.start_ticks != start_ticks:
                raise WhowokeError(f"process {pid} has just ended", "try again")
            found.setdefault(target.pid, target)
    except BaseException:
        for target in found.values():
            target.close()
        raise
    return list(found.values())
