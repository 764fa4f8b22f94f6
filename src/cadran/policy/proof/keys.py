"""Keys of evidence. `settings.secret("evidence")` wraps the data key of each subject, `settings.secret("evidence_seal")` signs seals.

Each secret holds one or more keys, newest first, separated by spaces: the first one wraps and signs, every one opens and is known.
To rotate, put a new key in front and restart; `cadran evidence rewrap` wraps the data keys again, then the old wrapping key can go. An
old signing key stays, for the seals that it signed.
"""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cadran.policy.proof.rules import EvidenceError

NONCE_BYTES = 12


class KeyUnreadable(EvidenceError):
    """A data key that no key at hand unwraps."""

    error_id = "evidence-key-unreadable"


@dataclass(frozen=True, slots=True)
class Keyring:
    """What wraps data keys: (name, cipher) pairs, the newest first."""

    keys: tuple[tuple[bytes, AESGCM], ...]

    def wrap(self, data_key: bytes, *, subject: str) -> bytes:
        """A data key as it is kept: the wrapping key's name (8 bytes), a nonce, the ciphertext bound to the subject."""
        name, cipher = self.keys[0]
        nonce = os.urandom(NONCE_BYTES)
        return name + nonce + cipher.encrypt(nonce, data_key, subject.encode())

    def unwrap(self, sealed: bytes, *, subject: str) -> bytes:
        """The reverse. Raises KeyUnreadable."""
        for name, cipher in self.keys:
            if sealed[:8] == name:
                try:
                    return cipher.decrypt(sealed[8 : 8 + NONCE_BYTES], sealed[8 + NONCE_BYTES :], subject.encode())
                except InvalidTag:
                    raise KeyUnreadable("a data key of evidence was altered: restore it from a backup") from None
        raise KeyUnreadable(
            f"no key unwraps a data key: put the key {sealed[:8].hex()} back into the secret 'evidence'"
        )

    def is_newest(self, sealed: bytes) -> bool:
        return sealed[:8] == self.keys[0][0]


def keyring() -> Keyring:
    """The installation's keyring."""
    from cadran import settings

    return _keyring(settings.secret("evidence"))


def signers() -> tuple[Ed25519PrivateKey, ...]:
    """The installation's signing keys, the newest first."""
    from cadran import settings

    return _signers(settings.secret("evidence_seal"))


def public_hex(key: Ed25519PrivateKey) -> str:
    """The public half as it stands in seals: 32 bytes in hex."""
    return key.public_key().public_bytes_raw().hex()


def signature_holds(*, key_hex: str, signature: bytes, text: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key_hex)).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


@functools.lru_cache(maxsize=4)
def _keyring(secret: str) -> Keyring:
    keys = (_derived(text, b"cadran evidence wrap") for text in secret.split())
    return Keyring(tuple((hashlib.sha256(key).digest()[:8], AESGCM(key)) for key in keys))


@functools.lru_cache(maxsize=4)
def _signers(secret: str) -> tuple[Ed25519PrivateKey, ...]:
    return tuple(
        Ed25519PrivateKey.from_private_bytes(_derived(text, b"cadran evidence seal")) for text in secret.split()
    )


def _derived(text: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(text.encode())
