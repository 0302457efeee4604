"""The capture's file format: a header, then chunks of {kind, detail, length, CRC-32, zstd payload}.

Everything read here is untrusted: each size is checked before memory is taken for it, and every
defect is a ``ChunkError``. Numbers of chunk kinds are stored: never renumber one, a retired one
leaves a hole.

What is gathered is written in one chunk ``BATCH``: of blocks {kind, detail, length} each of which
has what a chunk of that kind would hold. Headers, names and texts are small so, where a second of
an idle operator is ten kinds of a few rows.

A recording of several processes has a part for each. A chunk ``PART`` says by its detail which part
the chunks behind it belong to; those before the first one belong to part 0.

A file of an older format is read: 1 has no parts, 1 and 2 no batches, no dictionary and no constant
columns (``compression.py``, ``rows.py``).
"""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import zstandard

from whowoke.analysis.capture.compression import Compressor, decompress
from whowoke.analysis.capture.rows import ChunkError
from whowoke.analysis.texts import plain, printable

__all__ = ["ChunkError"]

MAGIC = b"WHOWOKE\0"
FORMAT_VERSION = 3
MAX_PARTS = 256
FILE_HEADER = struct.Struct("<8sI")
CHUNK_HEADER = struct.Struct("<HHIII")
BLOCK_HEADER = struct.Struct("<HHI")
MAX_PAYLOAD = 16 << 20
MAX_TEXT, MAX_FRAMES = 1 << 14, 4096
MAX_BLOCKS = 256
MAX_I8 = (1 << 63) - 1

_CHECKED = struct.Struct("<HHII")


class Kind(IntEnum):
    """What a chunk holds."""

    METADATA = 1
    STRINGS = 2
    STACKS = 3
    SYMBOLS = 4
    RECORDS = 5
    LOSSES = 6
    END = 7
    LOGS = 8
    PART = 9
    BATCH = 10


TEXTS = (Kind.STRINGS, Kind.STACKS, Kind.SYMBOLS)
# What a batch may have: one chunk of each would do for all else.
IN_BATCHES = (*TEXTS, Kind.RECORDS)


class Frame(NamedTuple):
    """One function of a stack; ``file`` is empty and ``line`` 0 where they are not known."""

    function: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Loss:
    """``count`` records of ``kind`` that were lost up to ``ts_ns`` (CLOCK_MONOTONIC).

    And after ``since_ns``, when they were last counted; None in captures that don't tell it.
    """

    ts_ns: int
    kind: str
    count: int
    since_ns: int | None = None


class ChunkHeader(NamedTuple):
    """``length`` bytes follow that decompress to ``raw_length``; ``detail`` is the record kind."""

    kind: int
    detail: int
    length: int
    raw_length: int
    crc: int


class Block(NamedTuple):
    """Part of a batch: ``raw`` is what a chunk of that kind and detail would hold."""

    kind: int
    detail: int
    raw: bytes


def pack(kind: int, detail: int, raw: bytes, compressor: Compressor) -> bytes:
    """One whole chunk; ValueError where the payload is larger than a reader takes."""
    if len(raw) > MAX_PAYLOAD:
        raise ValueError(f"chunk of {len(raw)} bytes, {MAX_PAYLOAD} are the most")
    payload = compressor.compress(raw)
    checked = (kind, detail, len(payload), len(raw))
    return CHUNK_HEADER.pack(*checked, checksum(*checked, payload)) + payload


def unpack(header: ChunkHeader, payload: bytes) -> bytes:
    """The decompressed payload, exactly ``raw_length`` bytes; ChunkError if it isn't that."""
    try:
        return decompress(payload, header.raw_length)
    except (ValueError, zstandard.ZstdError) as err:
        raise ChunkError(str(err)) from None


def is_intact(header: ChunkHeader, payload: bytes) -> bool:
    """Whether the CRC over header and payload fits."""
    return checksum(*header[:4], payload) == header.crc


def checksum(kind: int, detail: int, length: int, raw_length: int, payload: bytes) -> int:
    """CRC-32 over a chunk's header and payload."""
    return zlib.crc32(payload, zlib.crc32(_CHECKED.pack(kind, detail, length, raw_length)))


def encode_batch(blocks: Iterable[Block]) -> bytes:
    """Block after block, each behind its kind, detail and length."""
    return b"".join(
        BLOCK_HEADER.pack(block.kind, block.detail, len(block.raw)) + block.raw for block in blocks
    )


def decode_batch(raw: bytes) -> list[Block]:
    """The blocks of a batch, no more than ``MAX_BLOCKS``."""
    blocks, position = list[Block](), 0
    while position < len(raw):
        if len(blocks) == MAX_BLOCKS:
            raise ChunkError(f"more than {MAX_BLOCKS} blocks in a batch")
        blocks.append(block_at(raw, position))
        position += BLOCK_HEADER.size + len(blocks[-1].raw)
    return blocks


