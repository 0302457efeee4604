"""How this kernel puts BPF programs on places of another program.

With a ``uprobe_multi`` link one link has all places of a program (Linux 6.6; for a process 6.10).
Older kernels have a ``perf`` event and a link for each place (Linux 5.15). Both cost the target the
same, and both are gone with the descriptors; but the kernel takes perf events off one at a time.
"""

import os
from collections.abc import Iterator
from functools import cache
from typing import Literal

from whowoke.analysis.errors import UnsupportedError
from whowoke.tracer import kernel

Way = Literal["uprobe_multi", "perf"]

WITHOUT = "WHOWOKE_WITHOUT"
# What the kernel waits for at each perf event that is closed: ARCHITECTURE.md has the measurement.
PERF_DETACH_S = 0.1
MULTI_DETACH_S = 0.1


@cache
def way() -> Way:
    """The way of this kernel; UnsupportedError if it has none, PermissionDeniedError if not for us.

    The environment variable ``WHOWOKE_WITHOUT=uprobe_multi`` leaves the newer one out, for tests.
    """
    if os.environ.get(WITHOUT) != "uprobe_multi" and kernel.has_uprobe_multi():
        return "uprobe_multi"
    if kernel.has_perf_uprobes():
        return "perf"
    raise UnsupportedError(
        "this kernel cannot link BPF programs to uprobes",
        "use Linux 5.15 or newer with CONFIG_UPROBE_EVENTS",
    )


def attach_type() -> int:
    """What programs are loaded for: one loaded for a kind of link cannot be linked otherwise."""
    return kernel.ATTACH_UPROBE_MULTI if way() == "uprobe_multi" else 0


def links(
    program_fd: int, path: str, offsets: list[int], cookies: list[int], pid: int
) -> Iterator[int]:
    """Put a program on all ``offsets`` in the file; descriptors that keep it there.

    The caller vouches for every offset: x86 accepts one inside an instruction and the target dies.
    """
    if way() == "uprobe_multi":
        yield kernel.link_uprobe_multi(program_fd, path, offsets, cookies, pid)
        return
    for offset, cookie in zip(offsets, cookies, strict=True):
        yield kernel.link_perf_uprobe(program_fd, path, offset, cookie, pid)


def detach_s(sites: int) -> float:
    """About how many seconds it takes to take that many probes off."""
    return MULTI_DETACH_S if way() == "uprobe_multi" else PERF_DETACH_S * sites
