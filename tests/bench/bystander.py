"""What a recording costs other processes: their system calls.

The least that it can cost is shown beside it: two programs on the same tracepoints that do nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from statistics import median

from tests.bench.observers import bpftrace_counts, fresh, perf_trace, strace
from tests.bench.rounds import Spread, differences
from tests.bench.rows import Row, keyed, measured
from tests.bench.stage import Stage
from tests.bench.targets import Loops, UnavailableError, Watched, loops, nothing
from tests.recording import recording
from whowoke.tracer import kernel

ROUNDS = 5
SECONDS = 1.0
CALLS = 10_000
EVERY = "50ms"
# Alone, the slowest window may be so many times the fastest.
UNSTEADY = 1.5
ALONE, OURS, NOTHING = "alone", "whowoke", "a pair of programs that do nothing"
TRACEPOINTS = ("sys_enter", "sys_exit")
Watch = Callable[[], AbstractContextManager[object]]


def measure(stage: Stage) -> list[Row]:
    """Rounds of getppid in one process while somebody watches another one."""
    with (
        loops(stage.folder, "reset", 100, "100ms") as other,
        loops(stage.folder, "getppid", CALLS, EVERY) as bystander,
    ):
        calls_ns, missing = _rounds(stage, other, bystander)
    alone = Spread.of(calls_ns[ALONE])
    rows = [measured("bystander", "getppid, nobody watches", alone, "ns")]
    if alone.high > UNSTEADY * alone.low:
        why = "system calls took very different times without us: somebody else traces or works"
        return [*rows, keyed("bystander_syscall_ns", None, note=why)]
    for name, calls in calls_ns.items():
        if name == ALONE:
            continue
        what = f"getppid, {name} watches another process"
        if name == NOTHING:
            what = f"getppid, {name}"
        if name in missing:
            rows.append(Row("bystander", what, None, "ns", note=missing[name]))
            continue
        added = Spread.of(differences(calls_ns[ALONE], calls))
        if name == OURS:
            rows.append(keyed("bystander_syscall_ns", added, what=f"added: {what}"))
        else:
            rows.append(measured("bystander", f"added: {what}", added, "ns"))
    return rows


def _rounds(
    stage: Stage, other: Loops, bystander: Loops
) -> tuple[dict[str, list[float]], dict[str, str]]:
    folder, rounds = stage.folder, stage.rounds(ROUNDS)
    watched = Watched(other.pid, nothing, lambda _: nullcontext())
    watches: dict[str, Watch] = {
        ALONE: nullcontext,
        OURS: lambda: recording(other.pid, fresh(folder / "bystander.whowoke")),
        NOTHING: _empty_programs,
        "bpftrace": lambda: _bpftrace_calls(other.pid, folder),
        "strace -f": lambda: strace(watched, folder, SECONDS),
        "perf trace": lambda: perf_trace(watched, folder, SECONDS),
    }
    calls_ns: dict[str, list[float]] = {name: [] for name in watches}
    missing: dict[str, str] = {}
    for number in range(rounds + 1):
        for name, watch in watches.items():
            # One more alone: each has one before and one after it.
            if name in missing or (number == rounds and name != ALONE):
                continue
            try:
                with ExitStack() as stack:
                    stack.enter_context(watch())
                    calls = [call_ns for _, call_ns in bystander.bursts(SECONDS)]
                calls_ns[name].append(median(calls))
            except UnavailableError as err:
                missing[name] = str(err)
    return calls_ns, missing


@contextmanager
def _empty_programs() -> Iterator[None]:
    """Where every system call passes twice: the kernel runs them for all processes."""
    with ExitStack() as stack:
        for name in TRACEPOINTS:
            program = kernel.load_program(name, kernel.PROG_RAW_TRACEPOINT, kernel.RETURN_0)
            stack.callback(os.close, program)
            stack.callback(os.close, kernel.link_raw_tracepoint(program, name))
        yield


def _bpftrace_calls(pid: int, folder: Path) -> AbstractContextManager[None]:
    """The system calls of a process, counted as people do it."""
    return bpftrace_counts(f"tracepoint:raw_syscalls:sys_enter /pid == {pid}/", folder)
