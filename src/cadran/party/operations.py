"""Writes of the party room: each call is one transaction, `at` is an aware UTC instant of the civil clock."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction

from cadran import settings
from cadran.party import models, queries, rules, vault
from cadran.party.staff_operations import make_staff as make_staff
from cadran.party.staff_operations import record_staff_act as record_staff_act
from cadran.policy import operations as policy_operations
from cadran.policy.proof import operations as proof
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.period import utc


class UserNameTaken(CadranError):
    """Somebody has that user name, as sign-in or as SIP user."""

    error_id = "party-user-name-taken"


class EmailTaken(CadranError):
    """Somebody registered with that e-mail address. Never shown to a visitor: it would tell who is a customer."""

    error_id = "party-email-taken"


class UnknownSipUser(CadranError):
    """No SIP user of that name."""

    error_id = "party-sip-user-unknown"


class UnableToValidate(CadranError):
    """The e-mail address is not the one that this registration waits for, or the registration is over."""

    error_id = "party-validation-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a customer gives to register. `currency` is the brand's; `adult` certifies the age or the capacity to bind the company;
    `accepted` holds one tick for each of rules.Document; `ip` is where it came from."""

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
    accepted: Sequence[rules.Accepted] = ()
    ip: str = "127.0.0.1"


@carries("IPP-5.2-validation", "IPP-5.3-codes", "IPP-0-acceptance", "IPP-1b-age")
def register_customer(*, registration: Registration, at: datetime) -> queries.Customer:
    """Keep a complete registration; the customer can use nothing before `validate_email`.

    Raises a rules.InvalidInput, UserNameTaken or EmailTaken, and then nothing is kept.
    """
    checked, at = _checked(registration), utc(at)
    try:
        with transaction.atomic():
            user = _add_user(checked, at)
            customer = _add_customer(checked, user, at)
            account = _add_account(checked, customer, at)
            _add_sip_user(checked, account, at)
            _add_acceptances(customer, checked.accepted, checked.ip, at)
            policy_operations.record_event(
                kind="party.customer-registered", key=account.number, body=_told(customer, account), at=at
            )
    except IntegrityError as error:  # lost a race against the same name or address
        raise UserNameTaken("this user name was taken a moment ago: choose another") from error
    return queries.customer_of_account(account.number)


@carries("IPP-5.2-validation", "IPP-5.1-activation", "KRY-4.2.1-account")
def validate_email(*, user_id: int, email: str, at: datetime, opens: bool = True) -> queries.Customer:
    """The customer proved that the address is theirs: from now on the services are accessible, if that is all that the terms
    ask for (`opens`). Again changes nothing.

    Raises UnableToValidate when it is another address, or the registration was ended.
    """
    with transaction.atomic():
        customer = models.Customer.objects.select_for_update().select_related("user").filter(user_id=user_id).first()
        if customer is None or customer.user.email != email.lower() or customer.state == models.CustomerState.ENDED:
            raise UnableToValidate("this link is for another address or an ended registration: register again")
        EmailAddress.objects.filter(user_id=user_id, email=customer.user.email).update(verified=True, primary=True)
        if opens and customer.state == models.CustomerState.REGISTERED:
            customer.state, customer.validated_at = models.CustomerState.ACTIVE, utc(at)
            customer.save(update_fields=["state", "validated_at"])
            account = customer.accounts.order_by("id")[0]
            policy_operations.record_event(
                kind="party.customer-validated", key=account.number, body=_told(customer, account), at=at
            )
    return queries.customer_of_account(customer.accounts.order_by("id")[0].number)


@carries("IPP-0-acceptance", "KRY-2.1-acceptance")
def accept_terms(*, customer_id: int, accepted: Sequence[rules.Accepted], ip: str, at: datetime) -> None:
    """Record further ticks; a tick of the terms makes that version the one the customer's calls and credit are judged by."""
    with transaction.atomic():
        customer = models.Customer.objects.select_for_update().get(pk=customer_id)
        _add_acceptances(customer, accepted, ip, utc(at))
        for tick in accepted:
            if tick.document is rules.Document.TERMS:
                customer.accounts.update(terms_ref=tick.ref)


