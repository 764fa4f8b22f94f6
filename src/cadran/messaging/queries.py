"""Reading outgoing mails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cadran.messaging import composing, sealing
from cadran.messaging.models import Mail as Row
from cadran.messaging.models import WarningChoice, Watch
from cadran.messaging.rules import MailState
from cadran.units.errors import CadranError

MOST = 500


class UnknownMail(CadranError):
    """No such mail, or not this account's."""

    error_id = "messaging-mail-unknown"


class MailNotKept(CadranError):
    """The mail's words are gone: it bore a link that opens something, or its customer's data were erased."""

    error_id = "messaging-mail-not-kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as others see it, without its words. `answer`: the server's last words. `ended_at`: when a server accepted it, or
    it was refused or given up. `kept`: whether its words can still be read."""

    mail_id: str
    brand: str
    account: str
    to: str
    subject: str
    kind: str
    language: str
    state: MailState
    attempts: int
    queued_at: datetime
    due_at: datetime
    ended_at: datetime | None
    message_id: str
    sha256: str
    size: int
    answer: str
    copy_of: str
    fleeting: bool
    kept: bool


def as_mail(row: Row) -> Mail:
    return Mail(
        mail_id=row.mail_id,
        brand=row.brand,
        account=row.account,
        to=row.recipient,
        subject=row.subject,
        kind=row.kind,
        language=row.language,
        state=MailState(row.state),
        attempts=row.attempts,
        queued_at=row.queued_at,
        due_at=row.due_at,
        ended_at=row.ended_at,
        message_id=row.message_id,
        sha256=row.sha256,
        size=row.size,
        answer=row.answer,
        copy_of=row.copy_of,
        fleeting=row.fleeting,
        kept=row.sealed is not None,
    )


def mails(
    *, account: str | None = None, to: str = "", state: MailState | None = None, kind: str = "", limit: int = 50
) -> tuple[Mail, ...]:
    """The newest mails first, at most `limit` (500): of an account, to an address, in a state, of a kind."""
    found = Row.objects.all()
    if account is not None:
        found = found.filter(account=account)
    if to:
        found = found.filter(recipient=to.strip().lower())
    if state is not None:
        found = found.filter(state=state)
    if kind:
        found = found.filter(kind=kind)
    return tuple(as_mail(row) for row in found.order_by("-id")[: min(limit, MOST)])


def mail(mail_id: str, *, account: str | None = None) -> Mail:
    """The mail; with `account`, only if it is that account's. Raises UnknownMail."""
    return as_mail(_row(mail_id, account))


def content(mail_id: str, *, account: str | None = None, fleeting: bool = False) -> composing.Content:
    """The words and files of a mail. One that bears a link which opens something is shown to nobody, unless a test asks for it
    with `fleeting`. Raises UnknownMail, MailNotKept, sealing.MailUnreadable."""
    row = _row(mail_id, account)
    if row.fleeting and not fleeting:
        raise MailNotKept("this mail bears a link meant for its reader alone: only its head is shown")
    return composing.content(_raw(row))


def raw(mail_id: str) -> bytes:
    """The exact bytes of a mail, whose SHA-256 the evidence holds. Raises UnknownMail, MailNotKept, sealing.MailUnreadable."""
    return _raw(_row(mail_id, None))


def counts() -> dict[str, int]:
    """How many mails wait, are being sent, were refused and given up, by state; those that were sent are not counted."""
    states = [state for state in MailState if state is not MailState.SENT]
    return {str(state): Row.objects.filter(state=state).count() for state in states}


def low_credit_threshold(account: str) -> int | None:
    """The micros below which the account wants to be warned, 0 for never; None when it chose nothing."""
    row = WarningChoice.objects.filter(account=account).first()
    return None if row is None else row.low_credit_micros


def watched(name: str) -> tuple[int, datetime | None]:
    """How far the watcher of that name has read: a position (0 at first), and an instant (None at first)."""
    row = Watch.objects.filter(name=name).first()
    return (0, None) if row is None else (row.position, row.until)


def _row(mail_id: str, account: str | None) -> Row:
    found = Row.objects.filter(mail_id=mail_id)
    if account is not None:
        found = found.filter(account=account)
    if (row := found.first()) is None:
        raise UnknownMail("there is no such mail: look at the list of mails")
    return row


def _raw(row: Row) -> bytes:
    if row.sealed is None:
        raise MailNotKept("the words of this mail are no longer kept; its hash and the server's answer are")
    return sealing.unseal(bytes(row.sealed), owner=row.mail_id)
