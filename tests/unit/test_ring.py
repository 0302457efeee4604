"""The bulk reader of BPF rings, on a file laid out as the kernel lays out a ring's pages."""

import mmap
import os
import struct
from collections.abc import Iterator

import numpy as np
import pytest

from whowoke.tracer.ring import Ring, distinct

PAGE = mmap.PAGESIZE
DTYPE = np.dtype([("value", "<u8"), ("payload", "V32")])
STRIDE = 8 + DTYPE.itemsize
BUSY = 1 << 31


class FakeRing:
    """Writes records as the kernel does; data pages appear twice, so both copies are written."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("ring")
        os.ftruncate(self.fd, 2 * PAGE + 2 * PAGE)
        self.position = 0

    def submit(self, value: int, flags: int = 0) -> None:
        payload = struct.pack("<Q", value) + bytes([value % 256]) * 32
        record = struct.pack("<II", len(payload) | flags, 0) + payload
        for index, byte in enumerate(record):
            at = (self.position + index) % PAGE
            for copy in (0, PAGE):
                os.pwrite(self.fd, bytes([byte]), 2 * PAGE + copy + at)
        self.position += len(record)
        os.pwrite(self.fd, struct.pack("<Q", self.position), PAGE)

    def consumed(self) -> int:
        return struct.unpack("<Q", os.pread(self.fd, 8, 0))[0]


@pytest.fixture
def fake() -> Iterator[FakeRing]:
    ring = FakeRing()
    yield ring
    os.close(ring.fd)


def test_empty(fake: FakeRing) -> None:
    assert len(Ring(fake.fd, PAGE, DTYPE).drain()) == 0


def test_records_come_once_in_order_with_their_payload(fake: FakeRing) -> None:
    ring = Ring(fake.fd, PAGE, DTYPE)
    for value in (3, 5, 7):
        fake.submit(value)
    rows = ring.drain()
    assert rows["value"].tolist() == [3, 5, 7]
    assert rows["payload"][1].tobytes() == bytes([5]) * 32
    assert fake.consumed() == 3 * STRIDE
    assert len(ring.drain()) == 0


def test_nothing_behind_a_busy_record_is_taken(fake: FakeRing) -> None:
    ring = Ring(fake.fd, PAGE, DTYPE)
    fake.submit(1)
    busy_at = fake.position
    fake.submit(2, BUSY)
    fake.submit(3)
    assert ring.drain()["value"].tolist() == [1]
    for copy in (0, PAGE):
        os.pwrite(fake.fd, struct.pack("<I", DTYPE.itemsize), 2 * PAGE + copy + busy_at)
    assert ring.drain()["value"].tolist() == [2, 3]


def test_records_that_wrap_around_the_end(fake: FakeRing) -> None:
    ring = Ring(fake.fd, PAGE, DTYPE)
    seen: list[int] = []
    for start in range(0, 600, 60):
        for value in range(start, start + 60):
            fake.submit(value)
        seen += ring.drain()["value"].tolist()
    assert seen == list(range(600))


def test_a_size_that_is_no_power_of_two_is_refused(fake: FakeRing) -> None:
    with pytest.raises(ValueError, match="power of two"):
        Ring(fake.fd, 3 * PAGE, DTYPE)


def test_distinct_values() -> None:
    values = np.array([3, 1, 3, 2, 1], "<u8")
    assert distinct(values).tolist() == [1, 2, 3]
    assert distinct(values[:0]).tolist() == []
    pairs = np.array([(2, 1), (1, 9), (2, 1)], [("method", "<u8"), ("closure", "<u8")])
    assert distinct(pairs).tolist() == [(1, 9), (2, 1)]
