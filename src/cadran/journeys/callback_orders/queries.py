"""Reads of the orders of callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cadran.journeys.callback_orders import models


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """One order. first: the customer's number that is rung; second: whom it reaches, under the name kept when it was ordered."""

    account: str
    key: str
    first: str
    second: str
    name: str
    access: str
    ordered_at: datetime


def order(account: str, key: str) -> Ordered | None:
    """The order of that account under that key."""
    row = models.CallbackOrder.objects.filter(account=account, key=key[:64]).first()
    return told(row) if row else None


def orders(account: str, *, second: str = "", limit: int = 50, after: int = 0) -> tuple[Ordered, ...]:
    """The orders of an account, newest first; `second` (E.164 digits) narrows them to one correspondent."""
    rows = models.CallbackOrder.objects.filter(account=account)
    if second:
        rows = rows.filter(second=second)
    return tuple(told(row) for row in rows.order_by("-ordered_at", "-pk")[after : after + limit])


def told(row: models.CallbackOrder) -> Ordered:
    """A row as a value."""
    return Ordered(
        account=row.account,
        key=row.key,
        first=row.first,
        second=row.second,
        name=row.name,
        access=row.access,
        ordered_at=row.ordered_at,
    )
