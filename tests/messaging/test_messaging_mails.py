"""Outgoing mails: once for each key, retried with a bound, never lost, evidence kept, nothing added to their head."""

from __future__ import annotations

import email
import email.policy
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from cadran.messaging import composing, models, operations, ports, queries, rules, sealing
from cadran.messaging.adapters.smtp import InvalidServer, Security, Server, SmtpTransport
from cadran.messaging.rules import MailState
from cadran.party.rules import InvalidEmail
from cadran.policy.models import Event
from messaging.conftest import PASSWORD, USER, Running

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
PDF = rules.Attachment("IPPI-2026-000001.pdf", "application/pdf", b"%PDF-1.7 not really")


def queue(key: str = "k1", *, at: datetime = AT, **changes: Any) -> str:
    words: dict[str, Any] = {
        "brand": "ippi",
        "account": "A000001",
        "to": "Claire@example.org",
        "subject": "Votre crédit arrive à échéance",
        "text": "Bonjour Claire,\n\n10,00 € expirent demain.\n.\nfin",
        "html": "<p>Bonjour Claire, 10,00&nbsp;€ expirent demain.</p>",
        "language": "fr",
        "kind": "credit-expiry",
    }
    return operations.queue_mail(key=key, at=at, **(words | changes))


class Scripted:
    """A server that says what the test wrote, one answer for each mail, then 250."""

    def __init__(self, *answers: Exception | str) -> None:
        self.answers, self.taken, self.closed = list(answers), list[bytes](), 0

    def deliver(self, *, sender: str, recipient: str, raw: bytes) -> str:
        said = self.answers.pop(0) if self.answers else "250 OK"
        if isinstance(said, Exception):
            raise said
        self.taken.append(raw)
        return said

    def close(self) -> None:
        self.closed += 1


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.django_db
def test_a_mail_is_queued_once_for_each_key() -> None:
    first = queue("k1")
    assert queue("k1", text="other words", html="<p>other</p>") == first
    assert queue("k2") != first
    assert [mail.mail_id for mail in queries.mails(account="A000001")][-1] == first
    assert queries.content(first).text.startswith("Bonjour Claire,")


@pytest.mark.django_db
def test_a_mail_of_a_transaction_that_fails_is_not_sent() -> None:
    def fail() -> None:
        with transaction.atomic():
            queue()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert queries.mails() == ()


@pytest.mark.django_db
def test_both_twins_and_the_attachment_arrive_as_written(smtp: Callable[..., Running]) -> None:
    server = smtp("starttls")
    mail_id = queue(attachments=[PDF])
    assert operations.deliver_due(at=AT, transport=transport(server)) == 1
    (envelope,) = server.postman.taken
    assert server.postman.encrypted == [True]
    assert server.postman.logins == [True]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("service@cadran.local", ["claire@example.org"])
    assert isinstance(envelope.content, bytes)
    message = parsed(envelope.content)
    assert message["Subject"] == "Votre crédit arrive à échéance"
    assert message["From"] == "IPPI <service@cadran.local>"
    assert message["Message-ID"] == f"<{mail_id}@cadran.local>"
    assert message["Content-Language"] == "fr"
    assert message["Reply-To"] == "service@ippi.example"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == "Bonjour Claire,\n\n10,00 € expirent demain.\n.\nfin\n"
    assert "10,00&nbsp;€" in html.get_content()
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_payload(decode=True)) == (PDF.name, PDF.content)
    kept = queries.mail(mail_id)
    assert kept.state is MailState.SENT
    assert (
        kept.sha256 == hashlib.sha256(envelope.content).hexdigest() == hashlib.sha256(queries.raw(mail_id)).hexdigest()
    )


