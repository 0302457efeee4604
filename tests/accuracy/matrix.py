"""The version matrix: the same few sources, built with each version of Go and of the libraries."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests import fixtures, versions
from tests.accuracy import judge
from tests.accuracy.judge import Lines, Tally
from tests.accuracy.truth import Source, Wakes
from tests.recording import recording
from whowoke.analysis.capture.reader import Capture
from whowoke.analysis.output.outputs import analyse

PERIOD_S = 1.5
PLAIN_SECONDS = 6
PLAIN_BEFORE_NS = 70_000_000  # less than the shortest period of versions/plain
TICKER = Wakes("operator", "operator.ticker", "timer", marks=True)
RESYNC = Wakes("client-go", "informer.resync", "timer", at=f"about {PERIOD_S}s")
MECHANISMS: dict[str, tuple[str, tuple[Wakes, ...]]] = {
    "requeue": ("requeue.after", ()),
    "resync": ("informer.resync", (RESYNC,)),
    "ticker": ("operator.ticker", (TICKER,)),
}
# A plain controller's own AddRateLimited doesn't tell whether there was an error.
PLAIN_MECHANISMS = MECHANISMS | {"error": ("requeue.rate_limited", ())}
# Cause of each kind of timer in versions/plain/kinds.go.
KINDS = {
    "early": "operator.ticker",
    "ticker": "operator.ticker",
    "timer": "operator.timer",
    "reset": "operator.timer",
    "after": "operator.timer",
    "context": "operator.timer",
    "function": "operator.timer",
    "deadline": "operator.timer",
    "sleep": "operator.sleep",
}


def sources(build: versions.Build) -> Iterator[Source]:
    """What is recorded of a build with a work queue: one operator for each mechanism."""
    of_client_go = build.template == "clientgo"
    for mechanism, (cause, wakes) in (PLAIN_MECHANISMS if of_client_go else MECHANISMS).items():
        yield Source(
            name=f"{build.name}-{mechanism}",
            program=f"versions/{build.template}",
            wakes=wakes,
            reconciles=cause,
            asks=mechanism == "requeue",
            period_s=PERIOD_S,
            warm_up_s=5 if mechanism == "error" else 0,
            arguments=(f"--mechanism={mechanism}",),
            objects=0 if of_client_go else 3,
            binary=build.binary,
            subject=build.subject,
        )


def record_plain(builds: Sequence[versions.Build], below: Path) -> None:
    """Record plain programs, all at the same time."""
    with ExitStack() as stack:
        programs, recorders = [], stack.enter_context(ExitStack())
        for build in builds:
            folder = below / build.name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            output = folder / "plain.out"
            running = fixtures.running_program([str(build.binary)], output, stdin=subprocess.PIPE)
            program = stack.enter_context(running)
            programs.append((program, output))
            _wait_line("ready", output)
        for build, (program, _) in zip(builds, programs, strict=True):
            try:
                recorders.enter_context(
                    recording(program.pid, below / build.name / "capture.whowoke")
                )
            except fixtures.FixtureError as error:
                print(f"{build.name}: {error}", file=sys.stderr)
        for program, _ in programs:
            _say(program)
        time.sleep(PLAIN_SECONDS)
        try:
            recorders.close()
        finally:
            for program, output in programs:
                _say(program)
                _wait_line("done", output)


def verdict_plain(folder: Path) -> Tally:
    """Open the diary of a plain program and compare."""
    text = (folder / "plain.out").read_text()
    start_ns = int(text.partition("start ")[2].split()[0])
    kinds = json.loads(text.partition("done ")[2].splitlines()[0])
    wakeups = analyse(Capture.open(folder / "capture.whowoke"))["wakeups"]
    seen = {kind: [at for at in told["seen_ns"] if at > start_ns] for kind, told in kinds.items()}
    timers = wakeups[(wakeups.kind == "timer") & (wakeups.ts_ns >= start_ns - PLAIN_BEFORE_NS)]
    # An expiry is seen a moment after its wake-up: the last one may be cut in two.
    end_ns = int(timers.ts_ns.max()) - PLAIN_BEFORE_NS
    tally = Tally()
    for kind, cause in KINDS.items():
        expected = Wakes("operator", cause, "timer", marks=True, continues=False, at="kind")
        lines = Lines(plain_marks(kind))
        within = [at for at in seen[kind] if at <= end_ns]
        moments = [(at - PLAIN_BEFORE_NS, at + judge.AFTER_NS) for at in within]
        own = timers.location.astype(str).str.endswith(tuple(sum(lines.marks.values(), ())))
        others = timers.location.astype(str).str.contains("/kinds.go:") & ~own
        tally += judge.at_moments(timers[~others], expected, moments, lines)
        fired = timers.ts_ns[own & timers.ts_ns.between(start_ns, end_ns)]
        extra = len(fired) - sum(at <= end_ns + PLAIN_BEFORE_NS for at in seen[kind])
        tally.add(judge.WRONG, f"{cause}, {kind}, too often", max(0, extra))
    return tally


def plain_marks(kind: str) -> dict[str, tuple[str, ...]]:
    """The lines of one kind of timer, by mark."""
    found: dict[str, list[str]] = {}
    path = versions.TEMPLATES / "plain" / "kinds.go"
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        for words, mark in (("arms", "arms"), ("waits for", "waits")):
            if line.endswith(f"// {words} {kind}"):
                found.setdefault(mark, []).append(f"/kinds.go:{number}")
    return {mark: tuple(lines) for mark, lines in found.items()}


def _wait_line(word: str, output: Path) -> None:
    def found() -> bool:
        return re.search(rf"(?m)^{word} .*\n", output.read_text()) is not None

    fixtures.wait_until(found, 20, f"the line {word}", None, output)


def _say(program: subprocess.Popen[bytes]) -> None:
    assert program.stdin is not None
    program.stdin.write(b"\n")
    program.stdin.flush()
