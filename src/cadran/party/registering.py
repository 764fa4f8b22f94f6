"""Registering a customer: a complete, valid registration is kept whole, an incomplete one not at all."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction

from cadran import settings
from cadran.party import identity, models, opening, passwords, queries, rules, vault
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.policy.proof import operations as proof
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.period import utc


class UserNameTaken(CadranError):
    """Somebody has that user name, as sign-in or as SIP user."""

    error_id = "party-user-name-taken"


class EmailTaken(CadranError):
    """Somebody registered with that e-mail address. Never shown to a visitor: it would tell who is a customer."""

    error_id = "party-email-taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a customer gives to register.

    `currency` is the brand's. `adult` certifies the age, or for a company the capacity to bind it; `solvent` that no insolvency
    procedure is open. `accepted`: a tick for each document, the terms' being those that it is judged by; `ip` is where it came
    from. `sip_line`: whether a SIP user is made; `phone`, `siren` and `vat_number` as typed.
    """

    brand: str
    currency: str
    email: str
    user_name: str
    password: str
    sip_password: str
    name: str
    first_names: str = ""
    company: str = ""
    kind: rules.CustomerKind = rules.CustomerKind.PERSON
    language: str = "fr"
    country: str = "FR"
    adult: bool = False
    solvent: bool = False
    accepted: Sequence[rules.Accepted] = ()
    ip: str = "127.0.0.1"
    sip_line: bool = True
    phone: str = ""
    phone_needed: bool = False
    siren: str = ""
    vat_number: str = ""


@carries(
    "IPP-5.2-validation",
    "IPP-5.3-codes",
    "IPP-0-acceptance",
    "IPP-1b-age",
    "KRY-2.1-acceptance",
    "KRY-4.1-registration",
)
def register_customer(*, registration: Registration, at: datetime) -> queries.Customer:
    """Keep a complete registration; the customer can use nothing before all that the terms ask for is proved.

    Raises a rules.InvalidInput, UserNameTaken or EmailTaken, and then nothing is kept.
    """
    checked, certified = _checked(registration)
    at = utc(at)
    try:
        with transaction.atomic():
            user = _add_user(checked, at)
            customer = _add_customer(checked, user, certified, at)
            account = _add_account(checked, customer, at)
            if checked.sip_line:
                _add_sip_user(checked, account, at)
            add_acceptances(customer, checked.accepted, checked.ip, at)
            policy_operations.record_event(
                kind="party.customer-registered", key=account.number, body=opening.told(customer, account), at=at
            )
    except IntegrityError as error:  # lost a race against the same name or address
        if "email" in str(error):
            raise EmailTaken("this e-mail address has an account: sign in, or ask for a new password") from error
        raise UserNameTaken("this user name was taken a moment ago: choose another") from error
    return queries.customer_of_account(account.number)


def add_acceptances(customer: models.Customer, accepted: Sequence[rules.Accepted], ip: str, at: datetime) -> None:
    """One row for each tick, and its proof."""
    account = customer.accounts.order_by("id").values_list("number", flat=True).first() or ""
    for tick in accepted:
        row = models.TermsAcceptance.objects.create(
            customer=customer,
            document=tick.document.value,
            ref=tick.ref,
            text_sha256=tick.text_sha256,
            language=tick.language,
            at=at,
            ip=ip,
        )
        ticked = {
            "document": tick.document.value,
            "ref": tick.ref,
            "text_sha256": tick.text_sha256,
            "language": tick.language,
            "ip": ip,
        }
        proof.record(kind="party.acceptance", subject=account, key=f"acceptance:{row.pk}", body=ticked, at=at)


def sealed_ha1(username: str, password: str) -> str:
    """The digest secrets of a SIP user, sealed for the database."""
    return vault.seal(rules.ha1(username, settings.SIP_REALM, password), owner=username)


