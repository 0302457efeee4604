"""A whole Go executable of 8 KiB: three functions, an inlined call, and all that describes them.

Position independent, so that its pointers are relocations. Formats: those of the readers in
``tracer/``; Go 1.26's layout.
"""

import struct

TEXT, DATA = 0x401000, 0x402000  # addresses; file offsets are 0x1000 and 0x2000
TEXT_AT, DATA_AT = 0x1000, 0x2000
HEADER, MODULE, FUNC = 72, 41 * 8, 44
NAMES = b"main.(*R).Reconcile\0runtime.(*timer).unlockAndRun\0main.leaf\0main.inlined\0"
FILES = b"/src/main.go\0/src/proc.go\0"
MODULES = (
    "path\texample.test/op\nmod\texample.test/op\t(devel)\t\n"
    "dep\tsigs.k8s.io/controller-runtime\tv0.24.1\th1:x=\n"
    "dep\tk8s.io/client-go\tv0.36.0\th1:x=\n=>\t../client-go\tv0.0.0\t\n"
    'build\t-trimpath=true\nbuild\t"-ld flags"="-s -w"\n'
)
# cmp rsp, [r14+16]; jbe; push rbp; mov rbp, rsp; call leaf; pop rbp; ret; call; jmp
MAIN = bytes.fromhex("493b6610 760c 55 4889e5 e823000000 90 5d c3 e809000000 ebe7") + b"\xcc" * 7
SYSMON = bytes.fromhex("4883ec18 e809000000 ff10 4883c418 c3") + b"\xcc" * 2
LEAF = bytes.fromhex("48ffc0 c3 cccccccc")


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def _text(text: bytes) -> bytes:
    return _varint(len(text)) + text


