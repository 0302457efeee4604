"""Compiled programs that are kept: maps and parameters find their place, oddities are refused."""

import socket
import struct
import threading

import pytest

from whowoke import bpf
from whowoke.tracer import compiling
from whowoke.tracer.compiled import PARAMETER_BASE, Compiled, MapShape

RING = MapShape("ring", 27, 0, 0, 4096, 0)
COUNTS = MapShape("counts", 2, 4, 8, 64, 1024)
EXIT = struct.pack("<BBhi", 0x95, 0, 0, 0)


def load(register: int, kind: int, value: int) -> bytes:
    low, high = struct.unpack("<ii", struct.pack("<Q", value))
    return struct.pack("<BBhi", 0x18, register | kind << 4, 0, low) + struct.pack(
        "<BBhi", 0, 0, 0, high
    )


def test_maps_and_parameters_are_put_in() -> None:
    code = load(1, 1, 9) + load(2, 1, 7) + load(3, 0, PARAMETER_BASE + 1) + load(4, 0, 77) + EXIT
    compiled = Compiled.of({7: RING, 9: COUNTS}, {"run": code})
    value = 0xFFFF_8000_1234_5678
    assert compiled.linked("run", [30, 31], [1, value]) == (
        load(1, 1, 31) + load(2, 1, 30) + load(3, 0, value) + load(4, 0, 77) + EXIT
    )


def test_what_is_kept_is_what_was_compiled() -> None:
    compiled = Compiled.of({7: RING}, {"run": load(1, 1, 7) + EXIT})
    assert Compiled.decoded(compiled.encoded()) == compiled


@pytest.mark.parametrize("code", [load(1, 1, 8), load(1, 2, 7), b"\x95\0\0", load(1, 0, 0)[:8]])
def test_what_is_not_understood_is_refused(code: bytes) -> None:
    with pytest.raises((ValueError, struct.error)):
        Compiled.of({7: RING}, {"run": code})


def test_every_map_of_the_source_is_found() -> None:
    source = bpf.source(("gotime.c", "operator.c", "stores.c", "requests.c"))
    declared = [line for line in source.splitlines() if line.startswith("BPF_")]
    names = bpf.map_names(source)
    assert len(names) == len(set(names)) == len(declared)
    for name, line in zip(names, declared, strict=True):
        assert name in line


def test_an_answer_may_come_in_parts() -> None:
    """A loader on a slow machine; a socket with a time-out gives what is there."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        parts = (b"ab", b"c", b"defg")
        timers = [threading.Timer(0.02 * n, theirs.sendall, [p]) for n, p in enumerate(parts)]
        for timer in timers:
            timer.start()
        assert compiling._received(ours, 7) == b"abcdefg"
        for timer in timers:
            timer.join()
        theirs.shutdown(socket.SHUT_WR)
        assert compiling._received(ours, 1) == b""
