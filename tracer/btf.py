"""Where a field of a kernel struct lies, from the kernel's own type information.

Format: Documentation/bpf/btf.rst, struct btf_header and btf_type (Linux 6.18). Nothing is parsed
but the struct that is asked for: its record is found by the offset of its name.
"""

import struct
from functools import cache
from pathlib import Path

import numpy as np

from whowoke.analysis.errors import UnsupportedError

VMLINUX = Path("/sys/kernel/btf/vmlinux")
_MAGIC = 0xEB9F
_KIND_STRUCT = 4
_MEMBER_WORDS = 3


def _unsupported(reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"the kernel's type information cannot be used: {reason}",
        f"use a kernel with CONFIG_DEBUG_INFO_BTF: it has {VMLINUX}",
    )


@cache
def field_offsets(
    struct_name: str, fields: tuple[str, ...], path: Path = VMLINUX
) -> dict[str, int]:
    """Byte offsets of ``fields`` in a struct of this kernel; UnsupportedError without BTF."""
    try:
        data = path.read_bytes()
    except OSError as err:
        raise _unsupported(f"{err.strerror}") from None
    try:
        return _find(data, struct_name, fields)
    except (struct.error, ValueError):
        raise _unsupported("it is damaged") from None


def _find(data: bytes, struct_name: str, fields: tuple[str, ...]) -> dict[str, int]:
    magic, _, _, header, types_at, types_size, strings_at, strings_size = struct.unpack_from(
        "<HBBIIIII", data
    )
    if magic != _MAGIC:
        raise _unsupported("unknown format")
    strings = data[header + strings_at : header + strings_at + strings_size]
    words = np.frombuffer(data, "<u4", types_size // 4, header + types_at)
    name_offset = strings.find(b"\0" + struct_name.encode() + b"\0") + 1
    # Offset 0 is that of structs without a name.
    for index in np.flatnonzero(words[:-2] == name_offset) if name_offset else ():
        info = int(words[index + 1])
        if info >> 24 & 0x1F != _KIND_STRUCT:
            continue
        count = info & 0xFFFF
        members = words[index + 3 : index + 3 + count * _MEMBER_WORDS]
        found = _members(members, strings, bool(info >> 31))
        if all(field in found for field in fields):
            return {field: found[field] for field in fields}
    raise _unsupported(f"no {struct_name} with {', '.join(fields)}")


def _members(words: np.ndarray, strings: bytes, has_bit_fields: bool) -> dict[str, int]:
    found = {}
    for name_at, _, position in words.reshape(-1, _MEMBER_WORDS).tolist():
        bits = position & 0xFFFFFF if has_bit_fields else position
        if name_at < len(strings):
            found[strings[name_at : strings.index(b"\0", name_at)].decode()] = bits // 8
    return found
