"""The orders on disk. `take` on a database thread, before anything rings; the rest through the journal's thread."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from cadran.voice.callback import models, orders

KEPT = timedelta(days=7)
ALIAS = "voice"


def take(
    order: orders.CallbackOrder | orders.SpokenCode, *, call_id: str, kind: str, at: datetime
) -> tuple[str, str, str] | None:
    """Keep an order under its key: None when it is new. Else (id, stage, why) of the one that was taken under that key.

    Raises CallbackRefused (key-reused) where that was another order.
    """
    kept = {
        "id": call_id,
        "kind": kind,
        "account": getattr(order, "account", ""),
        "brand": order.brand,
        "fingerprint": orders.fingerprint(order),
        "asked_at": at,
        "changed_at": at,
    }
    with transaction.atomic(using=ALIAS):
        row, made = models.PlacedCall.objects.get_or_create(key=order.key, defaults=kept)
    if made:
        return None
    if row.fingerprint != kept["fingerprint"]:
        raise orders.CallbackRefused("this key was used for another order: use a new one", reason="key-reused")
    return row.id, row.stage, row.why


def note(key: str, stage: str, why: str, at: datetime) -> None:
    """The order has come so far. An order that is over stays so."""
    rows = models.PlacedCall.objects.filter(key=key).exclude(stage="over")
    rows.update(stage=stage, why=why[:64], changed_at=at)


def restarted(at: datetime) -> None:
    """The process is new: what an earlier one left under way is over, and what is old is forgotten."""
    models.PlacedCall.objects.exclude(stage="over").update(stage="over", why="restart", changed_at=at)
    forget_old(at)


def forget_old(at: datetime) -> None:
    """Orders that have been over for long are forgotten, and their keys with them."""
    models.PlacedCall.objects.filter(stage="over", changed_at__lt=at - KEPT).delete()
