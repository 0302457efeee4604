"""Records anew what README.md and the pages show: python -m tests.shown [demo] [restart].

``demo`` are the three operators of ``make demo``, ``restart`` is a pod that is restarted, with the
log of its operator. The pages follow with WHOWOKE_UPDATE_DOCS=1 pytest tests/unit/test_typed.py.
"""

import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

from tests import containers, fixtures
from tests.recording import WHOWOKE

FOLDER = fixtures.ROOT / "docs" / "captures"
RECORD = (*WHOWOKE, "record", "--force")
OPERATORS = ("requeue", "resync", "ticker")
PERIOD, SECONDS = "15s", 70
RESTARTED, FIRST_S, SECOND_S = "5s", 8, 30
JSON_LOG = ("--zap-encoder=json", "--zap-log-level=5", "--zap-time-encoding=rfc3339nano")
SAYS = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "op-0", "POD_NAMESPACE": "shop"}


def main() -> None:
    """Run operators from a temporary folder, so that no path of this tree is recorded."""
    FOLDER.mkdir(exist_ok=True)
    asked = sys.argv[1:] or ["demo", "restart"]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shown-")))
        cluster = stack.enter_context(fixtures.cluster(folder))
        if "demo" in asked:
            _demo(folder, cluster)
        if "restart" in asked:
            _restart(folder, cluster)


def _demo(folder: Path, cluster: fixtures.Cluster) -> None:
    with ExitStack() as stack:
        recorders: list[list[str]] = []
        for name in OPERATORS:
            program = Path(shutil.copy(fixtures.PROGRAMS / name, folder / name))
            running = fixtures.operator(program, cluster, period=PERIOD)
            pid, path = stack.enter_context(running).pid, FOLDER / f"{name}.whowoke"
            recorders.append([*RECORD, "-p", str(pid), "-d", f"{SECONDS}s", "-o", str(path)])
        for process in [subprocess.Popen(argv) for argv in recorders]:
            process.wait(SECONDS + 120)


def _restart(folder: Path, cluster: fixtures.Cluster) -> None:
    """One recording of both; the log is that of the second."""
    program = Path(shutil.copy(fixtures.PROGRAMS / "requeue", folder / "requeue"))
    path, uid = FOLDER / "restart.whowoke", str(uuid.uuid4())
    argv = [*RECORD, "--pod", "shop/op-0", "-o", str(path)]
    ready = folder / "ready"
    argv += ["-d", f"{FIRST_S + SECOND_S}s", "--ready-file", str(ready)]
    with containers.pods(folder) as pods, ExitStack() as stack:

        def started(number: int) -> fixtures.Operator:
            wrapped = pods.wrapped(folder / str(number), program, uid, containers.new_id())
            # Its metrics aren't asked for: that would wake it.
            running = fixtures.operator(
                wrapped, cluster, period=RESTARTED, objects=0, arguments=JSON_LOG, environment=SAYS,
                log_name=f"restart-{number}",
            )  # fmt: skip
            return stack.enter_context(running)

        first = started(1)
        time.sleep(FIRST_S)
        recorder = subprocess.Popen(argv)
        fixtures.wait_until(ready.exists, 120, "all probes attached")
        time.sleep(FIRST_S)
        first.stop()
        second = started(2)
        recorder.wait(120)
        shutil.copy(second.log, FOLDER / "restart.log")


if __name__ == "__main__":
    main()
