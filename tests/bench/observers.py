"""Who watches a program: whowoke and the tools that it is compared with."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests import fixtures
from tests.bench.targets import UnavailableError, Watched
from tests.bpftrace import bpftrace
from tests.recording import recording
from whowoke.tracer.plan import PlannedSite
from whowoke.tracer.program import Program
from whowoke.tracer.target import Target

ATTACH_S = 30
PERF_START_S = 1.5
ALL_ATTACHED_S = 1.0
EXTRA_S = 1.5

Observer = Callable[[Watched, Path, float], AbstractContextManager[None]]


@contextmanager
def alone(_: Watched, __: Path, ___: float) -> Iterator[None]:
    """Nobody."""
    yield


@contextmanager
def whowoke(target: Watched, folder: Path, _: float) -> Iterator[None]:
    """Us, with the default budget."""
    with recording(target.pid, fresh(folder / "watched.whowoke")):
        yield


@contextmanager
def whowoke_whole(target: Watched, folder: Path, _: float) -> Iterator[None]:
    """Us, with a budget of a whole CPU: nothing is taken off."""
    with recording(target.pid, fresh(folder / "watched.whowoke"), "--budget", "100%"):
        yield


@contextmanager
def bpftrace_entries(target: Watched, folder: Path, _: float) -> Iterator[None]:
    """Bpftrace on the entries of the functions that we probe; it only counts."""
    with bpftrace_at(target.pid, folder, *probed_functions(target.pid)):
        # It counts before it has attached all.
        time.sleep(ALL_ATTACHED_S)
        yield


@contextmanager
def strace(target: Watched, folder: Path, _: float) -> Iterator[None]:
    """`strace -f`, which writes to nowhere."""
    argv = ["strace", "-f", "-o", "/dev/null", "-p", str(target.pid)]
    said = folder / "strace.err"
    with _tool(argv, said):
        _wait_for("attached", said)
        yield


@contextmanager
def perf_trace(target: Watched, folder: Path, _: float) -> Iterator[None]:
    """`perf trace`, which writes a file."""
    seen = folder / "perf.out"
    argv = ["perf", "trace", "-o", str(seen), "-p", str(target.pid)]
    with _tool(argv, folder / "perf.err"):
        time.sleep(PERF_START_S)
        yield
    if not seen.exists() or not seen.stat().st_size:
        said = (folder / "perf.err").read_text(errors="replace").strip().splitlines()
        raise UnavailableError(f"perf trace saw nothing: {said[-1] if said else 'it said nothing'}")


@contextmanager
def go_trace(target: Watched, _: Path, seconds: float) -> Iterator[None]:
    """Go's own execution trace."""
    with target.traced(seconds + EXTRA_S):
        yield


OBSERVERS: dict[str, Observer] = {
    "alone": alone,
    "whowoke": whowoke,
    "whowoke, budget 100%": whowoke_whole,
    "bpftrace, same functions": bpftrace_entries,
    "strace -f": strace,
    "perf trace": perf_trace,
    "Go execution trace": go_trace,
}


@contextmanager
def bpftrace_at(pid: int, folder: Path, path: str, offsets: Sequence[int]) -> Iterator[None]:
    """Count hits of places in a program's file, which must be a stripped one."""
    # In a stripped file bpftrace takes what it is given for an offset in the file, and doesn't know
    # where instructions begin; we do.
    places = ",".join(f"uprobe:{path}:{offset:#x}" for offset in offsets)
    with bpftrace_counts(places, folder, "--unsafe", "-p", str(pid)):
        yield


@contextmanager
def bpftrace_counts(probes: str, folder: Path, *options: str) -> Iterator[None]:
    """Count what probes see; attached within the context, in which something must be seen."""
    need("bpftrace")
    script = f"{probes} {{ @ = count(); }} interval:ms:200 {{ print(@); }}"
    output = folder / "bpftrace.out"
    with bpftrace(script, output, *options):
        _wait_for("@: ", output, "ERROR: Error attaching")
        yield


def probed_functions(pid: int) -> tuple[str, list[int]]:
    """The program's file, and where in it the functions begin that we would probe."""
    with Target.open(pid) as target:
        sites = Program(target).plan.sites
        return target.executable, sorted({entry_offset(planned) for planned in sites})


def entry_offset(planned: PlannedSite) -> int:
    """Where in the file a probed function begins."""
    return planned.site.file_offset - planned.site.offset


def fresh(path: Path) -> Path:
    """The path, with nothing there: nor a ready file of a recording before."""
    path.unlink(missing_ok=True)
    path.with_suffix(".ready").unlink(missing_ok=True)
    return path


def need(tool: str) -> None:
    """UnavailableError where a tool isn't installed."""
    if shutil.which(tool) is None:
        raise UnavailableError(f"{tool} isn't installed")


@contextmanager
def _tool(argv: list[str], said: Path) -> Iterator[None]:
    need(argv[0])
    with fixtures.running_program(argv, said) as popen:
        yield
        if popen.poll() is not None:
            text = said.read_text(errors="replace").strip()
            raise UnavailableError(f"{argv[0]} ended early: {text[-200:]}")
        popen.send_signal(signal.SIGINT)
        try:
            popen.wait(ATTACH_S)
        except subprocess.TimeoutExpired:
            popen.kill()


def _wait_for(text: str, path: Path, failure: str = "") -> None:
    """Wait until a tool has said it; UnavailableError if it says the other, or nothing."""

    def said() -> str:
        told = path.read_text(errors="replace")
        if failure and failure in told:
            raise UnavailableError(f"{path.stem}: {told.strip().splitlines()[-1]}")
        return text if text in told else ""

    try:
        fixtures.wait_until(said, ATTACH_S, path.name)
    except fixtures.FixtureError as err:
        raise UnavailableError(str(err)) from None
