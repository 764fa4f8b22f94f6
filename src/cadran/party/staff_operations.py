"""Writes about the operator's staff: make, change and disable members, and the log of what they see and do."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction

from cadran.party import models, rules, staff_queries
from cadran.party.staff import Role
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.units import ids
from cadran.units.errors import CadranError, InvalidInput
from cadran.units.period import utc


class StaffNameTaken(CadranError):
    """Somebody, customer or staff, has that user name or e-mail address."""

    error_id = "party-staff-name-taken"


class UnknownStaff(CadranError):
    """No member of staff of that user name."""

    error_id = "party-staff-unknown"


class BadStaff(InvalidInput):
    """A brand that is not there, a secret that no authenticator reads, an empty note."""

    error_id = "party-staff-invalid"


def make_staff(
    *,
    user_name: str,
    email: str,
    password: str,
    role: Role,
    at: datetime,
    brands: Sequence[str] = (),
    totp_secret: str = "",
) -> staff_queries.Staff:
    """A member of staff with a sign-in of its own; never a customer's. Without `totp_secret` (base32) the second factor is set up at
    the first sign-in, before anything is shown. Raises InvalidInput's, StaffNameTaken."""
    name, address = user_name.strip().lower(), rules.checked_email(email)
    if name not in rules.RESERVED_USER_NAMES:
        name = rules.checked_user_name(name)
    rules.checked_password(password, user_name=name, email=address)
    served = checked_brands(brands)
    if totp_secret:
        _check_secret(totp_secret)
    try:
        with transaction.atomic():
            user = models.User(username=name, email=address, is_active=True, is_staff=True, created_at=utc(at))
            user.set_password(password)
            user.save()
            EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
            row = models.StaffMember.objects.create(user=user, role=role.value, brands=served, created_at=utc(at))
            if totp_secret:
                TOTP.activate(user, totp_secret)
            _tell(row, "party.staff-made", at)
    except IntegrityError as error:
        raise StaffNameTaken(
            "somebody has this user name or e-mail address: staff have sign-ins of their own"
        ) from error
    made = staff_queries.staff(user.pk)
    assert made is not None
    return made


def set_staff_role(
    *, user_name: str, role: Role, at: datetime, brands: Sequence[str] | None = None
) -> staff_queries.Staff:
    """Another role, and other brands unless None. Holds from the next page on. Raises UnknownStaff, BadStaff."""
    with transaction.atomic():
        row = _row(user_name)
        row.role = role.value
        row.brands = row.brands if brands is None else checked_brands(brands)
        row.save(update_fields=["role", "brands"])
        _tell(row, "party.staff-role-changed", at)
    return staff_queries._staff(row)


def disable_staff(*, user_name: str, at: datetime) -> staff_queries.Staff:
    """Take the sign-in away, at once, in every browser; what the member did stays in the log. Raises UnknownStaff."""
    with transaction.atomic():
        row = _row(user_name)
        row.active = row.user.is_active = False
        row.user.set_unusable_password()  # which ends every session: their hash is bound to the password's
        row.user.save(update_fields=["is_active", "password"])
        row.save(update_fields=["active"])
        _tell(row, "party.staff-disabled", at)
    return staff_queries._staff(row)


def reset_second_factor(*, user_name: str, at: datetime) -> None:
    """A lost phone: the next sign-in sets a new second factor up, and the old sessions end. Raises UnknownStaff."""
    with transaction.atomic():
        row = _row(user_name)
        Authenticator.objects.filter(user=row.user).delete()
        for session in Session.objects.iterator():
            if session.get_decoded().get("_auth_user_id") == str(row.user_id):
                session.delete()
        _tell(row, "party.staff-second-factor-reset", at)


def record_staff_act(
    *,
    staff_id: int,
    kind: str,
    page: str,
    at: datetime,
    account: str = "",
    subject: str = "",
    reason: str = "",
    ip: str | None = None,
) -> None:
    """One more line in the log of what staff sees and does; never changed, never removed."""
    models.StaffAct.objects.create(
        staff_id=staff_id,
        kind=kind[:32],
        account=account[:16],
        subject=subject[:120],
        page=page[:64],
        reason=reason[:400],
        at=utc(at),
        ip=ip or None,
    )


def add_staff_note(*, staff_id: int, customer_id: int, text: str, at: datetime) -> None:
    """A note on a customer for colleagues, 1 to 2000 characters. Raises BadStaff."""
    kept = text.replace("\x00", "").strip()
    if not 1 <= len(kept) <= 2000:
        raise BadStaff("a note has 1 to 2000 characters")
    models.StaffNote.objects.create(staff_id=staff_id, customer_id=customer_id, text=kept, at=utc(at))


def checked_brands(brands: Sequence[str]) -> list[str]:
    """The keys of existing brands, once each. Raises BadStaff."""
    known = policy.brand_keys()
    if wrong := sorted(set(brands) - set(known)):
        raise BadStaff(f"no brand {wrong[0][:30]!r}: one of {', '.join(known)}")
    return sorted(set(brands))


def _check_secret(secret: str) -> None:
    try:
        raw = base64.b32decode(secret.encode("ascii"), casefold=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadStaff("a second factor's secret is base32, as authenticator applications read it") from error
    if len(raw) < 16:
        raise BadStaff("a second factor's secret has 128 bits at least")


def _row(user_name: str) -> models.StaffMember:
    name = user_name.strip().lower()
    row = models.StaffMember.objects.select_for_update().select_related("user").filter(user__username=name).first()
    if row is None:
        raise UnknownStaff(f"no member of staff is called {name[:60]!r}: see `cadran staff list`")
    return row


def _tell(row: models.StaffMember, kind: str, at: datetime) -> None:
    body: dict[str, object] = {"staff": row.user.username, "role": row.role, "brands": list(row.brands)}
    policy_operations.record_event(kind=kind, key=f"{row.user.username}:{ids.new_id('evt')}", body=body, at=at)
