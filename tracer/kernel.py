"""The system calls bpf(2) and perf_event_open(2), which Python has no functions for.

Numbers and layouts: include/uapi/linux/bpf.h and perf_event.h of Linux 6.18, x86-64.
"""

import ctypes
import errno
import mmap
import os
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from whowoke.analysis.errors import PermissionDeniedError, WhowokeError
from whowoke.tracer.compiled import MapShape

_LIBC = ctypes.CDLL(None, use_errno=True)

_SYS_PERF_EVENT_OPEN = 298
_SYS_BPF = 321

_MAP_CREATE = 0
_MAP_UPDATE = 2
_PROG_LOAD = 5
_PROG_TEST_RUN = 10
_OBJ_GET_INFO_BY_FD = 15
_RAW_TRACEPOINT_OPEN = 17
_LINK_CREATE = 28
_ENABLE_STATS = 32
_STATS_RUN_TIME = 0

PROG_KPROBE = 2
PROG_RAW_TRACEPOINT = 17
_ATTACH_PERF_EVENT = 41
ATTACH_UPROBE_MULTI = 48

_UPROBE_TYPE = Path("/sys/bus/event_source/devices/uprobe/type")
_PERF_FLAG_CLOEXEC = 8
_PERF_DISABLED = 1
_PERF_ATTRIBUTES = 128
# Names of BPF objects are cut to this; the log of one refused program.
_NAME = 15
_VERIFIER_LOG = 1 << 16
# "r0 = 0; exit", and the same behind a load of the fourth argument.
RETURN_0 = bytes.fromhex("b700000000000000 9500000000000000")
_READ_FOURTH = bytes.fromhex("7910180000000000") + RETURN_0


def _check(result: int, what: str) -> int:
    if result >= 0:
        return result
    number = ctypes.get_errno()
    reason = f"{what}: {os.strerror(number)}"
    if number in (errno.EPERM, errno.EACCES):
        raise PermissionDeniedError(reason, "run as root, or see: whowoke doctor")
    raise WhowokeError(reason, "see: whowoke doctor")


def _call(command: int, layout: str, *values: int | bytes) -> int:
    attributes = bytearray(144)
    struct.pack_into("<" + layout, attributes, 0, *values)
    buffer = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    return int(_LIBC.syscall(_SYS_BPF, command, buffer, struct.calcsize("<" + layout)))


def _bpf(command: int, layout: str, *values: int | bytes, what: str) -> int:
    return _check(_call(command, layout, *values), what)


