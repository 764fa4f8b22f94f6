"""Making and revoking keys of switches: one transaction each, and an event that says so."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from cadran.party.keys import rules as keys
from cadran.policy import operations as policy_operations
from cadran.policy import queries as policy
from cadran.units.errors import CadranError
from cadran.units.period import utc
from cadran.voice.switches import models, queries, rules


class KeyNotFound(CadranError):
    """There is no such key."""

    error_id = "switch-key-not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A fresh key. `text` is the whole of it: shown now, and never again."""

    text: str = field(repr=False)
    key: queries.Key


def make_key(
    *,
    name: str,
    brands: Iterable[str],
    scopes: Iterable[str],
    rate: int,
    event_limit_micros: int,
    days: int,
    at: datetime,
) -> Made:
    """A key of that switch for customers of those brands. Raises rules.InvalidKeyWish, and policy's error for an unknown brand."""
    wanted, kinds = tuple(dict.fromkeys(brands)), tuple(dict.fromkeys(scopes))
    rules.checked_name(name)
    if not 1 <= len(wanted) <= rules.MOST_BRANDS:
        raise rules.InvalidKeyWish(f"name 1 to {rules.MOST_BRANDS} brands whose customers the switch serves")
    for brand in wanted:
        policy.brand(brand)
    if not kinds or not set(kinds) <= {scope.value for scope in rules.Scope}:
        raise rules.InvalidKeyWish(f"scopes are of {', '.join(rules.Scope)}")
    if not 1 <= rate <= rules.MOST_RATE or not 1 <= days <= rules.MOST_DAYS or not 0 <= event_limit_micros <= 10**12:
        raise rules.InvalidKeyWish(
            f"a key asks 1 to {rules.MOST_RATE} times a second for 1 to {rules.MOST_DAYS} days; its dearest event lies "
            "between 0 and 10^12 micros"
        )
    prefix = "".join(secrets.choice(keys.PREFIX_ALPHABET) for _ in range(rules.PREFIX_LENGTH))
    text = f"sk_{prefix}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        row = models.SwitchKey.objects.create(
            prefix=prefix,
            digest=keys.digest(text),
            name=name,
            scopes=list(kinds),
            brands=list(wanted),
            rate=rate,
            event_limit_micros=event_limit_micros,
            created_at=utc(at),
            expires_at=utc(at) + timedelta(days=days),
        )
        _tell("voice.switch-key-made", row, at)
    return Made(text=text, key=queries._key(row))


def revoke_key(*, prefix: str, at: datetime) -> queries.Key:
    """End a key; again changes nothing. Raises KeyNotFound."""
    with transaction.atomic():
        row = models.SwitchKey.objects.filter(prefix=prefix.removeprefix("sk_")[: rules.PREFIX_LENGTH]).first()
        if row is None:
            raise KeyNotFound("there is no such key: see cadran charging-api key list")
        if row.revoked_at is None:
            row.revoked_at = utc(at)
            row.save(update_fields=["revoked_at"])
            _tell("voice.switch-key-revoked", row, at)
        return queries._key(row)


def _tell(kind: str, row: models.SwitchKey, at: datetime) -> None:
    body = {"prefix": row.prefix, "switch": row.name, "brands": list(row.brands), "scopes": list(row.scopes)}
    policy_operations.record_event(kind=kind, key=row.prefix, body=body, at=at)
