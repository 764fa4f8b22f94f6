"""A code becomes credit, once: claimed here, credited by charging, finished here. Each step is a transaction of its own; what stops
between two of them is taken up again by `resume`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from cadran.payment.vouchers import codes, rules, tries
from cadran.payment.vouchers.models import Voucher, VoucherRedemption, VoucherTry
from cadran.payment.vouchers.ports import CreditRefused, Credits, CreditUnknown, VoucherCredit
from cadran.payment.vouchers.rules import Outcome, VoucherState
from cadran.policy import operations as policy
from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.ids import checked_key, new_id
from cadran.units.period import utc

log = structlog.get_logger()
FIRST_RETRY_S, LONGEST_RETRY_S = 15, 900
CLAIMED, CREDITED, RELEASED = "claimed", "credited", "released"
RESUME_BATCH = 100


class KeyReused(CadranError):
    """The same key was used for another code."""

    error_id = "vouchers-key-reused"


class NoVouchers(CadranError):
    """The brand's terms know no vouchers."""

    error_id = "vouchers-not-offered"


class NotCredited(CadranError):
    """The code is good, but this account cannot get its credit: the voucher stays good."""

    error_id = "vouchers-not-credited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a code came from. channel: portal, api, phone or office; source: the visitor's address or the calling number, counted
    against guessing, empty where there is none."""

    channel: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """The answer to a code. Of amounts, micros; `balance_micros`, `credit_expires_at` once it is credited; wait_until: when locked."""

    outcome: Outcome
    decision: Decision
    redemption_id: str = ""
    serial: str = ""
    amount_micros: int = 0
    currency: str = ""
    balance_micros: int = 0
    credit_expires_at: datetime | None = None
    wait_until: datetime | None = None


@carries("KRY-2.4-coupons")
def redeem(
    *, account: str, terms: Terms, code: str, key: str, at: datetime, origin: Origin, credits_: Credits
) -> Redeemed:
    """Give an account the credit of the voucher of that code. `terms`: those that govern the account's use, of its brand.

    Idempotent by account and key: the same key gives the same answer, and moves nothing twice. Two at once on one code: one has it.
    Raises KeyReused, NoVouchers, NotCredited.
    """
    answer = claim(account=account, terms=terms, code=code, key=key, at=at, origin=origin)
    if answer.outcome is not Outcome.PENDING:
        return answer
    try:
        done = complete(redemption_id=answer.redemption_id, at=at, credits_=credits_)
    except CreditUnknown as error:
        log.warning("voucher-credit-waits", redemption=answer.redemption_id, error=str(error))
        return answer
    return _answer(terms, done)


@carries("KRY-2.4-coupons")
def claim(*, account: str, terms: Terms, code: str, key: str, at: datetime, origin: Origin) -> Redeemed:
    """The first step: the voucher is this account's and nobody else's; PENDING where it now waits for its credit."""
    if not rules.offers_vouchers(terms):
        raise NoVouchers(f"{terms.brand} sells no vouchers")
    digits, at = rules.read_code(code), utc(at)
    with transaction.atomic():
        earlier = VoucherTry.objects.filter(account=account, key=checked_key(key)).first()
        if earlier is not None:
            return _repeated(earlier, code, digits, terms)
        until = tries.locked_until(terms, account=account, source=origin.source, at=at)
        if until is not None:
            tries.note_early(account=account)
            return _refusal(terms, Outcome.LOCKED, at, until)
        outcome, because, voucher = _looked_up(digits, account, terms, at)
        tries.note(
            account=account,
            key=key,
            brand=terms.brand,
            channel=origin.channel,
            source=origin.source,
            mark=codes.digest(digits) if digits else codes.mark(code),
            outcome=outcome,
            because=because,
            serial=voucher.serial if voucher else "",
            at=at,
        )
        if voucher is None or outcome is not Outcome.PENDING:
            return _refusal(terms, outcome, at, None, own=voucher if outcome is Outcome.USED else None)
        return _answer(terms, _claimed(voucher, account, terms, key, at, origin))


def complete(*, redemption_id: str, at: datetime, credits_: Credits) -> VoucherRedemption:
    """The second and third steps: the credit, and that it is there. Again changes nothing. Raises NotCredited (the voucher is good
    again) and CreditUnknown (it is tried again)."""
    row = VoucherRedemption.objects.select_related("voucher__batch").get(redemption_id=redemption_id)
    if row.state != CLAIMED:
        return row
    batch = row.voucher.batch
    wanted = VoucherCredit(
        key=f"voucher-{row.redemption_id}",
        account=row.account,
        terms=row.terms,
        amount_micros=batch.face_micros,
        currency=batch.currency,
        at=row.claimed_at,
    )
    try:
        given = credits_.credit_voucher(wanted)
    except CreditRefused as error:
        _released(redemption_id, str(error), at)
        raise NotCredited("this account cannot get credit now: the voucher stays good, write to us") from error
    with transaction.atomic():
        row = VoucherRedemption.objects.select_for_update().select_related("voucher__batch").get(pk=row.pk)
        if row.state != CLAIMED:
            return row
        row.state, row.ended_at, row.retry_at = CREDITED, utc(at), None
        row.balance_micros, row.expires_at = given.balance_micros, given.expires_at
        row.save()
        Voucher.objects.filter(pk=row.voucher_id, state=VoucherState.CLAIMED).update(state=VoucherState.REDEEMED)
        _tell("redeemed", row, at)
    return row


def resume(*, at: datetime, credits_: Credits) -> int:
    """Go on with what was claimed and never heard of again; returns how many were tried. What cannot be known yet is tried again,
    each time twice as late."""
    tried, at = 0, utc(at)
    while rows := list(VoucherRedemption.objects.filter(state=CLAIMED, retry_at__lte=at)[:RESUME_BATCH]):
        for row in rows:
            pause = timedelta(seconds=min(FIRST_RETRY_S << min(row.retries + 1, 10), LONGEST_RETRY_S))
            waiting = VoucherRedemption.objects.filter(pk=row.pk, state=CLAIMED)
            waiting.update(retries=min(row.retries + 1, 1000), retry_at=at + pause)
            try:
                complete(redemption_id=row.redemption_id, at=at, credits_=credits_)
            except (CreditUnknown, NotCredited) as error:
                log.warning("voucher-credit-waits", redemption=row.redemption_id, error=error.error_id)
            tried += 1
    return tried


def next_resume() -> datetime | None:
    """When the next claimed voucher is to be taken up again."""
    row = VoucherRedemption.objects.filter(state=CLAIMED).order_by("retry_at").first()
    return None if row is None else row.retry_at


def _looked_up(digits: str | None, account: str, terms: Terms, at: datetime) -> tuple[Outcome, str, Voucher | None]:
    """What a code is worth to this account, why not (for staff), and its voucher. PENDING: it can be claimed."""
    if digits is None:
        return Outcome.MISTYPED, "", None
    voucher = (
        Voucher.objects.select_for_update().select_related("batch").filter(digest__in=codes.digests(digits)).first()
    )
    if voucher is None:
        return Outcome.UNKNOWN, "no-voucher", None
    state = VoucherState(voucher.state)
    if voucher.account == account and state in (VoucherState.CLAIMED, VoucherState.REDEEMED):
        return Outcome.USED, "", voucher
    if voucher.batch.brand != terms.brand:
        return Outcome.UNKNOWN, "other-brand", voucher
    if state is VoucherState.ISSUED and voucher.batch.expires_at <= at:
        state = VoucherState.EXPIRED
    found = {
        VoucherState.ISSUED: (Outcome.PENDING, ""),
        VoucherState.EXPIRED: (Outcome.EXPIRED, ""),
        VoucherState.BLOCKED: (Outcome.BLOCKED, ""),
        VoucherState.MADE: (Outcome.UNKNOWN, "not-issued"),
        VoucherState.CLAIMED: (Outcome.UNKNOWN, "used-elsewhere"),
        VoucherState.REDEEMED: (Outcome.UNKNOWN, "used-elsewhere"),
    }[state]
    return (*found, voucher)


def _claimed(voucher: Voucher, account: str, terms: Terms, key: str, at: datetime, origin: Origin) -> VoucherRedemption:
    moved = Voucher.objects.filter(pk=voucher.pk, state=VoucherState.ISSUED)
    assert moved.update(state=VoucherState.CLAIMED, account=account) == 1, "read and written in one transaction"
    row = VoucherRedemption.objects.create(
        redemption_id=new_id("vou"),
        voucher=voucher,
        account=account,
        key=key,
        terms=terms.ref,
        channel=origin.channel,
        source=origin.source,
        state=CLAIMED,
        claimed_at=at,
        retry_at=at + timedelta(seconds=FIRST_RETRY_S),
    )
    _tell("claimed", row, at)
    return row


def _released(redemption_id: str, note: str, at: datetime) -> None:
    with transaction.atomic():
        row = (
            VoucherRedemption.objects.select_for_update()
            .select_related("voucher__batch")
            .get(redemption_id=redemption_id)
        )
        if row.state != CLAIMED:
            return
        row.state, row.ended_at, row.retry_at, row.note = RELEASED, utc(at), None, note[:200]
        row.save()
        Voucher.objects.filter(pk=row.voucher_id).update(state=VoucherState.ISSUED, account="")
        _tell("released", row, at)


@carries("KRY-2.4-evidence")
def _tell(what: str, row: VoucherRedemption, at: datetime) -> None:
    """Inside the caller's transaction: what happened to a voucher, for evidence and for whoever listens."""
    policy.record_event(
        kind=f"payment.voucher-{what}",
        key=row.redemption_id,
        body={
            "redemption": row.redemption_id,
            "account": row.account,
            "brand": row.voucher.batch.brand,
            "serial": row.voucher.serial,
            "amount_micros": row.voucher.batch.face_micros,
            "currency": row.voucher.batch.currency,
            "terms": row.terms,
            "channel": row.channel,
            "balance_micros": row.balance_micros or 0,
            "expires_at": row.expires_at.isoformat() if row.expires_at else "",
        },
        at=utc(at),
    )


