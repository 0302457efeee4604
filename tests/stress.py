"""Attach and detach on a busy operator, a thousand times: ``python -m tests.stress --rounds 1000``.

The operator collects garbage all the time and lets its stacks grow; it stops at the first check of
its own that fails, and so does this. Needs root and `make fixtures`.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from tests import survival
from whowoke.tracer.uprobes import WITHOUT, way

TOLD_EVERY = 100


def main() -> None:
    """Run as told; an exit code of 0 says that the operator passed all its checks."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000, metavar="COUNT")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--way", choices=("uprobe_multi", "perf"), default="uprobe_multi")
    options = parser.parse_args()
    if options.way == "perf":
        os.environ[WITHOUT] = "uprobe_multi"
    started_s = time.monotonic()

    def say(number: int, hits: int) -> None:
        if number % TOLD_EVERY == 0:
            print(f"{number} rounds, {hits:,} hits", flush=True)

    with (
        tempfile.TemporaryDirectory(prefix="whowoke-stress-") as folder,
        survival.survivor(Path(folder), "--children", "--pause=1ms") as running,
    ):
        hits = survival.attach_and_detach(running, options.rounds, say, options.seed)
        done = running.done()
    seconds = time.monotonic() - started_s
    checks = ", ".join(f"{count:,} {kind}" for kind, count in done.items() if count)
    print(f"{options.rounds} rounds ({way()}) in {seconds:.0f} s, {hits:,} hits; passed: {checks}")


if __name__ == "__main__":
    main()
