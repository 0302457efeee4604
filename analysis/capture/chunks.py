"""The capture's file format: a header, then chunks of {kind, detail, length, CRC-32, zstd payload}.

Everything read here is untrusted: each size is checked before memory is taken for it, and every
defect is a ``ChunkError``. Numbers of chunk kinds, column types and encodings are stored: never
renumber one, a retired one leaves a hole.

A recording of several processes has a part for each. A chunk ``PART`` says by its detail which part
the chunks behind it belong to; those before the first one belong to part 0. A file gets format 2
with its first such chunk, so that a reader that would mix the parts up refuses it.
"""

import json
import struct
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import zstandard

from whowoke.analysis.capture import schema
from whowoke.analysis.texts import plain, printable

MAGIC = b"WHOWOKE\0"
FORMAT_VERSION = 2
FORMAT_OF_ONE_PART = 1
MAX_PARTS = 256
FILE_HEADER = struct.Struct("<8sI")
CHUNK_HEADER = struct.Struct("<HHIII")
MAX_PAYLOAD = 16 << 20
MAX_COLUMNS, MAX_TEXT, MAX_FRAMES = 64, 1 << 14, 4096
MAX_I8, MAX_TIME_NS = (1 << 63) - 1, 1 << 62

_OWN = threading.local()
_CHECKED = struct.Struct("<HHII")
_ROWS_HEADER = struct.Struct("<II")
_COLUMN_HEADER = struct.Struct("<BBB")
_COLUMN_TYPES = {1: "<u2", 2: "<u4", 3: "<u8", 4: "<i8"}
_COLUMN_DTYPES = {number: np.dtype(name) for number, name in _COLUMN_TYPES.items()}
_TYPE_NUMBERS = {dtype: number for number, dtype in _COLUMN_TYPES.items()}
_PLAIN, _DELTA_SHUFFLED, _SHUFFLED = 0, 1, 2
# Bytes of the same place side by side: measured 2.1 instead of 2.5 bytes a time, 2.3 instead of 2.9
# a duration, 0.5 instead of 0.8 a tid; addresses and hashes are 5 times smaller without.
_SHUFFLED_UNITS = ("ns", "tid")


class ChunkError(ValueError):
    """A chunk doesn't hold what it says: damaged, or made to do harm."""


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


def pack(kind: Kind, detail: int, raw: bytes, compressor: zstandard.ZstdCompressor) -> bytes:
    """One whole chunk; ValueError where the payload is larger than a reader takes."""
    if len(raw) > MAX_PAYLOAD:
        raise ValueError(f"chunk of {len(raw)} bytes, {MAX_PAYLOAD} are the most")
    payload = compressor.compress(raw)
    checked = (kind, detail, len(payload), len(raw))
    return CHUNK_HEADER.pack(*checked, checksum(*checked, payload)) + payload


def unpack(header: ChunkHeader, payload: bytes) -> bytes:
    """The decompressed payload, exactly ``raw_length`` bytes; ChunkError if it isn't that."""
    try:
        said = zstandard.get_frame_parameters(payload).content_size
        if said != header.raw_length:
            raise ChunkError(f"zstd frame of {said} bytes instead of {header.raw_length}")
        raw = _decompressor().decompress(payload, max_output_size=header.raw_length)
    except zstandard.ZstdError as err:
        raise ChunkError(str(err)) from None
    if len(raw) != header.raw_length:
        raise ChunkError(f"{len(raw)} bytes instead of {header.raw_length}")
    return raw


def _decompressor() -> zstandard.ZstdDecompressor:
    """One for each thread: making it takes longer than using it."""
    if not hasattr(_OWN, "decompressor"):
        _OWN.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_PAYLOAD)
    return _OWN.decompressor  # type: ignore[no-any-return]


def is_intact(header: ChunkHeader, payload: bytes) -> bool:
    """Whether the CRC over header and payload fits."""
    return checksum(*header[:4], payload) == header.crc


def checksum(kind: int, detail: int, length: int, raw_length: int, payload: bytes) -> int:
    """CRC-32 over a chunk's header and payload."""
    return zlib.crc32(payload, zlib.crc32(_CHECKED.pack(kind, detail, length, raw_length)))


def encode_rows(record: schema.Record, parts: list[np.ndarray]) -> bytes:
    """The rows column by column, ``ts_ns`` as differences."""
    fields = schema.HEADERS[record.ring] + record.fields
    out = [_ROWS_HEADER.pack(sum(len(part) for part in parts), len(fields))]
    for field in fields:
        column = np.concatenate([part[field.name] for part in parts])
        encoding = _SHUFFLED if field.unit in _SHUFFLED_UNITS else _PLAIN
        if field.name == "ts_ns":
            column, encoding = np.diff(column, prepend=column.dtype.type(0)), _DELTA_SHUFFLED
        data = column.astype(field.dtype, copy=False)
        if encoding != _PLAIN:
            data = data.view(np.uint8).reshape(len(data), -1).T
        name = field.name.encode()
        out.append(_COLUMN_HEADER.pack(_TYPE_NUMBERS[field.dtype], encoding, len(name)))
        out.append(name)
        out.append(data.tobytes())
    return b"".join(out)


@cache
def stored_dtype(record: schema.Record) -> np.dtype[np.void]:
    """What ``decode_rows`` returns: the record's named fields, without the ring's padding."""
    fields = schema.HEADERS[record.ring] + record.fields
    return np.dtype([(field.name, field.dtype) for field in fields])


def decode_rows(record: schema.Record, raw: bytes) -> np.ndarray:
    """Rows with the record's named fields; a field the capture doesn't have yet is 0."""
    if len(raw) < _ROWS_HEADER.size:
        raise ChunkError("no row count")
    count, columns = _ROWS_HEADER.unpack_from(raw)
    if columns > MAX_COLUMNS or not 0 < count * 8 <= len(raw):
        raise ChunkError(f"{count} rows of {columns} columns in {len(raw)} bytes")
    rows = np.zeros(count, stored_dtype(record))
    names = rows.dtype.names or ()
    position, has_time = _ROWS_HEADER.size, False
    for _ in range(columns):
        name, column, position = _decode_column(raw, position, count)
        if name in names:
            has_time |= name == "ts_ns"
            rows[name] = column
    if position != len(raw) or not has_time:
        raise ChunkError("columns don't fill the chunk, or have no time")
    if rows["ts_ns"].max() > MAX_TIME_NS:
        raise ChunkError("times that no clock has")
    return rows


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


def _decode_column(raw: bytes, position: int, count: int) -> tuple[str, np.ndarray, int]:
    if position + _COLUMN_HEADER.size > len(raw):
        raise ChunkError("a column is missing")
    number, encoding, name_length = _COLUMN_HEADER.unpack_from(raw, position)
    if number not in _COLUMN_TYPES or encoding > _SHUFFLED:
        raise ChunkError(f"column of type {number}, encoding {encoding}")
    position += _COLUMN_HEADER.size
    name = raw[position : position + name_length].decode("ascii", "replace")
    position += name_length
    dtype = _COLUMN_DTYPES[number]
    end = position + count * dtype.itemsize
    if end > len(raw):
        raise ChunkError(f"column {name!r} is cut")
    if encoding == _PLAIN:
        column = np.frombuffer(raw, dtype, count, position)
    else:
        data = np.frombuffer(raw, np.uint8, end - position, position)
        column = np.frombuffer(data.reshape(dtype.itemsize, count).T.tobytes(), dtype)
    if encoding == _DELTA_SHUFFLED:
        column = np.cumsum(column, dtype=dtype)
    return name, column, end


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
