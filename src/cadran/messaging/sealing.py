"""Seals the exact bytes of mails: AES-256-GCM under keys of the installation, as party.vault seals SIP secrets.

`settings.secret("mail")` holds one or more keys, newest first, separated by spaces: the first seals, each of them opens.
"""

from __future__ import annotations

import functools
import hashlib
import os
import zlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cadran import settings
from cadran.units.errors import CadranError

MAX_OPENED = 30_000_000


class MailUnreadable(CadranError):
    """A mail that no key at hand opens, or that was moved to another row."""

    error_id = "messaging-mail-unreadable"


def seal(content: bytes, *, owner: str) -> bytes:
    """Bytes that only `unseal` with the same owner and one of the keys opens: 4 bytes of key name, nonce, ciphertext."""
    name, key = _keys(settings.secret("mail"))[0]
    nonce = os.urandom(12)
    return name + nonce + AESGCM(key).encrypt(nonce, zlib.compress(content), owner.encode())


def unseal(sealed: bytes, *, owner: str) -> bytes:
    """What was sealed for `owner`. Raises MailUnreadable."""
    name, nonce, text = sealed[:4], sealed[4:16], sealed[16:]
    for known, key in _keys(settings.secret("mail")):
        if known == name:
            try:
                return zlib.decompressobj().decompress(AESGCM(key).decrypt(nonce, text, owner.encode()), MAX_OPENED)
            except (InvalidTag, zlib.error) as error:
                raise MailUnreadable(f"the mail {owner} was altered where it is kept") from error
    raise MailUnreadable(f"no key opens the mail {owner}: put the key {name.hex()} back into the secret 'mail'")


@functools.lru_cache(maxsize=4)
def _keys(secret: str) -> tuple[tuple[bytes, bytes], ...]:
    keys = []
    for text in secret.split():
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"cadran messaging mail").derive(text.encode())
        keys.append((hashlib.sha256(key).digest()[:4], key))
    return tuple(keys)
