"""Reads of the party room: plain frozen values, never rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from allauth.account.models import EmailAddress
from django.db.models import QuerySet

from cadran import settings
from cadran.party import models, opening, rules, vault
from cadran.party.staff_queries import Staff as Staff
from cadran.party.staff_queries import staff as staff
from cadran.party.staff_queries import staff_acts as staff_acts
from cadran.policy import queries as policy
from cadran.policy.brands import UnknownBrand
from cadran.units.clause import carries
from cadran.units.errors import CadranError


class UnknownCustomer(CadranError):
    """No customer under that name, e-mail, account or id."""

    error_id = "party-customer-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SipUser:
    """Who may register and call. `terms` governs what it does; `accepted_terms` is the version that its customer last accepted.

    `ha1` by algorithm (MD5, SHA-256, SHA-512-256), for settings.SIP_REALM; `active` is false while the customer is not validated
    or anything is blocked: then every use is refused (IPP-5.2)."""

    username: str
    account: str
    brand: str
    terms: str
    accepted_terms: str = ""
    ha1: Mapping[str, str] = field(repr=False)
    active: bool
    state: str
    raised_duration: bool
    country: str
    language: str
    consumer: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer as pages show it. `display_name` is the company's name or the person's names."""

    id: int
    user_id: int
    username: str
    email: str
    brand: str
    kind: str
    display_name: str
    first_names: str
    name: str
    company: str
    language: str
    country: str
    state: str
    state_reason: str
    account: str
    currency: str
    terms: str
    raised_duration: bool
    created_at: datetime
    validated_at: datetime | None
    phone: str = ""
    siren: str = ""
    vat_number: str = ""
    certified: str = ""

    @property
    def active(self) -> bool:
        return self.state == models.CustomerState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One accepted document: version, hash of the text shown (SHA-256), language, when and from where."""

    document: str
    ref: str
    text_sha256: str
    language: str
    at: datetime
    ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SipIdentity:
    """A SIP user as its owner sees it, without secrets."""

    username: str
    state: str
    changed_at: datetime


@carries("KRY-2.2-new-terms")
def sip_user(username: str, *, at: datetime | None = None) -> SipUser | None:
    """The SIP user of that name (case does not matter), or None, with the terms that govern a use at `at` (now by the civil clock).
    Raises vault.SecretUnreadable when no key opens its secrets."""
    row = (
        models.SipUser.objects.select_related("account__customer__user")
        .filter(username=username.strip().lower()[:64])
        .first()
    )
    if row is None:
        return None
    account, customer = row.account, row.account.customer
    return SipUser(
        username=row.username,
        account=account.number,
        brand=account.brand,
        terms=governing(account.terms_ref, at or settings.CIVIL_CLOCK.now()),
        accepted_terms=account.terms_ref,
        ha1=vault.unseal(row.sealed_ha1, owner=row.username),
        active=(
            row.state == models.SipState.ACTIVE
            and account.state == "open"
            and customer.state == models.CustomerState.ACTIVE
            and customer.user.is_active
        ),
        state=row.state,
        raised_duration=customer.raised_duration,
        country=customer.country,
        language=customer.language,
        consumer=customer.kind != rules.CustomerKind.COMPANY,
    )


def payer(account: str) -> SipUser | None:
    """Of an account's SIP users the one in use longest, an active one where there is one; None for an account without any."""
    rows = models.SipUser.objects.filter(account__number=account[:64]).order_by("id")
    found = [one for one in (sip_user(name) for name in rows.values_list("username", flat=True)[:20]) if one]
    return next((one for one in found if one.active), found[0] if found else None)


def governing(accepted: str, at: datetime) -> str:
    """The version that governs a use; the one accepted itself where its file is gone, which charging then refuses by name."""
    try:
        return policy.governing_terms(accepted, at).ref
    except (policy.UnknownTerms, UnknownBrand):
        return accepted


def customer(*, user_id: int) -> Customer | None:
    """The customer whose sign-in that is, or None (staff have none)."""
    return _first(user_id=user_id)


def customer_of_account(account: str) -> Customer:
    """The customer of a billing account (A000001). Raises UnknownCustomer."""
    return _found(_first(accounts__number=account), account)


