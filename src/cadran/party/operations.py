"""Writes of the party room: each call is one transaction, `at` is an aware UTC instant of the civil clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction

from cadran import settings
from cadran.party import models, opening, passwords, queries, registering, rules, vault
from cadran.party.documents import operations as documents
from cadran.party.registering import EmailTaken as EmailTaken
from cadran.party.registering import Registration as Registration
from cadran.party.registering import UserNameTaken as UserNameTaken
from cadran.party.registering import register_customer as register_customer
from cadran.party.staff_operations import make_staff as make_staff
from cadran.party.staff_operations import record_staff_act as record_staff_act
from cadran.policy import operations as policy_operations
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.period import utc


class UnknownSipUser(CadranError):
    """No SIP user of that name."""

    error_id = "party-sip-user-unknown"


class UnableToValidate(CadranError):
    """The e-mail address is not the one that this registration waits for, or the registration is over."""

    error_id = "party-validation-refused"


@carries("IPP-5.2-validation", "IPP-5.1-activation", "KRY-4.2.1-account")
def validate_email(*, user_id: int, email: str, at: datetime) -> queries.Customer:
    """The customer proved that the address is theirs: from now on the services are accessible, if that is all that the accepted
    terms ask for. Again changes nothing.

    Raises UnableToValidate when it is another address, or the registration was ended.
    """
    with transaction.atomic():
        customer = models.Customer.objects.select_for_update().select_related("user").filter(user_id=user_id).first()
        if customer is None or customer.user.email != email.lower() or customer.state == models.CustomerState.ENDED:
            raise UnableToValidate("this link is for another address or an ended registration: register again")
        EmailAddress.objects.filter(user_id=user_id, email=customer.user.email).update(verified=True, primary=True)
        opening.open_if_validated(customer=customer, at=at)
    return queries.customer_of_account(customer.accounts.order_by("id")[0].number)


@carries("IPP-0-acceptance", "KRY-2.1-acceptance")
def accept_terms(*, customer_id: int, accepted: Sequence[rules.Accepted], ip: str, at: datetime) -> None:
    """Record further ticks; a tick of the terms makes that version the one the customer's calls and credit are judged by."""
    with transaction.atomic():
        customer = models.Customer.objects.select_for_update().get(pk=customer_id)
        registering.add_acceptances(customer, accepted, ip, utc(at))
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
        row.sealed_ha1 = registering.sealed_ha1(row.username, password)
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
        user.set_password(passwords.checked(password, user_name=user.username, email=user.email))
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
        documents.contract_ended(customer_id=customer.pk, at=at)
        policy_operations.record_event(
            kind="party.registration-ended", key=account.number, body=opening.told(customer, account), at=at
        )


def end_unvalidated_registrations(*, before: datetime, at: datetime, limit: int = 500) -> int:
    """End the registrations made at `before` or earlier whose e-mail address never was validated, at most `limit`; returns how many.
    Idempotent."""
    waiting = queries.unvalidated().filter(created_at__lte=utc(before))
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
