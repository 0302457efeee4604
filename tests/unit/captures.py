"""Small captures for the tests of the capture file."""

import numpy as np

from whowoke.analysis.capture import schema
from whowoke.analysis.capture.reader import CaptureWriter, Frame, Loss

FIRE = schema.RECORD_BY_NAME["timer_fire"]
SYSCALL = schema.RECORD_BY_NAME["syscall"]
STACK = [
    Frame("main.(*Store).Get", "/src/store.go", 17),
    Frame("main.main", "/src/main.go", 5),
    Frame("do_syscall_64", "", 0),
]


def rows_of(record, count, seed=1):
    """Random rows, every bit of every field in use, times not quite in order."""
    rows = np.zeros(count, schema.record_dtype(record))
    random = np.random.default_rng(seed)
    for field in schema.HEADERS[record.ring] + record.fields:
        info = np.iinfo(field.dtype)
        rows[field.name] = random.integers(
            info.min, info.max, count, rows.dtype[field.name], endpoint=True
        )
    rows["ts_ns"] = 10**15 + np.arange(count) * 1000 + random.integers(0, 5000, count)
    return rows


def write_small(path):
    with CaptureWriter(path) as writer:
        writer.metadata({"pid": 42, "command": ["op", "--x"], "go": "1.26"})
        writer.strings({1: "default", 2**64 - 1: "näme\x00\ud800"})
        writer.stacks({7: STACK, 8: STACK[:1], 9: []})
        writer.symbols({0x401000: STACK[0]})
        writer.records(FIRE, rows_of(FIRE, 5))
        writer.flush()
        writer.losses([Loss(10**15, "threads", 3, 10**15 - 7)])
        writer.records(SYSCALL, rows_of(SYSCALL, 3))
        writer.metadata({"go": "1.27", "end": True})


def contents(capture):
    return (
        capture.metadata,
        capture.strings,
        capture.stacks,
        capture.symbols,
        capture.losses.to_dict("list"),
        [capture.records(name).tolist() for name in ("timer_fire", "syscall", "gc_start")],
    )
