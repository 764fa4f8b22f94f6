"""Ask for a code, give it back, record the number that it proved. Each is one transaction."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from cadran.numbering import operations as numbering
from cadran.numbering import queries as numbers
from cadran.numbering.proofs import models, rules
from cadran.policy import operations as policy_operations
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.e164 import E164
from cadran.units.errors import CadranError
from cadran.units.period import utc

_SALT = "cadran.numbering.proofs"


class ProofUnknown(CadranError):
    """This account has no such proof that still waits: ask for a code again."""

    error_id = "proofs-unknown"


class WrongCode(CadranError):
    """Not the code that was told. details: `tries_left`; at 0 a new code must be asked for."""

    error_id = "proofs-code-wrong"


class HeldElsewhere(CadranError):
    """The number is proved, and another account is recognised by it: say that it is to be moved, or leave it there."""

    error_id = "proofs-held-elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A proof that has begun. code: to be told on the number, and nowhere else."""

    proof_id: str
    digits: str
    expires_at: datetime
    code: str = field(repr=False)


@carries("KRY-4.4.1-caller-id")
def begin(*, brand: str, account: str, number: E164, origin: str, means: str, at: datetime) -> Begun:
    """Draw a code for that number. origin: the address from which it is asked for. A code asked for earlier is good no longer.

    The answer is the same whoever else has the number. Raises rules.TooManyProofs, rules.TooManyNumbers,
    numbering.operations.UnableToVerifyNumber.
    """
    at = utc(at)
    with transaction.atomic():
        numbering.check_verifiable(number)
        held = {one.digits for one in numbers.calling_numbers(account)}
        if number.digits not in held and len(held) >= rules.MOST_NUMBERS:
            raise rules.TooManyNumbers(f"an account has at most {rules.MOST_NUMBERS} calling numbers: remove one first")
        hidden = salted_hmac(_SALT, _place(origin), algorithm="sha256").hexdigest()[:32]
        rules.check_asking(_asked(brand, account, number.digits, hidden, at), at)
        models.NumberProof.objects.filter(account=account, used_at=None, expires_at__gt=at).update(expires_at=at)
        code = f"{secrets.randbelow(10**rules.CODE_DIGITS):0{rules.CODE_DIGITS}}"
        proof_id = ids.new_id("prf")
        row = models.NumberProof.objects.create(
            proof_id=proof_id,
            brand=brand,
            account=account,
            digits=number.digits,
            digest=_digest(proof_id, account, number.digits, code),
            origin=hidden,
            means=means,
            asked_at=at,
            expires_at=at + rules.VALID,
        )
    return Begun(proof_id=proof_id, digits=number.digits, expires_at=row.expires_at, code=code)


def check(*, number: E164) -> None:
    """Whether that number could be proved at all. Raises numbering.operations.UnableToVerifyNumber."""
    numbering.check_verifiable(number)


def untold(*, proof_id: str, account: str, at: datetime) -> None:
    """The code could not be told: the proof is over; it counts among those asked for."""
    models.NumberProof.objects.filter(proof_id=proof_id, account=account, used_at=None).update(expires_at=utc(at))


@carries("KRY-4.4.1-caller-id")
def give_code(*, proof_id: str, account: str, code: str, at: datetime) -> str:
    """Prove the number by the code that was told on it, and record it for the account; returns its digits. Again changes nothing.

    Raises rules.InvalidCode, ProofUnknown, WrongCode, and HeldElsewhere, where `claim` or `leave` follows.
    """
    at, code = utc(at), rules.checked_code(code)
    # The try is written down before the code is looked at, and apart, so that no refusal takes it back.
    fresh = models.NumberProof.objects.filter(
        proof_id=proof_id[:40], account=account, used_at=None, expires_at__gt=at, tries__lt=rules.MOST_TRIES
    )
    with transaction.atomic():
        if not fresh.update(tries=F("tries") + 1):
            raise ProofUnknown("this code is good no longer: ask for another")
    row = models.NumberProof.objects.get(proof_id=proof_id[:40], account=account)
    if not hmac.compare_digest(row.digest, _digest(row.proof_id, account, row.digits, code)):
        left = max(0, rules.MOST_TRIES - row.tries)
        raise WrongCode(
            "this is not the code that was told on the phone: listen again, or ask for another", tries_left=left
        )
    with transaction.atomic():
        models.NumberProof.objects.filter(pk=row.pk, proved_at=None).update(proved_at=at)
    if numbers.verified_holder(row.digits, row.brand) not in (None, account):
        raise HeldElsewhere(
            "this number is registered on another account of yours or of somebody else: move it here, or leave it there"
        )
    return _record(row, at)


