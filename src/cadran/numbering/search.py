"""Numbers for staff: who holds what begins so, now and before."""

from __future__ import annotations

from cadran.numbering.models import PhoneNumber
from cadran.numbering.queries import HeldNumber, _held


def sought(digits: str, *, limit: int = 8) -> tuple[HeldNumber, ...]:
    """Numbers that begin with these E.164 digits: exact ones and present holders first."""
    if len(digits) < 4 or not digits.isascii() or not digits.isdigit():
        return ()
    rows = PhoneNumber.objects.filter(digits__gte=digits, digits__lt=digits + ":").order_by("digits", "-from_at")
    ranked = sorted(rows[: limit * 4], key=lambda row: (row.digits != digits, row.until_at is not None, row.digits))
    return tuple(_held(row) for row in ranked[:limit])
