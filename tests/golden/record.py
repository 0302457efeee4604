"""Records golden captures anew: build/venv/bin/python -m tests.golden.record [--into DIR] [NAME…]

``batched`` is one of requeue, in capture format 3: the others show that older ones are read.
The expected results follow with WHOWOKE_UPDATE_GOLDEN=1 pytest tests/unit/test_golden.py, what
pages show with WHOWOKE_UPDATE_DOCS=1 pytest tests/unit/test_python_page.py and test_typed.py.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests import demo, fixtures, redis_server

FOLDER = Path(__file__).resolve().parent
OPERATORS = ("requeue", "resync", "ticker", "poller")
PERIOD, SECONDS = "2s", 16


def main() -> None:
    """Run operators from a temporary folder, so that no path of this tree is recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("operators", nargs="*", default=OPERATORS)
    parser.add_argument("--into", type=Path, default=FOLDER, metavar="DIR")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="golden-")))
        cluster = stack.enter_context(fixtures.cluster(folder))
        running = {}
        for name in asked.operators:
            arguments = []
            if name in demo.NEED_DATABASE:
                redis = stack.enter_context(redis_server.running_redis(folder / "redis"))
                arguments = [f"--database={redis.address}"]
            program = Path(shutil.copy(fixtures.PROGRAMS / name, folder / name))
            running[name] = stack.enter_context(
                fixtures.operator(program, cluster, period=PERIOD, arguments=arguments)
            )
        recorders = {}
        with demo.disturbed(cluster, running, SECONDS / 2):
            for name, operator in running.items():
                argv = [*demo.WHOWOKE, "record", "-p", str(operator.pid), "-d", f"{SECONDS}s"]
                argv += ["--force", "-o", str(asked.into / f"{name}.whowoke")]
                recorders[name] = subprocess.Popen(argv)
            failed = [name for name, recorder in recorders.items() if recorder.wait(120)]
    if failed:
        sys.exit(f"recording failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