@carries("KRY-4.4.1-caller-id")
def claim(*, proof_id: str, account: str, at: datetime) -> str:
    """Move a proved number here from the account that has it, which is told; returns its digits. Raises ProofUnknown."""
    row = models.NumberProof.objects.filter(
        proof_id=proof_id[:40], account=account, proved_at__isnull=False, used_at=None, expires_at__gt=utc(at)
    ).first()
    if row is None:
        raise ProofUnknown("this proof is over: ask for a code again")
    return _record(row, utc(at))


def leave(*, proof_id: str, account: str, at: datetime) -> None:
    """Let a number that was proved, or was to be, be as it is. Again changes nothing."""
    models.NumberProof.objects.filter(proof_id=proof_id[:40], account=account, used_at=None).update(
        used_at=utc(at), expires_at=utc(at)
    )


def remove(*, account: str, digits: str, by: str, at: datetime) -> None:
    """The account is recognised by that number no longer. Raises numbering.operations.NumberNotHeld."""
    with transaction.atomic():
        if digits not in {one.digits for one in numbers.calling_numbers(account)}:
            raise numbering.NumberNotHeld(f"+{digits} is no calling number of that account")
        numbering.withdraw_verified_number(e164=f"+{digits}", account=account, at=at)
        _tell("removed", account, digits, at, by=by[:64])


def forget(*, account: str) -> int:
    """Delete every proof of an account that is closed; returns how many."""
    return models.NumberProof.objects.filter(account=account).delete()[0]


def delete_old(*, at: datetime) -> int:
    """Delete the proofs that are older than rules.KEPT; returns how many. Idempotent."""
    return models.NumberProof.objects.filter(asked_at__lte=utc(at) - rules.KEPT).delete()[0]


def next_deletion() -> datetime | None:
    """When the oldest proof is to be deleted; None where there is none."""
    oldest = models.NumberProof.objects.order_by("asked_at").values_list("asked_at", flat=True).first()
    return oldest + rules.KEPT if oldest else None


def _record(row: models.NumberProof, at: datetime) -> str:
    with transaction.atomic():
        held = {one.digits for one in numbers.calling_numbers(row.account)}
        if row.digits not in held and len(held) >= rules.MOST_NUMBERS:
            raise rules.TooManyNumbers(f"an account has at most {rules.MOST_NUMBERS} calling numbers: remove one first")
        if not models.NumberProof.objects.filter(pk=row.pk, used_at=None).update(used_at=at):
            return row.digits
        loser = numbering.record_verified_number(e164=f"+{row.digits}", account=row.account, at=at, brand=row.brand)
        if row.digits not in held:
            _tell("registered", row.account, row.digits, at, means=row.means, brand=row.brand)
        if loser:
            _tell("lost", loser, row.digits, at, brand=row.brand)
    return row.digits


def _place(origin: str) -> str:
    """What one customer of a network has for itself: an IPv4 address, or 64 bits of an IPv6 one."""
    try:
        address = ipaddress.ip_address(origin)
    except ValueError:
        return origin
    if isinstance(address, ipaddress.IPv6Address):
        return str(address.ipv4_mapped or ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _asked(brand: str, account: str, digits: str, origin: str, at: datetime) -> rules.Asked:
    rows = models.NumberProof.objects.filter(asked_at__gt=at - rules.WINDOW).order_by("-asked_at")

    def newest(most: int, **where: str) -> tuple[datetime, ...]:
        return tuple(rows.filter(**where).values_list("asked_at", flat=True)[:most])

    return rules.Asked(
        number=newest(rules.CALLS_A_NUMBER, digits=digits),
        account=newest(rules.CALLS_AN_ACCOUNT, account=account),
        origin=newest(rules.CALLS_AN_ORIGIN, origin=origin),
        brand=newest(rules.CALLS_A_BRAND, brand=brand),
    )


def _digest(proof_id: str, account: str, digits: str, code: str) -> str:
    return salted_hmac(_SALT, f"{proof_id}:{account}:{digits}:{code}", algorithm="sha256").hexdigest()


def _tell(what: str, account: str, digits: str, at: datetime, **more: object) -> None:
    policy_operations.record_event(
        kind=f"numbering.calling-number-{what}",
        key=ids.new_id("cln"),
        body={"account": account, "number": digits, **more},
        at=at,
    )
