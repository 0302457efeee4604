"""Columns of whole numbers some of which are not known. Never by way of floats, which round."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from whowoke.analysis.rules.frames import Rows
from whowoke.analysis.rules.lookup import MISSING

Integers = pd.arrays.IntegerArray


def nullable(values: npt.ArrayLike, known: npt.ArrayLike) -> Integers:
    """These numbers where they are known, else empty."""
    return Integers(np.asarray(values, np.int64), ~np.asarray(known, bool))


def unless_missing(values: Rows) -> Integers:
    """These numbers, empty for -1."""
    numbers = np.asarray(values, np.int64)
    return Integers(numbers, numbers == MISSING)


def ids(rows: Rows) -> Integers:
    """Row numbers as ids that begin at 1, empty for -1."""
    numbers = np.asarray(rows, np.int64)
    return Integers(numbers + 1, numbers == MISSING)


def integers(values: Iterable[int | None]) -> Integers:
    """Numbers and None. What is beyond 64 bits with a sign, as no sound capture has it, wraps."""
    found = list(values)
    bits = [0 if value is None else value & 0xFFFF_FFFF_FFFF_FFFF for value in found]
    numbers = np.array(bits, np.uint64).astype(np.int64)
    return Integers(numbers, np.array([value is None for value in found], bool))
