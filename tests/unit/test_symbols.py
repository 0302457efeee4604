"""Kernel symbols from a text such as /proc/kallsyms, and texts behind hashes."""

import re
from pathlib import Path

import pytest

from whowoke.tracer import symbols
from whowoke.tracer.sockets import socket_address
from whowoke.tracer.symbols import KernelSymbols

KALLSYMS = b"""\
ffffffff81000200 T second
0000000000000000 A percpu
ffffffff81000100 t first
ffffffffc0000000 t of_a_module\t[module]
ffffffff81000300 d data_is_no_function
"""


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xFFFFFFFF81000100, "first"),
        (0xFFFFFFFF810001FF, "first"),
        (0xFFFFFFFF81000200, "second"),
        (0xFFFFFFFF81000301, "second"),
        (0xFFFFFFFFC0000010, "of_a_module"),
        (0x1000, ""),
        (0xFFFFFFFFA0000000, ""),
        (0xFFFFFFFFC0100000, ""),
    ],
)
def test_the_function_at_an_address(address: int, name: str) -> None:
    assert KernelSymbols(KALLSYMS).name_at(address) == name


def test_no_symbols_at_all() -> None:
    assert KernelSymbols(b"").name_at(0xFFFFFFFF81000100) == ""


def test_hidden_symbols_name_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CAP_SYSLOG all functions lie at 0, and the last one would be everywhere."""
    hidden = re.sub(rb"^[0-9a-f]{16}", b"0" * 16, KALLSYMS, flags=re.MULTILINE)
    assert KernelSymbols(hidden).name_at(0xFFFFFFFF81000100) == ""
    path = tmp_path / "kallsyms"
    monkeypatch.setattr(symbols, "KALLSYMS", path)
    assert symbols.kernel_symbols_are_hidden()
    for text, is_hidden in ((KALLSYMS, False), (hidden, True), (b"", True)):
        path.write_bytes(text)
        assert symbols.kernel_symbols_are_hidden() is is_hidden


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("02001f900a000001", "10.0.0.1:8080"),
        ("0a0001bb0000000000000000000000000000000000000001", "[::1]:443"),
        ("01002f72756e2f782e736f636b", "unix:/run/x.sock"),
        ("0100006162737472616374", "unix:abstract"),
        ("1000", ""),
    ],
)
def test_socket_addresses(data: str, text: str) -> None:
    assert socket_address(bytes.fromhex(data).ljust(32, b"\0")) == text
