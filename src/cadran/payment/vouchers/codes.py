"""Where codes come from, and what is kept of them: a keyed hash. A code itself is kept nowhere.

The secret `vouchers` (the environment's CADRAN_SECRET_VOUCHERS, else a file of the state folder) holds one or more keys, newest
first, separated by spaces: codes are hashed with the first, and found by each. Whoever has the database without it can neither
check nor guess a code; without it no voucher can be redeemed, so it belongs to every backup.

The codes of a batch are derived from a random secret of its own, which is sealed in its row (party.vault) until its sheets are taken
and then erased: from that moment nobody can make the sheets again.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import secrets

from cadran import settings
from cadran.party import vault
from cadran.payment.vouchers import rules


def digest(code: str) -> str:
    """The keyed hash under which a code is kept: with the newest key."""
    return _hashed(_keys(settings.secret("vouchers"))[0], code)


def digests(code: str) -> tuple[str, ...]:
    """The keyed hashes under which a code may be kept: with each key at hand."""
    return tuple(_hashed(key, code) for key in _keys(settings.secret("vouchers")))


def mark(typed: str) -> str:
    """What is kept of a code that was no voucher's, to tell one slip repeated from two guesses."""
    digits = "".join(letter for letter in typed[: rules.MOST_TYPED] if letter.isascii() and letter.isalnum())
    return _hashed(_keys(settings.secret("vouchers"))[0], f"typed:{digits}")


def fresh_secret(batch_id: str) -> str:
    """A new batch's secret, sealed for its row."""
    return vault.seal({"codes": secrets.token_hex(32)}, owner=_owner(batch_id))


def secret_of(batch_id: str, sealed: str) -> bytes:
    """The secret of a batch. Raises party.vault.SecretUnreadable."""
    return bytes.fromhex(vault.unseal(sealed, owner=_owner(batch_id))["codes"])


def derived(secret: bytes, index: int, draw: int) -> str:
    """The code of one place of the batch. draw: how many codes before it were taken already by vouchers elsewhere."""
    drawn = hmac.new(secret, f"{index}/{draw}".encode(), hashlib.sha256).digest()
    return rules.code_of(int.from_bytes(drawn, "big"))


def _owner(batch_id: str) -> str:
    return f"voucher-batch/{batch_id}"


def _hashed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@functools.lru_cache(maxsize=4)
def _keys(secret: str) -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(b"cadran voucher codes " + text.encode()).digest() for text in secret.split())
