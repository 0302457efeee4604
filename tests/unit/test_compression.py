"""Payloads made small, and the dictionary that must stay as it is."""

import hashlib

import pytest
import zstandard

from whowoke.analysis.capture import compression
from whowoke.analysis.capture.compression import DICTIONARY_ID, SMALL_BYTES, Compressor, decompress

METADATA = b'{"cost":{"ts_ns":5162668222745,"probes_ns":465363,"recorder_cpu_ns":1226983507}}'
# Captures need these bytes: a dictionary that is better has another number and another file.
SHA256 = "3c34aeb7c49e5603eb20fec2d44723461f0158a54674336d1193d8e896f18531"


def test_the_dictionary_is_the_one_that_captures_were_made_with():
    assert hashlib.sha256(compression.dictionary().as_bytes()).hexdigest() == SHA256
    assert compression.dictionary().dict_id() == DICTIONARY_ID


@pytest.mark.parametrize("size", [0, 1, 80, SMALL_BYTES, SMALL_BYTES + 1, 3 << 20])
def test_what_was_made_small_comes_back(size):
    raw = (METADATA * (size // len(METADATA) + 1))[:size]
    frame = Compressor().compress(raw)
    assert decompress(frame, size) == raw
    uses = zstandard.get_frame_parameters(frame).dict_id
    assert uses == (DICTIONARY_ID if size <= SMALL_BYTES else 0)


def test_what_is_usual_takes_little():
    assert len(Compressor().compress(METADATA)) < 0.6 * len(zstandard.compress(METADATA))


def test_frames_of_before_need_no_dictionary():
    assert decompress(zstandard.compress(METADATA), len(METADATA)) == METADATA


@pytest.mark.parametrize("size", [0, len(METADATA) - 1, len(METADATA) + 1])
def test_another_size_than_said_is_refused(size):
    with pytest.raises(ValueError, match="bytes instead of"):
        decompress(Compressor().compress(METADATA), size)
