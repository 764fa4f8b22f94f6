"""Codes that were given, and how long their givers must wait."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, F, Max

from cadran.payment.vouchers import rules
from cadran.payment.vouchers.models import VoucherRedemption, VoucherTry
from cadran.payment.vouchers.rules import Outcome, Tries
from cadran.policy.terms import Terms
from cadran.units.clause import carries

HOUR = timedelta(hours=1)
KEPT = timedelta(days=365)
DELETE_BATCH = 1000


@carries("KRY-2.4-coupons")
def locked_until(terms: Terms, *, account: str, source: str, at: datetime) -> datetime | None:
    """Until when nothing is heard of this account, or from this source, at that instant; None where it may try."""
    since = at - rules.window(terms)
    return rules.locked_until(
        terms,
        account=_counted(since, at, rules.WRONG, account=account),
        mistyped=_counted(since, at, (Outcome.MISTYPED,), account=account),
        source=_counted(since, at, rules.WRONG, source=source) if source else Tries(),
        everybody_wrong=VoucherTry.objects.filter(
            at__gt=at - HOUR, at__lte=at, outcome__in=rules.WRONG, brand=terms.brand
        ).count(),
        at=at,
    )


def note(
    *,
    account: str,
    key: str,
    brand: str,
    channel: str,
    source: str,
    mark: str,
    outcome: Outcome,
    because: str,
    serial: str,
    at: datetime,
) -> None:
    """Inside the caller's transaction: a code was given."""
    VoucherTry.objects.create(
        account=account,
        key=key,
        brand=brand,
        channel=channel[:12],
        source=source[:64],
        mark=mark,
        outcome=outcome,
        because=because,
        serial=serial,
        at=at,
    )


def note_early(*, account: str) -> None:
    """Inside the caller's transaction: this account gave a code while it was to wait. Counted on its last try, so that a flood adds
    no rows."""
    last = VoucherTry.objects.filter(account=account).order_by("-id").values_list("pk", flat=True).first()
    if last is not None:
        VoucherTry.objects.filter(pk=last, repeats__lt=2**31 - 1).update(repeats=F("repeats") + 1)


def forget(*, at: datetime) -> int:
    """Delete tries older than a year, which is how long data of connections is kept; at most DELETE_BATCH. Returns how many."""
    rows = list(VoucherTry.objects.filter(at__lt=at - KEPT).values_list("pk", flat=True)[:DELETE_BATCH])
    return VoucherTry.objects.filter(pk__in=rows).delete()[0] if rows else 0


def forget_sources(*, account: str) -> None:
    """The account closes: from where its codes came is no longer known."""
    VoucherTry.objects.filter(account=account).update(source="")
    VoucherRedemption.objects.filter(account=account).update(source="")


def _counted(since: datetime, at: datetime, outcomes: tuple[Outcome, ...], **whose: str) -> Tries:
    """How many different codes with those outcomes came within the window, and when the last did."""
    found = VoucherTry.objects.filter(at__gt=since, at__lte=at, outcome__in=outcomes, **whose)
    told = found.aggregate(wrong=Count("mark", distinct=True), last=Max("at"))
    return Tries(wrong=told["wrong"], last_at=told["last"])
