"""Records the golden captures anew: build/venv/bin/python -m tests.golden.record

The expected results follow with WHOWOKE_UPDATE_GOLDEN=1 pytest tests/unit/test_golden.py.
"""

import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests import fixtures

FOLDER = Path(__file__).resolve().parent
OPERATORS = ("requeue", "resync", "ticker")
PERIOD, SECONDS = "2s", "16s"


def main() -> None:
    """Run the demo operators from a temporary folder, so that no path of this tree is recorded."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="golden-")))
        cluster = stack.enter_context(fixtures.cluster(folder))
        recorders = []
        for name in OPERATORS:
            program = Path(shutil.copy(fixtures.PROGRAMS / name, folder / name))
            running = stack.enter_context(fixtures.operator(program, cluster, period=PERIOD))
            argv = [sys.executable, "-m", "whowoke.tracer.cli", "record", "-p", str(running.pid)]
            argv += ["-d", SECONDS, "--force", "-o", str(FOLDER / f"{name}.whowoke")]
            recorders.append(subprocess.Popen(argv))
        for recorder in recorders:
            recorder.wait(120)


if __name__ == "__main__":
    main()
