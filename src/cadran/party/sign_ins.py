"""Where a user is signed in: browsers listed, ended one by one or all at once, and a sign-in locked when its codes are lost."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from cadran.party import models
from cadran.policy import operations as policy_operations
from cadran.units import ids
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.period import utc

NOTED_EVERY = timedelta(minutes=5)
MOST_LISTED = 50


class UnknownSignIn(CadranError):
    """This user is not signed in under that number."""

    error_id = "party-sign-in-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A browser in which the user is signed in. `address` is shortened; `seen_at` is right to five minutes."""

    id: int
    session_key: str
    address: str
    agent: str
    opened_at: datetime
    seen_at: datetime


def short_address(address: str) -> str:
    """An IP address as it is kept: the network alone (24 bits of IPv4, 48 of IPv6), enough to recognise one's own."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    network = ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False)
    return f"{str(network.network_address).rpartition('.')[0]}.…" if ip.version == 4 else f"{network.network_address}…"


def note(*, user_id: int, session_key: str, address: str, agent: str, at: datetime) -> None:
    """The user was seen in that browser: a line of its own the first time, the instant and the address from then on."""
    at = utc(at)
    values = {"address": short_address(address), "agent": agent[:200], "seen_at": at}
    with transaction.atomic():
        models.SignIn.objects.update_or_create(
            session_key=session_key,
            defaults={"user_id": user_id, **values},
            create_defaults={"user_id": user_id, "opened_at": at, **values},
        )


def of_user(user_id: int) -> tuple[SignIn, ...]:
    """The browsers in which the user is signed in, last seen first; those whose session is over are left out."""
    rows = models.SignIn.objects.filter(user_id=user_id).order_by("-seen_at", "-id")[:MOST_LISTED]
    store = _store()
    return tuple(
        SignIn(
            id=row.pk,
            session_key=row.session_key,
            address=row.address,
            agent=row.agent,
            opened_at=row.opened_at,
            seen_at=row.seen_at,
        )
        for row in rows
        if store.exists(row.session_key)
    )


@carries("KRY-4.2.2-session-safety")
def end(*, user_id: int, sign_in_id: int) -> None:
    """Sign the user out of one browser. Raises UnknownSignIn, for another user's too."""
    row = models.SignIn.objects.filter(pk=sign_in_id, user_id=user_id).first()
    if row is None:
        raise UnknownSignIn("you are not signed in there any more: look at the list again")
    _store().delete(row.session_key)
    row.delete()


def forget(*, session_key: str) -> None:
    """The browser signed out by itself."""
    models.SignIn.objects.filter(session_key=session_key).delete()


@carries("KRY-4.2.2-session-safety")
def end_all(*, user_id: int) -> None:
    """Sign the user out everywhere, copies of a session included: none of the sessions of before opens anything."""
    with transaction.atomic():
        models.User.objects.filter(pk=user_id).update(sign_in_epoch=F("sign_in_epoch") + 1)
        store = _store()
        for key in models.SignIn.objects.filter(user_id=user_id).values_list("session_key", flat=True):
            store.delete(key)
        models.SignIn.objects.filter(user_id=user_id).delete()


@carries("IPP-5.3-codes", "KRY-4.2.2-session-safety")
def lock(*, user_id: int, reason: str, at: datetime) -> None:
    """Nobody signs in with the codes of before any more: a new password, chosen by the link sent to the user's e-mail address,
    opens the sign-in again. Every session ends."""
    with transaction.atomic():
        user = models.User.objects.select_for_update().get(pk=user_id)
        user.locked_at, user.must_change_password = utc(at), True  # keys of programs wait for the new password too
        user.set_unusable_password()
        user.save(update_fields=["locked_at", "must_change_password", "password"])
        end_all(user_id=user_id)
        policy_operations.record_event(
            kind="party.sign-in-locked",
            key=f"{user.username}:{ids.new_id('evt')}",
            body={"user_name": user.username, "reason": reason[:200]},
            at=at,
        )


def locked(user_id: int) -> bool:
    """Whether the sign-in waits for a new password."""
    return models.User.objects.filter(pk=user_id).exclude(locked_at=None).exists()


@carries("KRY-4.2.1-account")
def password_is_right(*, user_id: int, password: str) -> bool:
    """Whether that is the user's site password: who asks for a sensitive change proves that it is them."""
    user = models.User.objects.filter(pk=user_id, is_active=True, locked_at=None).first()
    return user is not None and user.check_password(password)


def password_age(user_id: int, *, at: datetime) -> timedelta:
    """How long ago the site password was chosen."""
    changed, created = models.User.objects.values_list("password_changed_at", "created_at").get(pk=user_id)
    return utc(at) - (changed or created)


def _store() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore()
