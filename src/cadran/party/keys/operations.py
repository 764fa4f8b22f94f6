"""Making and revoking keys: one transaction each, and an event that says who did it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from cadran.party import models as party_models
from cadran.party import staff_queries
from cadran.party.keys import models, queries, rules
from cadran.party.staff import Permission
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.units.errors import CadranError
from cadran.units.period import utc

USE_NOTED_EVERY = timedelta(minutes=1)


class KeyNotFound(CadranError):
    """This owner has no such key."""

    error_id = "keys-not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A fresh key. `text` is the whole of it: shown now, and never again."""

    text: str = field(repr=False)
    key: queries.Key


def make_customer_key(
    *, account: str, label: str, scopes: Iterable[str], test: bool = False, days: int = 365, made_by: str, at: datetime
) -> Made:
    """A key that acts for one account. Raises rules.InvalidKeyWish, rules.TooManyKeys, queries.OwnerNotActive."""
    with transaction.atomic():
        row = party_models.BillingAccount.objects.select_related("customer").filter(number=account).first()
        if row is None or row.customer.state != party_models.CustomerState.ACTIVE:
            raise queries.OwnerNotActive("only a customer whose account is open makes keys")
        return _make(models.ApiKey(brand=row.brand, account=row), label, scopes, test, days, made_by, utc(at))


def make_staff_key(
    *,
    staff_id: int,
    brand: str,
    label: str,
    scopes: Iterable[str],
    test: bool = False,
    days: int = 90,
    made_by: str,
    at: datetime,
) -> Made:
    """A key that acts for a member of staff, within one brand.

    Raises rules.InvalidKeyWish, rules.TooManyKeys, queries.OwnerNotActive.
    """
    with transaction.atomic():
        member = staff_queries.staff(staff_id)
        if member is None or not (member.may(Permission.MANAGE_API_KEYS) and member.serves(brand)):
            raise queries.OwnerNotActive(
                "only staff that may manage keys of the API, for a brand that it serves, makes one"
            )
        policy.brand(brand)
        user = party_models.User.objects.get(pk=staff_id)
        return _make(models.ApiKey(brand=brand, staff=user), label, scopes, test, days, made_by, utc(at))


def revoke_key(*, prefix: str, account: str = "", brand: str = "", because: str, by: str, at: datetime) -> queries.Key:
    """End a key of that account, or, without an account, one that staff made for that brand. Again changes nothing.

    Raises KeyNotFound."""
    with transaction.atomic():
        owned = Q(account__number=account) if account else Q(account=None, brand=brand)
        row = queries._rows().filter(owned, prefix=prefix[: rules.PREFIX_LENGTH]).first()
        if row is None or not (account or brand):
            raise KeyNotFound("there is no such key: look at the list of keys")
        if row.revoked_at is None:
            row.revoked_at, row.revoked_because = utc(at), because[:200]
            row.save(update_fields=["revoked_at", "revoked_because"])
            _tell("party.api-key-revoked", row, by, at)
        return queries._key(row)


def note_use(*, key: queries.Key, at: datetime) -> None:
    """Remember that the key was used, once a minute at most, so that a busy key does not write at each call."""
    if key.last_used_at is None or at - key.last_used_at >= USE_NOTED_EVERY:
        models.ApiKey.objects.filter(pk=key.id).update(last_used_at=utc(at))


def _make(
    row: models.ApiKey, label: str, scopes: Iterable[str], test: bool, days: int, made_by: str, at: datetime
) -> Made:
    row.label = rules.checked_label(label)
    row.scopes = [scope.value for scope in rules.checked_scopes(scopes, staff=row.account_id is None)]
    row.expires_at = rules.checked_end(at, days)
    in_force = models.ApiKey.objects.filter(account=row.account, staff=row.staff, revoked_at=None, expires_at__gt=at)
    if in_force.count() >= rules.MOST_KEYS:
        raise rules.TooManyKeys(f"{rules.MOST_KEYS} keys are in force: revoke one first")
    row.prefix = "".join(secrets.choice(rules.PREFIX_ALPHABET) for _ in range(rules.PREFIX_LENGTH))
    text = f"ck_{'test' if test else 'live'}_{row.prefix}_{secrets.token_urlsafe(32)}"
    row.digest, row.test, row.made_by, row.created_at = rules.digest(text), test, made_by[:64], at
    row.save()
    _tell("party.api-key-made", row, made_by, at)
    return Made(text=text, key=queries._key(row))


def _tell(kind: str, row: models.ApiKey, by: str, at: datetime) -> None:
    body = {
        "prefix": row.prefix,
        "account": row.account.number if row.account else "",
        "brand": row.brand,
        "staff": row.staff.username if row.staff else "",
        "scopes": list(row.scopes),
        "test": row.test,
        "by": by[:64],
    }
    policy_operations.record_event(kind=kind, key=row.prefix, body=body, at=at)
