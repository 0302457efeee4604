"""Reads packed numbers as ``store.js`` does."""

import base64

import numpy as np

TYPES = {"u1": np.uint8, "u2": np.uint16, "u4": np.uint32, "f8": np.float64}


def numbers(packed, rows):
    """Numbers, None for those that aren't known."""
    if packed["type"] == "empty":
        return [None] * rows
    raw = np.frombuffer(base64.b64decode(packed["data"]), TYPES[packed["type"]])
    assert len(raw) == rows
    if packed["type"] == "f8":
        return [None if np.isnan(value) else value for value in raw.tolist()]
    missing, total, found = np.iinfo(raw.dtype).max, packed.get("first"), []
    for value in raw.tolist():
        known = None if value == missing else value + packed["least"]
        if known is not None and total is not None:
            total += known
            known = total
        found.append(known)
    return found
