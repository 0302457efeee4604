"""Rows of a record kind as bytes, column by column: a chunk of records, or part of a batch.

Each block names its columns, so it can be read by a version whose records have others. Numbers of
column types and encodings are stored: never renumber one, a retired one leaves a hole.
"""

import struct
from functools import cache

import numpy as np

from whowoke.analysis.capture import schema

MAX_COLUMNS = 64
MAX_TIME_NS = 1 << 62

_ROWS_HEADER = struct.Struct("<II")
_COLUMN_HEADER = struct.Struct("<BBB")
_COLUMN_TYPES = {1: "<u2", 2: "<u4", 3: "<u8", 4: "<i8"}
_COLUMN_DTYPES = {number: np.dtype(name) for number, name in _COLUMN_TYPES.items()}
_TYPE_NUMBERS = {dtype: number for number, dtype in _COLUMN_TYPES.items()}
_PLAIN, _DELTA_SHUFFLED, _SHUFFLED, _CONSTANT = 0, 1, 2, 3
# Bytes of the same place side by side: measured 2.1 instead of 2.5 bytes a time, 2.3 instead of 2.9
# a duration, 0.5 instead of 0.8 a tid; addresses and hashes are 5 times smaller without.
_SHUFFLED_UNITS = ("ns", "tid")


class ChunkError(ValueError):
    """A chunk doesn't hold what it says: damaged, or made to do harm."""


def encode_rows(record: schema.Record, parts: list[np.ndarray]) -> bytes:
    """The rows column by column, ``ts_ns`` as differences, a value that all rows have once."""
    fields = schema.HEADERS[record.ring] + record.fields
    out = [_ROWS_HEADER.pack(sum(len(part) for part in parts), len(fields))]
    for field in fields:
        column = np.concatenate([part[field.name] for part in parts])
        column = column.astype(field.dtype, copy=False)
        encoding, data = _encoded(field, column)
        name = field.name.encode()
        out.append(_COLUMN_HEADER.pack(_TYPE_NUMBERS[field.dtype], encoding, len(name)))
        out.append(name)
        out.append(data)
    return b"".join(out)


def _encoded(field: schema.Field, column: np.ndarray) -> tuple[int, bytes]:
    if field.name == "ts_ns":
        steps = np.diff(column, prepend=column.dtype.type(0))
        return _DELTA_SHUFFLED, _shuffled(steps)
    data, size = column.tobytes(), column.itemsize
    # Of a few rows the quickest way to see it.
    if data[:size] == data[-size:] and data == data[:size] * len(column):
        return _CONSTANT, data[:size]
    if field.unit in _SHUFFLED_UNITS:
        return _SHUFFLED, _shuffled(column)
    return _PLAIN, data


def _shuffled(column: np.ndarray) -> bytes:
    return column.view(np.uint8).reshape(len(column), -1).T.tobytes()


@cache
def stored_dtype(record: schema.Record) -> np.dtype[np.void]:
    """What ``decode_rows`` returns: the record's named fields, without the ring's padding."""
    fields = schema.HEADERS[record.ring] + record.fields
    return np.dtype([(field.name, field.dtype) for field in fields])


def decode_rows(record: schema.Record, raw: bytes) -> np.ndarray:
    """Rows with the record's named fields; a field the capture doesn't have yet is 0.

    ChunkError where the bytes are something else.
    """
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


def _decode_column(raw: bytes, position: int, count: int) -> tuple[str, np.ndarray, int]:
    """Name, values and end of a column; a constant one is a single value."""
    if position + _COLUMN_HEADER.size > len(raw):
        raise ChunkError("a column is missing")
    number, encoding, name_length = _COLUMN_HEADER.unpack_from(raw, position)
    if number not in _COLUMN_TYPES or encoding > _CONSTANT:
        raise ChunkError(f"column of type {number}, encoding {encoding}")
    position += _COLUMN_HEADER.size
    name = raw[position : position + name_length].decode("ascii", "replace")
    position += name_length
    dtype = _COLUMN_DTYPES[number]
    stored = 1 if encoding == _CONSTANT else count
    end = position + stored * dtype.itemsize
    if end > len(raw):
        raise ChunkError(f"column {name!r} is cut")
    if encoding in (_PLAIN, _CONSTANT):
        return name, np.frombuffer(raw, dtype, stored, position), end
    data = np.frombuffer(raw, np.uint8, end - position, position)
    column = np.frombuffer(data.reshape(dtype.itemsize, count).T.tobytes(), dtype)
    if encoding == _DELTA_SHUFFLED:
        column = np.cumsum(column, dtype=dtype)
    return name, column, end
