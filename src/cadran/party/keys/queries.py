"""Who holds a key, and the keys of an owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from cadran.party import models as party_models
from cadran.party import staff_queries
from cadran.party.keys import models, rules
from cadran.units.errors import CadranError

_NO_DIGEST = "0" * 64


class KeyUnknown(CadranError):
    """No such key. The same answer for one that never was and for one whose secret is wrong."""

    error_id = "keys-unknown"


class KeyExpired(CadranError):
    """The key's time is over: make another."""

    error_id = "keys-expired"


class KeyRevoked(CadranError):
    """The key was revoked: make another."""

    error_id = "keys-revoked"


class OwnerNotActive(CadranError):
    """Whoever the key acts for may use nothing at present: not validated, blocked, ended, or a new password is required first."""

    error_id = "keys-owner-not-active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as its owner sees it. `shown` is all of it that is kept readable; state: live | expired | revoked."""

    id: int
    prefix: str
    shown: str
    test: bool
    label: str
    scopes: tuple[str, ...]
    brand: str
    account: str
    staff: str
    made_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_because: str

    def state(self, at: datetime) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "live" if at < self.expires_at else "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who calls with a key that is good. `staff_id` is 0 for a key of a customer."""

    key: Key
    staff_id: int

    def may(self, scope: rules.Scope) -> bool:
        return scope.value in self.key.scopes


def holder(text: str, *, at: datetime) -> Holder:
    """Whoever may call with this key. Raises KeyUnknown, KeyExpired, KeyRevoked, OwnerNotActive."""
    parts = rules.parts(text)
    row = _rows().filter(prefix=parts.prefix).first() if parts else None
    right = rules.matches(text, row.digest if row else _NO_DIGEST)
    if row is None or parts is None or not right or row.test != parts.test:
        raise KeyUnknown("this key is not known: copy it whole, or make another")
    if row.revoked_at is not None:
        raise KeyRevoked("this key was revoked: make another")
    if row.expires_at <= at:
        raise KeyExpired(f"this key ended on {row.expires_at:%Y-%m-%d}: make another")
    if not _owner_active(row):
        raise OwnerNotActive("the owner of this key may use nothing at present: sign in to the site to see why")
    return Holder(key=_key(row), staff_id=row.staff_id or 0)


def keys_of(account: str, *, limit: int = 100) -> tuple[Key, ...]:
    """The keys of a customer's account, newest first."""
    return tuple(_key(row) for row in _rows().filter(account__number=account).order_by("-id")[:limit])


def staff_keys(brand: str, *, limit: int = 200) -> tuple[Key, ...]:
    """The keys that staff made for a brand, newest first."""
    return tuple(_key(row) for row in _rows().filter(brand=brand, account=None).order_by("-id")[:limit])


def _rows() -> QuerySet[models.ApiKey]:
    return models.ApiKey.objects.select_related("account__customer__user", "staff")


def _owner_active(row: models.ApiKey) -> bool:
    if row.account is not None:
        customer = row.account.customer
        user, open_ = customer.user, customer.state == party_models.CustomerState.ACTIVE and row.account.state == "open"
    else:
        assert row.staff is not None
        member = staff_queries.staff(row.staff.pk)
        user, open_ = row.staff, member is not None and member.active and member.serves(row.brand)
    return open_ and user.is_active and not user.must_change_password


def _key(row: models.ApiKey) -> Key:
    return Key(
        id=row.pk,
        prefix=row.prefix,
        shown=f"{row}_…",
        test=row.test,
        label=row.label,
        scopes=tuple(row.scopes),
        brand=row.brand,
        account=row.account.number if row.account else "",
        staff=row.staff.username if row.staff else "",
        made_by=row.made_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        revoked_because=row.revoked_because,
    )
