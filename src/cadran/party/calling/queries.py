"""Reads of calling: who a caller is to the house, and what it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cadran.party import models as party_models
from cadran.party import queries as party
from cadran.party import rules as party_rules
from cadran.party.calling import models
from cadran.units.clause import carries
from cadran.units.period import utc


@dataclass(frozen=True, slots=True, kw_only=True)
class CallingCustomer:
    """What an access number needs to know of an account. state: registered | active | blocked | ended; only an active one calls.

    terms: the version that governs a call at the instant asked for; accepted_terms: the last accepted. pin: none | set | locked.
    """

    account: str
    brand: str
    state: str
    language: str
    country: str
    consumer: bool
    terms: str
    accepted_terms: str
    by_minute: bool
    pin: str

    @property
    def active(self) -> bool:
        return self.state == party_models.CustomerState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A beneficiary of an account. digits: E.164 without plus. key: speed dial, 1 to 99, or None."""

    contact_id: str
    name: str
    digits: str
    note: str
    key: int | None
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PinState:
    """state: none | set | locked. tries_left: wrong ones that are still forgiven."""

    state: str
    changed_at: datetime | None
    locked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCall:
    prepared_id: str
    account: str
    brand: str
    calling: str
    destination: str
    prepared_at: datetime
    expires_at: datetime


def calling_customer(account: str, *, at: datetime) -> CallingCustomer | None:
    """The customer of that account as an access number sees it; None for an account that is not."""
    row = party_models.BillingAccount.objects.select_related("customer__user").filter(number=account[:16]).first()
    if row is None:
        return None
    customer, state = row.customer, row.customer.state
    if row.state != "open":
        state = party_models.CustomerState.ENDED
    elif state == party_models.CustomerState.ACTIVE and not customer.user.is_active:
        state = party_models.CustomerState.BLOCKED
    return CallingCustomer(
        account=row.number,
        brand=row.brand,
        state=str(state),
        language=customer.language,
        country=customer.country,
        consumer=customer.kind == party_rules.CustomerKind.PERSON,
        terms=party.governing(row.terms_ref, at),
        accepted_terms=row.terms_ref,
        by_minute=by_minute(row.number),
        pin=pin(row.number).state,
    )


@carries("KRY-1.1-beneficiary")
def contacts(account: str, *, matching: str = "", limit: int = 1000, after: int = 0) -> tuple[Contact, ...]:
    """The contacts of an account by name; `matching` narrows them to a part of the name or number."""
    rows = models.Contact.objects.filter(account=account)
    if text := matching.strip()[:80]:
        digits = "".join(one for one in text if one.isdigit())
        found = rows.filter(name__icontains=text)
        if len(digits) >= 2:
            found |= rows.filter(digits__contains=digits.removeprefix("0"))
        rows = found
    return tuple(_contact(row) for row in rows.order_by("name", "pk")[after : after + limit])


def contact(account: str, contact_id: str) -> Contact | None:
    """One contact of that account, or None."""
    row = models.Contact.objects.filter(account=account, contact_id=contact_id[:40]).first()
    return _contact(row) if row else None


def contact_names(account: str, digits: tuple[str, ...]) -> dict[str, str]:
    """The names under which the account keeps those numbers, by digits."""
    rows = models.Contact.objects.filter(account=account, digits__in=digits[:500])
    return dict(rows.values_list("digits", "name"))


def speed_dial(account: str) -> tuple[Contact, ...]:
    """The contacts that have a key, by key."""
    rows = models.Contact.objects.filter(account=account).exclude(key=None).order_by("key")
    return tuple(_contact(row) for row in rows)


def speed_dialled(account: str, key: int) -> str:
    """The digits that stand behind a key, or "" behind an empty one."""
    rows = models.Contact.objects.filter(account=account, key=key)
    return rows.values_list("digits", flat=True).first() or ""


def pin(account: str) -> PinState:
    """Whether the account has a PIN, and whether it is locked."""
    row = models.Pin.objects.filter(account=account).first()
    if row is None:
        return PinState(state="none", changed_at=None, locked_at=None)
    return PinState(state="locked" if row.locked_at else "set", changed_at=row.changed_at, locked_at=row.locked_at)


@carries("LAW-per-second")
def by_minute(account: str) -> bool:
    """Whether the account asked for calls to national numbers by the minute; for a consumer it is the second otherwise."""
    return models.MinuteChoice.objects.filter(account=account, by_minute=True).exists()


def minute_chosen_at(account: str) -> datetime | None:
    """When the account last chose, or None where it never did."""
    return models.MinuteChoice.objects.filter(account=account).values_list("chosen_at", flat=True).first()


def prepared_calls(account: str, *, at: datetime) -> tuple[PreparedCall, ...]:
    """The calls of that account that are prepared and not taken at `at`, newest first."""
    rows = models.PreparedCall.objects.filter(account=account, taken_at=None, expires_at__gt=utc(at))
    return tuple(_prepared(row) for row in rows.order_by("-prepared_at", "-pk"))


def _contact(row: models.Contact) -> Contact:
    return Contact(
        contact_id=row.contact_id,
        name=row.name,
        digits=row.digits,
        note=row.note,
        key=row.key,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def _prepared(row: models.PreparedCall) -> PreparedCall:
    return PreparedCall(
        prepared_id=row.prepared_id,
        account=row.account,
        brand=row.brand,
        calling=row.calling,
        destination=row.destination,
        prepared_at=row.prepared_at,
        expires_at=row.expires_at,
    )