class Image:
    """The file, and the offset and size of each field that a reader may look at."""

    def __init__(self) -> None:
        self.fields: list[tuple[int, int]] = []
        self.data = bytearray()
        self.code = MAIN + SYSMON + LEAF
        self.relocations: list[tuple[int, int]] = []
        info = self._build_info()
        self.types = self._add(self._types(), 4)
        self.gofunc = self._add(struct.pack("<BxxxiiiBxxxiii", 0, 60, 9, 4, 0, 60, 10, 4), 4)
        header = self._table()
        notes = self._add(struct.pack("<III", 4, 8, 3) + b"GNU\0" + b"buildid!", 4)
        rela, dynamic = self._dynamic()
        self.raw = self._file(info, header, notes, rela, dynamic)

    # ------------------------------------------------------------ parts of the data segment

    def _add(self, raw: bytes, size: int, pointers: dict[int, int] | None = None) -> int:
        """Append bytes of fields of ``size`` bytes; returns their address."""
        self.data += bytes(-len(self.data) % 16)
        at = len(self.data)
        self.fields += [(DATA_AT + at + o, size) for o in range(0, len(raw) - size + 1, size)]
        self.relocations += [(DATA + at + offset, to) for offset, to in (pointers or {}).items()]
        self.data += raw
        return DATA + at

    def _build_info(self) -> int:
        frame = bytes(16)
        text = b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + _text(b"go1.26.8")
        return self._add(text + _text(frame + MODULES.encode() + frame), 1)

    def _types(self) -> bytes:
        descriptor = struct.pack("<QQIBBBBQQii", 16, 8, 0, 2, 8, 8, 25, 0, 0, 96, 0)
        return descriptor.ljust(96, b"\0") + b"\0" + _text(b"*main.Thing") + bytes(20)

    def _table(self) -> int:
        """The pclntab and, behind it, the module data that confirms it."""
        tables = (
            self._values((10, 4), (11, 28)),  # lines of the first function
            self._values((7, 64)),  # lines of the others
            self._values((0, 64)),  # files
            self._values((-1, 10), (0, 8), (-1, 14)),  # what is inlined
        )
        values = b"\0" + b"".join(tables)
        line, other, files, inline = (
            1 + sum(map(len, tables[:number])) for number in range(len(tables))
        )
        entries = (0, len(MAIN), len(MAIN) + len(SYSMON))
        index = 8 * len(entries) + 4 + 4
        funcs, starts = b"", b""
        for number, (entry, name) in enumerate(zip(entries, (0, 20, 50), strict=True)):
            starts += struct.pack("<II", entry, index + len(funcs))
            pcln = line if number == 0 else other
            funcs += struct.pack(
                "<IiiIIIIIIiBBBB", entry, name, 0, 0, 0, files, pcln, 3, 0, 5, 0, 0, 0, 4
            )
            tree = 0 if number == 0 else 0xFFFFFFFF
            funcs += struct.pack("<IIIIIII", 0, 0, inline if number == 0 else 0, 0, 0, 0, tree)
        functions = starts + struct.pack("<II", len(self.code), 0) + funcs
        parts = [NAMES, struct.pack("<II", 0, 13), FILES, values, functions]
        raw, offsets = b"", []
        for part in parts:
            raw += bytes(-len(raw) % 8)
            offsets.append(HEADER + len(raw))
            raw += part
        start = struct.pack("<IHBBQQQ", 0xFFFFFFF1, 0, 1, 8, len(entries), 2, TEXT)
        header = self._add(start + struct.pack("<5Q", *offsets) + raw, 4)
        self._module(header, [header + o for o in offsets], [len(p) for p in parts], len(entries))
        return header

    def _values(self, *steps: tuple[int, int]) -> bytes:
        """A value table of (value, bytes of code)."""
        out, last = b"", -1
        for value, size in steps:
            change = value - last
            out += _varint(change << 1 if change >= 0 else (-change << 1) - 1) + _varint(size)
            last = value
        return out + b"\0"

    def _module(self, header: int, tables: list[int], sizes: list[int], count: int) -> None:
        words = [0] * 41
        words[0] = header
        for at, table, size in zip((1, 4, 7, 10, 13), tables, sizes, strict=True):
            words[at : at + 3] = [table, size // 4 if at == 4 else size, size]
        words[16:19] = [tables[4], count + 1, count + 1]
        words[20:24] = [TEXT, TEXT + len(self.code), TEXT, TEXT + len(self.code)]
        words[37:39] = [self.types, self.types + 130]
        words[40] = self.gofunc
        # The pointer to the header is found by its relocation only.
        pointers = {0: header}
        words[0] = 0
        self._add(struct.pack("<41Q", *words), 8, pointers)

    def _dynamic(self) -> tuple[int, tuple[int, int]]:
        rows = b"".join(struct.pack("<QQQ", at, 8, to) for at, to in self.relocations)
        rela = self._add(rows, 8)
        dynamic = struct.pack("<8Q", 7, rela, 8, len(rows), 9, 24, 0, 0)
        return rela, (self._add(dynamic, 8), len(dynamic))

    # ------------------------------------------------------------ the file

    def _file(
        self, info: int, header: int, notes: int, rela: int, dynamic: tuple[int, int]
    ) -> bytes:
        at = DATA_AT - DATA
        size = len(self.data)
        segments = (
            (1, 5, TEXT_AT, TEXT, len(self.code)),
            (1, 6, DATA_AT, DATA, size),
            (4, 4, notes + at, notes, 24),
            (2, 6, dynamic[0] + at, *dynamic),
        )
        names = b"\0.go.buildinfo\0.gopclntab\0.shstrtab\0"
        table = (DATA_AT + size + 63) // 64 * 64
        text = table + 64 * 4
        sections = (
            (0, 0, 0, 0, 0),
            (1, 1, info, info + at, 64),
            (15, 1, header, header + at, rela - header),
            (26, 3, 0, text, len(names)),
        )
        raw = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
            *("<HHIQQQIHHHHHH", 3, 62, 1, TEXT, 64, table, 0, 64, 56, len(segments), 64),
            *(len(sections), 3),
        )
        for kind, flags, offset, vaddr, length in segments:
            raw += struct.pack("<IIQQQQQQ", kind, flags, offset, vaddr, 0, length, length, 8)
        self.fields += [(16, 2), (18, 2), (24, 8), (32, 8), (40, 8), (54, 2), (56, 2), (60, 2)]
        self.fields += [(offset, 8) for offset in range(64, len(raw), 8)]
        self.fields += [(table + o, 8) for o in range(0, 256, 8)]
        raw = raw.ljust(TEXT_AT, b"\0") + self.code
        raw = raw.ljust(DATA_AT, b"\0") + self.data
        raw = raw.ljust(table, b"\0")
        for name, kind, vaddr, offset, length in sections:
            raw += struct.pack("<IIQQQQIIQQ", name, kind, 0, vaddr, offset, length, 0, 0, 1, 0)
        return raw + names
