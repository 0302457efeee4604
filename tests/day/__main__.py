"""How long a verdict takes and how much memory, of a capture replayed for 1, 6 and 24 hours:

build/venv/bin/python -m tests.day CAPTURE [HOURS …]

The last line is JSON: ``day_verdict_s`` and ``day_rss_mb`` of the longest.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from whowoke.analysis.errors import DataIncompleteError

REPLAY = (sys.executable, "-m", "tests.day.replay")
EXPLAIN = (sys.executable, "-m", "whowoke.tracer", "explain", "--json")
# The other one says that records are missing, as they may be in what is replayed.
ENDINGS = (0, DataIncompleteError.exit_code)


def measure(path: Path) -> tuple[float, float, float]:
    """Seconds that pass, CPU seconds and the most megabytes of ``whowoke explain``."""
    began = time.monotonic()
    with open(os.devnull, "w") as nothing:
        argv = [*EXPLAIN, str(path)]
        actions = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), 1)]
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in ENDINGS:
        sys.exit(f"explain of {path} ended with {os.waitstatus_to_exitcode(status)}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return time.monotonic() - began, cpu_s, usage.ru_maxrss / 1024


def main() -> None:
    """Replay, explain, print."""
    source, *hours = sys.argv[1:]
    print(f"{'hours':>6} {'MB file':>8} {'seconds':>8} {'CPU s':>7} {'MB RSS':>7}", flush=True)
    last: dict[str, float] = {}
    for text in hours or ("1", "6", "24"):
        with tempfile.TemporaryDirectory(prefix="day-") as folder:
            path = Path(folder) / "day.whowoke"
            # In a child: the peak of the next one counts what this process ever had.
            subprocess.run([*REPLAY, source, text, str(path)], check=True, stdout=sys.stderr)
            size = path.stat().st_size / 1e6
            seconds, cpu_s, rss_mb = measure(path)
        print(f"{text:>6} {size:8.1f} {seconds:8.1f} {cpu_s:7.1f} {rss_mb:7.0f}", flush=True)
        last = {"day_verdict_s": round(seconds, 1), "day_rss_mb": round(rss_mb)}
    print(json.dumps(last))


if __name__ == "__main__":
    main()
