"""System calls as a table: which, on what descriptor, with whom."""

import numpy as np
import pandas as pd

from whowoke.analysis.rules.frames import Rows
from whowoke.analysis.tables.nullable import nullable
from whowoke.analysis.waking.peers import Peers

# Linux on amd64.
SYSCALLS = {
    0: "read",
    1: "write",
    3: "close",
    17: "pread64",
    24: "sched_yield",
    35: "nanosleep",
    42: "connect",
    44: "sendto",
    45: "recvfrom",
    61: "wait4",
    202: "futex",
    230: "clock_nanosleep",
    232: "epoll_wait",
    233: "epoll_ctl",
    247: "waitid",
    257: "openat",
    281: "epoll_pwait",
    288: "accept4",
    441: "epoll_pwait2",
}
# Their first argument is a descriptor.
DESCRIPTOR_CALLS = (0, 1, 3, 17, 42, 44, 45, 232, 233, 281, 288, 441)
# Their result is a number of bytes.
MOVING_CALLS = (0, 1, 17, 44, 45)
# An accepted connection has another descriptor than the call, a closed one no peer after it.
ACCEPT4, CLOSE = 288, 3


def syscalls(rows: Rows, peers: Peers) -> pd.DataFrame:
    """Finished system calls, of their records.

    Returns ``ts_ns``; ``duration_ns``; ``tid``; ``goroutine_id``; ``name``; ``fd`` (where it has
    one); ``peer`` (of that descriptor, of accept4 the one accepted); ``bytes`` (moved); ``result``.
    """
    number, goid, result = rows["number"], rows["goid"].astype(np.int64), rows["result"]
    names = {n: SYSCALLS.get(n, f"number {n}") for n in np.unique(number).tolist()}
    with_fd = np.isin(number, DESCRIPTOR_CALLS)
    about = np.where(number == ACCEPT4, result, rows["first"].astype(np.int64))
    ended = rows["ts_ns"] + np.where(number == CLOSE, -1, rows["duration_ns"].astype(np.int64))
    found = zip(with_fd.tolist(), about.tolist(), ended.tolist(), strict=True)
    return pd.DataFrame(
        {
            "ts_ns": rows["ts_ns"].astype(np.int64),
            "duration_ns": rows["duration_ns"].astype(np.int64),
            "tid": rows["tid"],
            "goroutine_id": nullable(goid, goid != 0),
            "name": [names[n] for n in number.tolist()],
            "fd": nullable(rows["first"].astype(np.int64), with_fd),
            "peer": [peers.address(fd, ts) or None if known else None for known, fd, ts in found],
            "bytes": nullable(result, np.isin(number, MOVING_CALLS) & (result >= 0)),
            "result": result,
        }
    )
