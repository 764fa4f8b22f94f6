"""Tests of partners as they are set up now: a carrier is asked, the card provider signed in to, a real mail handed over."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from django.conf import settings

from cadran.journeys import credit, mails
from cadran.messaging.composing import sender_address
from cadran.party import partners
from cadran.party.partners import PartnerKind
from cadran.payment.adapters.stripe_checkout import StripeCheckout
from cadran.units.errors import CadranError
from cadran.voice.carriers import book, probe


class NotSetUp(CadranError):
    """There is no such partner, or it is switched off."""

    error_id = "partners-not-set-up"


def carrier(*, brand: str, name: str) -> str:
    """Ask a carrier by OPTIONS; returns its answer in a line. Raises NotSetUp, NoAnswer, AddressForbidden."""
    found = {one.name: one for one in book.of_brand(brand, settings.BRANDS).carriers}
    if name not in found:
        raise NotSetUp(f"no carrier {name[:40]!r} is switched on, or its host is not known")
    answer = probe.options(found[name].address)
    return f"{answer.code} {answer.reason}, {answer.ms} ms"


def card() -> str:
    """Sign in to the card provider; returns the currencies of its balance. Raises ProviderRefused,
    ProviderUncertain, AddressForbidden."""
    if (chosen := partners.in_use(PartnerKind.CARD)) is not None:
        partners.check_address(PartnerKind.CARD, chosen.stated)
    provider = credit.card_provider()
    assert isinstance(provider, StripeCheckout)
    return provider.check()


def mail(*, to: str, text: str, subject: str, at: datetime) -> str:
    """Hand one mail over to the mail server, now; returns the server's words. Raises ServerAway, NeverTaken,
    NotTakenNow, AddressForbidden."""
    chosen = partners.in_use(PartnerKind.MAIL)
    if chosen is not None:
        partners.check_address(PartnerKind.MAIL, chosen.stated)
    sender = sender_address(chosen.stated["sender"] if chosen else str(settings.DEFAULT_FROM_EMAIL))
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Date"], message["Message-ID"] = format_datetime(at), make_msgid(domain=sender.partition("@")[2])
    message.set_content(text)
    transport = mails.transport()
    try:
        return transport.deliver(sender=sender, recipient=to, raw=message.as_bytes())
    finally:
        transport.close()
