"""The bounds of proofs. Pure.

A code of six digits, five tries and ten minutes: one chance in 200 000 for who guesses; the bounds of calls keep it there, keep
anybody's telephone from being rung at a stranger's will, and keep the operator's bill for these calls small.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from cadran.units.errors import CadranError, InvalidInput

CODE_DIGITS = 6
VALID = timedelta(minutes=10)
MOST_TRIES = 5
WINDOW = timedelta(days=1)
PAUSE = timedelta(seconds=60)
CALLS_A_NUMBER = 3
CALLS_AN_ACCOUNT = 5
CALLS_AN_ORIGIN = 10
CALLS_A_BRAND = 500
MOST_NUMBERS = 10
KEPT = timedelta(days=31)
_CODE = re.compile(r"[0-9]{6}")


class InvalidCode(InvalidInput):
    """Not six digits: nothing was tried."""

    error_id = "proofs-code-invalid"


class TooManyProofs(CadranError):
    """Too many codes were asked for: of the number, the account, the place or the brand. details: `again_at`, when the next may be
    asked for, as an ISO instant; which bound it was is not said, since it could tell of others."""

    error_id = "proofs-too-many"


class TooManyNumbers(CadranError):
    """The account has as many calling numbers as one may have: remove one first."""

    error_id = "proofs-too-many-numbers"


@dataclass(frozen=True, slots=True)
class Asked:
    """Codes asked for in the last WINDOW: the newest instants first, of one number, account, origin and brand."""

    number: tuple[datetime, ...] = ()
    account: tuple[datetime, ...] = ()
    origin: tuple[datetime, ...] = ()
    brand: tuple[datetime, ...] = ()


def checked_code(text: str) -> str:
    """The six digits, spaces between them allowed. Raises InvalidCode."""
    code = re.sub(r"[\s\u00a0\u202f-]", "", text[:32])
    if not _CODE.fullmatch(code):
        raise InvalidCode("the code has six digits: type them as they were spoken")
    return code


def check_asking(asked: Asked, at: datetime) -> None:
    """Whether a further code may be told at `at`. Raises TooManyProofs."""
    waits = [at]
    if asked.number:
        waits.append(asked.number[0] + PAUSE)
    if asked.account:
        waits.append(asked.account[0] + PAUSE)
    for made, most in (
        (asked.number, CALLS_A_NUMBER),
        (asked.account, CALLS_AN_ACCOUNT),
        (asked.origin, CALLS_AN_ORIGIN),
        (asked.brand, CALLS_A_BRAND),
    ):
        if len(made) >= most:
            waits.append(made[most - 1] + WINDOW)
    again_at = max(waits)
    if again_at > at:
        raise TooManyProofs(
            f"a code was asked for too often: try again after {again_at:%Y-%m-%dT%H:%M:%SZ}",
            again_at=again_at.isoformat(),
            retry_s=math.ceil((again_at - at).total_seconds()),
        )