def map_rows(fd: int, dtype: npt.DTypeLike, count: int) -> npt.NDArray[np.void]:
    """The first ``count`` values of a mapped array (BPF_F_MMAPABLE): no system call to read it.

    Where a program counts in it, only single fields may be written.
    """
    size = -(-count * np.dtype(dtype).itemsize // mmap.PAGESIZE) * mmap.PAGESIZE
    mapped = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    return np.frombuffer(mapped, dtype, count)


def create_map(shape: MapShape) -> int:
    """A map of that shape; its descriptor."""
    return _bpf(
        _MAP_CREATE,
        "IIIIIII16s",
        *(shape.kind, shape.key_size, shape.value_size, shape.entries, shape.flags, 0, 0),
        shape.name[:_NAME].encode(),
        what=f"making the BPF map {shape.name}",
    )


def map_update(fd: int, key: int, value: bytes) -> None:
    """Set the value of a map with 4-byte keys."""
    key_buffer = ctypes.c_uint32(key)
    value_buffer = ctypes.create_string_buffer(value, len(value))
    addresses = (ctypes.addressof(key_buffer), ctypes.addressof(value_buffer))
    _bpf(_MAP_UPDATE, "IIQQQ", fd, 0, *addresses, 0, what="writing a BPF map")


def _object_info(fd: int, size: int) -> bytes:
    info = ctypes.create_string_buffer(size)
    _bpf(
        _OBJ_GET_INFO_BY_FD,
        "IIQ",
        fd,
        size,
        ctypes.addressof(info),
        what="asking about a BPF object",
    )
    return info.raw


def map_shape(fd: int, name: str) -> MapShape:
    """What a map was made with: the start of ``bpf_map_info``, behind type and id."""
    kind, _, *sizes = struct.unpack_from("<6I", _object_info(fd, 80))
    return MapShape(name, kind, *sizes)


class Runs(NamedTuple):
    """What the kernel knows of a program; ``run_ns`` and ``runs`` count while statistics are on.

    ``missed`` are runs that were skipped: ``recursion_misses`` of ``bpf_prog_info``.
    """

    run_ns: int
    runs: int
    missed: int


def program_runs(fd: int) -> Runs:
    """How often and how long a program ran."""
    return Runs(*struct.unpack_from("<3Q", _object_info(fd, 224), 192))


def enable_statistics() -> int:
    """Let the kernel measure the run time of all programs (Linux 5.8) until this is closed."""
    return _bpf(_ENABLE_STATS, "I", _STATS_RUN_TIME, what="asking for statistics of BPF programs")


def link_raw_tracepoint(program_fd: int, name: str) -> int:
    """Attach to a raw tracepoint by name; a descriptor to close for detaching."""
    buffer = ctypes.create_string_buffer(name.encode())
    address = ctypes.addressof(buffer)
    what = f"attaching tracepoint {name}"
    return _bpf(_RAW_TRACEPOINT_OPEN, "QI", address, program_fd, what=what)


def link_uprobe_multi(
    program_fd: int, path: str, offsets: list[int], cookies: list[int], pid: int
) -> int:
    """One uprobe_multi link (Linux 6.6; with a pid 6.10) for all ``offsets`` in the file."""
    return _check(_uprobe_multi(program_fd, path, offsets, cookies, pid), "attaching uprobes")


def _uprobe_multi(
    program_fd: int, path: str, offsets: list[int], cookies: list[int], pid: int
) -> int:
    count = len(offsets)
    offset_array = (ctypes.c_uint64 * count)(*offsets)
    cookie_array = (ctypes.c_uint64 * count)(*cookies)
    path_buffer = ctypes.create_string_buffer(os.fsencode(path))
    values = (
        *(program_fd, 0, ATTACH_UPROBE_MULTI, 0),
        *(ctypes.addressof(path_buffer), ctypes.addressof(offset_array), 0),
        *(ctypes.addressof(cookie_array), count, 0, pid),
    )
    return _call(_LINK_CREATE, "IIIIQQQQIII", *values)


def link_perf_uprobe(program_fd: int, path: str, offset: int, cookie: int, pid: int) -> int:
    """A perf event at ``offset`` in the file with a link (Linux 5.15), which keeps the event."""
    event = _check(_perf_uprobe(path, offset, pid), "attaching a uprobe")
    try:
        values = (program_fd, event, _ATTACH_PERF_EVENT, 0, cookie)
        return _bpf(_LINK_CREATE, "IIIIQ", *values, what="linking a uprobe")
    finally:
        os.close(event)


def _perf_uprobe(path: str, offset: int, pid: int) -> int:
    """Open it disabled: the program runs all the same, and no switch of a thread counts it."""
    path_buffer = ctypes.create_string_buffer(os.fsencode(path))
    attributes = bytearray(_PERF_ATTRIBUTES)
    struct.pack_into("<II", attributes, 0, int(_UPROBE_TYPE.read_text()), _PERF_ATTRIBUTES)
    struct.pack_into("<Q", attributes, 40, _PERF_DISABLED)
    struct.pack_into("<QQ", attributes, 56, ctypes.addressof(path_buffer), offset)
    buffer = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    any_cpu, no_group = -1, -1
    return int(
        _LIBC.syscall(_SYS_PERF_EVENT_OPEN, buffer, pid, any_cpu, no_group, _PERF_FLAG_CLOEXEC)
    )


def load_program(name: str, kind: int, instructions: bytes, attach_type: int = 0) -> int:
    """Load a program; its descriptor. What the verifier says against it is in the error."""
    code = ctypes.create_string_buffer(instructions, len(instructions))
    licence = ctypes.create_string_buffer(b"GPL")

    def load(log: int, level: int) -> int:
        values = (
            *(kind, len(instructions) // 8, ctypes.addressof(code), ctypes.addressof(licence)),
            *(level, _VERIFIER_LOG if log else 0, log, 0, 0, name[:_NAME].encode(), 0, attach_type),
        )
        return _call(_PROG_LOAD, "IIQQIIQII16sII", *values)

    program = load(0, 0)
    if program < 0 and ctypes.get_errno() not in (errno.EPERM, errno.ENOMEM):
        number, log = ctypes.get_errno(), ctypes.create_string_buffer(_VERIFIER_LOG)
        load(ctypes.addressof(log), 1)
        said = log.value.decode("utf-8", "replace").strip().splitlines()[-3:]
        raise WhowokeError(
            f"the kernel refuses the program {name}: {os.strerror(number)} {' / '.join(said)}",
            "see: whowoke doctor",
        )
    return _check(program, f"loading the BPF program {name}")


def run_raw_tracepoint(fd: int) -> None:
    """Run a raw tracepoint's program once, as if its tracepoint was passed."""
    _bpf(_PROG_TEST_RUN, "I60x", fd, what="running a BPF program")


def has_uprobe_multi() -> bool:
    """Whether a uprobe_multi link may be for a process.

    Linux 6.6 to 6.9 take a link's pid for one thread's. Those that know better refuse a negative
    one first (EINVAL), and only then the path (EBADF): bpf_uprobe_multi_link_attach,
    kernel/trace/bpf_trace.c since commit 46ba0e49b642; libbpf asks the same way.
    """
    try:
        program = load_program("", PROG_KPROBE, RETURN_0, ATTACH_UPROBE_MULTI)
    except PermissionDeniedError:
        raise
    except WhowokeError:
        return False
    try:
        answers = [
            ctypes.get_errno() if _uprobe_multi(program, "/", [0], [0], pid) < 0 else 0
            for pid in (0, 0xFFFFFFFF)
        ]
    finally:
        os.close(program)
    return answers == [errno.EBADF, errno.EINVAL]


def has_perf_uprobes() -> bool:
    """Whether perf events may be uprobes and may be linked; PermissionDeniedError if not by us."""
    if not _UPROBE_TYPE.exists():
        return False
    # No program is called "/": what is refused before that is the right to ask.
    if _perf_uprobe("/", 0, os.getpid()) < 0 and ctypes.get_errno() in (errno.EPERM, errno.EACCES):
        _check(-1, "attaching a uprobe by a perf event")
    program = load_program("", PROG_KPROBE, RETURN_0)
    try:
        linked = _call(_LINK_CREATE, "IIIIQ", program, 0xFFFFFFFF, _ATTACH_PERF_EVENT, 0, 0)
        return linked < 0 and ctypes.get_errno() == errno.EBADF
    finally:
        os.close(program)


def has_switch_state() -> bool:
    """Whether the tracepoint sched_switch tells the state of the thread that goes (Linux 5.18).

    The kernel attaches no program that reads more arguments than a tracepoint has.
    """
    program = load_program("", PROG_RAW_TRACEPOINT, _READ_FOURTH)
    try:
        os.close(link_raw_tracepoint(program, "sched_switch"))
    except PermissionDeniedError:
        raise
    except WhowokeError:
        return False
    finally:
        os.close(program)
    return True
