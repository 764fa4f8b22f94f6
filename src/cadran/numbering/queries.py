"""Who holds a number, what a customer may show, and what a customer's dialling means on this network."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from cadran.numbering import rules
from cadran.numbering.models import PhoneNumber
from cadran.units.clause import carries


@dataclass(frozen=True, slots=True)
class NumberHolder:
    """The account that a number is assigned to, and the SIP user that rings."""

    account: str
    sip_username: str


@dataclass(frozen=True, slots=True)
class HeldNumber:
    """One row of a number's history. `until_at` None: still so. kind: assigned | verified. brand: by whose access numbers its account
    is recognised by it, empty where by none."""

    digits: str
    account: str
    sip_username: str
    kind: str
    country: str
    use: str
    from_at: datetime
    until_at: datetime | None
    brand: str = ""


def holder(e164_digits: str) -> NumberHolder | None:
    """Who the number (E.164 digits, with or without plus) is assigned to now; None for a number outside the network."""
    row = (
        PhoneNumber.objects.filter(digits=e164_digits.removeprefix("+"), kind=PhoneNumber.ASSIGNED, until_at=None)
        .values_list("account", "sip_username")
        .first()
    )
    return NumberHolder(*row) if row else None


@carries("IPP-0-calls")
def shown_number(account: str) -> str:
    """The digits that an account shows when it calls out: its own number, else one that it verified, else "" (withheld).
    Of several, the one held longest."""
    rows = PhoneNumber.objects.filter(account=account, until_at=None).order_by("kind", "from_at", "pk")
    return rows.values_list("digits", flat=True).first() or ""


@carries("KRY-4.4.1-caller-id")
def verified_holder(e164_digits: str, brand: str) -> str | None:
    """The account of that brand that has proved the number (E.164 digits, with or without plus) to be its own and is recognised by it
    on access numbers; None where there is none, for an empty number above all."""
    rows = PhoneNumber.objects.filter(
        digits=e164_digits.removeprefix("+"), brand=brand, kind=PhoneNumber.VERIFIED, until_at=None
    ).exclude(brand="")
    return rows.values_list("account", flat=True).first()


def calling_numbers(account: str) -> tuple[HeldNumber, ...]:
    """The numbers by which an account is recognised on access numbers, the first registered first."""
    rows = PhoneNumber.objects.filter(account=account, kind=PhoneNumber.VERIFIED, until_at=None).exclude(brand="")
    return tuple(_held(row) for row in rows.order_by("from_at", "pk"))


def may_show(account: str, e164_digits: str) -> bool:
    """Whether the number is the account's own or verified by it."""
    digits = e164_digits.removeprefix("+")
    return PhoneNumber.objects.filter(account=account, digits=digits, until_at=None).exists()


def numbers_of(account: str) -> tuple[HeldNumber, ...]:
    """Everything that an account holds or has verified now, own numbers first."""
    rows = PhoneNumber.objects.filter(account=account, until_at=None).order_by("kind", "from_at", "pk")
    return tuple(_held(row) for row in rows)


def history(e164_digits: str) -> tuple[HeldNumber, ...]:
    """Every assignment and verification of a number, oldest first."""
    rows = PhoneNumber.objects.filter(digits=e164_digits.removeprefix("+")).order_by("from_at", "pk")
    return tuple(_held(row) for row in rows)


@carries("IPP-10.1-free-on-net")
def called(text: str, country: str = "FR", own_domains: Collection[str] = ()) -> rules.Dialled:
    """What was dialled, as `rules.read_dialled`, with numbers of the network's customers as `on_net`."""
    dialled = rules.read_dialled(text, country, own_domains)
    ordinary = {rules.NumberClass.GEOGRAPHIC, rules.NumberClass.MOBILE, rules.NumberClass.UNKNOWN}
    if dialled.e164 is None or dialled.number_class not in ordinary or holder(dialled.e164.digits) is None:
        return dialled
    return dataclasses.replace(dialled, number_class=rules.NumberClass.ON_NET)


def _held(row: PhoneNumber) -> HeldNumber:
    return HeldNumber(
        row.digits, row.account, row.sip_username, row.kind, row.country, row.use, row.from_at, row.until_at, row.brand
    )
