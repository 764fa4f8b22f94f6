"""Assign and release numbers, record and withdraw verified ones. Each is one transaction; repeating it changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from cadran.numbering import rules
from cadran.numbering.access.queries import is_access_number
from cadran.numbering.models import PhoneNumber
from cadran.numbering.queries import NumberHolder
from cadran.policy import queries as policy
from cadran.policy.law import UnknownLaw
from cadran.units.clause import carries
from cadran.units.e164 import E164, InvalidNumber
from cadran.units.errors import CadranError
from cadran.units.period import utc

_HOLDABLE = {rules.NumberClass.GEOGRAPHIC, rules.NumberClass.MOBILE, rules.NumberClass.SPECIAL}
_VERIFIABLE = {rules.NumberClass.GEOGRAPHIC, rules.NumberClass.MOBILE}


class UnableToAssignNumber(CadranError):
    """A number that cannot be given to that account now: held by another, or released less than the waiting time ago."""

    error_id = "numbering-unable-to-assign"


class UnableToVerifyNumber(CadranError):
    """A number that cannot be an account's verified number: of a class that nobody calls from, or another customer's own."""

    error_id = "numbering-unable-to-verify"


class NumberNotHeld(CadranError):
    """A number that the account neither holds nor has verified."""

    error_id = "numbering-not-held"


@carries("LAW-porting-out")
@transaction.atomic
def assign_number(*, e164: E164 | str, account: str, sip_username: str, at: datetime) -> NumberHolder:
    """Give a number to an account from `at` on; `sip_username` rings when it is called.

    The same number to the same account again only changes the SIP user. A released number waits (40 days by the law in
    force) before another account gets it. Raises UnableToAssignNumber, InvalidNumber.
    """
    number, dialled = _read(e164)
    if dialled.number_class not in _HOLDABLE:
        raise UnableToAssignNumber(f"{number} is {dialled.number_class.value}: assign a geographic or mobile number")
    if is_access_number(number.digits):
        raise UnableToAssignNumber(f"{number} is an access number: assign another, or close it first")
    at = utc(at)
    held = PhoneNumber.objects.filter(digits=number.digits, kind=PhoneNumber.ASSIGNED, until_at=None).first()
    if held is not None and held.account != account:
        raise UnableToAssignNumber(f"{number} belongs to another account: release it first")
    if held is not None and held.sip_username == sip_username:
        return NumberHolder(account, sip_username)
    if held is not None:
        _end(held, at)
    else:
        _check_waiting_time(number, account, at)
    _start(number, dialled, account, sip_username, PhoneNumber.ASSIGNED, at)
    return NumberHolder(account, sip_username)


@transaction.atomic
def release_number(*, e164: E164 | str, account: str, at: datetime) -> None:
    """End an assignment at `at`. Raises NumberNotHeld."""
    _release(_read(e164)[0], account, PhoneNumber.ASSIGNED, utc(at))


@transaction.atomic
def record_verified_number(*, e164: E164 | str, account: str, at: datetime, brand: str = "") -> str:
    """Record that an account has proved a number to be its own, so that it may show it and, with the account's `brand`, is recognised
    by it on that brand's access numbers. One account of a brand is: the proof takes the number from another, whose account is
    returned; "" where nobody lost it.

    Raises UnableToVerifyNumber for a number that nobody calls from (special, satellite, platforms...), that is assigned to
    another account, or that is an access number.
    """
    number, dialled = _verifiable(e164)
    assigned = PhoneNumber.objects.filter(digits=number.digits, kind=PhoneNumber.ASSIGNED, until_at=None).first()
    if assigned is not None and assigned.account != account:
        raise UnableToVerifyNumber(f"{number} belongs to another customer of the network")
    rows = PhoneNumber.objects.filter(digits=number.digits, kind=PhoneNumber.VERIFIED, until_at=None)
    other = rows.filter(brand=brand).exclude(brand="").exclude(account=account).first()
    if other is not None:
        _end(other, utc(at))
    own = rows.filter(account=account).first()
    if own is not None and own.brand == "" != brand:  # from now on it is recognised too
        _end(own, utc(at))
        own = None
    if own is None:
        _start(number, dialled, account, "", PhoneNumber.VERIFIED, utc(at), brand)
    return other.account if other is not None else ""


@transaction.atomic
def withdraw_verified_number(*, e164: E164 | str, account: str, at: datetime) -> None:
    """End a verification at `at`: the account shows the number no longer. Raises NumberNotHeld."""
    _release(_read(e164)[0], account, PhoneNumber.VERIFIED, utc(at))


def _read(e164: E164 | str) -> tuple[E164, rules.Dialled]:
    number = e164 if isinstance(e164, E164) else E164("+" + str(e164).removeprefix("+"))
    dialled = rules.read_dialled(number.value)
    if dialled.e164 != number:
        raise InvalidNumber(f"{number} is no number that can be held: write it in full, as +33142000001")
    return number, dialled


def check_verifiable(e164: E164 | str) -> None:
    """Whether somebody could call from that number at all. Raises UnableToVerifyNumber, InvalidNumber."""
    _verifiable(e164)


def _verifiable(e164: E164 | str) -> tuple[E164, rules.Dialled]:
    number, dialled = _read(e164)
    if dialled.number_class not in _VERIFIABLE or is_access_number(number.digits):
        raise UnableToVerifyNumber(f"nobody calls from {number}: verify a landline or mobile number")
    return number, dialled


def _check_waiting_time(number: E164, account: str, at: datetime) -> None:
    last = (
        PhoneNumber.objects.filter(digits=number.digits, kind=PhoneNumber.ASSIGNED, until_at__isnull=False)
        .order_by("-until_at")
        .first()
    )
    if last is None or last.account == account or last.until_at is None:
        return
    try:
        days = policy.law("portability.recovery_days", at).integer()
    except UnknownLaw:  # before the law of that name there was no waiting time
        return
    free_at = last.until_at + timedelta(days=days)
    if at < free_at:
        raise UnableToAssignNumber(
            f"{number} was released less than {days} days ago: its last holder may still recover it; free from "
            f"{free_at:%Y-%m-%dT%H:%M:%SZ}"
        )


def _start(
    number: E164, dialled: rules.Dialled, account: str, sip_username: str, kind: str, at: datetime, brand: str = ""
) -> None:
    PhoneNumber.objects.create(
        digits=number.digits,
        account=account,
        sip_username=sip_username,
        kind=kind,
        country=dialled.country,
        use=dialled.use,
        brand=brand,
        from_at=at,
    )


def _release(number: E164, account: str, kind: str, at: datetime) -> None:
    row = PhoneNumber.objects.filter(digits=number.digits, account=account, kind=kind, until_at=None).first()
    if row is None:
        raise NumberNotHeld(f"{number} is not {kind} to that account")
    _end(row, at)


def _end(row: PhoneNumber, at: datetime) -> None:
    row.until_at = max(at, row.from_at)
    row.save(update_fields=["until_at"])
