"""Records the demo operators, on the host and in a guest alike: python -m tests.vm.scene FOLDER

Leaves NAME.whowoke and NAME.json, what explain says of it there.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests import fixtures

OPERATORS = ("requeue", "resync", "ticker")
PERIOD_S, SECONDS = 5, 60
OBJECTS = 3
# Three compilers at a time, on an emulated processor.
READY_S = 300
WHOWOKE = (sys.executable, "-m", "whowoke.tracer.cli")


def main() -> None:
    """Record all operators at the same time, each for the same time from its own start."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whowoke-scene-")))
        cluster = stack.enter_context(fixtures.cluster(state))
        recorders = {}
        for name in OPERATORS:
            running = fixtures.operator(name, cluster, period=f"{PERIOD_S}s", objects=OBJECTS)
            pid = stack.enter_context(running).pid
            argv = [*WHOWOKE, "record", "-p", str(pid), "-d", f"{SECONDS}s", "--force"]
            recorders[name] = subprocess.Popen([*argv, "-o", str(folder / f"{name}.whowoke")])
        codes = {name: popen.wait(READY_S + SECONDS) for name, popen in recorders.items()}
    if any(codes.values()):
        sys.exit(f"exit codes of the recorders: {codes}")
    for name in OPERATORS:
        explain(folder / f"{name}.whowoke", folder / f"{name}.json")


def explain(capture: Path, output: Path) -> None:
    """What whowoke says of a capture, as JSON."""
    with output.open("w") as file:
        subprocess.run([*WHOWOKE, "explain", str(capture), "--json"], check=True, stdout=file)


if __name__ == "__main__":
    main()