def _checked(given: Registration) -> tuple[Registration, str]:
    """The same registration in the form in which it is kept and what it certifies, or the first thing wrong with it."""
    terms = policy.terms(_terms_ref(given))
    user_name, email = rules.checked_user_name(given.user_name), rules.checked_email(given.email)
    passwords.checked(given.password, user_name=user_name, email=email)
    if given.sip_line:
        rules.checked_sip_password(given.sip_password, user_name=user_name, site_password=given.password)
    stated = _stated(given, terms)
    certified = identity.certified(terms, given.kind, _certificates(given))
    if given.language not in dict(settings.LANGUAGES):
        raise rules.Incomplete("a language is fr or en", field="language")
    if queries.taken(username=user_name):
        raise UserNameTaken("this user name is taken: choose another")
    if queries.taken(email=email):
        raise EmailTaken("this e-mail address has an account: sign in, or ask for a new password")
    return replace(stated, user_name=user_name, email=email), certified


def _stated(given: Registration, terms: Terms) -> Registration:
    """Who it is, checked."""
    country = identity.checked_country(given.country, terms)
    if given.phone_needed and not given.phone.strip():
        raise rules.Incomplete("a telephone number is needed", field="phone")
    phone = identity.checked_phone(given.phone, country=country) if given.phone.strip() else ""
    company = siren = vat_number = ""
    if given.kind is rules.CustomerKind.COMPANY:
        company = rules.checked_name(given.company, kind=rules.CustomerKind.COMPANY)
        siren = identity.checked_siren(given.siren, country=country)
        vat_number = identity.checked_vat_number(given.vat_number, country=country, siren=siren)
    return replace(
        given,
        name=rules.checked_name(given.name),
        first_names=rules.checked_name(given.first_names),
        company=company,
        country=country,
        phone=phone,
        siren=siren,
        vat_number=vat_number,
    )


def _certificates(given: Registration) -> set[rules.Certificate]:
    found = {rules.Certificate.SOLVENT} if given.solvent else set()
    if given.adult:
        found |= {rules.Certificate.AGE, rules.Certificate.BINDS}
    return found


def _terms_ref(given: Registration) -> str:
    """The version accepted, once every document is. Raises Incomplete."""
    ticked = {tick.document: tick.ref for tick in given.accepted}
    if missing := rules.ALWAYS_ACCEPTED - ticked.keys():
        raise rules.Incomplete(f"not accepted yet: {', '.join(sorted(missing))}", field="accepted")
    return ticked[rules.Document.TERMS]


def _add_user(given: Registration, at: datetime) -> models.User:
    user = models.User(username=given.user_name, email=given.email, created_at=at)
    user.set_password(given.password)
    user.save()
    EmailAddress.objects.create(user=user, email=given.email, primary=True, verified=False)
    return user


def _add_customer(given: Registration, user: models.User, certified: str, at: datetime) -> models.Customer:
    return models.Customer.objects.create(
        user=user,
        brand=given.brand,
        kind=given.kind.value,
        first_names=given.first_names,
        name=given.name,
        company=given.company,
        language=given.language,
        country=given.country,
        phone=given.phone,
        siren=given.siren,
        vat_number=given.vat_number,
        certified=certified,
        certified_at=at,
        created_at=at,
    )


def _add_account(given: Registration, customer: models.Customer, at: datetime) -> models.BillingAccount:
    """The account's number follows from its row's: A000001, A000002, ... none is given twice."""
    account = models.BillingAccount.objects.create(
        number=uuid.uuid4().hex[:16],
        customer=customer,
        brand=given.brand,
        currency=given.currency,
        terms_ref=_terms_ref(given),
        created_at=at,
    )
    account.number = f"A{account.pk:06d}"
    account.save(update_fields=["number"])
    return account


def _add_sip_user(given: Registration, account: models.BillingAccount, at: datetime) -> None:
    models.SipUser.objects.create(
        username=given.user_name,
        account=account,
        sealed_ha1=sealed_ha1(given.user_name, given.sip_password),
        created_at=at,
        changed_at=at,
    )
