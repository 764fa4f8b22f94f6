"""The switches that may ask, and their keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cadran.party.keys import rules as keys
from cadran.units.errors import CadranError
from cadran.voice.switches import models, rules

_NO_DIGEST = "0" * 64


class KeyUnknown(CadranError):
    """No such key. The same answer for one that never was, one whose secret is wrong, and one that ended."""

    error_id = "switch-key-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as staff see it. state: live | expired | revoked."""

    switch: rules.Switch
    created_at: datetime
    revoked_at: datetime | None

    def state(self, at: datetime) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "live" if at < self.switch.expires_at else "expired"


def switch(text: str, *, at: datetime) -> rules.Switch:
    """The switch whose key this is, compared in constant time. Raises KeyUnknown."""
    prefix = rules.prefix(text)
    row = models.SwitchKey.objects.filter(prefix=prefix).first() if prefix else None
    right = keys.matches(text, row.digest if row else _NO_DIGEST)
    if row is None or not right or row.revoked_at is not None or row.expires_at <= at:
        raise KeyUnknown("this key is not known, or its time is over: make one with cadran charging-api key add")
    return _switch(row)


def all_keys() -> tuple[Key, ...]:
    """Every key, newest first."""
    return tuple(_key(row) for row in models.SwitchKey.objects.order_by("-pk")[:1000])


def _key(row: models.SwitchKey) -> Key:
    return Key(switch=_switch(row), created_at=row.created_at, revoked_at=row.revoked_at)


def _switch(row: models.SwitchKey) -> rules.Switch:
    return rules.Switch(
        name=row.name,
        prefix=row.prefix,
        scopes=frozenset(row.scopes),
        brands=frozenset(row.brands),
        rate=row.rate,
        event_limit_micros=row.event_limit_micros,
        expires_at=row.expires_at,
    )
