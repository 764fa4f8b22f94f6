"""Reads of the operator's staff: who it is, what it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db.models import Q

from cadran.party import models
from cadran.party.staff import MAY, Permission, Role, serves

MAX_ROWS = 10_000
_SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A member of staff. `brands` empty: serves all of them. `active` is false once the sign-in or the role was taken away."""

    id: int
    user_id: int
    user_name: str
    email: str
    role: Role
    brands: tuple[str, ...]
    active: bool
    second_factor: bool
    created_at: datetime

    def may(self, permission: Permission) -> bool:
        """Whether the role holds the permission and the member is active."""
        return self.active and permission in MAY[self.role]

    def serves(self, brand: str) -> bool:
        """Whether what belongs to that brand is within this member's reach."""
        return serves(self.brands, brand)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One line of the log of what staff saw and did. `id` grows with each."""

    id: int
    staff: str
    role: str
    kind: str
    account: str
    subject: str
    page: str
    reason: str
    at: datetime
    ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note of staff on a customer."""

    staff: str
    text: str
    at: datetime


def staff(user_id: int) -> Staff | None:
    """The member of staff whose sign-in that is, or None."""
    row = models.StaffMember.objects.select_related("user").filter(user_id=user_id).first()
    return None if row is None else _staff(row)


def staff_named(user_name: str) -> Staff | None:
    """The member of staff of that user name, or None."""
    row = models.StaffMember.objects.select_related("user").filter(user__username=user_name.strip().lower()).first()
    return None if row is None else _staff(row)


def staff_members() -> tuple[Staff, ...]:
    """All of them, by user name."""
    rows = models.StaffMember.objects.select_related("user").order_by("user__username")[:MAX_ROWS]
    return tuple(_staff(row) for row in rows)


def staff_acts(
    *,
    account: str = "",
    staff_id: int | None = None,
    kind: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> tuple[Act, ...]:
    """What staff saw and did, the last first; `before` is the id of the last line already shown."""
    wanted = Q()
    for name, value in (("account", account), ("staff_id", staff_id), ("kind", kind)):
        wanted &= Q(**{name: value}) if value else Q()
    wanted &= Q(at__gte=since) if since else Q()
    wanted &= Q(at__lt=until) if until else Q()
    wanted &= Q(id__lt=before) if before else Q()
    rows = models.StaffAct.objects.select_related("staff__user").filter(wanted).order_by("-id")
    return tuple(
        Act(
            id=row.pk,
            staff=row.staff.user.username,
            role=row.staff.role,
            kind=row.kind,
            account=row.account,
            subject=row.subject,
            page=row.page,
            reason=row.reason,
            at=row.at,
            ip=row.ip or "",
        )
        for row in rows[: min(limit, MAX_ROWS)]
    )


def staff_notes(*, customer_id: int, limit: int = 50) -> tuple[Note, ...]:
    """The notes on a customer, the last first."""
    rows = models.StaffNote.objects.select_related("staff__user").filter(customer_id=customer_id).order_by("-id")
    return tuple(Note(staff=row.staff.user.username, text=row.text, at=row.at) for row in rows[: min(limit, MAX_ROWS)])


def _staff(row: models.StaffMember) -> Staff:
    return Staff(
        id=row.pk,
        user_id=row.user_id,
        user_name=row.user.username,
        email=row.user.email,
        role=Role(row.role),
        brands=tuple(row.brands),
        active=row.active and row.user.is_active,
        second_factor=Authenticator.objects.filter(user_id=row.user_id, type__in=_SECOND_FACTORS).exists(),
        created_at=row.created_at,
    )
