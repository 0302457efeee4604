"""Names of Go types from their descriptors: internal/abi/type.go of Go 1.26.8.

``abi.Type`` has TFlag at 0x14 and Str, an offset from the module's ``types``, at 0x28, the same
since Go 1.17. A name is a byte of flags, its length as a varint, and the text.
"""

import struct

from whowoke.analysis.errors import UnsupportedError
from whowoke.analysis.texts import printable
from whowoke.tracer.elf import ElfFile
from whowoke.tracer.moduledata import ModuleData

_TYPE_SIZE = 48
_FLAG_AT = 0x14
_NAME_AT = 0x28
_EXTRA_STAR = 1 << 1
_MAX_NAME = 512


def type_name(elf: ElfFile, module: ModuleData, address: int) -> str:
    """Name of the type whose descriptor is at ``address`` as linked, empty where there is none."""
    if not module.types <= address < module.etypes - _TYPE_SIZE:
        return ""
    try:
        descriptor = elf.read_virtual(address, _TYPE_SIZE)
        (offset,) = struct.unpack_from("<i", descriptor, _NAME_AT)
        start = module.types + offset
        if not module.types <= start < module.etypes:
            return ""
        data = elf.read_virtual(start, min(_MAX_NAME, module.etypes - start))
    except UnsupportedError:
        return ""
    data = data.ljust(3, b"\0")
    length, at = data[1] & 0x7F, 2
    if data[1] & 0x80:
        length, at = length | (data[2] & 0x7F) << 7, 3
    name = printable(data[at : at + length].decode("utf-8", "replace"))
    return name.removeprefix("*") if descriptor[_FLAG_AT] & _EXTRA_STAR else name
