"""Identifiers: time-ordered and random, readable aloud, safe in addresses and file names."""

from __future__ import annotations

import functools
import re
import secrets
import time

from cadran.units.errors import InvalidInput

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [one + other for one in _ALPHABET for other in _ALPHABET]
_KEY = re.compile(r"[A-Za-z0-9._:@/-]{1,128}")


class InvalidKey(InvalidInput):
    """An idempotency key or id of a wrong form."""

    error_id = "units-key-invalid"


def new_id(kind: str) -> str:
    """A fresh id such as `cdr_01jd5m…`: its kind, 10 characters of wall-clock milliseconds, 16 random ones (80 bits)."""
    drawn = secrets.randbits(80)
    random = "".join([_PAIRS[drawn >> shift & 1023] for shift in range(0, 80, 10)])
    return f"{kind}_{_stamp(time.time_ns() // 1_000_000)}{random}"


@functools.lru_cache(maxsize=4)
def _stamp(milliseconds: int) -> str:
    text = ""
    for _ in range(10):
        milliseconds, digit = divmod(milliseconds, 32)
        text = _ALPHABET[digit] + text
    return text


def is_key(key: object) -> bool:
    """Whether `checked_key` would take it."""
    return isinstance(key, str) and _KEY.fullmatch(key) is not None


def checked_key(key: str) -> str:
    """The idempotency key itself, if it is 1 to 128 of the characters A-Z a-z 0-9 . _ : @ / -. Raises InvalidKey."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidKey("an idempotency key is 1 to 128 letters, digits or . _ : @ / -")
    return key