@pytest.mark.django_db
@pytest.mark.clause("KRY-4.1-order-confirmation")
def test_the_evidence_of_a_mail_holds_the_hash_the_answer_and_no_address() -> None:
    mail_id, server = queue(), Scripted("250 kept for claire@example.org")
    operations.deliver_due(at=AT, transport=server, clock=lambda: AT + timedelta(seconds=3))
    event = Event.objects.get(kind="messaging.mail-sent", key=mail_id)
    assert event.at == AT + timedelta(seconds=3) == queries.mail(mail_id).ended_at
    assert event.body["sha256"] == hashlib.sha256(server.taken[0]).hexdigest()
    assert event.body["message_id"] == parsed(server.taken[0])["Message-ID"]
    assert event.body["answer"] == "250 kept for <recipient>"
    assert "claire" not in str(event.body)


def transport(server: Running, **changes: Any) -> SmtpTransport:
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": Security.STARTTLS,
        "user": USER,
        "password": PASSWORD,
        "authorities": server.authorities,
        "timeout_s": 5,
    }
    return SmtpTransport(Server(**(settings | changes)))


@pytest.mark.django_db
def test_a_server_with_tls_from_the_first_byte_is_served_too(smtp: Callable[..., Running]) -> None:
    server = smtp("tls", login=False)
    queue()
    assert operations.deliver_due(at=AT, transport=transport(server, security=Security.TLS, user="")) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"authorities": ""}, {"host": "localhost", "port": 1}])
def test_a_wrong_login_an_unknown_certificate_and_a_closed_port_lose_no_mail(
    smtp: Callable[..., Running], changes: dict[str, Any]
) -> None:
    server = smtp("starttls")
    mail_id = queue()
    assert operations.deliver_due(at=AT, transport=transport(server, **changes)) == 0
    kept = queries.mail(mail_id)
    assert (kept.state, kept.attempts) == (MailState.QUEUED, 1)
    assert kept.due_at == AT + timedelta(seconds=5)
    assert PASSWORD not in kept.answer
    assert operations.deliver_due(at=AT + timedelta(seconds=5), transport=transport(server)) == 1


@pytest.mark.django_db
def test_a_name_that_the_certificate_does_not_bear_is_refused(smtp: Callable[..., Running]) -> None:
    server = smtp("starttls")
    with pytest.raises(ports.ServerAway, match="CERTIFICATE_VERIFY_FAILED"):
        transport(server, host="localhost").check()
    assert server.postman.logins == []


def test_a_password_never_travels_in_the_clear() -> None:
    with pytest.raises(InvalidServer):
        Server(host="smtp.example.org", port=25, security=Security.NONE, user="u", password="p")
    assert "secret-word" not in repr(Server(host="smtp.example.org", port=587, user="u", password="secret-word"))


def test_testing_a_server_says_its_words(smtp: Callable[..., Running]) -> None:
    assert transport(smtp("starttls")).check().startswith("250 ")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("where", "said", "state"),
    [
        ("answer", "451 try later", MailState.QUEUED),
        ("answer", "554 looks like junk", MailState.REFUSED),
        ("rcpt", "450 mailbox busy", MailState.QUEUED),
        ("rcpt", "550 no such user", MailState.REFUSED),
        ("rcpt", "421 going away", MailState.QUEUED),
    ],
)
def test_not_now_waits_and_never_ends(smtp: Callable[..., Running], where: str, said: str, state: MailState) -> None:
    server = smtp("starttls")
    setattr(server.postman, where, said)
    first, second = queue("k1"), queue("k2")
    operations.deliver_due(at=AT, transport=transport(server))
    kept = queries.mail(first)
    assert kept.state is state
    assert said in kept.answer
    setattr(server.postman, where, "")
    operations.deliver_due(at=AT + timedelta(minutes=1), transport=transport(server))
    assert queries.mail(second).state in (MailState.SENT, MailState.REFUSED)
    assert queries.mail(first).state is (MailState.SENT if state is MailState.QUEUED else MailState.REFUSED)


