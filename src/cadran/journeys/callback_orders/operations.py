"""Writes of the orders of callbacks."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from cadran.journeys.callback_orders import models, queries
from cadran.units.errors import CadranError


class KeyReused(CadranError):
    """The key was used for another callback: use a new one for each."""

    error_id = "callback-key-reused"


@transaction.atomic
def keep(
    *, account: str, key: str, brand: str, first: str, second: str, name: str, access: str, at: datetime
) -> queries.Ordered:
    """Keep an order under its key; the same once more changes nothing. Raises KeyReused."""
    kept = {
        "brand": brand,
        "first": first,
        "second": second,
        "name": name[:80],
        "access": access,
        "ordered_at": at,
    }
    row, _ = models.CallbackOrder.objects.get_or_create(account=account, key=key, defaults=kept)
    if (row.first, row.second) != (first, second):
        raise KeyReused("this key was used for another callback: use a new one for each")
    return queries.told(row)


def forget(*, account: str) -> int:
    """The account is erased: its orders too; returns how many."""
    gone, _ = models.CallbackOrder.objects.filter(account=account).delete()
    return gone
