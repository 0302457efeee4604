"""What whowoke's own programs cost, as the kernel accounts it, on all CPUs and for all processes.

The kernel's clock around each run costs every program on the machine some 30 ns, so statistics are
on for a second at the beginning, and then for one in twenty.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from whowoke.analysis.errors import WhowokeError
from whowoke.tracer import kernel

ON_NS = 1_000_000_000
OFF_NS = 19_000_000_000


class Statistics:
    """Samples the run times of some programs; ``run_ns`` and ``runs`` are sums over the samples."""

    def __init__(self, programs: Mapping[str, int], enable: Callable[[], int]) -> None:
        """``programs`` are descriptors by name; statistics are on until ``enable``'s is closed."""
        self.run_ns = dict.fromkeys(programs, 0)
        self.runs = dict.fromkeys(programs, 0)
        self.sampled_ns = 0
        self._programs = programs
        self._enable = enable
        self._before: dict[str, kernel.Runs] = {}
        self._descriptor = -1
        self._since_ns = 0
        self._begun = False

    def step(self, now_ns: int) -> bool:
        """Begin or end a sample where it is time; whether one ended."""
        on = self._descriptor >= 0
        if self._begun and now_ns - self._since_ns < (ON_NS if on else OFF_NS):
            return False
        if on:
            self.end(now_ns)
        else:
            self._begin(now_ns)
        return on

    def end(self, now_ns: int) -> None:
        """End the sample that is running, if one is."""
        if self._descriptor < 0:
            return
        for name, descriptor in self._programs.items():
            after, before = kernel.program_runs(descriptor), self._before[name]
            self.run_ns[name] += after.run_ns - before.run_ns
            self.runs[name] += after.runs - before.runs
        self.sampled_ns += now_ns - self._since_ns
        os.close(self._descriptor)
        self._descriptor, self._since_ns = -1, now_ns

    def run_cost_ns(self, program: str) -> int | None:
        """Mean time of a run, None if none was seen."""
        runs = self.runs.get(program)
        return self.run_ns[program] // runs if runs else None

    def described(self) -> dict[str, Any]:
        """For the capture's metadata: ``share`` is of one CPU."""
        total_ns = sum(self.run_ns.values())
        return {
            "sampled_ns": self.sampled_ns,
            "share": round(total_ns / self.sampled_ns, 6) if self.sampled_ns else None,
            "programs": {
                name: {"run_ns": self.run_ns[name], "runs": runs}
                for name, runs in self.runs.items()
                if runs
            },
        }

    def _begin(self, now_ns: int) -> None:
        self._begun, self._since_ns = True, now_ns
        try:
            self._descriptor = self._enable()
        except WhowokeError:
            return
        self._before = {name: kernel.program_runs(fd) for name, fd in self._programs.items()}
