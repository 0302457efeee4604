"""The recorder's side of a capture file. Without pandas and the reader: it has to stay small."""

import contextlib
import errno
import os
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

from whowoke.analysis.capture import chunks
from whowoke.analysis.capture.chunks import Kind
from whowoke.analysis.capture.compression import Compressor
from whowoke.analysis.capture.gathering import PartWriter
from whowoke.analysis.errors import PermissionDeniedError, UsageError, WhowokeError

WITH_ROWS = (Kind.RECORDS, Kind.BATCH)


def sudo_owner() -> tuple[int, int] | None:
    """User and group that called sudo, None outside of it."""
    try:
        owner = int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
    except (KeyError, ValueError):
        return None
    return owner if os.geteuid() == 0 and min(owner) >= 0 else None


class CaptureWriter(PartWriter):
    """Writes a new capture, mode 0600, each chunk with one write; itself its first part.

    ``part`` begins that of another process. With ``force`` the old file stays until the first rows
    are written. Leaving the ``with`` block by an exception leaves out the end mark, and the file if
    it has no rows.

    Raises UsageError where the file exists (without ``force``) or cannot be made there,
    PermissionDeniedError, and WhowokeError where a write fails, a full disk for one; the file then
    ends with the last whole chunk and takes no more.
    """

    def __init__(
        self, path: Path, *, force: bool = False, owner: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.path = Path(path)
        self._parts: list[PartWriter] = [self]
        self._current = 0
        self._compressor = Compressor()
        self._end = 0
        self._failed = False
        self._has_rows = False
        self._file = self.path
        if force:
            self._file = self.path.with_name(f".{self.path.name}.{os.urandom(4).hex()}")
        try:
            self._fd = self._create(force, owner)
        except OSError as err:
            raise _create_error(self.path, err) from None
        self._close = weakref.finalize(self, os.close, self._fd)

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; after an exception without the end mark."""
        if kind is None:
            self.close()
            return
        if self._close.alive and not self._has_rows:
            with contextlib.suppress(OSError):
                self._file.unlink()
        self._close()

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._end

    def part(self) -> PartWriter:
        """A writer for one more process; the first one's is the capture's own."""
        if len(self._parts) == chunks.MAX_PARTS:
            raise WhowokeError(
                f"{self.path} has {chunks.MAX_PARTS} processes, it takes no more",
                "record fewer at once",
            )
        number = len(self._parts)
        self._parts.append(_OtherPart(self, number))
        return self._parts[-1]

    def close(self) -> None:
        """Write what is left and the end mark, and wait until the disk has it."""
        if not self._close.alive:
            return
        try:
            if not self._failed:
                for part in self._parts:
                    part.flush()
                self._append(Kind.END, b"", 0)
                os.fsync(self._fd)
        except OSError as err:
            raise write_error(self.path, err) from None
        finally:
            self._close()

    def _create(self, force: bool, owner: tuple[int, int] | None) -> int:
        if force and self.path.exists() and not self.path.is_file():
            raise FileExistsError(errno.EEXIST, "not a file")
        fd = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if owner is not None:
                os.fchown(fd, *owner)
            header = chunks.FILE_HEADER.pack(chunks.MAGIC, chunks.FORMAT_VERSION)
            self._end = os.write(fd, header)
        except BaseException:
            os.close(fd)
            self._file.unlink(missing_ok=True)
            raise
        return fd

    def _append(self, kind: int, raw: bytes, detail: int) -> None:
        self.append(0, kind, raw, detail)

    def append(self, part: int, kind: int, raw: bytes, detail: int) -> None:
        """Write one chunk of a part, with one write."""
        if self._failed:
            raise WhowokeError(f"{self.path} takes no more after an error")
        data = chunks.pack(kind, detail, raw, self._compressor)
        if part != self._current:
            # In one write with what belongs to it.
            data = chunks.pack(Kind.PART, part, b"", self._compressor) + data
        try:
            if kind in (*WITH_ROWS, Kind.END) and self._file != self.path:
                self._file = self._file.replace(self.path)
            written = os.write(self._fd, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as err:
            self._failed = True
            os.ftruncate(self._fd, self._end)
            raise write_error(self.path, err) from None
        self._end += written
        self._current = part
        self._has_rows |= kind in WITH_ROWS


class _OtherPart(PartWriter):
    """A part behind the first; it has its own rows, and the file of all."""

    def __init__(self, file: CaptureWriter, number: int) -> None:
        super().__init__()
        self._file, self._number = file, number

    def _append(self, kind: int, raw: bytes, detail: int) -> None:
        self._file.append(self._number, kind, raw, detail)


def _create_error(path: Path, err: OSError) -> WhowokeError:
    if isinstance(err, FileExistsError | IsADirectoryError):
        if path.is_file():
            return UsageError(
                f"{path} exists", "choose another name with -o, or replace it with --force"
            )
        return UsageError(f"{path} exists and is not a file", "choose another name with -o")
    if isinstance(err, FileNotFoundError | NotADirectoryError):
        return UsageError(f"there is no folder {path.parent}", "make it first, or use another -o")
    if isinstance(err, PermissionError) or err.errno == errno.EROFS:
        return PermissionDeniedError(
            f"no permission to write {path}", "use -o with a folder that you may write to"
        )
    return write_error(path, err)


def write_error(path: Path, err: OSError) -> WhowokeError:
    """Why a file takes no more."""
    return WhowokeError(
        f"cannot write {path}: {err.strerror}",
        "what was written before can be read; make room, or use -o on another disk",
    )
