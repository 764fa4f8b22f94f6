"""Queueing, sending and sending again. A mail is a row before anybody speaks to a server, and stays one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from cadran.messaging import composing, ports, queries, rules, sealing
from cadran.messaging.models import Mail, Warned, WarningChoice, Watch
from cadran.messaging.rules import MailState
from cadran.party import partners
from cadran.party import rules as party_rules
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key, new_id
from cadran.units.period import utc

log = structlog.get_logger()


class NotToBeSentAgain(CadranError):
    """A mail that still waits, or whose words are no longer kept."""

    error_id = "messaging-not-to-be-sent-again"


def queue_mail(
    *,
    key: str,
    brand: str,
    account: str,
    to: str,
    subject: str,
    text: str,
    html: str,
    language: str,
    kind: str,
    at: datetime,
    attachments: Sequence[rules.Attachment] = (),
    fleeting: bool = False,
) -> str:
    """Put a mail into the queue, once for each key, and return its id; the same key again gives the same mail, as it was first
    written. Call it inside the transaction that gives the reason for it.

    fleeting: it bears a link or code that opens something; its words go once a server has answered for good.
    Raises InvalidMail, party.rules.InvalidEmail, UnknownBrand.
    """
    checked_key(key)
    if known := Mail.objects.filter(key=key).values_list("mail_id", flat=True).first():
        return str(known)
    mail_id, recipient = new_id("mail"), party_rules.checked_email(to)
    sender, seller = composing.sender_address(_sender()), policy.brand(brand)
    draft = composing.Draft(
        sender=sender,
        sender_name=seller.name,
        reply_to=seller.operator.email,
        to=recipient,
        subject=subject,
        text=text,
        html=html,
        language=language,
        attachments=attachments,
    )
    raw = composing.raw(draft, mail_id=mail_id, at=at)
    with transaction.atomic():
        row, _ = Mail.objects.get_or_create(
            key=key,
            defaults={
                "mail_id": mail_id,
                "brand": brand,
                "account": account,
                "recipient": recipient,
                "subject": subject.strip(),
                "kind": rules.checked_line(kind, most=48),
                "language": language,
                "fleeting": fleeting,
                "queued_at": utc(at),
                "due_at": utc(at),
                **_kept(mail_id, raw, sender),
            },
        )
    return row.mail_id


def deliver_due(
    *, at: datetime, transport: ports.Transport, limit: int = 20, clock: Callable[[], datetime] | None = None
) -> int:
    """Hand the mails that are due to the server, oldest first, at most `limit`; returns how many it accepted or refused for good.

    One process at a time sends a mail; one whose sender died is sent again after LEASE_S with the same bytes and Message-ID.
    `clock` tells the instant of each answer (`at` where it is not given). Never raises for what a server says.
    """
    now = clock or (lambda: at)
    _take_back(at)
    due = Mail.objects.filter(state=MailState.QUEUED, due_at__lte=utc(at)).order_by("due_at", "id")
    ended = 0
    try:
        for row in due[:limit]:
            claimed = Mail.objects.filter(pk=row.pk, state=MailState.QUEUED).update(
                state=MailState.SENDING, claimed_at=utc(now()), attempts=F("attempts") + 1
            )
            if not claimed:
                continue
            try:
                ended += _deliver(row, transport, now)
            except ports.ServerAway as error:
                _postpone(row, error.message, now())
                break
    finally:
        transport.close()
    return ended


def send_again(*, mail_id: str, key: str, by: str, at: datetime, to: str = "") -> str:
    """Send a mail that ended once more, as a mail of its own: to the same address, or to `to` where the customer's changed.
    Returns the new mail's id; the same key again gives the same one.

    Raises UnknownMail, NotToBeSentAgain (it still waits, or it bore a link that is no longer valid), InvalidEmail.
    """
    with transaction.atomic():
        if known := Mail.objects.filter(key=checked_key(key)).first():
            if known.copy_of != mail_id:
                raise NotToBeSentAgain("this request was already made for another mail: load the page again")
            return known.mail_id
        old = queries.mail(mail_id)
        if old.state in (MailState.QUEUED, MailState.SENDING):
            raise NotToBeSentAgain("this mail is still on its way: wait for the server's answer")
        if old.fleeting or not old.kept:
            raise NotToBeSentAgain("this mail bore a link that was valid once: the customer asks for a new one")
        fresh_id, recipient = new_id("mail"), party_rules.checked_email(to or old.to)
        raw = composing.again(queries.raw(mail_id), mail_id=fresh_id, to=recipient, at=at)
        Mail.objects.create(
            key=key,
            mail_id=fresh_id,
            brand=old.brand,
            account=old.account,
            recipient=recipient,
            subject=old.subject,
            kind=old.kind,
            language=old.language,
            copy_of=mail_id,
            queued_at=utc(at),
            due_at=utc(at),
            **_kept(fresh_id, raw, old.message_id.strip("<>")),
        )
        policy_operations.record_event(
            kind="messaging.mail-sent-again",
            key=fresh_id,
            body={"mail": fresh_id, "copy_of": mail_id, "account": old.account, "by": by[:64]},
            at=at,
        )
        return fresh_id


def forget(*, account: str) -> int:
    """Erase the words and addresses of an account's mails; hashes, Message-IDs and answers stay. What still waits is given up.
    Returns how many mails were erased."""
    with transaction.atomic():
        found = Mail.objects.filter(account=account)
        found.filter(state__in=(MailState.QUEUED, MailState.SENDING)).update(state=MailState.GIVEN_UP)
        return found.update(sealed=None, recipient="", subject="", answer="")


def choose_low_credit_warning(*, account: str, micros: int | None, at: datetime) -> None:
    """Below how many micros the account wants to be warned: 0 for never, None for what the terms say. Raises InvalidMail."""
    if micros is not None and not 0 <= micros <= 1_000_000_000:
        raise rules.InvalidMail("a warning's threshold is from 0 to 1,000 of the currency")
    WarningChoice.objects.update_or_create(
        account=account, defaults={"low_credit_micros": micros, "changed_at": utc(at)}
    )


def warned(*, account: str, kind: str, mark: str, at: datetime) -> bool:
    """Note that the account is being warned of the crossing `mark` names; False when it was before. Call it in the transaction
    that records the warning."""
    _, created = Warned.objects.get_or_create(account=account, kind=kind, mark=mark[:128], defaults={"at": utc(at)})
    return created


def watched(*, name: str, position: int | None = None, until: datetime | None = None) -> None:
    """The watcher of that name has read so far; it never goes back."""
    with transaction.atomic():
        row, _ = Watch.objects.select_for_update().get_or_create(name=name)
        row.position = max(row.position, position or 0)
        row.until = max(filter(None, (row.until, until)), default=None)
        row.save()


def _kept(mail_id: str, raw: bytes, sender: str) -> dict[str, object]:
    return {
        "message_id": composing.message_id(mail_id, sender),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "size": len(raw),
        "sealed": sealing.seal(raw, owner=mail_id),
    }


def _take_back(at: datetime) -> None:
    """A mail whose sender died before the server's answer was written: nobody knows whether it was accepted, so it goes again."""
    left = Mail.objects.filter(state=MailState.SENDING, claimed_at__lte=utc(at) - timedelta(seconds=rules.LEASE_S))
    if taken := left.update(state=MailState.QUEUED, due_at=utc(at)):
        log.warning("mails-taken-back", count=taken)


