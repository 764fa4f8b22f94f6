"""Files encrypted at rest: AES-256-GCM under a data key of each document, itself wrapped by a master key that can be rotated.

`settings.secret("documents")` holds one or more master keys, newest first: the first wraps, each of them unwraps. A file is
bound to its document and side, so that one moved into another's place does not open. Files appear under their name whole.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cadran import settings
from cadran.units.errors import CadranError

SECRET = "documents"  # noqa: S105 - the name of a secret
_STORED = re.compile(r"[0-9a-f]{32}")
_NONCE = 12


class DocumentUnreadable(CadranError):
    """A file or a data key that no master key at hand opens, that was altered, or that is gone."""

    error_id = "party-document-unreadable"


def folder() -> Path:
    """Where the encrypted files lie: for this account of the system alone."""
    path = settings.VAR / "documents"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def new_key(document: str) -> tuple[bytes, str, str]:
    """A fresh data key, the name of the master key that wraps it, and the wrapped key."""
    key = AESGCM.generate_key(bit_length=256)
    master, sealed = wrap(key, document)
    return key, master, sealed


def wrap(key: bytes, document: str) -> tuple[str, str]:
    """A data key under the newest master key: its name and the wrapped key."""
    name, master = masters()[0]
    nonce = os.urandom(_NONCE)
    return name, base64.urlsafe_b64encode(nonce + AESGCM(master).encrypt(nonce, key, document.encode())).decode()


def unwrap(sealed: str, master: str, document: str) -> bytes:
    """The data key of a document. Raises DocumentUnreadable."""
    for name, known in masters():
        if name == master:
            try:
                raw = base64.urlsafe_b64decode(sealed)
                return AESGCM(known).decrypt(raw[:_NONCE], raw[_NONCE:], document.encode())
            except (InvalidTag, ValueError) as error:
                raise DocumentUnreadable(f"the key of {document} was altered") from error
    raise DocumentUnreadable(f"no key opens {document}: put the key {master} back into the secret '{SECRET}'")


def store(content: bytes, *, key: bytes, document: str, side: str) -> str:
    """Write one file, encrypted, whole or not at all, and on the disk before this returns; its name."""
    stored = secrets.token_hex(16)
    nonce = os.urandom(_NONCE)
    sealed = nonce + AESGCM(key).encrypt(nonce, content, _bound(document, side))
    path = _path(stored)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{stored}.part")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())
    os.rename(fresh, path)
    _sync(path.parent)
    return stored


def read(stored: str, *, key: bytes, document: str, side: str) -> bytes:
    """What was stored for that document and side. Raises DocumentUnreadable."""
    try:
        raw = _path(stored).read_bytes()
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _bound(document, side))
    except (OSError, InvalidTag, ValueError) as error:
        raise DocumentUnreadable(f"a file of {document} is gone or was altered") from error


def discard(stored: str) -> None:
    """Remove a file; one that is gone already is no failure."""
    _path(stored).unlink(missing_ok=True)


def files() -> Iterator[tuple[str, float]]:
    """Each file of the folder, unfinished ones too: its name as `discard_path` takes it, and when it was last written."""
    for path in folder().glob("??/*"):
        try:
            yield f"{path.parent.name}/{path.name}", path.stat().st_mtime
        except FileNotFoundError:
            continue


def discard_path(name: str) -> None:
    """Remove what `files` named."""
    (folder() / name).unlink(missing_ok=True)


def masters() -> tuple[tuple[str, bytes], ...]:
    """The master keys by name, newest first."""
    return _masters(settings.secret(SECRET))


def add_master() -> None:
    """Put a fresh master key in front, in the secret's file. Raises DocumentUnreadable where the environment holds the keys."""
    _write(" ".join((secrets.token_urlsafe(48), *settings.secret(SECRET).split())))


def keep_newest_master() -> None:
    """Drop every master key but the newest."""
    _write(settings.secret(SECRET).split()[0])


def in_environment() -> bool:
    """Whether the operator keeps the master keys outside, where no command can change them."""
    return bool(os.environ.get(f"CADRAN_SECRET_{SECRET.upper()}"))


def _write(text: str) -> None:
    if in_environment():
        raise DocumentUnreadable(
            "the master keys come from the environment: put a new one in front there, run this again, then drop the old one"
        )
    path = settings.VAR / "secrets" / SECRET
    fresh = path.with_name(f".{SECRET}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    _sync(path.parent)


@functools.lru_cache(maxsize=4)
def _masters(secret: str) -> tuple[tuple[str, bytes], ...]:
    found = []
    for text in secret.split():
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"cadran party documents").derive(text.encode())
        found.append((hashlib.sha256(key).hexdigest()[:8], key))
    return tuple(found)


def _path(stored: str) -> Path:
    if not _STORED.fullmatch(stored):
        raise DocumentUnreadable("a stored file has a name of 32 hexadecimal digits")
    return folder() / stored[:2] / stored


def _bound(document: str, side: str) -> bytes:
    return f"{document} {side}".encode()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
