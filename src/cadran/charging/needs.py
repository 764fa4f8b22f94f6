"""What the engine needs beside the ledger and the credit: contracts, prices, and a place for sessions and records.

The two that a test or a benchmark fixes by hand stand here too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cadran.charging import records, rules
from cadran.charging.ports import Grant
from cadran.policy.law import LawValue
from cadran.policy.terms import Terms
from cadran.rating.rules import Rate


class Contracts(Protocol):
    """The terms of the brands."""

    def terms(self, ref: str) -> Terms:
        """The version of that reference. Raises an error of policy for an unknown one."""
        ...

    def law(self, name: str, at: datetime) -> LawValue | None:
        """What the law says under that name at that instant; None where it says nothing."""
        ...


class Prices(Protocol):
    """The decks of the brands."""

    def find(self, brand: str, digits: str, at: datetime) -> Rate | None: ...
    def reload(self) -> int:
        """Take up newly activated decks; returns the number of the newest one."""
        ...


class Sessions(Protocol):
    """Sessions and call records, inside the caller's transaction."""

    def session(self, session: str) -> rules.Session | None: ...
    def open_sessions(self) -> tuple[rules.Session, ...]: ...
    def insert(self, session: rules.Session) -> None: ...
    def change(self, session: rules.Session) -> None: ...
    def extension(self, account: str, session: str, seq: int) -> tuple[int | None, bool] | None:
        """What that extension was answered: seconds granted and whether finally."""
        ...

    def insert_extension(self, session: rules.Session, grant: Grant, at: datetime) -> None: ...
    def record(self, account: str, cdr_id: str) -> records.Record | None: ...
    def latest_correction(self, account: str, cdr_id: str) -> records.Record | None: ...
    def insert_record(self, record: records.Record) -> None: ...


class PriceList(Protocol):
    """A deck, as `rating.decks` makes them."""

    @property
    def generation(self) -> int: ...
    def find(self, digits: str, at: datetime) -> Rate | None: ...


@dataclass(slots=True)
class FixedContracts:
    """Terms and values of the law given by hand, the latter for all time."""

    known: dict[str, Terms]
    laws: dict[str, LawValue] = field(default_factory=dict)

    def terms(self, ref: str) -> Terms:
        return self.known[ref]

    def law(self, name: str, at: datetime) -> LawValue | None:
        return self.laws.get(name)


@dataclass(slots=True)
class FixedPrices:
    """One deck given by hand, for every brand."""

    deck: PriceList

    def find(self, brand: str, digits: str, at: datetime) -> Rate | None:
        return self.deck.find(digits, at)

    def reload(self) -> int:
        return self.deck.generation
