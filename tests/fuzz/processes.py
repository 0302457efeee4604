"""What the kernel says of a process that chose its names and numbers to do harm."""

import os
import struct
from pathlib import Path
from unittest import mock

from tests.fuzz.choices import Choices
from tests.fuzz.limits import two_lines
from whowoke.analysis.errors import WhowokeError
from whowoke.tracer import follow, target
from whowoke.tracer.options import default_output
from whowoke.tracer.sockets import socket_address
from whowoke.tracer.target import Target
from whowoke.tracer.timers import clock_offset_ns

NAMES = (
    b"op",
    b"a) R 1 (",
    b"../../x",
    b"\x1b[2J",
    b"a\nTgid:\t1",
    b"=1+1",
    b"-rf",
    b"\xff\xfe",
    b"",
)
KNOWN = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def proc(data: bytes) -> None:
    """A process that chose its name, arguments, environment and auxiliary vector."""
    choices = Choices(data)
    comm = choices.pick((choices.pick(NAMES), choices.take(15).partition(b"\0")[0]))
    vector = struct.pack("<4Q", 9, choices.word(0x401000), choices.word(), choices.word())
    texts = {
        # As the kernel writes them: proc_task_name escapes in status, not in stat.
        "status": b"Name:\t%s\nTgid:\t42\nNSpid:\t42\t7\n" % comm.replace(b"\n", b"\\n"),
        "stat": b"42 (%s) S 1 42 42 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 9 0 12345 1 1\n" % comm,
        "comm": comm + b"\n",
        "cmdline": choices.pick(NAMES) + b"\0" + choices.take(choices.below(64)),
        "auxv": vector[: choices.pick((32, 16, 8, 7, 0))],
        "environ": b"HOSTNAME=" + choices.take(choices.below(64)),
        "timens_offsets": b"monotonic           0         0\nboottime            0         0\n",
        "syscall": b"202 0x1 0x2 0x3 0x4 0x5 0x6 %#x 0x401000\n" % choices.word(),
    }

    def read(_pid: int, name: str) -> bytes:
        return texts[name]

    def read_text(path: Path) -> str:
        return texts[path.name].decode("utf-8", "replace")

    def read_link(path: Path) -> Path:
        return Path(
            "time:[1]" if "ns" in path.parts else os.fsdecode(texts["cmdline"].replace(b"\0", b"/"))
        )

    with (
        mock.patch.object(target, "_read_proc", read),
        mock.patch.object(Path, "readlink", read_link),
        mock.patch.object(Path, "read_text", read_text),
        mock.patch.object(Path, "read_bytes", lambda path: texts[path.name]),
    ):
        try:
            _use(choices)
        except WhowokeError as error:
            two_lines(error)


def _use(choices: Choices) -> None:
    found = Target.open(42)
    assert found.command.isprintable()
    assert found.executable.isprintable()
    assert isinstance(found.command_line, list)
    name = str(default_output(found.command, 42))
    assert set(name) <= KNOWN
    assert not name.startswith((".", "-"))
    found.is_alive()
    elf = mock.Mock(entry=0x401000, type=choices.pick(("EXEC", "DYN")), name="op")
    with mock.patch.object(Target, "read_memory", lambda _self, _at, size: bytes(size)):
        target._is_inside(found, 42, [(0, 1)])
    follow.identity(42)
    found.load_bias(elf)
    clock_offset_ns(found)


def sockets(data: bytes) -> None:
    """A struct sockaddr of any bytes."""
    assert isinstance(socket_address(data), str)
