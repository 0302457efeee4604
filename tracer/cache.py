"""Files that make the next start faster: kept for this user only, and believed only then.

The folder and each file must belong to us and be writable by nobody else; a file has a checksum
and is made under another name first. Whatever is wrong with one, it is as if there were none.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path

from whowoke.tracer.privileges import BPF, effective, lacking

FOLDER = "WHOWOKE_CACHE"
ROOTS_FOLDER = Path("/var/cache/whowoke")
MAX_FILE = 16 << 20
MAX_FILES = 32
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_DIGEST = hashlib.sha256().digest_size


def folder() -> Path | None:
    """Where the files are; None if the variable ``WHOWOKE_CACHE`` is set to nothing.

    Root's is never below HOME, which sudo may leave as the caller's. Another user who may load BPF
    has none: his other processes, which may not, could write to it.
    """
    if os.geteuid() and not lacking((BPF,), effective()):
        return None
    given = os.environ.get(FOLDER)
    if given is not None:
        return Path(given) if given else None
    if os.geteuid() == 0:
        return ROOTS_FOLDER
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whowoke"


def key(*parts: str | bytes) -> str:
    """A name for what follows from ``parts`` and from whowoke's own source."""
    digest = hashlib.sha256(_source_digest())
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def read(name: str) -> bytes | None:
    """The content kept under a name, None if there is none to be trusted."""
    try:
        with _opened() as within:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
            with open(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not (stat.S_ISREG(status.st_mode) and _is_ours(status)):
                    return None
                data = file.read(MAX_FILE + 1)
    except OSError:
        return None
    digest, content = data[:_DIGEST], data[_DIGEST:]
    return content if digest == hashlib.sha256(content).digest() else None


def write(name: str, content: bytes) -> None:
    """Keep the content for later runs, if there is a place for it; the oldest files go."""
    data = hashlib.sha256(content).digest() + content
    if len(data) > MAX_FILE:
        return
    temporary = f".{os.urandom(8).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(OSError), _opened(make=True) as within:
        try:
            with open(os.open(temporary, flags, 0o600, dir_fd=within), "wb") as file:
                file.write(data)
            os.rename(temporary, name, src_dir_fd=within, dst_dir_fd=within)
        except OSError:
            os.unlink(temporary, dir_fd=within)
            raise
        _drop_oldest(within)


@contextmanager
def _opened(*, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder; OSError where there is none that only we may write to."""
    path = folder()
    if path is None:
        raise FileNotFoundError(FOLDER)
    if make:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not _is_ours(os.fstat(descriptor)):
            raise PermissionError(f"{path} may be written by others")
        yield descriptor
    finally:
        os.close(descriptor)


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_WRITE


def _drop_oldest(within: int) -> None:
    names = [(os.stat(name, dir_fd=within).st_mtime_ns, name) for name in os.listdir(within)]
    for _, name in sorted(names)[:-MAX_FILES]:
        os.unlink(name, dir_fd=within)


@cache
def _source_digest() -> bytes:
    """Over what decides what is compiled and how it is loaded."""
    digest = hashlib.sha256()
    for package in ("whowoke.tracer", "whowoke.bpf"):
        root = str(files(package))
        found = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
        for path in sorted(found):
            if path.endswith((".py", ".toml", ".c", ".h")):
                with open(path, "rb") as file:
                    data = file.read()
                digest.update(f"{path[len(root) :]} {len(data)}\n".encode() + data)
    return digest.digest()