def _repeated(earlier: VoucherTry, code: str, digits: str | None, terms: Terms) -> Redeemed:
    marks = codes.digests(digits) if digits else (codes.mark(code),)
    if earlier.mark not in marks:
        raise KeyReused("this request was made before with another code: use a new key for each code")
    done = VoucherRedemption.objects.select_related("voucher__batch").filter(account=earlier.account, key=earlier.key)
    if (row := done.first()) is not None and row.state != RELEASED:
        return _answer(terms, row)
    if row is not None:
        raise NotCredited("this account could not get the credit then: try again with a new key")
    own = Voucher.objects.select_related("batch").filter(serial=earlier.serial, account=earlier.account).first()
    outcome = Outcome(earlier.outcome)
    return _refusal(terms, outcome, earlier.at, None, own=own if outcome is Outcome.USED else None)


def _answer(terms: Terms, row: VoucherRedemption) -> Redeemed:
    outcome = Outcome.OK if row.state == CREDITED else Outcome.PENDING
    batch = row.voucher.batch
    inputs: dict[str, str | int | bool | None] = {
        "serial": row.voucher.serial,
        "amount_micros": batch.face_micros,
    }
    return Redeemed(
        outcome=outcome,
        decision=rules.said(terms, outcome, inputs),
        redemption_id=row.redemption_id,
        serial=row.voucher.serial,
        amount_micros=batch.face_micros,
        currency=batch.currency,
        balance_micros=row.balance_micros or 0,
        credit_expires_at=row.expires_at,
    )


def _refusal(
    terms: Terms, outcome: Outcome, at: datetime, until: datetime | None, own: Voucher | None = None
) -> Redeemed:
    inputs: dict[str, str | int | bool | None] = {}
    if until is not None:
        inputs["wait_s"] = max(1, int((until - at).total_seconds()))
    if own is not None:
        inputs["serial"] = own.serial
    return Redeemed(
        outcome=outcome,
        decision=rules.said(terms, outcome, inputs),
        serial=own.serial if own else "",
        amount_micros=own.batch.face_micros if own else 0,
        currency=own.batch.currency if own else "",
        wait_until=until,
    )
