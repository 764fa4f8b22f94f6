"""What the ledger needs from whatever keeps the books."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from cadran.ledger import rules

Held = tuple[rules.AccountRef, rules.AccountRef, str, int]
"""What a reservation holds on one account: debit, credit, currency, micros."""


class Books(Protocol):
    """Rows of the books, inside the caller's transaction. A transfer brings its legs, and moves the balances that are kept.
    Each method raises the errors that `rules` names, before anything of it is done; the database has the last word."""

    def account(self, ref: rules.AccountRef) -> rules.Account | None: ...
    def funded(self, owner: str, prefix: str) -> tuple[rules.Account, ...]:
        """The owner's accounts with a floor whose name starts with `prefix` and whose balance is above zero."""
        ...

    def insert_account(
        self, ref: rules.AccountRef, *, currency: str, floor_micros: int | None, at: datetime
    ) -> None: ...
    def insert_transfer(self, transfer: rules.Transfer) -> None: ...
    def reserved(self, owner: str, reservation: str) -> tuple[tuple[str, int], ...]:
        """Kind and micros of each row of a reservation, holds and what resolved them; empty where nothing was ever held."""
        ...

    def held(self, owner: str, reservation: str) -> tuple[Held, ...]:
        """What a reservation still holds, for each account not yet resolved, in order of holding."""
        ...

    def begin(self, owner: str, reservation: str) -> None:
        """Told by a caller that knows that nothing was ever held under this reservation: nobody needs to look."""
        ...

    def named(self, owner: str, prefix: str) -> tuple[rules.Account, ...]:
        """All of the owner's accounts with a floor whose name starts with `prefix`."""
        ...

    def amount(self, owner: str, transfer: str) -> int | None:
        """What that transfer moved; None when it was never made."""
        ...
