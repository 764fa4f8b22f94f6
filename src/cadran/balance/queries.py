"""Reads of credit, for pages, commands and the clock. Balances come from the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min

from cadran.balance import models, rules
from cadran.balance.operations import CREDIT, LINE
from cadran.ledger import queries as ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Owing:
    """A credit line: the most that may be owed, what is owed, and what calls hold beyond that."""

    limit_micros: int
    owed_micros: int
    held_micros: int

    @property
    def free_micros(self) -> int:
        return self.limit_micros - self.owed_micros - self.held_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account has at an instant. micros: unconsumed and valid, what calls hold included; held_micros: of that, held. line:
    what it may owe beside that, None for who pays before."""

    account: str
    currency: str
    micros: int
    held_micros: int
    buckets: tuple[rules.Bucket, ...]
    line: Owing | None = None

    @property
    def free_micros(self) -> int:
        return self.micros - self.held_micros


def balance(account: str, at: datetime) -> Balance:
    """Balance and valid buckets in order of use; all zero for an account without a wallet."""
    wallet = models.Wallet.objects.filter(owner=account).first()
    if wallet is None:
        return Balance(account=account, currency="", micros=0, held_micros=0, buckets=())
    kept = ledger.cached_balances(account, CREDIT)
    valid = tuple(bucket for bucket in buckets(account, kept) if bucket.valid(at) and bucket.balance_micros > 0)
    return Balance(
        account=account,
        currency=wallet.currency,
        micros=sum(bucket.balance_micros for bucket in valid),
        held_micros=sum(bucket.held_micros for bucket in valid),
        buckets=valid,
        line=line(account),
    )


def line(account: str) -> Owing | None:
    """The newest credit line of an account, the one that counts; None where there is none, or nothing may be owed any more."""
    found = ledger.floored(account, LINE)
    if not found:
        return None
    _, floor, micros, held = found[-1]
    return Owing(limit_micros=-floor, owed_micros=-micros, held_micros=held) if floor or micros else None


def spendable_micros(account: str, at: datetime) -> int:
    """What a call may still hold at that instant: the free credit, and what the account may still owe."""
    found = balance(account, at)
    return found.free_micros + (found.line.free_micros if found.line else 0)


def has_line(account: str) -> bool:
    """Whether the account may owe anything beside its credit, or once could."""
    return bool(ledger.floored(account, LINE))


def ever_bought(account: str) -> bool:
    """Whether the account ever got credit."""
    return models.Bucket.objects.filter(owner=account).exists()


def buckets(account: str, kept: dict[str, tuple[int, int]] | None = None) -> tuple[rules.Bucket, ...]:
    """Every bucket of an account, consumed and expired ones included, in order of expiry."""
    kept = ledger.cached_balances(account, CREDIT) if kept is None else kept
    found = []
    for row in models.Bucket.objects.filter(owner=account).order_by("expires_at", "available_from", "bucket"):
        micros, held = kept.get(CREDIT + row.bucket, (0, 0))
        found.append(
            rules.Bucket(
                owner=account,
                bucket=row.bucket,
                currency=row.currency,
                available_from=row.available_from,
                expires_at=row.expires_at,
                balance_micros=micros,
                held_micros=held,
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A bucket that a later purchase made valid for longer."""

    bucket: str
    purchase: str
    expires_at: datetime
    clause: str
    terms: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What a purchase opened: its bucket's dates, those that it extended, and those purchases that extended it."""

    bucket: str
    currency: str
    terms: str
    bought_micros: int
    balance_micros: int
    available_from: datetime
    first_expires_at: datetime
    expires_at: datetime
    expired_at: datetime | None
    extended: tuple[Extension, ...]
    extends: tuple[Extension, ...]


def bought(account: str) -> dict[str, int]:
    """What each bucket of the account held at first, in micros, by its key."""
    return dict(models.Bucket.objects.filter(owner=account).values_list("bucket", "bought_micros"))


def purchase(account: str, bucket: str) -> Purchase | None:
    """The purchase under that key of that account, with the history of its validity; None where there is none."""
    row = models.Bucket.objects.filter(owner=account, bucket=bucket).first()
    if row is None:
        return None
    history = models.Validity.objects.filter(owner=account).order_by("at", "bucket")
    return Purchase(
        bucket=row.bucket,
        currency=row.currency,
        terms=row.terms,
        bought_micros=row.bought_micros,
        balance_micros=ledger.cached_balances(account, CREDIT + bucket).get(CREDIT + bucket, (0, 0))[0],
        available_from=row.available_from,
        first_expires_at=row.first_expires_at,
        expires_at=row.expires_at,
        expired_at=row.expired_at,
        extended=tuple(_extension(one) for one in history.filter(bucket=bucket)),
        extends=tuple(_extension(one) for one in history.filter(purchase=bucket)),
    )


def _extension(row: models.Validity) -> Extension:
    return Extension(
        bucket=row.bucket,
        purchase=row.purchase,
        expires_at=row.expires_at,
        clause=row.clause,
        terms=row.terms,
        at=row.at,
    )


def next_expiry() -> datetime | None:
    """The next instant at which some credit's validity ends, for whoever advances the clock; None when nothing is left to expire."""
    found: datetime | None = models.Bucket.objects.filter(expired_at=None).aggregate(first=Min("expires_at"))["first"]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """A bucket whose validity ends soon."""

    account: str
    bucket: str
    brand: str
    terms: str
    currency: str
    expires_at: datetime


def next_expiry_after(after: datetime | None, terms: Collection[str]) -> datetime | None:
    """The first instant later than `after` at which credit bought under one of those terms ends; None when there is none."""
    rows = models.Bucket.objects.filter(expired_at=None, terms__in=terms)
    if after is not None:
        rows = rows.filter(expires_at__gt=after)
    found: datetime | None = rows.aggregate(first=Min("expires_at"))["first"]
    return found


def expiring(*, after: datetime | None, until: datetime, terms: Collection[str]) -> Iterator[Expiring]:
    """The buckets under those terms whose validity ends in (after, until], the first to end first."""
    rows = models.Bucket.objects.filter(expired_at=None, terms__in=terms, expires_at__lte=until)
    if after is not None:
        rows = rows.filter(expires_at__gt=after)
    for row in rows.order_by("expires_at", "owner", "bucket").iterator():
        yield Expiring(
            account=row.owner,
            bucket=row.bucket,
            brand=row.brand,
            terms=row.terms,
            currency=row.currency,
            expires_at=row.expires_at,
        )


def last_purchase(account: str) -> tuple[str, int] | None:
    """The newest bucket of an account and the micros that it had in all after it; None before the first."""
    row = models.Bucket.objects.filter(owner=account).order_by("-available_from", "-bucket").first()
    return None if row is None else (row.bucket, row.balance_after_micros)


def currency(account: str) -> str:
    """The currency of an account's wallet, or empty without one."""
    wallet = models.Wallet.objects.filter(owner=account).first()
    return wallet.currency if wallet else ""
