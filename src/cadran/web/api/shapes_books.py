"""The JSON of the books as staff reads them: the journal, decisions on record, re-ratings and the reports on price lists."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from cadran.web.api.shapes import Decision, Instant, LedgerLeg, Shape

Owner = Annotated[str, StringConstraints(pattern=r"^(A[0-9]{6,12}|house/[a-z0-9-]{1,40})$")]
TransferId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$")]


class BooksAccount(Shape):
    """An account of the books. `balance_micros` and `held_micros` are null where none is kept: the operator's own."""

    name: str
    currency: str
    floor_micros: int | None
    balance_micros: int | None
    held_micros: int | None
    opened_at: Instant


class JournalLine(Shape):
    """A line of the journal, from debit to credit. `kind`: posted, pending, post, void or expire."""

    owner: str
    transfer: str
    kind: str
    reservation: str
    debit: str
    credit: str
    currency: str
    amount_micros: int
    released_micros: int
    at: Instant
    reason: str


class Journal(Shape):
    """The accounts of an owner, and a page of its journal."""

    accounts: list[BooksAccount]
    transfers: list[JournalLine]
    next: str | None


class JournalPage(Shape):
    """A line of the journal with its two legs."""

    line: JournalLine
    legs: list[LedgerLeg]


class DecisionOnRecord(Shape):
    """What was answered to a call or an order: `ref` is its id. `decision` is null where none is kept of so old a call."""

    at: Instant
    account: str
    ref: str
    clause: str
    terms: str
    decision: Decision | None


class Decisions(Shape):
    """A page of decisions."""

    decisions: list[DecisionOnRecord]
    next: str | None
