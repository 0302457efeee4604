"""A day of an idle operator, from the file to the verdict."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests import fixtures
from tests.bench.observers import fresh
from tests.bench.rounds import status_kb
from tests.bench.rows import Row, keyed
from tests.bench.stage import Stage
from tests.bench.targets import UnavailableError

HOURS = (1, 6, 24)
REPLAY = "tests.day.replay"
LONGEST_S = 300.0
# More isn't let be taken: the machine has other things to do.
MOST_MB = 4000.0
SAMPLED_S = 0.05
KB = 1024


@dataclass(frozen=True)
class Verdict:
    """One `whowoke explain`."""

    hours: int
    size_mb: float
    seconds: float
    rss_mb: float


def measure(stage: Stage) -> list[Row]:
    """The recorded minute, replayed to an hour, six and a day, each explained."""
    if not (fixtures.ROOT / "tests" / "day" / "replay.py").exists():
        return _missing(f"{REPLAY} isn't there")
    source = stage.long_recording.recording.path
    rows: list[Row] = []
    for hours in HOURS:
        output = fresh(stage.folder / f"day-{hours}.whowoke")
        try:
            found = _explained(source, hours, output)
        except UnavailableError as err:
            return [*rows, *_missing(str(err))]
        finally:
            output.unlink(missing_ok=True)
        rows.append(Row("day", f"{hours} h: the file", found.size_mb, "MB"))
        if hours < HOURS[-1]:
            rows.append(Row("day", f"{hours} h: file to verdict", found.seconds, "s"))
            rows.append(Row("day", f"{hours} h: most memory", found.rss_mb, "MB"))
    return [
        *rows,
        keyed("day_verdict_s", found.seconds, what="24 h: file to verdict"),
        keyed("day_rss_mb", found.rss_mb, what="24 h: most memory"),
    ]


def _missing(why: str) -> list[Row]:
    return [keyed("day_verdict_s", None, note=why), keyed("day_rss_mb", None, note=why)]


def _explained(source: Path, hours: int, output: Path) -> Verdict:
    replay = [sys.executable, "-m", REPLAY, str(source), str(hours), str(output)]
    done = subprocess.run(replay, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise UnavailableError(f"the replay failed: {done.stderr.strip()[-200:]}")
    size_mb = output.stat().st_size / 1e6
    explain = [sys.executable, "-m", "whowoke.tracer", "explain", str(output)]
    start, most_kb = time.monotonic(), 0
    # What wait4 tells of the peak has the memory of the process that forked it: asked meanwhile.
    with subprocess.Popen(explain, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as popen:
        while popen.poll() is None:
            most_kb = max(most_kb, status_kb(popen.pid, "VmHWM"))
            seconds, rss_mb = time.monotonic() - start, most_kb * KB / 1e6
            if seconds > LONGEST_S or rss_mb > MOST_MB:
                popen.kill()
                raise UnavailableError(f"{hours} h: ended at {seconds:.0f} s and {rss_mb:.0f} MB")
            time.sleep(SAMPLED_S)
        assert popen.stderr is not None
        said = popen.stderr.read().decode("utf-8", "replace").strip()
    if popen.returncode not in (0, 4):
        raise UnavailableError(f"explain failed: {said[-200:]}")
    return Verdict(hours, size_mb, seconds, rss_mb)
