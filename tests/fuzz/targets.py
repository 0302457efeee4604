"""All targets by name: each takes any bytes, and ends soon without an error."""

from collections.abc import Callable, Mapping

from tests.fuzz import binary, captures, logs, memory, processes

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "elf": binary.elf,
    "sites": binary.sites,
    "values": binary.values,
    "types": binary.types,
    "timers": memory.timers,
    "informers": memory.informers,
    "proc": processes.proc,
    "sockets": processes.sockets,
    "logs": logs.logs,
    "capture": captures.capture,
    "analysis": captures.analysis,
}
