"""Orders of all accounts, for staff."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from cadran.payment.models import PaymentOrder
from cadran.payment.queries import Order, as_order

MAX_ROWS = 10_000
_END = "\U0010ffff"


def orders(
    *,
    brands: Sequence[str] = (),
    account: str = "",
    state: str = "",
    means: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> tuple[tuple[int, Order], ...]:
    """The newest orders first, each with its place; `before` is the place of the last one shown. Empty values do not filter."""
    found = Q()
    for field, value in (("account", account), ("state", state), ("means", means)):
        found &= Q(**{field: value}) if value else Q()
    found &= Q(brand__in=list(brands)) if brands else Q()
    found &= Q(placed_at__gte=since) if since else Q()
    found &= Q(placed_at__lt=until) if until else Q()
    found &= Q(id__lt=before) if before else Q()
    rows = PaymentOrder.objects.filter(found).order_by("-id")[: min(limit, MAX_ROWS)]
    return tuple((row.pk, as_order(row)) for row in rows)


def sought(text: str, *, limit: int = 8) -> tuple[Order, ...]:
    """Orders whose id begins so, or whose transfer reference or provider's reference is exactly that."""
    typed = text.strip()[:128]
    if len(typed) < 4:
        return ()
    found = Q(reference=typed.upper().replace(" ", "")) | Q(provider_ref=typed)
    if typed.startswith("pay_"):
        found |= Q(order_id__gte=typed, order_id__lt=typed + _END)
    return tuple(as_order(row) for row in PaymentOrder.objects.filter(found).order_by("-id")[:limit])
