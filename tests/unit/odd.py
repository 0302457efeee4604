"""A capture as anyone may make it: random records of every kind, metadata of any type."""

from tests.unit.captures import rows_of
from whowoke.analysis.capture import schema
from whowoke.analysis.capture.reader import CaptureWriter

METADATA = {
    "pid": 42,
    "start_ns": 10**15,
    "name": ["a", 1],
    "command": {"a": 1},
    "sites": [{"probe": "x"}, 7],
    "hits": "no",
    "modules": {"k8s.io/client-go": 7},
    "missing": [1],
    "sockets": [1, {"peer": 3}],
    "hosts": [3],
    "clocks": "x",
    "bpf_cost": {"share": "x"},
    "clock_monotonic_ns": 5,
    "clock_realtime_ns": -5,
}


def write_odd(path):
    with CaptureWriter(path) as writer:
        writer.metadata(METADATA)
        writer.strings({number: f"name {number}" for number in range(4)})
        for seed, record in enumerate(schema.RECORDS):
            rows = rows_of(record, 12, seed)
            for name in {"goid", "namespace", "object_name", "host", "path"} & {*rows.dtype.names}:
                rows[name] %= 4
            writer.records(record, rows)
