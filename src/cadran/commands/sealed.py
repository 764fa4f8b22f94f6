"""A file that only a passphrase opens: AES-256-GCM in chunks, so that a backup of any size is written and read as a stream.

Layout: the line `CADRAN-SEALED-1`, one line of JSON (key derivation, salt, nonce prefix), then chunks of a 4-byte length and
the ciphertext. Each chunk's nonce holds its number and whether it is the last one: a chunk that was altered, moved, dropped or
cut off does not open.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from cadran.units import errors

MAGIC = b"CADRAN-SEALED-1\n"
CHUNK = 1 << 20
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}
_LONGEST_HEADER = 4096
_FEWEST_CHARACTERS = 12


class NoPassphrase(errors.CadranError):
    """Neither a passphrase nor a key is in the environment."""

    error_id = "backup-no-passphrase"


class Unreadable(errors.CadranError):
    """Not a sealed file, another passphrase, or a file that was altered or cut off."""

    error_id = "backup-unreadable"


@dataclass(frozen=True, slots=True)
class Lock:
    """What seals a file: a passphrase, or 32 bytes of key."""

    passphrase: bytes = b""
    key: bytes = b""

    def derived(self, salt: bytes) -> bytes:
        if self.key:
            return hashlib.sha256(b"cadran-backup" + salt + self.key).digest()
        return Scrypt(salt=salt, length=32, **_SCRYPT).derive(self.passphrase)


def lock_from(environ: Mapping[str, str]) -> Lock:
    """CADRAN_BACKUP_KEY (32 bytes in base64) or CADRAN_BACKUP_PASSPHRASE (12 characters at least). Raises NoPassphrase."""
    if text := environ.get("CADRAN_BACKUP_KEY"):
        try:
            key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise NoPassphrase("CADRAN_BACKUP_KEY must be 32 bytes in base64, such as `openssl rand -base64 32` prints")
        return Lock(key=key)
    passphrase = environ.get("CADRAN_BACKUP_PASSPHRASE", "")
    if len(passphrase) < _FEWEST_CHARACTERS:
        raise NoPassphrase(
            "set CADRAN_BACKUP_PASSPHRASE (12 characters at least) or CADRAN_BACKUP_KEY: a backup holds secrets and personal data, "
            "and is always encrypted; keep the passphrase elsewhere, for without it nobody can restore"
        )
    return Lock(passphrase=passphrase.encode())


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


class Writer:
    """A writable stream that seals what it is given; `close` writes the last chunk."""

    def __init__(self, out: IO[bytes], lock: Lock) -> None:
        salt, self._prefix = secrets.token_bytes(16), secrets.token_bytes(7)
        header = {"key": bool(lock.key), "salt": salt.hex(), "prefix": self._prefix.hex(), **_SCRYPT}
        self._header = json.dumps(header).encode() + b"\n"
        self._out, self._cipher, self._number, self._waiting = out, AESGCM(lock.derived(salt)), 0, bytearray()
        out.write(MAGIC + self._header)

    def write(self, data: bytes) -> int:
        self._waiting += data
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(data)

    def close(self) -> None:
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, data: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._prefix, self._number, last), data, self._header)
        self._out.write(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1


class Reader:
    """A readable stream over a sealed file. Raises Unreadable, at the latest at its end."""

    def __init__(self, source: IO[bytes], lock: Lock) -> None:
        if source.read(len(MAGIC)) != MAGIC:
            raise Unreadable("this file is no backup of Cadran")
        self._header = source.readline(_LONGEST_HEADER)
        try:
            header = json.loads(self._header)
            salt, self._prefix = bytes.fromhex(header["salt"]), bytes.fromhex(header["prefix"])
            by_key = bool(header["key"])
        except (ValueError, KeyError, TypeError):
            raise Unreadable("the head of this backup is damaged") from None
        if by_key != bool(lock.key):
            raise Unreadable(
                f"this backup was made with {'CADRAN_BACKUP_KEY' if by_key else 'CADRAN_BACKUP_PASSPHRASE'}: set that one"
            )
        self._source, self._cipher = source, AESGCM(lock.derived(salt))
        self._number, self._open, self._ended = 0, bytearray(), False

    def read(self, size: int = -1) -> bytes:
        while not self._ended and (size < 0 or len(self._open) < size):
            self._open += self._next()
        taken = bytes(self._open if size < 0 else self._open[:size])
        del self._open[: len(taken)]
        return taken

    def _next(self) -> bytes:
        head = self._source.read(4)
        length = int.from_bytes(head, "big")
        if len(head) < 4 or not 16 <= length <= CHUNK + 16:
            raise Unreadable("this backup was cut off or altered")
        data = self._source.read(length)
        for last in (False, True):
            try:
                opened = self._cipher.decrypt(_nonce(self._prefix, self._number, last), data, self._header)
            except InvalidTag:
                continue
            self._number += 1
            self._ended = last
            if last and self._source.read(1):
                raise Unreadable("something was added at the end of this backup")
            return opened
        raise Unreadable(
            "this backup does not open: another passphrase, or it was altered"
            if self._number == 0
            else "this backup was altered"
        )


def private_file(path: str | os.PathLike[str]) -> IO[bytes]:
    """A fresh file that its owner alone can read. Raises FileExistsError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
