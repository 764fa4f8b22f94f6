"""The books in memory: accounts and open reservations are read through from the database, what moves is gathered in a unit of work.

The process that holds them is the database's only writer. It refuses by name what the database would refuse at the commit; the
database has the last word (constraints and triggers, see the migrations).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cadran.ledger import rules
from cadran.ledger.ports import Held
from cadran.ledger.rules import AccountRef, Kind
from cadran.units.store import Change, Conflict, Database, Insert, Memory, text

INSERT_ACCOUNT = Insert(
    "ledger_account",
    ("owner", "name", "currency", "floor_micros", "balance_micros", "held_micros", "opened_at"),
    ("text", "text", "text", "bigint", "bigint", "bigint", "timestamptz"),
)
# The operator's own accounts: every shard of charging opens them where they are missing.
INSERT_HOUSE = Insert(INSERT_ACCOUNT.table, INSERT_ACCOUNT.columns, INSERT_ACCOUNT.types, once=True)
INSERT_TRANSFER = Insert(
    "ledger_transfer",
    (
        "owner",
        "transfer",
        "kind",
        "reservation",
        "debit_owner",
        "debit_name",
        "credit_owner",
        "credit_name",
        "currency",
        "amount_micros",
        "released_micros",
        "at",
        "reason",
    ),
    ("text", "text", "text", "text", "text", "text", "text", "text", "text", "bigint", "bigint", "timestamptz", "text"),
)
INSERT_POSTING = Insert(
    "ledger_posting",
    ("owner", "transfer", "leg", "account_owner", "account_name", "currency", "amount_micros"),
    ("text", "text", "smallint", "text", "text", "text", "bigint"),
)
MOVE = Change(
    "ledger_account",
    keys=("owner", "name"),
    sets=(),
    adds=("balance_micros", "held_micros"),
    types=("bigint", "bigint", "text", "text"),
)
ORDER = (INSERT_HOUSE, INSERT_ACCOUNT, INSERT_TRANSFER, INSERT_POSTING, MOVE)

HOUSE = "house/"
_ACCOUNT = "SELECT currency, floor_micros, balance_micros, held_micros FROM ledger_account WHERE owner = ? AND name = ?"
_FUNDED = (
    "SELECT name, currency, floor_micros, balance_micros, held_micros FROM ledger_account"
    " WHERE owner = ? AND balance_micros > 0"
)
_OF_NAME = (
    "SELECT name, currency, floor_micros, balance_micros, held_micros FROM ledger_account"
    " WHERE owner = ? AND substr(name, 1, length(?)) = ? AND floor_micros IS NOT NULL"
)
_AMOUNT = "SELECT amount_micros FROM ledger_transfer WHERE owner = ? AND transfer = ?"
_RESERVED = (
    "SELECT kind, debit_owner, debit_name, credit_owner, credit_name, currency, amount_micros"
    " FROM ledger_transfer WHERE owner = ? AND reservation = ? AND reservation <> ''"
    " AND transfer COLLATE BINARY > ? || ':' AND transfer COLLATE BINARY < ? || ';' ORDER BY transfer"
)
SENTENCES = {
    rules.FloorReached: "the account does not hold enough: credit it first, or ask for less",
    rules.AccountUnknown: "open both accounts before moving money between them",
    rules.CurrencyMismatch: "both accounts must be of the transfer's currency: convert first, at a stated rate",
    rules.TransferExists: "that transfer was already made: read it instead",
    rules.ReservationUnknown: "nothing like that is held under this reservation",
    rules.ReservationResolved: "this reservation is over: open another",
    rules.AppendOnly: "rows of the books are never altered: add a row that corrects",
    rules.AccountDiffers: "an account of that name exists: choose another name",
}
_NAMED: dict[str, type[rules.LedgerError]] = {
    "ledger_floor": rules.FloorReached,
    **{
        error.error_id: error
        for error in (
            rules.AccountUnknown,
            rules.AccountDiffers,
            rules.CurrencyMismatch,
            rules.TransferExists,
            rules.ReservationUnknown,
            rules.ReservationResolved,
            rules.AppendOnly,
            rules.PostingForeign,
        )
    },
}


def named(error: Conflict) -> Exception:
    """The ledger's own error for what the database refused; the error itself when it has no name."""
    found = _NAMED.get(error.name)
    return found(SENTENCES.get(found, str(error))) if found else error


@dataclass(frozen=True, slots=True)
class _Reservation:
    """rows: kind and micros of each transfer; held: what is still held, by debit account; over: the accounts resolved."""

    rows: tuple[tuple[str, int], ...] = ()
    held: tuple[Held, ...] = ()
    over: tuple[AccountRef, ...] = ()