@pytest.mark.django_db
def test_a_mail_accepted_by_a_server_that_then_falls_silent_goes_again_with_the_same_message_id(
    smtp: Callable[..., Running],
) -> None:
    server = smtp("starttls")
    server.postman.hang_up = True
    mail_id = queue()
    assert operations.deliver_due(at=AT, transport=transport(server)) == 0
    server.postman.hang_up = False
    assert operations.deliver_due(at=AT + timedelta(seconds=5), transport=transport(server)) == 1
    one, two = (envelope.content for envelope in server.postman.taken)
    assert one == two, "the same bytes, so the same Message-ID: the reader's server can tell"
    assert queries.mail(mail_id).attempts == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("later_s", "sent"), [(rules.LEASE_S - 1, 0), (rules.LEASE_S, 1)])
def test_a_mail_whose_sender_was_killed_goes_again_once_its_lease_is_over(later_s: int, sent: int) -> None:
    mail_id = queue()
    with pytest.raises(KeyboardInterrupt):
        operations.deliver_due(at=AT, transport=_Killed())
    assert queries.mail(mail_id).state is MailState.SENDING
    server = Scripted()
    assert operations.deliver_due(at=AT + timedelta(seconds=later_s), transport=server) == sent
    assert len(server.taken) == sent


class _Killed:
    def deliver(self, *, sender: str, recipient: str, raw: bytes) -> str:
        raise KeyboardInterrupt

    def close(self) -> None:
        return


@pytest.mark.django_db
def test_two_processes_never_send_the_same_mail_at_once() -> None:
    mail_id = queue()

    class Meanwhile(Scripted):
        def deliver(self, *, sender: str, recipient: str, raw: bytes) -> str:
            other = Scripted()
            assert operations.deliver_due(at=AT, transport=other) == 0
            assert not other.taken
            return super().deliver(sender=sender, recipient=recipient, raw=raw)

    assert operations.deliver_due(at=AT, transport=Meanwhile()) == 1
    assert queries.mail(mail_id).state is MailState.SENT


@pytest.mark.django_db
def test_a_mail_is_given_up_after_the_last_attempt_and_not_before() -> None:
    mail_id, at, tried = queue(), AT, 0
    while queries.mail(mail_id).state is MailState.QUEUED:
        tried += 1
        at = max(at, queries.mail(mail_id).due_at)
        operations.deliver_due(at=at, transport=Scripted(ports.NotTakenNow("451 later")))
    assert queries.mail(mail_id).state is MailState.GIVEN_UP
    assert tried == 60
    assert timedelta(days=2) < at - AT < timedelta(days=3)
    assert Event.objects.filter(kind="messaging.mail-given-up", key=mail_id).count() == 1


@pytest.mark.parametrize(("attempts", "pause"), [(0, 5), (1, 5), (2, 10), (10, 2560), (11, 3600), (10_000, 3600)])
def test_pauses_double_up_to_an_hour(attempts: int, pause: int) -> None:
    assert rules.pause_s(attempts) == pause


@pytest.mark.django_db
def test_a_server_that_is_away_keeps_the_others_waiting_and_is_asked_once() -> None:
    ids = [queue(f"k{n}") for n in range(3)]
    server = Scripted(ports.ServerAway("no route"))
    assert operations.deliver_due(at=AT, transport=server) == 0
    assert [queries.mail(one).attempts for one in ids] == [1, 0, 0]
    assert server.closed == 1


@pytest.mark.django_db
def test_mails_leave_oldest_first() -> None:
    for n, minutes in enumerate((2, 0, 1)):
        queue(f"k{n}", at=AT + timedelta(minutes=minutes), subject=f"Mail {n}")
    server = Scripted()
    operations.deliver_due(at=AT + timedelta(hours=1), transport=server)
    assert [parsed(raw)["Subject"] for raw in server.taken] == ["Mail 1", "Mail 2", "Mail 0"]


HOSTILE = ["a\r\nBcc: all@example.org", "a\nX: y", "a\rb", "a\u2028b", "a\0b", "a\u202eb", "", "   ", "x" * 201]


