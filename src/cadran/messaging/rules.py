"""What a mail may hold, when it is tried again, and what a server's answer means. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from cadran.units.errors import InvalidInput

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5, 3600
MOST_ATTEMPTS = 60
LEASE_S = 300
MAX_SUBJECT, MAX_PART_BYTES, MAX_ATTACHMENTS = 200, 500_000, 5
MAX_ATTACHMENT_BYTES = 3_000_000
MEDIA_TYPES = frozenset({"application/pdf", "text/csv", "application/json"})


class InvalidMail(InvalidInput):
    """A mail that could not be sent as it is: a line break in a header, an empty part, an attachment too large."""

    error_id = "messaging-mail-invalid"


class MailState(StrEnum):
    """queued: waits for its time; sending: handed to the server, whose answer is not known yet; sent: the server accepted it;
    refused: the server said never; given_up: it said not now too often."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a mail: a plain name, one of MEDIA_TYPES, at most MAX_ATTACHMENT_BYTES."""

    name: str
    media_type: str
    content: bytes


def pause_s(attempts: int) -> int:
    """How long to wait after that many attempts: doubles from 5 seconds to an hour."""
    return int(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(max(attempts, 1) - 1, 20)))


def tried_enough(attempts: int) -> bool:
    """Whether an attempt more would be too many: about two days at the longest pause."""
    return attempts >= MOST_ATTEMPTS


def checked_line(text: str, *, most: int = MAX_SUBJECT) -> str:
    """One line of a header: printable, not empty. Raises InvalidMail for a line break or any other control character, so that
    nobody adds a header through a name or a subject."""
    if not text.strip() or len(text) > most:
        raise InvalidMail(f"a line of a mail's head holds 1 to {most} characters")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for character in text):
        raise InvalidMail("a line of a mail's head holds no line break and no control character")
    return text.strip()


def checked_part(text: str) -> str:
    """The body of a mail, as text or HTML. Raises InvalidMail when it is empty, too large, or holds a NUL."""
    if not text.strip() or len(text.encode("utf-8", "replace")) > MAX_PART_BYTES or "\0" in text:
        raise InvalidMail(f"a mail's part holds text, at most {MAX_PART_BYTES} bytes")
    return text


def checked_attachment(given: Attachment) -> Attachment:
    """The attachment itself. Raises InvalidMail for another media type, a name with a path or a control character, or its size."""
    name = checked_line(given.name, most=100)
    if "/" in name or "\\" in name or '"' in name or name.startswith("."):
        raise InvalidMail("an attachment's name is a plain file name")
    if given.media_type not in MEDIA_TYPES:
        raise InvalidMail(f"an attachment is one of {', '.join(sorted(MEDIA_TYPES))}")
    if not 0 < len(given.content) <= MAX_ATTACHMENT_BYTES:
        raise InvalidMail(f"an attachment holds at most {MAX_ATTACHMENT_BYTES} bytes")
    return given