def customer_named(name_or_email: str) -> Customer:
    """The customer with that user name or e-mail address. Raises UnknownCustomer."""
    text = name_or_email.strip().lower()
    return _found(_first(user__email=text) if "@" in text else _first(user__username=text), text)


def customers(*, limit: int = 100) -> tuple[Customer, ...]:
    """The newest customers first."""
    rows = models.Customer.objects.select_related("user").prefetch_related("accounts").order_by("-id")[:limit]
    return tuple(_customer(row) for row in rows)


def oldest_unvalidated() -> datetime | None:
    """When the oldest registration whose e-mail address is not validated yet was made; None when none waits."""
    return unvalidated().order_by("created_at").values_list("created_at", flat=True).first()


def unvalidated() -> QuerySet[models.Customer]:
    """The registrations whose e-mail address is not validated yet, for this room alone."""
    proved = EmailAddress.objects.filter(verified=True).values("user_id")
    return models.Customer.objects.filter(state=models.CustomerState.REGISTERED).exclude(user_id__in=proved)


def missing(*, user_id: int) -> tuple[str, ...]:
    """What a customer has still to prove, of the texts of `account.validated_by`, before services open. Raises UnknownCustomer."""
    row = models.Customer.objects.select_related("user").filter(user_id=user_id).first()
    if row is None:
        raise UnknownCustomer("no customer signs in that way")
    return tuple(filter(None, str(opening.decision(row).inputs["missing"]).split(", ")))


def taken(*, username: str = "", email: str = "") -> bool:
    """Whether somebody has that user name, as sign-in or SIP user, or that e-mail address. Both in checked form."""
    if username and (
        models.User.objects.filter(username=username).exists()
        or models.SipUser.objects.filter(username=username).exists()
    ):
        return True
    return bool(email) and models.User.objects.filter(email=email).exists()


def is_registration_of(*, username: str, email: str, password: str) -> bool:
    """Whether a registration that still waits for its validation has that name, address and password: the same one sent twice."""
    user = models.User.objects.filter(username=username.strip().lower(), email=email.strip().lower()).first()
    if user is None or not models.Customer.objects.filter(user=user, state=models.CustomerState.REGISTERED).exists():
        return False
    return user.check_password(password)


def acceptances(*, customer_id: int) -> tuple[Acceptance, ...]:
    """All that a customer accepted, newest first."""
    rows = models.TermsAcceptance.objects.filter(customer_id=customer_id).order_by("-at", "-id")
    return tuple(_acceptance(row) for row in rows)


def acceptance(acceptance_id: int) -> Acceptance | None:
    """One acceptance by the number of its row."""
    row = models.TermsAcceptance.objects.filter(pk=acceptance_id).first()
    return None if row is None else _acceptance(row)


def _acceptance(row: models.TermsAcceptance) -> Acceptance:
    return Acceptance(
        document=row.document, ref=row.ref, text_sha256=row.text_sha256, language=row.language, at=row.at, ip=row.ip
    )


def sip_identities(*, account: str) -> tuple[SipIdentity, ...]:
    """The SIP users of an account, oldest first."""
    return tuple(
        SipIdentity(username=row.username, state=row.state, changed_at=row.changed_at)
        for row in models.SipUser.objects.filter(account__number=account).order_by("id")
    )


def _first(**where: object) -> Customer | None:
    row = models.Customer.objects.select_related("user").prefetch_related("accounts").filter(**where).first()
    return None if row is None else _customer(row)


def _found(found: Customer | None, what: str) -> Customer:
    if found is None:
        raise UnknownCustomer(f"no customer is known by {what[:60]!r}: check the spelling")
    return found


def _customer(row: models.Customer) -> Customer:
    account = min(row.accounts.all(), key=lambda account: account.pk)
    return Customer(
        id=row.pk,
        user_id=row.user_id,
        username=row.user.username,
        email=row.user.email,
        brand=row.brand,
        kind=row.kind,
        display_name=str(row),
        first_names=row.first_names,
        name=row.name,
        company=row.company,
        language=row.language,
        country=row.country,
        phone=row.phone,
        siren=row.siren,
        vat_number=row.vat_number,
        certified=row.certified,
        state=row.state,
        state_reason=row.state_reason,
        account=account.number,
        currency=account.currency,
        terms=account.terms_ref,
        raised_duration=row.raised_duration,
        created_at=row.created_at,
        validated_at=row.validated_at,
    )
