"""The worst case, two goroutines that wake each other as fast as they can, and the budget."""

import time
from statistics import median

from tests.bench.observers import fresh
from tests.bench.rounds import Spread, cpu_ns
from tests.bench.rows import Row, measured
from tests.bench.stage import Stage
from tests.bench.targets import Watched, pingpong
from tests.recording import Recording, recording

ROUNDS = 3
BEFORE_S, AFTER_S, STEP_S = 2.0, 6.0, 0.1
# The speed is back when it has been this share of the median before.
BACK = 0.5
OVER = "over budget"


def measure(stage: Stage) -> list[Row]:
    """Rounds of: two seconds alone, then six with a recording that begins."""
    told_s: list[float] = []
    back_s: list[float] = []
    slowest: list[float] = []
    after_pct: list[float] = []
    taken_off: dict[str, None] = {}
    for _ in range(stage.rounds(ROUNDS)):
        with pingpong(stage.folder) as target:
            before = _speed(target, BEFORE_S)
            with recording(target.pid, fresh(stage.folder / "worst.whowoke")) as running:
                steps = _steps(target, AFTER_S)
        alone = median(before)
        start_ns = int(running.capture.metadata["start_ns"])
        slow = [(ts_ns - start_ns) / 1e9 for ts_ns, speed in steps if speed < BACK * alone]
        back_s.append(max(slow, default=0.0))
        slowest.append(100 * min(speed for _, speed in steps) / alone)
        settled = [speed for ts_ns, speed in steps[-20:]]
        after_pct.append(100 * median(settled) / alone)
        times = _told(running, start_ns, taken_off)
        told_s.append(max(times, default=0.0))
    note = "; ".join(taken_off) or "nothing was taken off"
    return [
        measured(
            "worst", "until the last was taken off (goal ≤ 2 s)", Spread.of(told_s), "s", note=note
        ),
        measured(
            "worst", f"until the last 0.1 s below {BACK:.0%} of its speed", Spread.of(back_s), "s"
        ),
        measured("worst", "slowest 0.1 s, of its speed alone", Spread.of(slowest), "%"),
        measured("worst", "speed afterwards, of its speed alone", Spread.of(after_pct), "%"),
    ]


def _speed(target: Watched, seconds: float) -> list[float]:
    return [speed for _, speed in _steps(target, seconds)]


def _steps(target: Watched, seconds: float) -> list[tuple[int, float]]:
    """Exchanges for each second of CPU, in steps: a busy machine takes CPU, not speed."""
    found = []
    end = time.monotonic() + seconds
    work, spent_ns = target.work(), cpu_ns(target.pid)
    while time.monotonic() < end:
        time.sleep(STEP_S)
        work_now, spent_now_ns = target.work(), cpu_ns(target.pid)
        if work_now > work:
            speed = (work_now - work) / (spent_now_ns - spent_ns)
            found.append((time.monotonic_ns(), speed))
            work, spent_ns = work_now, spent_now_ns
    return found


def _told(running: Recording, start_ns: int, taken_off: dict[str, None]) -> list[float]:
    """When something was taken off, in seconds since all was attached; what goes into the dict."""
    losses = running.capture.losses
    rows = losses[losses.kind.str.startswith(OVER)]
    for kind in rows.kind:
        taken_off[str(kind).removeprefix(f"{OVER}: ")] = None
    return [(int(ts_ns) - start_ns) / 1e9 for ts_ns in rows.ts_ns]