def _deliver(row: Mail, transport: ports.Transport, now: Callable[[], datetime]) -> int:
    row.refresh_from_db()
    if row.sealed is None:
        return _end(row, MailState.GIVEN_UP, "its words are no longer kept", now())
    try:
        raw = sealing.unseal(bytes(row.sealed), owner=row.mail_id)
    except sealing.MailUnreadable as error:
        log.error("mail-unreadable", mail=row.mail_id, error=error.message)
        return _postpone(row, error.message, now())
    try:
        answer = transport.deliver(sender=composing.sender_of(raw), recipient=row.recipient, raw=raw)
    except ports.NotTakenNow as error:
        return _postpone(row, error.message, now())
    except ports.NeverTaken as error:
        return _end(row, MailState.REFUSED, error.message, now())
    return _end(row, MailState.SENT, answer, now())


def _postpone(row: Mail, answer: str, at: datetime) -> int:
    row.refresh_from_db(fields=["attempts"])
    if rules.tried_enough(row.attempts):
        return _end(row, MailState.GIVEN_UP, answer, at)
    due = utc(at) + timedelta(seconds=rules.pause_s(row.attempts))
    Mail.objects.filter(pk=row.pk, state=MailState.SENDING).update(
        state=MailState.QUEUED, due_at=due, answer=_words(row, answer)
    )
    log.info("mail-postponed", mail=row.mail_id, attempts=row.attempts, due=due.isoformat())
    return 0


def _end(row: Mail, state: MailState, answer: str, at: datetime) -> int:
    """The last state of a mail, and its evidence, in one transaction."""
    words = _words(row, answer)
    changes: dict[str, object] = {"state": state, "ended_at": utc(at), "answer": words}
    if row.fleeting:
        changes["sealed"] = None
    with transaction.atomic():
        if not Mail.objects.filter(pk=row.pk, state=MailState.SENDING).update(**changes):
            return 0
        policy_operations.record_event(
            kind=f"messaging.mail-{state}",
            key=row.mail_id,
            body={
                "mail": row.mail_id,
                "kind": row.kind,
                "account": row.account,
                "brand": row.brand,
                "message_id": row.message_id,
                "sha256": row.sha256,
                "bytes": row.size,
                "answer": words,
                "attempts": row.attempts,
            },
            at=at,
        )
    log.info("mail-ended", mail=row.mail_id, state=str(state), kind=row.kind)
    return 1


def _words(row: Mail, answer: str) -> str:
    """The server's answer on one line, without the reader's address, which evidence does not hold."""
    line = " ".join("".join(c if c.isprintable() else " " for c in answer).split())
    return line.replace(row.recipient, "<recipient>")[:300] if row.recipient else line[:300]


def _sender() -> str:
    chosen = partners.in_use(partners.PartnerKind.MAIL)
    return chosen.stated["sender"] if chosen else str(settings.DEFAULT_FROM_EMAIL)