@pytest.mark.django_db
@pytest.mark.parametrize("subject", HOSTILE)
def test_a_subject_cannot_add_a_header(subject: str) -> None:
    with pytest.raises(rules.InvalidMail):
        queue(subject=subject)
    assert not models.Mail.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "to", ["a@b.example\r\nBcc: x@y.example", "a@b.example, c@d.example", "a@b", '"a b"@c.example', "a@b.example\0"]
)
def test_an_address_cannot_add_a_recipient(to: str) -> None:
    with pytest.raises((rules.InvalidMail, InvalidEmail)):
        queue(to=to)
    assert not models.Mail.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "attached",
    [
        rules.Attachment("../../etc/passwd", "application/pdf", b"x"),
        rules.Attachment('a"b.pdf', "application/pdf", b"x"),
        rules.Attachment("a\r\nX: y.pdf", "application/pdf", b"x"),
        rules.Attachment("a.exe", "application/x-msdownload", b"x"),
        rules.Attachment("a.pdf", "application/pdf", b""),
        rules.Attachment("a.pdf", "application/pdf", b"x" * (rules.MAX_ATTACHMENT_BYTES + 1)),
    ],
)
def test_an_attachment_of_another_kind_name_or_size_is_refused(attached: rules.Attachment) -> None:
    with pytest.raises(rules.InvalidMail):
        queue(attachments=[attached])


@given(st.text(max_size=300), st.text(max_size=100))
def test_whatever_the_words_the_head_holds_its_own_lines_and_no_other(subject: str, text: str) -> None:
    draft = composing.Draft(
        sender="s@c.example", sender_name="N", to="a@b.example", subject=subject, text=text, html=text, language="fr"
    )
    try:
        raw = composing.raw(draft, mail_id="mail_1", at=AT)
    except rules.InvalidMail:
        return
    except (UnicodeEncodeError, ValueError):
        raise AssertionError("a mail that cannot be written is refused by name") from None
    names = {name.lower() for name in parsed(raw)}
    assert names <= {
        *("from", "to", "subject", "date", "message-id", "content-language", "auto-submitted", "mime-version"),
        "content-type",
    }
    assert len(parsed(raw).get_all("to", [])) == 1


@pytest.mark.django_db
def test_words_are_kept_encrypted_and_belong_to_their_row() -> None:
    one, two = queue("k1"), queue("k2")
    rows = {row.mail_id: bytes(row.sealed or b"") for row in models.Mail.objects.all()}
    assert b"Claire" not in rows[one]
    models.Mail.objects.filter(mail_id=two).update(sealed=rows[one])
    with pytest.raises(sealing.MailUnreadable):
        queries.content(two)


@pytest.mark.django_db
def test_a_new_key_in_front_still_opens_what_the_old_one_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CADRAN_SECRET_MAIL", "old")
    mail_id = queue()
    monkeypatch.setenv("CADRAN_SECRET_MAIL", "new old")
    assert "Claire" in queries.content(mail_id).text
    monkeypatch.setenv("CADRAN_SECRET_MAIL", "new")
    with pytest.raises(sealing.MailUnreadable):
        queries.content(mail_id)


@pytest.mark.django_db
def test_a_link_that_opens_something_is_shown_to_nobody_and_goes_once_it_is_sent() -> None:
    mail_id = queue(fleeting=True, text="https://ippi.example/account/password/reset/key/abc")
    with pytest.raises(queries.MailNotKept):
        queries.content(mail_id)
    operations.deliver_due(at=AT, transport=Scripted())
    assert models.Mail.objects.get().sealed is None
    assert queries.mail(mail_id).sha256
    with pytest.raises(queries.MailNotKept):
        queries.raw(mail_id)
    with pytest.raises(operations.NotToBeSentAgain):
        operations.send_again(mail_id=mail_id, key="again", by="staff:1", at=AT)


