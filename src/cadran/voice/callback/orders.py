"""What is ordered of the SIP process, and what became of it: plain values that cross its door. No SIP here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime

from cadran.units.errors import CadranError

CALLBACK, CODE = "callback", "code"


class CallbackRefused(CadranError):
    """The order is not taken, and nothing rings. `details["reason"]` is the stable id: too-many, too-often, full, key-reused,
    unreadable."""

    error_id = "voice-callback-refused"


class CallbackUnknown(CadranError):
    """No order has that key."""

    error_id = "voice-callback-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackOrder:
    """Ring a customer, then whom it wants to reach.

    key: one for each order, chosen by who orders. account: who pays both legs, by terms (`brand/version`). first: the number that is
    rung, E.164 digits, proved to be the account's. second: whom to reach, as dialled in `country`. access: the number that the
    customer sees calling, E.164 digits, empty for none. language: of what is said.
    """

    key: str
    account: str
    brand: str
    terms: str
    first: str
    second: str
    accepted_terms: str = ""
    access: str = ""
    language: str = "fr"
    country: str = "FR"
    consumer: bool = True
    by_minute: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenCode:
    """Ring a number and speak a code, twice: whoever hears it holds that telephone. Nobody is charged.

    key: one for each attempt. digits: the number rung, E.164. access: the number that is shown, empty for none. code: 4 to 6 digits.
    """

    key: str
    brand: str
    digits: str
    code: str = field(repr=False)
    access: str = ""
    language: str = "fr"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegCost:
    """What became of one leg: seconds measured and charged, amount, and the call's record for its explanation."""

    cdr_id: str
    disposition: str
    measured_s: int
    charged_s: int
    charge_micros: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackState:
    """What became of an order so far.

    stage: asked | ringing-you | ringing-them | talking | over; of a spoken code: asked | ringing-you | talking | over.
    why, once it is over: hung-up | cancelled | ended | credit | limit | busy | no-answer | unreachable | you-busy | you-no-answer |
    you-unreachable | unavailable | media-lost | operator | restart | spoken, or the code of charging's refusal (call-no-credit...).
    first, second: what each leg came to, None until it is settled.
    """

    key: str
    id: str
    stage: str
    why: str = ""
    asked_at: datetime | None = None
    changed_at: datetime | None = None
    first: LegCost | None = None
    second: LegCost | None = None

    @property
    def over(self) -> bool:
        return self.stage == "over"


def sessions(callback_id: str) -> tuple[str, str]:
    """Charging's sessions of both legs."""
    return f"{callback_id}.1", f"{callback_id}.2"


def fingerprint(order: CallbackOrder | SpokenCode) -> str:
    """What tells two orders under one key apart. A code is not kept, not even so."""
    told = {name: value for name, value in asdict(order).items() if name != "code"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
