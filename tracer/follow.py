"""Logs that are followed during a recording, and what joins them to a process: pids, host, clock.

Of a followed log the lines that tell of reconciles are kept, not the others: it may say anything.
"""

import contextlib
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from whowoke.analysis.capture import chunks
from whowoke.analysis.capture.reader import CaptureWriter, Loss
from whowoke.analysis.errors import WhowokeError
from whowoke.analysis.logs.loglines import open_log, tells

MAX_KEPT_BYTES = 64 << 20
READ_BYTES = 4 << 20
CLOCK_TRIES = 5
MAX_HOST = 253


class _Log:
    """One file, from where it ended when it was opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.kept = 0
        self._file: BinaryIO = open_log(path)
        self._file.seek(0, os.SEEK_END)
        self._rest = b""

    def close(self) -> None:
        self._file.close()

    def appended(self) -> bytes:
        """Whole lines that tell of reconciles, of at most ``READ_BYTES`` that came since."""
        data = self._file.read(READ_BYTES)
        if not data:
            self._follow_rotation()
            data = self._file.read(READ_BYTES)
        text, newline, rest = (self._rest + data).rpartition(b"\n")
        # A line longer than what is read at once is none of ours.
        self._rest = rest if len(rest) <= READ_BYTES else b""
        lines = text.split(b"\n") if newline else []
        telling = [line for line in lines if tells(line)]
        self.lines += len(lines)
        self.kept += len(telling)
        return b"".join(line + b"\n" for line in telling)

    def left(self) -> int:
        """Bytes that came and aren't read yet."""
        return os.fstat(self._file.fileno()).st_size - self._file.tell()

    def _follow_rotation(self) -> None:
        """Go on in the file that has the name now, or from the start where it was emptied."""
        if self.left() < 0:
            self._file.seek(0)
            self._rest = b""
        with contextlib.suppress(OSError, WhowokeError):
            if not os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno())):
                newer = open_log(self.path)
                self._file.close()
                self._file, self._rest = newer, b""


class Followed:
    """The logs of a recording; what they say goes into the capture, up to ``MAX_KEPT_BYTES``."""

    def __init__(self, paths: Sequence[Path], writer: CaptureWriter) -> None:
        self.lost = 0
        self._writer = writer
        self._bytes = 0
        self._logs: list[_Log] = []
        try:
            for path in paths:
                self._logs.append(_Log(path))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the files."""
        for log in self._logs:
            log.close()

    def step(self) -> None:
        """Write what was appended since."""
        for number, log in enumerate(self._logs):
            self._write(number, log.appended())

    def finish(self) -> None:
        """Write what is left up to now, and what was followed."""
        for number, log in enumerate(self._logs):
            for _ in range(1 + max(0, log.left()) // READ_BYTES):
                self._write(number, log.appended())
        if self._logs:
            said = [
                {"name": str(log.path), "lines": log.lines, "kept": log.kept} for log in self._logs
            ]
            self._writer.metadata({"log_files": said})

    def _write(self, number: int, lines: bytes) -> None:
        if not lines:
            return
        if self._bytes + len(lines) > MAX_KEPT_BYTES or len(lines) > chunks.MAX_PAYLOAD:
            lost = lines.count(b"\n")
            self.lost += lost
            self._writer.losses([Loss(time.monotonic_ns(), "log lines", lost)])
            return
        self._bytes += len(lines)
        self._writer.logs(number, lines)


def clock_reading() -> list[int]:
    """CLOCK_MONOTONIC and the wall clock at one moment, and how far apart they may be: all ns."""
    found = []
    for _ in range(CLOCK_TRIES):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        found.append([(before + after) // 2, wall, after - before])
    return min(found, key=lambda row: row[2])


def identity(pid: int) -> dict[str, object]:
    """What a process may call itself in a trace: its pids in all namespaces, names of its host."""
    pids, hosts = [pid], [platform.node()]
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                pids = [int(word) for word in line.split()[1:]]
    with contextlib.suppress(OSError):
        # A container's host is its pod; Kubernetes says it to every process.
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        found = [text[9:] for text in variables if text.startswith(b"HOSTNAME=")]
        hosts += [text.decode("ascii", "replace")[:MAX_HOST] for text in found[:1]]
    names = {host.partition(".")[0].lower() for host in hosts}
    return {"namespace_pids": pids, "hosts": sorted(names - {""})}
