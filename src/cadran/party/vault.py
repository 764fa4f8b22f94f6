"""Seals the digest secrets of SIP users: AES-256-GCM under a key of the installation that can be rotated.

`settings.secret("sip")` holds one or more keys, newest first, separated by spaces: the first seals, each of them opens.
To rotate, put a new key in front, run `operations.reseal_sip_secrets`, then drop the old one.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import secrets as random_source
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cadran import settings
from cadran.units.errors import CadranError


class SecretUnreadable(CadranError):
    """A sealed secret that no key at hand opens, or that was moved to another user's row."""

    error_id = "party-secret-unreadable"


def seal(secrets: Mapping[str, str], *, owner: str) -> str:
    """Text that only `unseal` with the same owner and one of the keys opens."""
    name, key = _keys(settings.secret("sip"))[0]
    nonce = os.urandom(12)
    sealed = AESGCM(key).encrypt(nonce, json.dumps(dict(secrets)).encode(), owner.encode())
    return f"{name}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def unseal(sealed: str, *, owner: str) -> dict[str, str]:
    """What was sealed for `owner`. Raises SecretUnreadable."""
    name, _, text = sealed.partition(".")
    for known, key in _keys(settings.secret("sip")):
        if known == name:
            try:
                raw = base64.urlsafe_b64decode(text)
                opened: dict[str, str] = json.loads(AESGCM(key).decrypt(raw[:12], raw[12:], owner.encode()))
            except (InvalidTag, ValueError) as error:
                raise SecretUnreadable(f"the SIP secrets of {owner} were altered: set a new SIP password") from error
            return opened
    raise SecretUnreadable(f"no key opens the SIP secrets of {owner}: put the key {name} back into the secret 'sip'")


def sealed_with_newest(sealed: str) -> bool:
    return sealed.partition(".")[0] == _keys(settings.secret("sip"))[0][0]


@functools.lru_cache(maxsize=4)
def _keys(secret: str) -> tuple[tuple[str, bytes], ...]:
    keys = []
    for text in secret.split():
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"cadran party sip ha1").derive(text.encode())
        keys.append((hashlib.sha256(key).hexdigest()[:8], key))
    return tuple(keys)


def propose_sip_password() -> str:
    """A strong SIP password, easy to read and to type on a phone: four groups of four without look-alikes (77 bits), such as
    `k7mq-x3dw-p9ra-t4hv`; each group mixes letters and digits."""
    return "-".join(_group() for _ in range(4))


def _group() -> str:
    while True:
        group = "".join(random_source.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4))
        if any(c.isdigit() for c in group) and any(c.isalpha() for c in group):
            return group
