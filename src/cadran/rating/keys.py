"""Numbers as sortable integers: the first 15 digits, padded with zeros on the right, times 16, plus how many of them there are.

The length is part of the key so that 112 is not taken for 1120. 0 is no number at all: blank, or with a mark that is no digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

DIGITS = 15
Keys = npt.NDArray[np.uint64]
_POWERS = 10 ** np.arange(DIGITS + 1, dtype=np.uint64)
_CHUNK = 1 << 15


def of_texts(texts: Sequence[str]) -> Keys:
    """The keys of numbers in E.164 without plus."""
    import pyarrow as pa

    return of_arrow(pa.array(texts, pa.large_string()))


def of_arrow(column: pa.Array | pa.ChunkedArray) -> Keys:
    """The keys of a column of text (either width of offsets); a missing value has key 0."""
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        parts = [of_arrow(chunk) for chunk in column.chunks]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint64)
    if pa.types.is_dictionary(column.type):
        return of_arrow(column.dictionary_decode())
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = column.cast(pa.large_string())
    width = np.int64 if pa.types.is_large_string(column.type) else np.int32
    _, offset_bytes, text_bytes = column.buffers()
    if len(column) == 0 or offset_bytes is None:
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(offset_bytes, width)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    text = np.frombuffer(text_bytes, np.uint8) if text_bytes is not None else np.zeros(0, np.uint8)
    found = of_bytes(offsets, text)
    if column.null_count:
        found[column.is_null().to_numpy(zero_copy_only=False)] = 0
    return found


def of_bytes(offsets: npt.NDArray[np.int64], text: npt.NDArray[np.uint8]) -> Keys:
    """The keys of the numbers text[offsets[i]:offsets[i + 1]], which are ASCII digits or no numbers."""
    count = len(offsets) - 1
    found = np.zeros(count, np.uint64)
    digit = text - np.uint8(48)
    wrong = np.concatenate(([0], np.cumsum(digit > 9, dtype=np.int64)))
    padded = np.concatenate((digit, np.zeros(DIGITS, np.uint8)))
    places = np.arange(DIGITS)
    for start in range(0, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        begin, end = offsets[start:stop], offsets[start + 1 : stop + 1]
        length = np.minimum(end - begin, DIGITS)
        marks = padded[begin[:, None] + places]
        value = np.zeros(stop - start, np.uint64)
        for place in places:
            value *= np.uint64(10)
            value += np.where(place < length, marks[:, place], 0).astype(np.uint64)
        key = value * np.uint64(16) + length.astype(np.uint64)
        found[start:stop] = np.where(wrong[end] == wrong[begin], key, 0)
    return found


def of_integers(numbers: npt.NDArray[np.uint64]) -> Keys:
    """The keys of numbers kept as integers, which have no leading zero: 0 is none."""
    numbers = np.asarray(numbers, np.uint64)
    length = np.searchsorted(_POWERS, numbers, side="right").astype(np.int64)
    over = numbers >= _POWERS[DIGITS]
    if over.any():
        numbers, length = numbers.copy(), length.copy()
        while (over := numbers >= _POWERS[DIGITS]).any():
            numbers[over] //= np.uint64(10)
        length = np.minimum(length, DIGITS)
    found: Keys = numbers * _POWERS[DIGITS - length] * np.uint64(16) + length.astype(np.uint64)
    return np.where(numbers == 0, np.uint64(0), found)


def digits(key: int) -> str:
    """The number of a key, its first 15 digits."""
    return str(key >> 4).zfill(DIGITS)[: key & 15]
