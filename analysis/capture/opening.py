"""To open a file that may be a capture, or anything else."""

import os
import re
import stat
import weakref
from pathlib import Path

from whowoke.analysis.capture import chunks
from whowoke.analysis.errors import (
    PermissionDeniedError,
    UnsupportedError,
    UsageError,
    WhowokeError,
)


class Descriptor:
    """An open file that is closed with the last of those who have it."""

    def __init__(self, fd: int, format_version: int) -> None:
        self.fd, self.format_version = fd, format_version
        self.close = weakref.finalize(self, os.close, fd)


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
