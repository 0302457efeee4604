"""What is taken off when a recording costs too much: which programs together, and in which order.

Probes of tiers 1 to 3 are those of ``probes.toml``. What is recorded without a probe has a tier as
well: a busy program makes many system calls and switches, and they tell least of what it does.
"""

from typing import NamedTuple

WALKS, THREADS, CALLS = 0, 4, 5
PROBES = (1, 2, 3)
COUNT = 6
# What runs at each place that is probed, and goes on with the program that the place is for.
HIT_PROGRAM = "on_hit"
# Of tracepoints that cost next to nothing.
ALWAYS = -1
# Calls and switches, reads and requests, who woke whom, and what says which timer and reconcile.
ORDER = (CALLS, THREADS, 3, 2, 1)


class Tracepoints(NamedTuple):
    """``cost_ns`` is what a record costs the target, ``bare_ns`` what is only looked at."""

    programs: tuple[str, ...]
    cost_ns: int
    bare_ns: int


# Measured on Linux 6.18, AMD EPYC, on write, getppid and two threads that wake each other; other
# processors need down to half of it. A call passes both of its programs.
TRACEPOINTS = {
    CALLS: Tracepoints(("on_sys_enter", "on_sys_exit"), 900, 280),
    THREADS: Tracepoints(("on_sched_switch", "on_sched_waking"), 700, 0),
}


def hit_program(tier: int) -> str:
    """As it is loaded for a tier; what the kernel tells of it is told of all that it calls."""
    return f"{HIT_PROGRAM}_{tier}"


def of_tracepoint(program: str) -> int:
    """The tier of a program that isn't a probe's."""
    return next((n for n, kind in TRACEPOINTS.items() if program in kind.programs), ALWAYS)
