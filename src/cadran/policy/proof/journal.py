"""Writing and reading the entries of one database file, on a connection whose transactions belong to the caller."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cadran.policy.proof import keys, rules
from cadran.policy.proof.keys import NONCE_BYTES, Keyring
from cadran.policy.proof.rules import SALT_BYTES

MAX_KEPT = 20_000
MAX_BODY = 4 << 20
HOUSE = ""  # the subject of what speaks of nobody: it is never erased
_HOLDER = "SELECT number, sealed FROM evidence_key WHERE subject = ?"
_INSERT_HOLDER = "INSERT INTO evidence_key (subject, sealed) VALUES (?, ?)"
_INSERT = "INSERT INTO evidence_commitment (at, kind, holder, commitment) VALUES (?, ?, ?, ?)"
_INSERT_BODY = "INSERT INTO evidence_body (position, holder, ref, sealed) VALUES (?, ?, ?, ?)"
# What most bodies have in common. A body that was written with it can be read with it alone: this file never changes.
_WORDS = Path(__file__).with_name("dictionary.txt").read_bytes()
# A window of 8 kB and little memory: a small state is quicker to set up than to search.
_PACKING = zlib.compressobj(1, zlib.DEFLATED, 13, 5, zlib.Z_DEFAULT_STRATEGY, _WORDS)

Execute = Callable[..., sqlite3.Cursor]


class Journal:
    """Writes entries. Holders and their opened keys are kept in memory: whoever rolls back calls `forget`.

    `keep` after each piece of work that succeeded, `undo` after one that was rolled back alone, `forget` for all.
    """

    def __init__(self, execute: Execute, *, keyring: Keyring | None = None) -> None:
        self._execute = execute
        self._keyring = keyring
        self._holders: dict[str, tuple[int, AESGCM]] = {}
        self._fresh: list[str] = []

    def write(self, *, kind: str, subject: str, ref: str, at: datetime, body: bytes) -> int:
        """Add an entry; `body` is its whole text (rules.body_text) in UTF-8, at most MAX_BODY bytes. Returns its position."""
        if len(body) > MAX_BODY:
            raise too_long()
        holder, cipher = self._holders.get(subject) or self._holder(subject)
        drawn = os.urandom(SALT_BYTES + NONCE_BYTES)
        salt, nonce = drawn[:SALT_BYTES], drawn[SALT_BYTES:]
        commitment = rules.commitment(salt, body)
        position = self._execute(_INSERT, (rules.instant(at), kind, holder, commitment)).lastrowid
        assert position is not None
        self._execute(_INSERT_BODY, (position, holder, ref, sealed(cipher, nonce, salt, body, commitment)))
        return position

    def keep(self) -> None:
        self._fresh.clear()

    def undo(self) -> None:
        for subject in self._fresh:
            self._holders.pop(subject, None)
        self._fresh.clear()

    def forget(self) -> None:
        self._holders.clear()
        self._fresh.clear()

    def _holder(self, subject: str) -> tuple[int, AESGCM]:
        keyring = self._keyring or keys.keyring()
        row = self._execute(_HOLDER, (subject,)).fetchone()
        if row is None:
            data_key = AESGCM.generate_key(256)
            number = self._execute(_INSERT_HOLDER, (subject, keyring.wrap(data_key, subject=subject))).lastrowid
            assert number is not None
            self._fresh.append(subject)
        else:
            number, data_key = row[0], keyring.unwrap(row[1], subject=subject)
        if len(self._holders) >= MAX_KEPT:
            self._holders.clear()
        found = self._holders[subject] = (number, AESGCM(data_key))
        return found

    def erase(self, holder: int) -> int:
        """Remove the bodies, the salts and the data key of a holder, and overwrite where they lay; returns how many bodies there were.
        Again changes nothing."""
        self._execute("PRAGMA secure_delete=ON")
        count = self._execute("DELETE FROM evidence_body WHERE holder = ?", (holder,)).rowcount
        self._execute("DELETE FROM evidence_key WHERE number = ?", (holder,))
        for subject, (number, _cipher) in list(self._holders.items()):
            if number == holder:
                del self._holders[subject]
        return count

    def rewrap(self) -> int:
        """Wrap the file's data keys again with the keyring's newest key; returns how many were not yet."""
        ring = self._keyring or keys.keyring()
        found = [
            row
            for row in self._execute("SELECT number, subject, sealed FROM evidence_key")
            if not ring.is_newest(row[2])
        ]
        for number, subject, sealed in found:
            fresh = ring.wrap(ring.unwrap(sealed, subject=subject), subject=subject)
            self._execute("UPDATE evidence_key SET sealed = ? WHERE number = ?", (fresh, number))
        return len(found)


def too_long() -> rules.BodyRefused:
    """The error of a body above MAX_BODY."""
    return rules.BodyRefused(f"evidence takes {MAX_BODY} bytes at most: keep the file elsewhere, and its SHA-256 here")


def sealed(cipher: AESGCM, nonce: bytes, salt: bytes, body: bytes, commitment: bytes) -> bytes:
    """Salt and body as they are kept: packed, encrypted, bound to the commitment, with the nonce in front."""
    packing = _PACKING.copy()
    return nonce + cipher.encrypt(nonce, salt + packing.compress(body) + packing.flush(), commitment)


def opened(cipher: AESGCM, sealed: bytes, commitment: bytes) -> tuple[bytes, bytes] | None:
    """Salt and body of a sealed body; None when it does not open or is not what was committed to."""
    try:
        text = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], commitment)
        salt, body = text[:SALT_BYTES], zlib.decompressobj(zdict=_WORDS).decompress(text[SALT_BYTES:], MAX_BODY)
    except (InvalidTag, ValueError, zlib.error):
        return None
    return (salt, body) if rules.commitment(salt, body) == commitment else None
