"""The PIN, prepared calls, the choice of the minute, and the end of all of it. One transaction each, short enough for a call in
progress to wait for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from cadran.party import models as party_models
from cadran.party.calling import models, queries, rules
from cadran.policy import operations as policy_operations
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.e164 import E164
from cadran.units.errors import CadranError
from cadran.units.period import utc

OLD = timedelta(days=1)
# OWASP's least for argon2id: 19 MiB, two passes, one lane; the installation's key stands before it, so that a stolen database alone
# does not give the few PINs away that there can be.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class AccountUnknown(CadranError):
    """No account of that number is open."""

    error_id = "calling-account-unknown"


class PreparedCallUnknown(CadranError):
    """This account has no such prepared call that still waits."""

    error_id = "calling-prepared-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinTried:
    """outcome: ok | wrong | locked | none (the account has no PIN). tries_left: wrong ones that are still forgiven."""

    outcome: str
    tries_left: int = 0


@carries("KRY-4.4.1-caller-id")
def set_pin(*, account: str, pin: str, known: tuple[str, ...] = (), at: datetime) -> None:
    """Choose the PIN, which also unlocks it. known: the customer's numbers, of which it may not be a part. Raises rules.InvalidPin,
    rules.TrivialPin, AccountUnknown."""
    hashed = HASHER.hash(_peppered(account, rules.checked_pin(pin, known=known)))
    with transaction.atomic():
        _open_account(account)
        models.Pin.objects.update_or_create(
            account=account, defaults={"hash": hashed, "tries": 0, "changed_at": utc(at), "locked_at": None}
        )
        _tell("pin-set", account, at)


def remove_pin(*, account: str, at: datetime) -> None:
    """The account has no PIN any more: it is then recognised where the network vouches for its number alone. Again changes nothing."""
    with transaction.atomic():
        if models.Pin.objects.filter(account=account).delete()[0]:
            _tell("pin-removed", account, at)


@carries("KRY-4.4.1-caller-id")
def try_pin(*, account: str, pin: str, at: datetime) -> PinTried:
    """Whether that is the account's PIN. The try is written down before it is looked at, so that many at once are not forgiven more
    than one after the other; after rules.PIN_TRIES wrong ones in a row it is locked until its owner chooses another in the portal."""
    row = models.Pin.objects.filter(account=account).first()
    if row is None:
        return PinTried(outcome="none")
    with transaction.atomic():
        if not models.Pin.objects.filter(pk=row.pk, locked_at=None, tries__lt=rules.PIN_TRIES).update(
            tries=F("tries") + 1
        ):
            return PinTried(outcome="locked")
    row.refresh_from_db()
    if _is_pin(row.hash, account, pin):
        models.Pin.objects.filter(pk=row.pk, hash=row.hash, locked_at=None).update(tries=0)
        return PinTried(outcome="ok", tries_left=rules.PIN_TRIES)
    if row.tries < rules.PIN_TRIES:
        return PinTried(outcome="wrong", tries_left=rules.PIN_TRIES - row.tries)
    with transaction.atomic():
        if models.Pin.objects.filter(pk=row.pk, hash=row.hash, locked_at=None).update(locked_at=utc(at)):
            _tell("pin-locked", account, at)
    return PinTried(outcome="locked")


@carries("LAW-per-second")
def choose_minute(*, account: str, by_minute: bool, by: str, at: datetime) -> None:
    """Ask for calls to national numbers by the minute begun, or go back to the second; from the next call on. The same again changes
    nothing. by: who asked, kept as evidence of the request. Raises AccountUnknown."""
    with transaction.atomic():
        _open_account(account)
        if queries.by_minute(account) == by_minute:
            return
        models.MinuteChoice.objects.update_or_create(
            account=account, defaults={"by_minute": by_minute, "chosen_at": utc(at)}
        )
        _tell("minute-chosen", account, at, by_minute=by_minute, by=by[:64])


@carries("KRY-4.4.1-easydialer")
def prepare_call(*, account: str, calling: str, destination: str, at: datetime) -> queries.PreparedCall:
    """The next call from `calling` to an access number of the account's brand within rules.PREPARED_FOR goes straight to `destination`
    (both E.164 digits, with or without plus; that the calling number is the account's own is for the caller to know). It takes the
    place of one prepared before for that number. Raises AccountUnknown, units' InvalidNumber."""
    at = utc(at)
    numbers = [E164("+" + one.removeprefix("+")).digits for one in (calling, destination)]
    with transaction.atomic():
        brand = _open_account(account).brand
        models.PreparedCall.objects.filter(account=account, expires_at__lte=at - OLD).delete()
        row, _new = models.PreparedCall.objects.update_or_create(
            brand=brand,
            calling=numbers[0],
            defaults={
                "prepared_id": ids.new_id("prc"),
                "account": account,
                "destination": numbers[1],
                "prepared_at": at,
                "expires_at": at + rules.PREPARED_FOR,
                "taken_at": None,
            },
        )
    return queries._prepared(row)


@carries("KRY-4.4.1-easydialer")
def take_prepared_call(*, digits: str, brand: str, at: datetime) -> queries.PreparedCall | None:
    """The call that was prepared for that calling number, once: of two that come at the same time one gets it. None where none waits.
    Whoever recognises the caller checks that the account is still the number's. One statement that changes one row, on a database
    thread; where the database is busy, go on as if none were prepared."""
    waiting = models.PreparedCall.objects.filter(
        brand=brand, calling=digits.removeprefix("+"), taken_at=None, expires_at__gt=utc(at)
    )
    row = waiting.first()
    if row is None or not waiting.filter(prepared_id=row.prepared_id).update(taken_at=utc(at)):
        return None
    return queries._prepared(row)


def withdraw_prepared_call(*, account: str, prepared_id: str, at: datetime) -> None:
    """The prepared call is not to be made. Raises PreparedCallUnknown for one taken or over."""
    waiting = models.PreparedCall.objects.filter(
        account=account, prepared_id=prepared_id[:40], taken_at=None, expires_at__gt=utc(at)
    )
    if not waiting.update(expires_at=utc(at)):
        raise PreparedCallUnknown("this call was taken or its two minutes are over: prepare another")


@carries("KRY-4.2.3-erasure")
def forget(*, account: str) -> int:
    """Delete all that calling keeps of an account that is closed; returns how many rows. Again changes nothing."""
    with transaction.atomic():
        return sum(
            kind.objects.filter(account=account).delete()[0]
            for kind in (models.Contact, models.Pin, models.PreparedCall, models.MinuteChoice)
        )


def _is_pin(hashed: str, account: str, pin: str) -> bool:
    try:
        return HASHER.verify(hashed, _peppered(account, pin[:32]))
    except (VerificationError, InvalidHashError):
        return False


def _peppered(account: str, pin: str) -> str:
    return salted_hmac("cadran.party.calling.pin", f"{account}:{pin}", algorithm="sha256").hexdigest()


def _open_account(account: str) -> party_models.BillingAccount:
    row = party_models.BillingAccount.objects.filter(number=account[:16], state="open").first()
    if row is None:
        raise AccountUnknown(f"no account {account[:16]!r} is open")
    return row


def _tell(what: str, account: str, at: datetime, **more: object) -> None:
    policy_operations.record_event(
        kind=f"party.{what}", key=ids.new_id("cal"), body={"account": account, **more}, at=at
    )
