"""Reading what the site sends."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cadran.messaging import queries


@dataclass(frozen=True, slots=True)
class Posted:
    """A mail as its reader would see it."""

    to: list[str]
    subject: str
    body: str
    html: str
    kind: str


def posted() -> list[Posted]:
    """The mails in the queue, oldest first."""
    found = []
    for mail in reversed(queries.mails(limit=500)):
        words = queries.content(mail.mail_id, fleeting=True)
        found.append(Posted([mail.to], mail.subject, words.text, words.html, mail.kind))
    return found


def link(text: str) -> str:
    """The path of the one link of a mail."""
    found = re.findall(r"http://127\.0\.0\.1:\d+(/account/\S+)", text)
    assert len(found) == 1, text
    return str(found[0])
