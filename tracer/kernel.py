"""The system call bpf(2), which Python has no function for.

Numbers and layouts: include/uapi/linux/bpf.h of Linux 6.18, x86-64.
"""

import ctypes
import errno
import mmap
import os
import struct

import numpy as np
import numpy.typing as npt

from whowoke.analysis.errors import PermissionDeniedError, WhowokeError

_LIBC = ctypes.CDLL(None, use_errno=True)

_SYS_BPF = 321

_MAP_UPDATE = 2
_OBJ_GET_INFO_BY_FD = 15
_RAW_TRACEPOINT_OPEN = 17
_LINK_CREATE = 28

ATTACH_UPROBE_MULTI = 48


def _check(result: int, what: str) -> int:
    if result >= 0:
        return result
    number = ctypes.get_errno()
    reason = f"{what}: {os.strerror(number)}"
    if number in (errno.EPERM, errno.EACCES):
        raise PermissionDeniedError(reason, "run as root, or see: whowoke doctor")
    raise WhowokeError(reason, "see: whowoke doctor")


def _bpf(command: int, layout: str, *values: int, what: str) -> int:
    attributes = bytearray(144)
    struct.pack_into("<" + layout, attributes, 0, *values)
    buffer = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    return _check(_LIBC.syscall(_SYS_BPF, command, buffer, struct.calcsize("<" + layout)), what)


def map_counters(fd: int, count: int) -> npt.NDArray[np.uint64]:
    """A mapped array of ``count`` 64-bit counters (BPF_F_MMAPABLE): reads need no system call."""
    size = -(-count * 8 // mmap.PAGESIZE) * mmap.PAGESIZE
    return np.frombuffer(mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ), "<u8", count)


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


def map_value_size(fd: int) -> int:
    """Bytes of a map's value: ``bpf_map_info.value_size``."""
    return int(struct.unpack_from("<I", _object_info(fd, 80), 12)[0])


def missed_runs(fd: int) -> int:
    """How often a program was skipped: ``bpf_prog_info.recursion_misses``."""
    return int(struct.unpack_from("<Q", _object_info(fd, 224), 208)[0])


def link_raw_tracepoint(program_fd: int, name: str) -> list[int]:
    """Attach to a raw tracepoint by name; descriptors to close for detaching."""
    buffer = ctypes.create_string_buffer(name.encode())
    address = ctypes.addressof(buffer)
    return [
        _bpf(_RAW_TRACEPOINT_OPEN, "QI", address, program_fd, what=f"attaching tracepoint {name}")
    ]


def link_uprobes(
    program_fd: int, path: str, offsets: list[int], cookies: list[int], pid: int
) -> list[int]:
    """One uprobe_multi link (Linux 6.6; with a pid 6.10) for all ``offsets`` in the file.

    The caller vouches for every offset: x86 accepts one inside an instruction and the target dies.
    """
    count = len(offsets)
    offset_array = (ctypes.c_uint64 * count)(*offsets)
    cookie_array = (ctypes.c_uint64 * count)(*cookies)
    path_buffer = ctypes.create_string_buffer(os.fsencode(path))
    values = (
        *(program_fd, 0, ATTACH_UPROBE_MULTI, 0),
        *(ctypes.addressof(path_buffer), ctypes.addressof(offset_array), 0),
        *(ctypes.addressof(cookie_array), count, 0, pid),
    )
    return [_bpf(_LINK_CREATE, "IIIIQQQQIII", *values, what="attaching uprobes")]