_NOTHING = _Reservation()


class MemoryBooks:
    """`ledger.ports.Books`. `written` hears of each transfer. Changes are undone and taken with `memory`."""

    def __init__(
        self,
        memory: Memory,
        database: Database,
        written: Callable[[rules.Transfer], None] = lambda transfer: None,
    ) -> None:
        self._memory = memory
        self._rows = database.rows
        self._written = written
        self._accounts: dict[str, dict[str, rules.Account]] = {}
        self._whole: set[str] = set()
        self._named: set[tuple[str, str]] = set()
        self._reservations: dict[tuple[str, str], _Reservation] = {}

    def size(self) -> int:
        """How many owners and reservations are kept."""
        return len(self._accounts) + len(self._reservations)

    def forget(self) -> None:
        """Read everything afresh. Nothing may wait to be written."""
        self._accounts.clear()
        self._whole.clear()
        self._named.clear()
        self._reservations.clear()

    def account(self, ref: AccountRef) -> rules.Account | None:
        known = self._of(ref.owner).get(ref.name)
        if known is not None:
            return known
        row = next(iter(self._rows(_ACCOUNT, (ref.owner, ref.name))), None)
        if row is None:
            return None
        found = self._of(ref.owner)[ref.name] = _account(ref, *row)
        return found

    def funded(self, owner: str, prefix: str) -> tuple[rules.Account, ...]:
        known = self._of(owner)
        if owner not in self._whole:
            for name, *rest in self._rows(_FUNDED, (owner,)):
                known.setdefault(name, _account(AccountRef(owner, name), *rest))
            self._whole.add(owner)
        return tuple(
            [
                account
                for name, account in known.items()
                if (account.balance_micros or 0) > 0 and name.startswith(prefix)
            ]
        )

    def named(self, owner: str, prefix: str) -> tuple[rules.Account, ...]:
        known = self._of(owner)
        if (owner, prefix) not in self._named:
            for name, *rest in self._rows(_OF_NAME, (owner, prefix, prefix)):
                known.setdefault(name, _account(AccountRef(owner, name), *rest))
            self._named.add((owner, prefix))
        return tuple([account for name, account in known.items() if name.startswith(prefix)])

    def amount(self, owner: str, transfer: str) -> int | None:
        for row in self._memory.unit.added.get(INSERT_TRANSFER, ()):
            if row[:2] == (owner, transfer):
                return int(row[9])
        rows = self._rows(_AMOUNT, (owner, transfer))
        return int(rows[0][0]) if rows else None

    def insert_account(self, ref: AccountRef, *, currency: str, floor_micros: int | None, at: datetime) -> None:
        shared = floor_micros is None and ref.owner.startswith(HOUSE)
        if (known := self.account(ref)) is not None:
            if shared and (known.currency, known.floor_micros) == (currency, None):
                return  # another shard opened it since it was looked for
            raise _error(rules.AccountDiffers)
        start = None if floor_micros is None else 0
        account = rules.Account(
            ref=ref, currency=currency, floor_micros=floor_micros, balance_micros=start, held_micros=start
        )
        self._memory.put(self._of(ref.owner), ref.name, account)
        statement = INSERT_HOUSE if shared else INSERT_ACCOUNT
        self._memory.insert(statement, (ref.owner, ref.name, currency, floor_micros, start, start, text(at)))

    def insert_transfer(self, transfer: rules.Transfer) -> None:
        debit, credit = self.account(transfer.debit), self.account(transfer.credit)
        if debit is None or credit is None:
            raise _error(rules.AccountUnknown)
        if not debit.currency == credit.currency == transfer.currency:
            raise _error(rules.CurrencyMismatch)
        owner, amount = transfer.owner, transfer.amount_micros
        reservation = self._reserve(transfer) if transfer.reservation else None
        if transfer.kind is Kind.PENDING:
            self._move(debit, 0, amount)
        else:
            self._move(debit, -amount, -transfer.released_micros)
            if amount:
                self._move(credit, amount, 0)
                legs = transfer.transfer, transfer.currency
                self._leg(owner, legs, 0, transfer.debit, -amount)
                self._leg(owner, legs, 1, transfer.credit, amount)
        if reservation is not None:
            key = owner, transfer.reservation
            self._memory.put(self._reservations, key, reservation)
            if not reservation.held:
                self._memory.pass_on(self._reservations, key)
        self._memory.insert(INSERT_TRANSFER, _row(transfer))
        self._written(transfer)

    def reserved(self, owner: str, reservation: str) -> tuple[tuple[str, int], ...]:
        return self._reservation(owner, reservation).rows

    def held(self, owner: str, reservation: str) -> tuple[Held, ...]:
        return self._reservation(owner, reservation).held

    def begin(self, owner: str, reservation: str) -> None:
        self._memory.put(self._reservations, (owner, reservation), _NOTHING)

    def _reserve(self, transfer: rules.Transfer) -> _Reservation:
        """The reservation with a hold added, or with what it holds on the debit account resolved."""
        amount = transfer.amount_micros
        known = self._reservation(transfer.owner, transfer.reservation)
        if transfer.debit in known.over:
            raise _error(rules.ReservationResolved)
        rows = (*known.rows, (transfer.kind.value, amount))
        if transfer.kind is Kind.PENDING:
            held = _held(known.held, (transfer.debit, transfer.credit, transfer.currency, amount))
            return _Reservation(rows, held, known.over)
        if len(known.held) == 1 and known.held[0][0] == transfer.debit and known.held[0][3] == transfer.released_micros:
            return _Reservation(rows, (), (*known.over, transfer.debit))
        if transfer.released_micros != sum([part[3] for part in known.held if part[0] == transfer.debit]):
            raise _error(rules.ReservationUnknown)
        held = tuple([part for part in known.held if part[0] != transfer.debit])
        return _Reservation(rows, held, (*known.over, transfer.debit))

    def _reservation(self, owner: str, reservation: str) -> _Reservation:
        known = self._reservations.get((owner, reservation))
        if known is not None:
            return known
        found = _NOTHING
        for kind, debit_owner, debit_name, credit_owner, credit_name, currency, micros in self._rows(
            _RESERVED, (owner, reservation, reservation, reservation)
        ):
            debit = AccountRef(debit_owner, debit_name)
            rows = (*found.rows, (kind, micros))
            if kind == Kind.PENDING:
                held = _held(found.held, (debit, AccountRef(credit_owner, credit_name), currency, micros))
                found = _Reservation(rows, held, found.over)
            else:
                found = _Reservation(rows, found.held, (*found.over, debit))
        found = replace(found, held=tuple([part for part in found.held if part[0] not in found.over]))
        if found.held:
            self._reservations[owner, reservation] = found
        return found

    def _move(self, account: rules.Account, balance: int, held: int) -> None:
        """Change a balance and what is held of it, where the account keeps them."""
        if account.floor_micros is None:
            return
        assert account.balance_micros is not None
        assert account.held_micros is not None
        new = rules.Account(
            ref=account.ref,
            currency=account.currency,
            floor_micros=account.floor_micros,
            balance_micros=account.balance_micros + balance,
            held_micros=account.held_micros + held,
        )
        if new.available_micros < 0:
            raise _error(rules.FloorReached)
        owner, name = account.ref.owner, account.ref.name
        self._memory.put(self._accounts[owner], name, new)
        self._memory.add(MOVE, (owner, name), (balance, held))

    def _leg(self, owner: str, of: tuple[str, str], leg: int, ref: AccountRef, micros: int) -> None:
        self._memory.insert(INSERT_POSTING, (owner, of[0], leg, ref.owner, ref.name, of[1], micros))

    def _of(self, owner: str) -> dict[str, rules.Account]:
        known = self._accounts.get(owner)
        if known is None:
            known = self._accounts[owner] = {}
        return known


def _error(kind: type[rules.LedgerError]) -> rules.LedgerError:
    return kind(SENTENCES[kind])


def _held(held: tuple[Held, ...], more: Held) -> tuple[Held, ...]:
    """What is held with that added, on the account where some is held already or after the others."""
    if not held:
        return (more,)
    if not any(part[0] == more[0] for part in held):
        return (*held, more)
    return tuple([(*part[:3], part[3] + more[3]) if part[0] == more[0] else part for part in held])


def _account(ref: AccountRef, currency: str, floor: int | None, balance: int | None, held: int | None) -> rules.Account:
    return rules.Account(ref=ref, currency=currency, floor_micros=floor, balance_micros=balance, held_micros=held)


def _row(transfer: rules.Transfer) -> tuple[object, ...]:
    return (
        transfer.owner,
        transfer.transfer,
        transfer.kind.value,
        transfer.reservation,
        transfer.debit.owner,
        transfer.debit.name,
        transfer.credit.owner,
        transfer.credit.name,
        transfer.currency,
        transfer.amount_micros,
        transfer.released_micros,
        text(transfer.at),
        transfer.reason,
    )
