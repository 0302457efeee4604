"""The recorder's side of a capture file. Without pandas and the reader: it has to stay small."""

import contextlib
import errno
import os
import secrets
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import zstandard

from whowoke.analysis.capture import chunks, schema
from whowoke.analysis.capture.chunks import Frame, Kind, Loss
from whowoke.analysis.errors import PermissionDeniedError, UsageError, WhowokeError

ROWS_PER_CHUNK = 32768
# A long recording of a quiet process would be millions of chunks of a few rows: of 24 hours 1.0 M,
# and 346 MB. What a crash loses at most is a hundredth of the recording, and never more than 10 s.
MIN_AGE_S, MAX_AGE_S, AGE_SHARE = 1.0, 10.0, 0.01


def flush_age_s(recorded_s: float) -> float:
    """How long rows may be gathered, by how long the recording lasts already."""
    return min(max(MIN_AGE_S, AGE_SHARE * recorded_s), MAX_AGE_S)


def sudo_owner() -> tuple[int, int] | None:
    """User and group that called sudo, None outside of it."""
    try:
        owner = int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
    except (KeyError, ValueError):
        return None
    return owner if os.geteuid() == 0 and min(owner) >= 0 else None


class CaptureWriter:
    """Writes a new capture, mode 0600, each chunk with one write.

    Rows are gathered for ``flush_age_s`` or ``ROWS_PER_CHUNK`` rows a kind, whichever comes first;
    all else is written at once. So write strings, stacks and symbols before the rows that need
    them. With ``force`` the old file stays until the first rows are written. Leaving the ``with``
    block by an exception leaves out the end mark, and the file if it has no rows.

    Raises UsageError where the file exists (without ``force``) or cannot be made there,
    PermissionDeniedError, and WhowokeError where a write fails, a full disk for one; the file then
    ends with the last whole chunk and takes no more.
    """

    def __init__(
        self, path: Path, *, force: bool = False, owner: tuple[int, int] | None = None
    ) -> None:
        self.path = Path(path)
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._pending: dict[int, list[np.ndarray]] = {}
        self._began = time.monotonic()
        self._oldest: float | None = None
        self._end = 0
        self._failed = False
        self._has_rows = False
        self._file = self.path
        if force:
            self._file = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
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

    def metadata(self, values: Mapping[str, object]) -> None:
        """A JSON object, merged over what was written before, key by key."""
        self._chunk(Kind.METADATA, chunks.encode_object(values))

    def strings(self, texts: Mapping[int, str]) -> None:
        """What hashes stand for."""
        self._mapping(Kind.STRINGS, texts, chunks.encode_strings)

    def stacks(self, stacks: Mapping[int, list[Frame]]) -> None:
        """Frames of stacks by hash, innermost first, inlined ones expanded."""
        self._mapping(Kind.STACKS, stacks, chunks.encode_stacks)

    def symbols(self, symbols: Mapping[int, Frame]) -> None:
        """Function, file and line of addresses."""
        self._mapping(Kind.SYMBOLS, symbols, chunks.encode_symbols)

    def losses(self, rows: list[Loss]) -> None:
        """What was lost, with its time."""
        if rows:
            self._chunk(Kind.LOSSES, chunks.encode_losses(rows))

    def logs(self, number: int, lines: bytes) -> None:
        """Whole lines of a followed log; ``number`` is its row in the metadata ``log_files``."""
        self._chunk(Kind.LOGS, lines, number)

    def records(self, record: schema.Record, rows: np.ndarray) -> None:
        """Rows of one kind, with ``schema.record_dtype(record)``; they are copied."""
        for start in range(0, len(rows), ROWS_PER_CHUNK):
            pending = self._pending.setdefault(record.kind, [])
            pending.append(rows[start : start + ROWS_PER_CHUNK].copy())
            if sum(len(part) for part in pending) >= ROWS_PER_CHUNK:
                self._flush_kind(record.kind)
        self._oldest = time.monotonic() if self._oldest is None else self._oldest
        self.flush_old()

    def flush_old(self) -> None:
        """Write the rows gathered so far if they were long enough."""
        now = time.monotonic()
        if self._oldest is not None and now - self._oldest >= self._flush_age_s(now - self._began):
            self.flush()

    def _flush_age_s(self, recorded_s: float) -> float:
        return flush_age_s(recorded_s)

    def flush(self) -> None:
        """Write the rows gathered so far."""
        self._oldest = None
        for kind in list(self._pending):
            self._flush_kind(kind)

    def close(self) -> None:
        """Write what is left and the end mark, and wait until the disk has it."""
        if not self._close.alive:
            return
        try:
            if not self._failed:
                self.flush()
                self._chunk(Kind.END, b"")
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
            self._end = os.write(fd, chunks.FILE_HEADER.pack(chunks.MAGIC, chunks.FORMAT_VERSION))
        except BaseException:
            os.close(fd)
            self._file.unlink(missing_ok=True)
            raise
        return fd

    def _mapping(
        self, kind: Kind, values: Mapping[int, Any], encode: Callable[[Mapping[int, Any]], bytes]
    ) -> None:
        if not values:
            return
        raw = encode(values)
        if len(raw) <= chunks.MAX_PAYLOAD or len(values) == 1:
            self._chunk(kind, raw)
            return
        items = list(values.items())
        for half in (items[: len(items) // 2], items[len(items) // 2 :]):
            self._mapping(kind, dict(half), encode)

    def _flush_kind(self, kind: int) -> None:
        parts = self._pending.pop(kind)
        self._chunk(Kind.RECORDS, chunks.encode_rows(schema.RECORD_BY_KIND[kind], parts), kind)

    def _chunk(self, kind: Kind, raw: bytes, detail: int = 0) -> None:
        if self._failed:
            raise WhowokeError(f"{self.path} takes no more after an error")
        data = chunks.pack(kind, detail, raw, self._compressor)
        try:
            if kind in (Kind.RECORDS, Kind.END) and self._file != self.path:
                self._file = self._file.replace(self.path)
            written = os.write(self._fd, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as err:
            self._failed = True
            os.ftruncate(self._fd, self._end)
            raise write_error(self.path, err) from None
        self._end += written
        self._has_rows |= kind == Kind.RECORDS


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
