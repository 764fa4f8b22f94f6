"""Any interleaving of transfers, holds and resolutions: each currency sums to zero, no account falls below its floor, caches agree."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledger_rig import fresh_books

from cadran.ledger import operations, rules
from cadran.ledger.adapters.sqlite import SqliteBooks

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
CURRENCIES = ("EUR", "USD")
BUCKETS = [
    rules.AccountRef(f"acc{owner}", f"credit/{bucket}/{currency}")
    for owner in (1, 2)
    for bucket in (1, 2)
    for currency in CURRENCIES
]
AMOUNTS = st.integers(min_value=1, max_value=50)


def house(currency: str) -> rules.AccountRef:
    return rules.AccountRef("house/ippi", f"any/{currency}")


class Books(RuleBasedStateMachine):
    """Compares the books with a plain account of what happened."""

    @initialize()
    def open(self) -> None:
        self.connection = fresh_books()
        self.books = SqliteBooks(self.connection)
        self.balance = dict.fromkeys(BUCKETS, 0)
        self.held: dict[str, dict[rules.AccountRef, int]] = {}
        self.resolved: set[str] = set()
        self.number = 0
        for currency in CURRENCIES:
            operations.open_account(self.books, ref=house(currency), currency=currency, at=AT)
        for ref in BUCKETS:
            operations.open_account(self.books, ref=ref, currency=ref.name[-3:], at=AT, floor_micros=0)

    def free(self, ref: rules.AccountRef) -> int:
        return self.balance[ref] - sum(parts.get(ref, 0) for parts in self.held.values())

    @rule(ref=st.sampled_from(BUCKETS), micros=AMOUNTS, inward=st.booleans(), again=st.booleans())
    def move(self, ref: rules.AccountRef, micros: int, inward: bool, again: bool) -> None:
        self.number += not again
        before = self.connection.total_changes
        other = house(ref.name[-3:])
        try:
            operations.post(
                self.books,
                owner=ref.owner,
                transfer=f"t{self.number}",
                debit=other if inward else ref,
                credit=ref if inward else other,
                currency=ref.name[-3:],
                amount_micros=micros,
                at=AT,
                reason="test",
            )
        except rules.TransferExists:
            assert again
            assert self.connection.total_changes == before
        except rules.FloorReached:
            assert not inward
            assert micros > self.free(ref)
        else:
            self.balance[ref] += micros if inward else -micros
            assert self.free(ref) >= 0

    @rule(ref=st.sampled_from(BUCKETS), micros=AMOUNTS, call=st.integers(1, 4))
    def hold(self, ref: rules.AccountRef, micros: int, call: int) -> None:
        self.number += 1
        key = f"{ref.owner}.call{call}.{ref.name[-3:]}"
        try:
            operations.hold(
                self.books,
                owner=ref.owner,
                transfer=f"{key}:t{self.number}",
                reservation=key,
                debit=ref,
                credit=house(ref.name[-3:]),
                currency=ref.name[-3:],
                amount_micros=micros,
                at=AT,
                reason="test",
            )
        except rules.ReservationResolved:
            assert key in self.resolved
        except rules.FloorReached:
            assert micros > self.free(ref)
        else:
            parts = self.held.setdefault(key, {})
            parts[ref] = parts.get(ref, 0) + micros
            assert self.free(ref) >= 0

    @rule(
        owner=st.sampled_from(("acc1", "acc2")),
        call=st.integers(1, 4),
        currency=st.sampled_from(CURRENCIES),
        micros=st.integers(0, 120),
    )
    def resolve(self, owner: str, call: int, currency: str, micros: int) -> None:
        key = f"{owner}.call{call}.{currency}"
        parts = self.held.get(key, {})
        try:
            operations.resolve(self.books, owner=owner, reservation=key, amount_micros=micros, at=AT, reason="test")
        except rules.ReservationUnknown:
            assert not parts
        except rules.PostExceedsHold:
            assert micros > sum(parts.values())
        else:
            assert micros <= sum(parts.values())
            self.resolved.add(key)
            taken = {ref: self.balance[ref] - self.stored(ref)[0] for ref in parts}
            assert sum(taken.values()) == micros
            assert all(0 <= taken[ref] <= held for ref, held in parts.items())
            for ref, part in taken.items():
                self.balance[ref] -= part
            del self.held[key]

    def stored(self, ref: rules.AccountRef) -> tuple[int, int]:
        account = self.books.account(ref)
        assert account is not None
        assert account.balance_micros is not None
        assert account.held_micros is not None
        return account.balance_micros, account.held_micros

    @invariant()
    def sums_are_zero(self) -> None:
        rows = self.connection.execute("SELECT sum(amount_micros) FROM ledger_posting GROUP BY currency").fetchall()
        assert all(total == 0 for (total,) in rows)

    @invariant()
    def caches_agree_and_no_floor_is_passed(self) -> None:
        posted = dict.fromkeys(BUCKETS, 0)
        for owner, name, micros in self.connection.execute(
            "SELECT account_owner, account_name, amount_micros FROM ledger_posting"
        ):
            if (ref := rules.AccountRef(owner, name)) in posted:
                posted[ref] += micros
        for ref in BUCKETS:
            balance, held = self.stored(ref)
            assert balance == self.balance[ref] == posted[ref]
            assert held == sum(parts.get(ref, 0) for parts in self.held.values())
            assert balance - held >= 0

    def teardown(self) -> None:
        self.connection.close()


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