def block_at(raw: bytes, position: int) -> Block:
    """The block of a batch that begins there."""
    start = position + BLOCK_HEADER.size
    if start > len(raw):
        raise ChunkError("a block of a batch is cut")
    kind, detail, length = BLOCK_HEADER.unpack_from(raw, position)
    if start + length > len(raw) or kind not in IN_BATCHES:
        raise ChunkError(f"block of kind {kind} and {length} bytes in a batch")
    return Block(kind, detail, raw[start : start + length])


def blocks_of(kind: int, detail: int, raw: bytes) -> list[Block]:
    """What a chunk holds: a batch its blocks, any other itself."""
    return decode_batch(raw) if kind == Kind.BATCH else [Block(kind, detail, raw)]


def encode_object(value: Mapping[str, Any]) -> bytes:
    """A JSON object, ASCII, so that any text survives; numpy's scalars become plain numbers."""
    text = json.dumps(value, separators=(",", ":"), default=np.generic.item)
    return text.encode("ascii")


def decode_object(raw: bytes) -> dict[str, Any]:
    """The JSON object; ChunkError if it isn't one."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as err:
        raise ChunkError(f"no JSON: {err}") from None
    if not isinstance(value, dict):
        raise ChunkError("no JSON object")
    return value


def decode_metadata(raw: bytes) -> dict[str, Any]:
    """What the recorder says of itself, made ``plain``."""
    try:
        value: dict[str, Any] = plain(decode_object(raw))
    except RecursionError:
        raise ChunkError("metadata too deep") from None
    return value


def encode_strings(texts: Mapping[int, str]) -> bytes:
    """``{hash: text}`` as JSON, hashes in hexadecimal."""
    return encode_object({f"{key:x}": text for key, text in texts.items()})


def decode_strings(raw: bytes) -> dict[int, str]:
    """``{hash: text}``."""
    return {_number(key): _text(text) for key, text in decode_object(raw).items()}


def encode_stacks(stacks: Mapping[int, Iterable[Frame]]) -> bytes:
    """Each frame once, stacks as lists of indices."""
    index: dict[Frame, int] = {}
    lists = {
        f"{key:x}": [index.setdefault(frame, len(index)) for frame in frames]
        for key, frames in stacks.items()
    }
    return encode_object({"frames": list(index), "stacks": lists})


def decode_stacks(raw: bytes) -> dict[int, list[Frame]]:
    """``{hash: frames}``, innermost first."""
    value = decode_object(raw)
    try:
        frames = [_frame(item) for item in value["frames"]]
        return {
            _number(key): [frames[_index(i)] for i in indices[:MAX_FRAMES]]
            for key, indices in value["stacks"].items()
        }
    except (KeyError, IndexError, TypeError, AttributeError) as err:
        raise ChunkError(f"stacks: {err!r}") from None


def encode_symbols(symbols: Mapping[int, Frame]) -> bytes:
    """``{address: frame}`` as JSON, addresses in hexadecimal."""
    return encode_object({f"{key:x}": frame for key, frame in symbols.items()})


def decode_symbols(raw: bytes) -> dict[int, Frame]:
    """``{address: frame}``."""
    return {_number(key): _frame(item) for key, item in decode_object(raw).items()}


def encode_losses(losses: Iterable[Loss]) -> bytes:
    """Rows of time, kind, count and, where it is known, since when, as JSON."""
    rows = []
    for loss in losses:
        since = [] if loss.since_ns is None else [loss.since_ns]
        rows.append([loss.ts_ns, loss.kind, loss.count, *since])
    return encode_object({"losses": rows})


def decode_losses(raw: bytes) -> list[Loss]:
    """The rows; ChunkError if one isn't time, kind and count, and perhaps since when."""
    rows = decode_object(raw).get("losses")
    if not isinstance(rows, list):
        raise ChunkError("no losses")
    out = []
    for row in rows:
        if not isinstance(row, list) or len(row) not in (3, 4):
            raise ChunkError(f"no loss: {row!r:.80}")
        since = _index(row[3]) if len(row) == 4 else None
        out.append(Loss(_index(row[0]), _text(row[1]), _index(row[2]), since))
    return out


def _number(key: str) -> int:
    try:
        value = int(key, 16)
    except ValueError:
        raise ChunkError(f"no hash: {key!r:.80}") from None
    if not 0 <= value < 1 << 64:
        raise ChunkError("a hash has 64 bits")
    return value


def _index(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= MAX_I8:
        raise ChunkError(f"no count: {value!r:.80}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ChunkError(f"no text: {value!r:.80}")
    return printable(value[:MAX_TEXT])


def _frame(item: object) -> Frame:
    if not isinstance(item, list) or len(item) != 3:
        raise ChunkError(f"no frame: {item!r:.80}")
    return Frame(_text(item[0]), _text(item[1]), _index(item[2]))
