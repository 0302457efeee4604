"""To open a file that may be a capture, or anything else."""

import os
import re
import stat
import weakref
from pathlib import Path

from whowoke.analysis.capture import chunks
from whowoke.analysis.capture.chunks import ChunkError, ChunkHeader, Kind
from whowoke.analysis.errors import (
    PermissionDeniedError,
    UnsupportedError,
    UsageError,
    WhowokeError,
)

HEADER_BYTES = chunks.CHUNK_HEADER.size


class Descriptor:
    """An open file that is closed with the last of those who have it."""

    def __init__(self, fd: int, format_version: int) -> None:
        self.fd, self.format_version = fd, format_version
        self.close = weakref.finalize(self, os.close, fd)
        # Its kinds of records are asked for one after the other.
        self._last_batch = (0, b"")

    def header(self, offset: int) -> ChunkHeader | None:
        """Of the chunk that begins there, None at the file's end; ChunkError if it is too large."""
        data = os.pread(self.fd, HEADER_BYTES, offset)
        if len(data) < HEADER_BYTES:
            return None
        header = ChunkHeader._make(chunks.CHUNK_HEADER.unpack(data))
        # zstd adds a little to what it cannot make smaller.
        if header.raw_length > chunks.MAX_PAYLOAD or header.length > chunks.MAX_PAYLOAD + 65536:
            raise ChunkError("too large")
        return header

    def payload(self, offset: int, header: ChunkHeader) -> bytes | None:
        """What follows the header; None where it isn't whole, ChunkError where it is damaged."""
        payload = os.pread(self.fd, header.length, offset + HEADER_BYTES)
        if len(payload) < header.length:
            return None
        if not chunks.is_intact(header, payload):
            raise ChunkError("damaged")
        return payload

    def block(self, offset: int, position: int = 0) -> bytes:
        """What a chunk holds, of a batch the block that begins at ``position``."""
        if offset == self._last_batch[0]:
            return chunks.block_at(self._last_batch[1], position).raw
        try:
            header = self.header(offset)
            payload = self.payload(offset, header) if header else None
        except ChunkError:
            payload = None
        if header is None or payload is None:
            raise ChunkError("the file has changed since it was opened")
        raw = chunks.unpack(header, payload)
        if header.kind != Kind.BATCH:
            return raw
        self._last_batch = offset, raw
        return chunks.block_at(raw, position).raw


def split_part(path: Path) -> tuple[Path, int | None]:
    """``FILE#N`` in two, unless a file has that name."""
    found = re.fullmatch(r"(.+)#(\d{1,9})", path.name, re.DOTALL)
    if found is None or os.path.lexists(path):
        return path, None
    return path.with_name(found[1]), int(found[2])


def check_header(path: Path, fd: int) -> int:
    """The file's format; an error if it isn't one that is known."""
    status = os.fstat(fd)
    data = os.pread(fd, chunks.FILE_HEADER.size, 0) if stat.S_ISREG(status.st_mode) else b""
    if len(data) < chunks.FILE_HEADER.size or not data.startswith(chunks.MAGIC):
        raise UsageError(f"{path} is not a whowoke capture", "make one with: whowoke record")
    version = chunks.FILE_HEADER.unpack(data)[1]
    if version > chunks.FORMAT_VERSION:
        raise UnsupportedError(
            f"{path} has capture format {version}, this whowoke reads up to "
            f"{chunks.FORMAT_VERSION}",
            "use the whowoke that recorded it, or a newer one",
        )
    return int(version)


def open_error(path: Path, err: OSError) -> WhowokeError:
    """Why a file can't be opened."""
    if isinstance(err, PermissionError):
        return PermissionDeniedError(
            f"no permission to read {path}", "a capture belongs to the user who recorded it"
        )
    return UsageError(f"cannot read {path}: {err.strerror}", "give the path of a capture")
