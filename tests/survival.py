"""A busy operator that checks itself (operators/survivor) while probes come and go."""

import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from tests import fixtures
from whowoke.tracer.compiling import compiled
from whowoke.tracer.engine import Engine
from whowoke.tracer.program import Program
from whowoke.tracer.target import Target

BREAKPOINT = b"\xcc"
LONGEST_S = 0.06
KINDS = ("stacks", "maps", "channels", "timers", "sockets", "reads", "reconciles")


@dataclass(frozen=True)
class Survivor:
    """The running program `survivor`: it ends at the first check that fails."""

    pid: int
    output: Path
    popen: "Popen[bytes]"

    def done(self) -> dict[str, int]:
        """How many checks of each kind it has passed."""
        assert self.popen.stdin is not None
        before = len(self._answers())
        self.popen.stdin.write(b"\n")
        self.popen.stdin.flush()
        answers = fixtures.wait_until(
            lambda: self._answers()[before:], 120, "survivor: an answer", self.popen, self.output
        )
        result: dict[str, int] = json.loads(answers[0])
        return result

    def assert_works(self, since: dict[str, int], kinds: Sequence[str] = KINDS) -> None:
        """It passes checks of each kind that it hadn't ``since``, and no error was printed."""

        def has_moved() -> bool:
            now = self.done()
            return all(now[kind] > since[kind] for kind in kinds)

        fixtures.wait_until(has_moved, 60, "survivor: each kind of check", self.popen, self.output)
        printed = [line for line in self.output.read_text().splitlines() if line]
        assert all(line.startswith(("ready ", "done ")) for line in printed), printed[-20:]

    def probed_bytes(self, sites: Sequence[int]) -> set[bytes]:
        """What lies in its memory at some addresses."""
        with Target.open(self.pid) as target:
            return {target.read_memory(address, 1) for address in sites}

    def _answers(self) -> list[str]:
        return re.findall(r"^done (.*)\n", self.output.read_text(), re.MULTILINE)


@contextmanager
def survivor(
    folder: Path, *arguments: str, stress: bool = True, program: str | None = None
) -> Iterator[Survivor]:
    """Run it, collecting garbage all the time under ``stress``; it has to end without an error."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "survivor.out"
    argv = [program or fixtures.program_path("survivor"), *arguments]
    # What the collector frees is overwritten, so that a lost reference is noticed.
    environment = os.environ | ({"GOGC": "1", "GODEBUG": "clobberfree=1"} if stress else {})
    options: dict[str, Any] = {"stdin": PIPE, "env": environment}
    with fixtures.running_program(argv, output, **options) as popen:
        running = Survivor(popen.pid, output, popen)
        fixtures.wait_until(
            lambda: "ready" in output.read_text(), 30, "survivor: ready", popen, output
        )
        yield running
        assert popen.poll() is None, output.read_text()[-4000:]
        assert popen.stdin is not None
        popen.stdin.close()
        assert popen.wait(60) == 0, output.read_text()[-4000:]


def attach_and_detach(
    running: Survivor, rounds: int, say: Callable[[int, int], None] | None = None, seed: int = 7
) -> int:
    """Put all probes on and take them off again, ``rounds`` times; returns how often they were hit.

    Every round must have been hit, and must leave no breakpoint in the program.
    """
    draw = random.Random(seed)
    with Target.open(running.pid) as target:
        program = Program(target)
        sites = [planned.site.address + program.bias for planned in program.plan.sites]
        before = running.done()
        with closing(Engine(program.plan, target)) as engine:
            engine.load(compiled(program.plan)[0])
            for number in range(1, rounds + 1):
                _round(engine, running, draw.uniform(0, LONGEST_S))
                assert BREAKPOINT not in running.probed_bytes(sites), f"round {number}"
                if say:
                    say(number, int(engine.hits().sum()))
            hits = int(engine.hits().sum())
    running.assert_works(before)
    return hits


def _round(engine: Engine, running: Survivor, seconds: float) -> None:
    before = int(engine.hits().sum())
    engine.attach()
    time.sleep(seconds)
    for ring in engine.rings.values():
        ring.drain()
    fixtures.wait_until(lambda: int(engine.hits().sum()) > before, 30, "a hit", running.popen)
    engine.detach(engine.attached)
