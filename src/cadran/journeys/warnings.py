"""Warnings before credit is gone: it runs low, or its validity ends. Each crossing is told once, and survives every crash."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from cadran.balance import queries as balance
from cadran.charging import queries as charging
from cadran.messaging import operations as messaging
from cadran.messaging import queries as messages
from cadran.party import queries as party
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError

EXPIRY, LOW = "credit-expiry", "low-credit"
EXPIRY_DAYS, LOW_MICROS = "credit.expiry_warning_days", "credit.low_warning_micros"
BATCH = 200
# What a customer may choose beside the terms' own value, in micros; 0 is never.
OFFERED = (1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000, 0)


class NotOffered(CadranError):
    """A threshold that no customer is offered."""

    error_id = "journeys-threshold-not-offered"


@carries("IPP-9.2-180-days")
def next_expiry_warning() -> datetime | None:
    """When the next warning of an expiry is due: so many days before some credit ends, as its terms say. None when none is."""
    since = messages.watched(EXPIRY)[1]
    found = []
    for days, terms in _terms_by_days().items():
        ahead = timedelta(days=days)
        ends = balance.next_expiry_after(since + ahead if since else None, terms)
        if ends is not None:
            found.append(ends - ahead)
    return min(found, default=None)


@carries("IPP-9.2-180-days")
def warn_of_expiry(*, at: datetime) -> int:
    """Warn everybody whose credit ends in exactly that many days or fewer and was not warned yet; returns how many warnings.

    An account is warned once for each end of its credit and number of days, with all that ends then; credit that is used up or
    ended meanwhile is not spoken of. Idempotent.
    """
    since = messages.watched(EXPIRY)[1]
    told = 0
    for days, terms in sorted(_terms_by_days().items()):
        ahead = timedelta(days=days)
        for one in balance.expiring(after=since + ahead if since else None, until=at + ahead, terms=terms):
            told += _tell_of_expiry(one, days, at)
    messaging.watched(name=EXPIRY, until=at)
    return told


def _tell_of_expiry(one: balance.Expiring, days: int, at: datetime) -> int:
    ending = [b for b in balance.balance(one.account, at).buckets if b.expires_at == one.expires_at]
    micros = sum(bucket.balance_micros for bucket in ending)
    if micros <= 0:
        return 0
    with transaction.atomic():
        # One mail for one end, by the most urgent of the warnings that are due together.
        if not messaging.warned(
            account=one.account, kind=EXPIRY, mark=f"{one.expires_at:%Y%m%dT%H%M%S}:{at:%Y%m%dT%H%M%S}", at=at
        ):
            return 0
        policy_operations.record_event(
            kind="journeys.credit-expiring",
            key=f"{one.account}:{one.expires_at:%Y%m%dT%H%M%S}:{days}",
            body={
                "account": one.account,
                "brand": one.brand,
                "terms": one.terms,
                "amount_micros": micros,
                "currency": one.currency,
                "expires_at": one.expires_at.isoformat(),
                "days": days,
            },
            at=at,
        )
    return 1


def watch_credit(*, at: datetime, limit: int = BATCH) -> int:
    """Look at the accounts of the newest calls, at most `limit` records, and warn those whose credit went low; returns how many
    records were read."""
    position = messages.watched(LOW)[0]
    read = charging.cdrs_after(position, limit)
    if not read:
        return 0
    for account in dict.fromkeys(record.account for _, record in read if record.charge_micros > 0):
        warn_of_low_credit(account=account, at=at)
    messaging.watched(name=LOW, position=read[-1][0])
    return len(read)


@carries("IPP-9.2-cut-at-zero")
def warn_of_low_credit(*, account: str, at: datetime) -> bool:
    """Warn the account if its credit went below its threshold since its last purchase; once for each purchase."""
    bought = balance.last_purchase(account)
    try:
        customer = party.customer_of_account(account)
    except party.UnknownCustomer:
        return False
    least = threshold(account, policy.governing_terms(customer.terms, at))
    left = balance.balance(account, at).micros
    if bought is None or not crossed(left_micros=left, after_purchase_micros=bought[1], threshold_micros=least):
        return False
    with transaction.atomic():
        if not messaging.warned(account=account, kind=LOW, mark=bought[0], at=at):
            return False
        policy_operations.record_event(
            kind="journeys.low-credit",
            key=f"{account}:{bought[0]}",
            body={
                "account": account,
                "brand": customer.brand,
                "terms": customer.terms,
                "currency": customer.currency,
                "balance_micros": left,
                "threshold_micros": least,
            },
            at=at,
        )
    return True


@carries("IPP-9.2-cut-at-zero")
def threshold(account: str, terms: Terms) -> int:
    """Below how many micros an account is warned: its own choice, else what its terms say; 0 for never."""
    chosen = messages.low_credit_threshold(account)
    if chosen is not None:
        return chosen
    return terms.integer(LOW_MICROS) if LOW_MICROS in terms.values else 0


def choices(account: str, terms: str, at: datetime) -> tuple[tuple[int, ...], int]:
    """The thresholds that an account is offered, never (0) last, and the one that holds."""
    held = threshold(account, policy.governing_terms(terms, at))
    return tuple(sorted({*OFFERED, held}, key=lambda one: (one == 0, one))), held


def choose(*, account: str, terms: str, micros: int, at: datetime) -> None:
    """The account's own threshold from now on. Raises NotOffered."""
    if micros not in choices(account, terms, at)[0]:
        raise NotOffered("choose one of the thresholds offered")
    messaging.choose_low_credit_warning(account=account, micros=micros, at=at)


def crossed(*, left_micros: int, after_purchase_micros: int, threshold_micros: int) -> bool:
    """Whether the credit is below the threshold and was not right after the last purchase."""
    return left_micros < threshold_micros <= after_purchase_micros


def _terms_by_days() -> Mapping[int, list[str]]:
    """The terms of every brand by how many days ahead they warn."""
    found: dict[int, list[str]] = {}
    for brand in policy.brands():
        for version in brand.versions:
            terms = policy.terms(f"{brand.key}/{version}")
            for days in terms.integers(EXPIRY_DAYS) if EXPIRY_DAYS in terms.values else ():
                found.setdefault(days, []).append(terms.ref)
    return found
