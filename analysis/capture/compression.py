"""Payloads made small by zstd, those of a quiet second with a dictionary.

A second of an idle operator is 150 records of ten kinds: names of columns, of functions and keys
of JSON would be half of what is written. ``payloads.zdict`` has what is usual in these; its number
is in each frame that needs it. Never change that file: captures need it as it is. Another one gets
another number, and is read beside it. ``tests/dictionary.py`` made it.
"""

import threading
from functools import cache
from importlib import resources

import zstandard

DICTIONARY_ID = 40_001
# Beyond, a dictionary gains nothing, and zstd's higher levels want memory for what they look at.
SMALL_BYTES = 128 << 10
SMALL_LEVEL, LARGE_LEVEL = 9, 3
MAX_WINDOW = 16 << 20

_OWN = threading.local()


@cache
def dictionary() -> zstandard.ZstdCompressionDict:
    """What small payloads have in common."""
    file = resources.files("whowoke.analysis").joinpath("capture/payloads.zdict")
    return zstandard.ZstdCompressionDict(file.read_bytes())


class Compressor:
    """For one thread."""

    def __init__(self) -> None:
        self._small = zstandard.ZstdCompressor(level=SMALL_LEVEL, dict_data=dictionary())
        self._large = zstandard.ZstdCompressor(level=LARGE_LEVEL)

    def compress(self, raw: bytes) -> bytes:
        """One zstd frame that tells its size and its dictionary."""
        return (self._small if len(raw) <= SMALL_BYTES else self._large).compress(raw)


def decompress(frame: bytes, size: int) -> bytes:
    """The ``size`` bytes that a frame holds.

    Raises ValueError where it doesn't say that it holds so many, or needs a dictionary that isn't
    there, and zstandard.ZstdError where it is damaged.
    """
    parameters = zstandard.get_frame_parameters(frame)
    if parameters.content_size != size:
        raise ValueError(f"zstd frame of {parameters.content_size} bytes instead of {size}")
    if parameters.dict_id not in (0, DICTIONARY_ID):
        raise ValueError(f"made with dictionary {parameters.dict_id}, which isn't known")
    raw = _decompressor(parameters.dict_id).decompress(frame, max_output_size=size)
    if len(raw) != size:
        raise ValueError(f"{len(raw)} bytes instead of {size}")
    return raw


def _decompressor(number: int) -> zstandard.ZstdDecompressor:
    """One for each thread and dictionary: making it takes longer than using it."""
    if not hasattr(_OWN, "decompressors"):
        _OWN.decompressors = {}
    own: dict[int, zstandard.ZstdDecompressor] = _OWN.decompressors
    if number not in own:
        used = dictionary() if number else None
        own[number] = zstandard.ZstdDecompressor(dict_data=used, max_window_size=MAX_WINDOW)
    return own[number]
