"""What calls to access numbers ask of the house. Reads and writes of the database: on a database thread, never on the SIP thread.

Questions of the menu and their outcomes (the values given, `->` the outcomes and the values that come with them):

    pin           pin                -> ok | wrong | locked
    destination   number             -> ok (destination, minutes, seconds, price_micros, per_minute, credit_micros)
                                      | wrong-number | not-served | closed | not-allowed | emergency
                                      | no-credit | unavailable | no-price
    speed-dial    key (1 to 99)      -> ok (number) | empty
    credit                           -> ok (credit_micros, expires_on)
    statement                        -> ok (count, spent_micros, credit_micros)
    last-calls                       -> ok (count, call1_destination, call1_seconds, call1_micros ... call5_...)
    voucher       code               -> ok (amount_micros, credit_micros) | unknown | used | expired | blocked | locked
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cadran.voice.menu.events import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """Who stands at the access number. digits: the calling number in E.164 digits, empty when withheld or unreadable.

    authenticated: the network vouches for the number (SHAKEN attestation, or a carrier that does); see law on caller authentication.
    """

    access_number: str
    digits: str
    authenticated: bool
    source: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A recognised caller, or the reason why not.

    refused: empty, or withheld | unknown | closed | suspended | unauthenticated | not-open | too-many; prompts say it in `language`.
    warning_s: seconds before the end at which the caller is told that a call ends and no more can follow; 0 for never.
    begins: the state of the menu's table at which it begins, empty for its start (`pin` where a PIN is due, `prepared` with a
    destination where EasyDialer prepared the call).
    """

    brand: str
    language: str
    service: str = "calling-card"
    refused: str = ""
    clause: str = ""
    prompts: tuple[str, ...] = ()
    account: str = ""
    terms: str = ""
    accepted_terms: str = ""
    country: str = ""
    consumer: bool = True
    by_minute: bool = False
    shown: str = ""
    warning_s: int = 0
    begins: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    outcome: str
    values: Mapping[str, Value] = field(default_factory=dict)


class Desk(Protocol):
    """Knows access numbers, callers, prices, vouchers."""

    def recognise(self, calling: Calling) -> Caller | None:
        """None where the number dialled is no access number at all."""

    def ask(self, caller: Caller, question: str, values: Mapping[str, Value], *, key: str, at: datetime) -> Answer:
        """One question of the menu. key: one for each time it is asked, so that a repeated one changes nothing twice."""