@carries("IPP-5.3-codes")
def set_sip_password(*, username: str, password: str, at: datetime) -> None:
    """Change the SIP password of a SIP user; a required change is met by it, a block stays. Raises WeakSipPassword, UnknownSipUser."""
    with transaction.atomic():
        row = _sip_row(username)
        rules.checked_sip_password(password, user_name=row.username)
        if row.account.customer.user.check_password(password):
            raise rules.WeakSipPassword("the SIP password and the site's password differ", rule="same")
        row.sealed_ha1 = _sealed(row.username, password)
        row.changed_at = utc(at)
        if row.state == models.SipState.MUST_CHANGE:
            row.state = models.SipState.ACTIVE
        row.save(update_fields=["sealed_ha1", "changed_at", "state"])
        _tell_sip(row, "party.sip-password-changed", at)


@carries("IPP-5.3-codes")
def require_change(*, user_name: str, site: bool = False, sip: bool = False, reason: str, at: datetime) -> None:
    """The operator requires new codes: the site asks for a new password before anything else, the SIP user registers no more until its
    password is changed. Raises queries.UnknownCustomer."""
    with transaction.atomic():
        user = models.User.objects.filter(username=user_name.strip().lower()).first()
        if user is None:
            raise queries.UnknownCustomer(f"no customer is known by {user_name[:60]!r}: check the spelling")
        if site:
            models.User.objects.filter(pk=user.pk).update(must_change_password=True)
        if sip:
            for row in models.SipUser.objects.filter(account__customer__user=user, state=models.SipState.ACTIVE):
                _set_sip_state(row, models.SipState.MUST_CHANGE, at)
        policy_operations.record_event(
            kind="party.change-required",
            key=f"{user.username}:{ids.new_id('evt')}",
            body={"user_name": user.username, "site": site, "sip": sip, "reason": reason[:200]},
            at=at,
        )


def set_password(*, user_id: int, password: str, at: datetime) -> None:
    """Give a sign-in a new site password; a required change is met. Raises WeakPassword."""
    with transaction.atomic():
        user = models.User.objects.select_for_update().get(pk=user_id)
        user.set_password(rules.checked_password(password, user_name=user.username, email=user.email))
        user.must_change_password, user.password_changed_at, user.locked_at = False, utc(at), None
        user.save(update_fields=["password", "must_change_password", "password_changed_at", "locked_at"])


@carries("KRY-4.2.1-account")
def change_email(*, user_id: int, old: str, new: str, at: datetime) -> None:
    """The user proved that the address `new` is theirs: it identifies the account from now on, instead of `old`.

    Raises rules.InvalidEmail, EmailTaken, and UnableToValidate when `old` is no longer the account's address.
    """
    new = rules.checked_email(new)
    try:
        with transaction.atomic():
            user = models.User.objects.select_for_update().filter(pk=user_id, email=old, is_active=True).first()
            if user is None:
                raise UnableToValidate("the address was changed meanwhile: ask again")
            user.email = new
            user.save(update_fields=["email"])
            EmailAddress.objects.filter(user=user).delete()
            EmailAddress.objects.create(user=user, email=new, primary=True, verified=True)
            policy_operations.record_event(
                kind="party.email-changed",
                key=f"{user.username}:{ids.new_id('evt')}",
                body={"user_name": user.username},
                at=at,
            )
    except IntegrityError as error:
        raise EmailTaken("this e-mail address has an account: choose another") from error


def password_was_changed(*, user_id: int, at: datetime) -> None:
    """The customer chose a new site password: a required change is met, and a sign-in that was locked opens with it."""
    models.User.objects.filter(pk=user_id).update(
        must_change_password=False, password_changed_at=utc(at), locked_at=None
    )


@carries("IPP-5.3-codes")
def block_sip_user(*, username: str, at: datetime) -> None:
    """Nobody registers or calls as this SIP user any more. Raises UnknownSipUser."""
    with transaction.atomic():
        _set_sip_state(_sip_row(username), models.SipState.BLOCKED, at)


