"""A mail's exact bytes: text and HTML twins, attachments, and a head that nothing from outside can add a line to."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

from cadran.messaging import rules
from cadran.units.period import utc


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a mail says, before it has an id. `sender` is an address, `sender_name` what stands before it."""

    sender: str
    sender_name: str
    reply_to: str = ""
    to: str
    subject: str
    text: str
    html: str
    language: str
    attachments: Sequence[rules.Attachment] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The parts of a mail, as they were sent."""

    text: str
    html: str
    attachments: tuple[rules.Attachment, ...]


def sender_address(setting: str) -> str:
    """The bare address of a setting such as `Cadran <service@cadran.local>`. Raises InvalidMail."""
    address = parseaddr(setting)[1]
    if address.count("@") != 1:
        raise rules.InvalidMail(
            "the sender's address is missing: set CADRAN_MAIL_FROM to one such as service@example.org"
        )
    return rules.checked_line(address, most=254)


def message_id(mail_id: str, sender: str) -> str:
    """The Message-ID of a mail, the same at each attempt."""
    return f"<{mail_id}@{sender.partition('@')[2]}>"


def raw(draft: Draft, *, mail_id: str, at: datetime) -> bytes:
    """The bytes that a server gets, with CRLF line ends. Raises InvalidMail."""
    message = EmailMessage(policy=email.policy.SMTP)
    user, _, domain = draft.sender.partition("@")
    message["From"] = Address(rules.checked_line(draft.sender_name, most=80), user, domain)
    message["To"] = Address("", *rules.checked_line(draft.to, most=254).split("@", 1))
    if draft.reply_to:
        message["Reply-To"] = Address("", *rules.checked_line(draft.reply_to, most=254).split("@", 1))
    message["Subject"] = rules.checked_line(draft.subject)
    message["Date"] = utc(at)
    message["Message-ID"] = message_id(mail_id, draft.sender)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(rules.checked_part(draft.text), cte="quoted-printable")
    message.add_alternative(rules.checked_part(draft.html), subtype="html", cte="quoted-printable")
    if len(draft.attachments) > rules.MAX_ATTACHMENTS:
        raise rules.InvalidMail(f"a mail has at most {rules.MAX_ATTACHMENTS} attachments")
    for attached in draft.attachments:
        rules.checked_attachment(attached)
        kind, _, subtype = attached.media_type.partition("/")
        message.add_attachment(attached.content, maintype=kind, subtype=subtype, filename=attached.name)
    # Last, because making a multipart of a mail moves its Content- headers into the first part.
    message["Content-Language"] = rules.checked_line(draft.language, most=8)
    return message.as_bytes()


def content(sent: bytes) -> Content:
    """The parts of a mail's bytes."""
    message = _message(sent)
    parts = {kind: message.get_body(preferencelist=(kind,)) for kind in ("plain", "html")}
    return Content(
        text=_lines(parts["plain"]),
        html=_lines(parts["html"]),
        attachments=tuple(
            rules.Attachment(str(part.get_filename() or "file"), part.get_content_type(), _bytes(part))
            for part in message.iter_attachments()
            if isinstance(part, EmailMessage)
        ),
    )


def sender_of(sent: bytes) -> str:
    """The address in a mail's From."""
    return str(_message(sent)["From"].addresses[0].addr_spec)


def again(sent: bytes, *, mail_id: str, to: str, at: datetime) -> bytes:
    """The same mail with an id, a date and a recipient of its own."""
    message, sender = _message(sent), sender_of(sent)
    for name, value in (
        ("To", Address("", *rules.checked_line(to, most=254).split("@", 1))),
        ("Date", utc(at)),
        ("Message-ID", message_id(mail_id, sender)),
    ):
        del message[name]
        message[name] = value
    return message.as_bytes()


def _message(sent: bytes) -> EmailMessage:
    message = email.message_from_bytes(sent, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def _lines(part: Any) -> str:
    """The text of a part, with the line ends of programs instead of the wire's."""
    return str(part.get_content()).replace("\r\n", "\n") if part else ""


def _bytes(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
