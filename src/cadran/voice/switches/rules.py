"""What a switch's key looks like, how its sessions are named, and how often it may ask. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cadran.units.errors import InvalidInput

PREFIX_LENGTH = 12
MOST_RATE = 100_000
MOST_DAYS = 3650
MOST_BRANDS = 50
_FORM = re.compile(r"sk_([0-9a-hjkmnp-tv-z]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[a-z][a-z0-9-]{1,19}")
_PLAIN = re.compile(r"[A-Za-z0-9._:@-][A-Za-z0-9._:@/-]{0,63}")


class Scope(StrEnum):
    """What a key may do: ask for calls, or charge one-off services at prices of its own."""

    CALLS = "calls"
    EVENTS = "events"


class InvalidKeyWish(InvalidInput):
    """A switch's key that cannot be made as asked."""

    error_id = "switch-key-wish-invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Who asks. rate: requests a second; event_limit_micros: the dearest one-off service that the key may charge."""

    name: str
    prefix: str
    scopes: frozenset[str]
    brands: frozenset[str]
    rate: int
    event_limit_micros: int
    expires_at: datetime

    def serves(self, brand: str) -> bool:
        return brand in self.brands


@dataclass(slots=True)
class Allowance:
    """A leaky bucket: so many requests a second, at most one second's worth at once. Instants are monotonic seconds."""

    rate: int
    full_at: float = 0.0

    def take(self, now: float) -> float:
        """0 when the request may pass, else the seconds until one may."""
        full_at = max(self.full_at, now) + 1 / self.rate
        if (wait := full_at - now - 1.0) > 1e-9:
            return wait
        self.full_at = full_at
        return 0.0


def prefix(text: str) -> str:
    """The prefix by which a key is looked up; empty for what has not the form of one."""
    found = _FORM.fullmatch(text) if len(text) <= 64 else None
    return found[1] if found else ""


def checked_name(name: str) -> str:
    """The name of a switch: 2 to 20 small letters, digits, dashes. Raises InvalidKeyWish."""
    if not _NAME.fullmatch(name):
        raise InvalidKeyWish(f"name the switch in 2 to 20 small letters, digits and dashes, not {name[:40]!r}")
    return name


def session(switch: str, named: str) -> str:
    """The session under which charging knows what a switch calls `named`: its own name space, so that no switch meets another's.
    A name of other characters or longer than 64 (a Call-ID may be any text) goes by its SHA-256."""
    if _PLAIN.fullmatch(named):
        return f"@{switch}/{named}"
    return f"@{switch}//{hashlib.sha256(named.encode('utf-8', 'surrogatepass')).hexdigest()[:48]}"
