"""Cursors: where a list goes on. Opaque to callers, and signed for one list of one owner, so that none can be made up or moved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from django.core import signing

from cadran.web.api import problems

MOST = 400


def write(where: str, at: Sequence[int | str]) -> str:
    """The cursor of a place. `where` names the list and its owner."""
    return signing.Signer(salt=f"api cursor {where}").sign(_packed(json.dumps(list(at), separators=(",", ":"))))


def read(where: str, cursor: str, kinds: Sequence[type]) -> tuple[int | str, ...]:
    """The place that the cursor names. Raises CursorInvalid."""
    try:
        if len(cursor) > MOST:
            raise ValueError("too long")
        found = json.loads(_unpacked(signing.Signer(salt=f"api cursor {where}").unsign(cursor)))
    except (signing.BadSignature, ValueError) as error:
        raise problems.CursorInvalid("this list did not give that cursor: begin again without one") from error
    if [type(part) for part in found] != list(kinds):
        raise problems.CursorInvalid("this list did not give that cursor: begin again without one")
    return tuple(found)


def instant(at: datetime) -> int:
    """An instant as microseconds since 1970."""
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def at_instant(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def _packed(text: str) -> str:
    return signing.b64_encode(text.encode()).decode()


def _unpacked(text: str) -> str:
    return signing.b64_decode(text.encode()).decode()
