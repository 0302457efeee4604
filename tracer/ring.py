"""A BPF ring buffer, drained in bulk: its pages are mapped and read as one numpy array.

Layout: kernel/bpf/ringbuf.c (Linux 5.8 to 6.18). A page with the consumer's position, a page with
the producer's, then the data. The kernel offers the data twice in a row, but what is mapped counts
as our memory. Each record has a header of 8 bytes: length with a busy bit (31) and a discard bit
(30), page offset.
"""

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

_BUSY = 1 << 31
_HEADER = 8


def distinct(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values in ascending order, each once; numpy.unique takes 3 MB for masked arrays."""
    ordered = np.sort(values)
    is_first = np.ones(len(ordered), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    found: npt.NDArray[Any] = ordered[is_first]
    return found


class Ring:
    """Reads records of one fixed size. ``size`` is the data area in bytes, a power of two.

    ``fill`` is the share of it that the last ``drain`` found used.
    """

    def __init__(self, fd: int, size: int, dtype: np.dtype[np.void]) -> None:
        page = mmap.PAGESIZE
        if size % page or size & (size - 1):
            raise ValueError(f"ring size {size} is not a power of two of pages")
        self.fill = 0.0
        self._size = size
        self._consumer_map = mmap.mmap(fd, page, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self._data_map = mmap.mmap(fd, page + size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
        self._consumer = np.frombuffer(self._consumer_map, "<u8", 1)
        self._producer = np.frombuffer(self._data_map, "<u8", 1)
        self._data = np.frombuffer(self._data_map, "u1", offset=page)
        self._stride = _HEADER + (dtype.itemsize + 7) // 8 * 8
        self._slot = np.dtype(
            {
                "names": ["length", "payload"],
                "formats": ["<u4", dtype],
                "offsets": [0, _HEADER],
                "itemsize": self._stride,
            }
        )
        self._empty = np.zeros(0, dtype)

    def drain(self) -> npt.NDArray[np.void]:
        """All records that are complete, oldest first, as a copy; their room is given back."""
        start = int(self._consumer[0])
        available = int(self._producer[0]) - start
        self.fill = available / self._size
        count = available // self._stride
        if count <= 0:
            return self._empty
        window = self._window(start % self._size, count * self._stride).view(self._slot)
        # The kernel writes a header's busy bit last: what is behind the first busy one waits.
        busy = np.flatnonzero(window["length"] & _BUSY)
        if len(busy):
            count = int(busy[0])
        records = window["payload"][:count].copy()
        self._consumer[0] = start + count * self._stride
        return records

    def _window(self, offset: int, length: int) -> npt.NDArray[np.uint8]:
        """Bytes of the data area, put together where they go over its end."""
        first = self._data[offset : offset + length]
        if len(first) == length:
            return first
        return np.concatenate((first, self._data[: length - len(first)]))
