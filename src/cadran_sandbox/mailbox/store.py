"""Mails on disk: one file each, written whole or not at all; the oldest go when there are too many."""

from __future__ import annotations

import email
import email.policy
import html.parser
import os
import secrets
import threading
import time
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

MAX_MAILS = 2_000
MAX_TEXT = 200_000
MAX_HTML = 1_000_000
ENVELOPE_LINES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An attachment of a mail: its name, what it says that it is, and its bytes."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail as it is shown: plain text only. `received_at` is seconds since 1970 of the wall clock."""

    id: str
    received_at: int
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    headers: tuple[tuple[str, str], ...]
    attachments: tuple[str, ...]
    size: int
    has_html: bool = False

    def as_dict(self) -> dict[str, object]:
        """The form of /mails."""
        return {
            "id": self.id,
            "received_at": self.received_at,
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
            "text": self.text,
            "headers": dict(self.headers),
            "attachments": list(self.attachments),
            "size": self.size,
            "html": self.has_html,
        }


class Store:
    """The folder of mails. Safe for several threads of one process."""

    def __init__(self, folder: Path, *, limit: int = MAX_MAILS) -> None:
        self.folder, self.limit, self._lock = folder, limit, threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("*.tmp"):
            leftover.unlink(missing_ok=True)

    def keep(self, *, sender: str, recipients: list[str], content: bytes) -> str:
        """Write a mail durably and return its id; when this returns, the mail survives a crash."""
        name = f"{time.time_ns() // 1000:016d}-{secrets.token_hex(4)}"
        envelope = f"X-Envelope-From: {_line(sender)}\r\nX-Envelope-To: {_line(', '.join(recipients))}\r\n".encode()
        fresh, final = self.folder / f"{name}.tmp", self.folder / f"{name}.eml"
        with self._lock:
            with open(fresh, "wb") as file:
                file.write(envelope + content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, final)
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            for old in sorted(self.folder.glob("*.eml"))[: -self.limit]:
                old.unlink(missing_ok=True)
        return name

    def mails(self, *, to: str = "", search: str = "", limit: int = 100) -> list[Mail]:
        """The newest mails first; with `to`, those to that address; with `search`, those in whose head or text all its words stand.
        Case never matters."""
        wanted, words, found = to.strip().lower(), search.lower().split()[:10], list[Mail]()
        for path in sorted(self.folder.glob("*.eml"), reverse=True):
            mail = self._read(path)
            if mail and (not wanted or wanted in mail.recipients) and all(word in _haystack(mail) for word in words):
                found.append(mail)
                if len(found) >= limit:
                    break
        return found

    def mail(self, name: str) -> Mail | None:
        """The mail of that id, or None. An id is only ever looked up among those that exist."""
        path = self._path(name)
        return None if path is None else self._read(path)

    def raw(self, name: str) -> bytes | None:
        """The mail as it came over SMTP, without the envelope that this mailbox put before it."""
        path = self._path(name)
        return None if path is None else path.read_bytes().split(b"\r\n", ENVELOPE_LINES)[ENVELOPE_LINES]

    def html(self, name: str) -> str | None:
        """The HTML of a mail as it was written, at most MAX_HTML characters; None where it has none."""
        path = self._path(name)
        part = None if path is None else _part(_parsed(path.read_bytes()), "html")
        return None if part is None else _content(part)[:MAX_HTML]

    def file(self, name: str, number: int) -> File | None:
        """The attachment of that number (from 0), or None."""
        path = self._path(name)
        parts = [] if path is None else _attachments(_parsed(path.read_bytes()))
        if not 0 <= number < len(parts):
            return None
        payload = parts[number].get_payload(decode=True)
        return File(
            name=_file_name(parts[number]),
            media_type=parts[number].get_content_type(),
            content=payload if isinstance(payload, bytes) else b"",
        )

    def _path(self, name: str) -> Path | None:
        """The file of that id; an id is only ever looked up among those that exist."""
        return next((path for path in self.folder.glob("*.eml") if path.stem == name), None)

    def clear(self) -> int:
        """Throw all mails away; returns how many."""
        with self._lock:
            found = list(self.folder.glob("*.eml"))
            for path in found:
                path.unlink(missing_ok=True)
        return len(found)

    def _read(self, path: Path) -> Mail | None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        message = _parsed(content)
        recipients = tuple(
            part.strip().lower() for part in _header(message, "X-Envelope-To").split(",") if part.strip()
        )
        return Mail(
            id=path.stem,
            received_at=int(path.stem.partition("-")[0]) // 1_000_000,
            sender=_header(message, "X-Envelope-From"),
            recipients=recipients,
            subject=_header(message, "Subject"),
            text=_text(message)[:MAX_TEXT],
            headers=tuple((name, _header(message, name)) for name in ("From", "To", "Date", "Message-ID", "Reply-To")),
            attachments=tuple(_file_name(part) for part in _attachments(message)),
            size=len(content),
            has_html=_part(message, "html") is not None,
        )


def _haystack(mail: Mail) -> str:
    return " ".join((mail.subject, mail.sender, *mail.recipients, mail.text)).lower()


def _parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def _part(message: EmailMessage, kind: str) -> EmailMessage | None:
    try:
        found = message.get_body(preferencelist=(kind,))
    except Exception:  # noqa: BLE001 - the parser raises many things on hostile input
        return None
    return found if isinstance(found, EmailMessage) else None


def _content(part: EmailMessage) -> str:
    try:
        return str(part.get_content())
    except Exception:  # noqa: BLE001 - as above: an unknown charset, a broken encoding
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _file_name(part: EmailMessage) -> str:
    try:
        name = str(part.get_filename() or part.get_content_type())
    except Exception:  # noqa: BLE001 - as above
        name = "file"
    return _line(name).replace("/", "_").replace("\\", "_").replace('"', "_")[:120] or "file"


def _header(message: EmailMessage, name: str) -> str:
    """A header as one line of text; a hostile one that cannot be parsed is shown as it came."""
    try:
        value = str(message.get(name, ""))
    except Exception:  # noqa: BLE001 - the parser raises many things on hostile input; the mail must still be shown
        value = next((str(raw) for key, raw in message.raw_items() if key.lower() == name.lower()), "")
    return _line(value)[:500]


def _text(message: EmailMessage) -> str:
    """The plain text of a mail, made from its HTML where it has no other."""
    try:
        body = message.get_body(preferencelist=("plain", "html"))
        if body is None:
            return ""
        text = str(body.get_content())
        return _without_tags(text) if body.get_content_subtype() == "html" else text
    except Exception:  # noqa: BLE001 - as above
        payload = message.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _attachments(message: EmailMessage) -> list[EmailMessage]:
    try:
        return [part for part in message.iter_attachments() if isinstance(part, EmailMessage)]
    except Exception:  # noqa: BLE001 - as above
        return []


class _Words(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style"} and self._silent > 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def _without_tags(text: str) -> str:
    parser = _Words()
    parser.feed(text)
    return "".join(parser.words)


def _line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