@pytest.mark.django_db
def test_a_link_that_was_refused_for_good_goes_too() -> None:
    queue(fleeting=True)
    operations.deliver_due(at=AT, transport=Scripted(ports.NeverTaken("550 no such user")))
    assert models.Mail.objects.get().sealed is None


@pytest.mark.django_db
def test_a_mail_late_in_a_slow_batch_is_held_from_its_own_start() -> None:
    first, second = queue("k1"), queue("k2")
    late = AT + timedelta(minutes=10)
    clock = iter([AT, AT, late, late, late]).__next__

    class Slow(Scripted):
        def deliver(self, *, sender: str, recipient: str, raw: bytes) -> str:
            if queries.mail(second).state is MailState.SENDING:
                other = Scripted()
                assert operations.deliver_due(at=late, transport=other) == 0
                assert not other.taken
            return super().deliver(sender=sender, recipient=recipient, raw=raw)

    assert operations.deliver_due(at=AT, transport=Slow(), clock=clock) == 2
    assert queries.mail(first).attempts == queries.mail(second).attempts == 1


@pytest.mark.django_db
def test_a_mail_is_sent_again_as_a_mail_of_its_own_and_says_who_asked() -> None:
    mail_id, server = queue(attachments=[PDF]), Scripted()
    with pytest.raises(operations.NotToBeSentAgain):
        operations.send_again(mail_id=mail_id, key="again-1", by="zoe", at=AT)
    operations.deliver_due(at=AT, transport=server)
    later = AT + timedelta(days=1)
    fresh = operations.send_again(mail_id=mail_id, key="again-1", by="zoe", at=later, to="new@example.org")
    assert operations.send_again(mail_id=mail_id, key="again-1", by="zoe", at=later) == fresh
    operations.deliver_due(at=later, transport=server)
    first, second = (parsed(raw) for raw in server.taken)
    assert second["To"] == "new@example.org"
    assert second["Message-ID"] != first["Message-ID"]
    assert second["Message-ID"] == queries.mail(fresh).message_id
    assert [part.get_filename() for part in second.iter_attachments()] == [PDF.name]
    assert queries.content(fresh).html == queries.content(mail_id).html
    assert queries.mail(fresh).copy_of == mail_id
    assert Event.objects.get(kind="messaging.mail-sent-again").body["by"] == "zoe"


@pytest.mark.django_db
def test_erasing_an_account_leaves_the_proof_and_no_word_or_address() -> None:
    sent, waiting = queue("k1"), queue("k2", at=AT + timedelta(days=1))
    other = queue("k3", account="A000002")
    operations.deliver_due(at=AT, transport=Scripted())
    assert operations.forget(account="A000001") == 2
    row = queries.mail(sent)
    assert (row.to, row.subject, row.kept, row.state) == ("", "", False, MailState.SENT)
    assert len(row.sha256) == 64
    assert queries.mail(waiting).state is MailState.GIVEN_UP
    assert queries.mail(other).kept


@pytest.mark.django_db
def test_another_account_sees_no_mail() -> None:
    mail_id = queue()
    assert queries.mails(account="A000002") == ()
    with pytest.raises(queries.UnknownMail):
        queries.mail(mail_id, account="A000002")
    with pytest.raises(queries.UnknownMail):
        queries.content(mail_id, account="A000002")


@pytest.mark.django_db
@pytest.mark.parametrize(("micros", "fine"), [(0, True), (1_000_000_000, True), (1_000_000_001, False), (-1, False)])
def test_a_customers_own_threshold_is_bounded(micros: int, fine: bool) -> None:
    if fine:
        operations.choose_low_credit_warning(account="A000001", micros=micros, at=AT)
        assert queries.low_credit_threshold("A000001") == micros
    else:
        with pytest.raises(rules.InvalidMail):
            operations.choose_low_credit_warning(account="A000001", micros=micros, at=AT)
