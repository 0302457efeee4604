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
# A compiler on an emulated processor.
READY_S = 300
END_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")
WHOWOKE = (sys.executable, "-m", "whowoke.tracer")


def main() -> None:
    """Record each operator for the same time, from when its recorder is ready.

    Their compilers take turns, for they take long on an emulated processor.
    """
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whowoke-scene-")))
        cluster = stack.enter_context(fixtures.cluster(state))
        recorders = {}
        for name in OPERATORS:
            running = fixtures.operator(name, cluster, period=f"{PERIOD_S}s", objects=OBJECTS)
            pid = stack.enter_context(running).pid
            ready = state / f"{name}.ready"
            argv = [*WHOWOKE, "record", "-p", str(pid), "-d", f"{SECONDS}s", "--force"]
            argv += ["-o", str(folder / f"{name}.whowoke"), "--ready-file", str(ready)]
            popen = recorders[name] = subprocess.Popen([*END_WITH_US, *argv])
            fixtures.wait_until(ready.exists, READY_S, f"the recorder of {name}", popen)
        codes = {name: popen.wait(READY_S) for name, popen in recorders.items()}
    if any(codes.values()):
        sys.exit(f"exit codes of the recorders: {codes}")
    for name in OPERATORS:
        explain(folder / f"{name}.whowoke", folder / f"{name}.json")


def is_recorded(folder: Path) -> bool:
    """Whether ``main`` has left everything there."""
    return all((folder / f"{name}.json").exists() for name in OPERATORS)


def explain(capture: Path, output: Path) -> None:
    """What whowoke says of a capture, as JSON."""
    with output.open("w") as file:
        subprocess.run([*WHOWOKE, "explain", str(capture), "--json"], check=True, stdout=file)


if __name__ == "__main__":
    main()
