"""Identifiers: time-ordered and random, readable aloud, safe in addresses and file names."""

from __future__ import annotations

import re
import secrets
import time

from cadran.units.errors import InvalidInput

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_KEY = re.compile(r"[A-Za-z0-9._:@/-]{1,128}")


class InvalidKey(InvalidInput):
    """An idempotency key or id of a wrong form."""

    error_id = "units-key-invalid"


def new_id(kind: str) -> str:
    """A fresh id such as `cdr_01jd5m…`: its kind, 10 characters of wall-clock milliseconds, 16 random ones (80 bits)."""
    stamp, text = time.time_ns() // 1_000_000, ""
    for _ in range(10):
        stamp, digit = divmod(stamp, 32)
        text = _ALPHABET[digit] + text
    drawn = secrets.randbits(80)
    return f"{kind}_{text}{''.join([_ALPHABET[drawn >> shift & 31] for shift in range(0, 80, 5)])}"


def is_key(key: object) -> bool:
    """Whether `checked_key` would take it."""
    return isinstance(key, str) and _KEY.fullmatch(key) is not None


def checked_key(key: str) -> str:
    """The idempotency key itself, if it is 1 to 128 of the characters A-Z a-z 0-9 . _ : @ / -. Raises InvalidKey."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidKey("an idempotency key is 1 to 128 letters, digits or . _ : @ / -")
    return key