def unblock_sip_user(*, username: str, at: datetime) -> None:
    """The SIP user works again, once its password is changed. Raises UnknownSipUser."""
    with transaction.atomic():
        row = _sip_row(username)
        if row.state == models.SipState.BLOCKED:
            _set_sip_state(row, models.SipState.MUST_CHANGE, at)


@carries("IPP-9.6-120-minutes")
def set_raised_duration(*, account: str, raised: bool, at: datetime) -> None:
    """The customer's choice between the ordinary longest call and the raised one, for calls that start from now on.

    Raises UnknownCustomer.
    """
    with transaction.atomic():
        customer = queries.customer_of_account(account)
        changed = models.Customer.objects.filter(pk=customer.id).exclude(raised_duration=raised)
        if changed.update(raised_duration=raised):
            policy_operations.record_event(
                kind="party.call-duration-chosen",
                key=f"{account}:{ids.new_id('evt')}",
                body={"account": account, "raised": raised},
                at=at,
            )


def set_language(*, user_id: int, language: str) -> None:
    """The language of pages, mails and announcements for this customer: fr or en."""
    if language not in dict(settings.LANGUAGES):
        raise rules.Incomplete("a language is fr or en")
    models.Customer.objects.filter(user_id=user_id).update(language=language)


@carries("IPP-5.2-validation")
def end_registration(*, user_id: int, reason: str, at: datetime) -> None:
    """End a registration that was not validated: its codes open nothing, its user name and e-mail address are free again."""
    with transaction.atomic():
        customer = models.Customer.objects.select_for_update().select_related("user").get(user_id=user_id)
        if customer.state != models.CustomerState.REGISTERED:
            raise UnableToValidate("only a registration that waits for its validation can be ended this way")
        account = customer.accounts.order_by("id")[0]
        customer.state, customer.state_reason = models.CustomerState.ENDED, reason[:200]
        customer.save(update_fields=["state", "state_reason"])
        customer.accounts.update(state="closed")
        models.SipUser.objects.filter(account__customer=customer).delete()
        EmailAddress.objects.filter(user_id=user_id).delete()
        user = customer.user
        user.is_active, user.username, user.email = False, f"ended-{user.pk}", f"ended-{user.pk}@cadran.invalid"
        user.set_unusable_password()
        user.save(update_fields=["is_active", "username", "email", "password"])
        policy_operations.record_event(
            kind="party.registration-ended", key=account.number, body=_told(customer, account), at=at
        )


def end_unvalidated_registrations(*, before: datetime, at: datetime, limit: int = 500) -> int:
    """End the registrations made at `before` or earlier that never were validated, at most `limit`; returns how many. Idempotent."""
    waiting = models.Customer.objects.filter(state=models.CustomerState.REGISTERED, created_at__lte=utc(before))
    ids = list(waiting.order_by("id").values_list("user_id", flat=True)[:limit])
    for user_id in ids:
        end_registration(user_id=user_id, reason="the e-mail address was not validated in time", at=at)
    return len(ids)


def reseal_sip_secrets(*, limit: int = 1_000_000) -> int:
    """Seal again, with the newest key, what an older one seals; returns how many. Run it after a new key was put in front."""
    count = 0
    for row in models.SipUser.objects.order_by("id").iterator():
        if count < limit and not vault.sealed_with_newest(row.sealed_ha1):
            with transaction.atomic():
                fresh = models.SipUser.objects.select_for_update().get(pk=row.pk)
                fresh.sealed_ha1 = vault.seal(
                    vault.unseal(fresh.sealed_ha1, owner=fresh.username), owner=fresh.username
                )
                fresh.save(update_fields=["sealed_ha1"])
            count += 1
    return count


