"""The demo staff of a sandbox, one for each role, as var/staff.json tells it: passwords and second factors lie open there."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cadran.units import errors

# Reserved names, so that no customer looks like staff.
NAMES = {
    "support": "support",
    "billing": "billing-desk",
    "compliance": "compliance-desk",
    "routing": "routing-desk",
    "admin": "admin",
    "read-only": "auditor",
}


class NoDemoStaff(errors.CadranError):
    """No demo member of staff of that name in this state folder."""

    error_id = "staff-no-demo"


class DemoStaffInPublic(errors.CadranError):
    """Demo staff, whose passwords lie in a file and on a terminal, must not face the internet."""

    error_id = "serve-demo-staff"


@dataclass(frozen=True, slots=True)
class Member:
    """A demo member of staff and all that it signs in with."""

    user: str
    role: str
    password: str
    totp_secret: str


def _file(var: Path) -> Path:
    return var / "staff.json"


def known(var: Path) -> tuple[Member, ...]:
    """The demo staff of that state folder; none where there is no readable file."""
    try:
        members = json.loads(_file(var).read_text())["staff"]
        return tuple(Member(**{name: str(one[name]) for name in Member.__slots__}) for one in members)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def seed(var: Path) -> tuple[Member, ...]:
    """Make one member for each role, once, and write them to staff.json, for its owner alone. A role whose member exists but is not
    in the file gets none: nothing is overwritten. Safe to repeat."""
    from allauth.mfa.totp.internal.auth import generate_totp_secret
    from django.conf import settings

    from cadran.party import operations, staff_queries, vault
    from cadran.party.staff import Role

    kept = {one.role: one for one in known(var)}
    for role in Role:
        if role.value in kept or staff_queries.staff_named(NAMES[role.value]):
            continue
        one = Member(NAMES[role.value], role.value, vault.propose_sip_password(), generate_totp_secret())
        operations.make_staff(
            user_name=one.user,
            email=f"{one.user}@staff.example.org",
            password=one.password,
            role=role,
            at=settings.CIVIL_CLOCK.now(),
            totp_secret=one.totp_secret,
        )
        kept[role.value] = one
        _write(var, list(kept.values()))
    return tuple(kept.values())


def _write(var: Path, members: list[Member]) -> None:
    path = _file(var)
    fresh = path.with_suffix(".tmp")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"staff": [asdict(one) for one in members]}, file, indent=1)
    os.replace(fresh, path)


def code_now(var: Path, user: str) -> str:
    """The six digits that its authenticator shows now. Raises NoDemoStaff."""
    from allauth.mfa.totp.internal import auth

    found = next((one for one in known(var) if one.user == user.strip().lower()), None)
    if found is None:
        raise NoDemoStaff(f"{user[:40]!r} is no demo member of staff: see {_file(var)}")
    accepted = list(auth.yield_hotp_counters_from_time())  # from the oldest that is in tolerance to the newest
    return str(auth.format_hotp_value(auth.hotp_value(found.totp_secret, accepted[len(accepted) // 2])))


def refuse_in_public(var: Path) -> None:
    """Raises DemoStaffInPublic while a demo member can still sign in with what lies in the file."""
    from django.contrib.auth import get_user_model

    weak = []
    for one in known(var):
        user: Any = get_user_model().objects.filter(username=one.user, is_active=True).first()
        if user is not None and user.check_password(one.password):
            weak.append(one.user)
    if weak:
        raise DemoStaffInPublic(
            f"not started, because the demo staff {', '.join(weak)} still has the passwords of {_file(var)}: give --public a state "
            "folder of its own (CADRAN_VAR), or `cadran staff disable` them and remove that file"
        )
