"""Reads of credit, for pages, commands and the clock. Balances come from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min

from cadran.balance import models, rules
from cadran.balance.operations import CREDIT
from cadran.ledger import queries as ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account has at an instant. micros: unconsumed and valid, what calls hold included; held_micros: of that, held."""

    account: str
    currency: str
    micros: int
    held_micros: int
    buckets: tuple[rules.Bucket, ...]

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
    )


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


def next_expiry() -> datetime | None:
    """The next instant at which some credit's validity ends, for whoever advances the clock; None when nothing is left to expire."""
    found: datetime | None = models.Bucket.objects.filter(expired_at=None).aggregate(first=Min("expires_at"))["first"]
    return found


def currency(account: str) -> str:
    """The currency of an account's wallet, or empty without one."""
    wallet = models.Wallet.objects.filter(owner=account).first()
    return wallet.currency if wallet else ""