def _checked(given: Registration) -> Registration:
    """The same registration in the form in which it is kept, or the first thing wrong with it."""
    user_name, email = rules.checked_user_name(given.user_name), rules.checked_email(given.email)
    rules.checked_password(given.password, user_name=user_name, email=email)
    rules.checked_sip_password(given.sip_password, user_name=user_name, site_password=given.password)
    company = ""
    if given.kind is rules.CustomerKind.COMPANY:
        company = rules.checked_name(given.company, kind=rules.CustomerKind.COMPANY)
    if not given.adult:
        raise rules.Incomplete("a customer certifies being of age, or entitled to bind the company", field="adult")
    if missing := set(rules.Document) - {tick.document for tick in given.accepted}:
        raise rules.Incomplete(f"not accepted yet: {', '.join(sorted(missing))}", field="accepted")
    if given.language not in dict(settings.LANGUAGES):
        raise rules.Incomplete("a language is fr or en", field="language")
    if queries.taken(username=user_name):
        raise UserNameTaken("this user name is taken: choose another")
    if queries.taken(email=email):
        raise EmailTaken("this e-mail address has an account: sign in, or ask for a new password")
    return Registration(
        brand=given.brand,
        currency=given.currency,
        email=email,
        user_name=user_name,
        password=given.password,
        sip_password=given.sip_password,
        name=rules.checked_name(given.name),
        first_names=rules.checked_name(given.first_names),
        company=company,
        kind=given.kind,
        language=given.language,
        country=rules.checked_country(given.country),
        adult=given.adult,
        accepted=given.accepted,
        ip=given.ip,
    )


def _add_user(given: Registration, at: datetime) -> models.User:
    user = models.User(username=given.user_name, email=given.email, created_at=at)
    user.set_password(given.password)
    user.save()
    EmailAddress.objects.create(user=user, email=given.email, primary=True, verified=False)
    return user


def _add_customer(given: Registration, user: models.User, at: datetime) -> models.Customer:
    return models.Customer.objects.create(
        user=user,
        brand=given.brand,
        kind=given.kind.value,
        first_names=given.first_names,
        name=given.name,
        company=given.company,
        language=given.language,
        country=given.country,
        certified_at=at,
        created_at=at,
    )


def _add_account(given: Registration, customer: models.Customer, at: datetime) -> models.BillingAccount:
    """The account's number follows from its row's: A000001, A000002, ... none is given twice."""
    terms = next(tick.ref for tick in given.accepted if tick.document is rules.Document.TERMS)
    account = models.BillingAccount.objects.create(
        number=uuid.uuid4().hex[:16],
        customer=customer,
        brand=given.brand,
        currency=given.currency,
        terms_ref=terms,
        created_at=at,
    )
    account.number = f"A{account.pk:06d}"
    account.save(update_fields=["number"])
    return account


def _add_sip_user(given: Registration, account: models.BillingAccount, at: datetime) -> None:
    models.SipUser.objects.create(
        username=given.user_name,
        account=account,
        sealed_ha1=_sealed(given.user_name, given.sip_password),
        created_at=at,
        changed_at=at,
    )


def _add_acceptances(customer: models.Customer, accepted: Sequence[rules.Accepted], ip: str, at: datetime) -> None:
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


def _sealed(username: str, password: str) -> str:
    return vault.seal(rules.ha1(username, settings.SIP_REALM, password), owner=username)


def _sip_row(username: str) -> models.SipUser:
    name = username.strip().lower()
    row = (
        models.SipUser.objects.select_for_update()
        .select_related("account__customer__user")
        .filter(username=name)
        .first()
    )
    if row is None:
        raise UnknownSipUser(f"no SIP user is called {name[:60]!r}: check the spelling")
    return row


def _set_sip_state(row: models.SipUser, state: models.SipState, at: datetime) -> None:
    row.state = state
    row.save(update_fields=["state"])
    _tell_sip(row, f"party.sip-user-{state.value}", at)


def _tell_sip(row: models.SipUser, kind: str, at: datetime) -> None:
    body = {"sip_user": row.username, "account": row.account.number}
    policy_operations.record_event(kind=kind, key=f"{row.username}:{ids.new_id('evt')}", body=body, at=at)


def _told(customer: models.Customer, account: models.BillingAccount) -> dict[str, object]:
    """What events say of a customer: no name and no address, which other rooms read from queries."""
    return {
        "account": account.number,
        "brand": account.brand,
        "currency": account.currency,
        "terms": account.terms_ref,
        "language": customer.language,
    }
