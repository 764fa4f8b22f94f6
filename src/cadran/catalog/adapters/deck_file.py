"""Deck files as text: plain or gzip, UTF-8, of bounded size."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

from cadran.units.errors import InvalidInput

MAX_BYTES = 128 * 1024 * 1024


class UnreadableDeckFile(InvalidInput):
    """The file as a whole cannot be read: missing, too large, broken gzip, or another kind of file."""

    error_id = "catalog-deck-file-unreadable"


@dataclass(frozen=True, slots=True)
class DeckFile:
    """A file's bytes after decompression, and the SHA-256 of them."""

    data: bytes
    sha256: str


def read(path: Path, max_bytes: int = MAX_BYTES) -> DeckFile:
    """Read a .csv or .csv.gz. Never takes more than `max_bytes` of memory for it. Raises UnreadableDeckFile."""
    return of_bytes(content(path, max_bytes))


def content(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a file, unpacked where it is .gz; a larger one is refused unread. Raises UnreadableDeckFile."""
    if not path.is_file():
        raise UnreadableDeckFile(f"there is no file {path}")
    try:
        if path.suffix != ".gz" and path.stat().st_size > max_bytes:
            raise UnreadableDeckFile(f"{path.name} holds more than {max_bytes >> 20} MB: split the deck")
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UnreadableDeckFile(f"{path.name} is no whole gzip file: compress it again") from None
    except OSError as error:
        raise UnreadableDeckFile(f"cannot read {path.name}: {error.strerror}") from None
    if len(data) > max_bytes:
        raise UnreadableDeckFile(f"{path.name} holds more than {max_bytes >> 20} MB: split the deck")
    return data


def of_bytes(data: bytes) -> DeckFile:
    """The same from bytes at hand. Raises UnreadableDeckFile for other kinds of file that are often taken for CSV."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableDeckFile("the file is UTF-16: save it as CSV in UTF-8")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UnreadableDeckFile("the file is a spreadsheet, not CSV: save it as CSV in UTF-8")
    if data.startswith(b"\x1f\x8b"):
        raise UnreadableDeckFile("the file is gzip: name it .csv.gz")
    return DeckFile(data, hashlib.sha256(data).hexdigest())
