"""Any interleaving of calls, repeats, purchases, expiry and deaths of the engine: money adds up, and nothing goes below zero."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from charging_rig import AT, LANDLINE, MOBILE, STEPPED, TERMS, Books, StepClock, call, fresh_file, open_engine
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cadran.balance.adapters.memory import MemoryBuckets
from cadran.charging.adapters.memory import MemorySessions
from cadran.charging.engine import Engine, Work
from cadran.charging.ports import BuyCredit, ChargingRefused, ChargingUnavailable, Grant, SettleCall, Settled
from cadran.ledger.adapters.memory import MemoryBooks
from cadran.units.store import DatabaseLost, Memory

CALLS = st.integers(0, 7)
PRICES = {LANDLINE: (12_000_000, 1, 1, 0), MOBILE: (100_000_000, 1, 1, 0), STEPPED: (60_000_000, 60, 60, 50_000)}
DESTINATIONS = tuple(PRICES)


def price(destination: str, seconds: int) -> int:
    """The charge by the deck's own words: reckoned here a second time, in plain arithmetic."""
    nanos, first, following, fee = PRICES[destination]
    if seconds == 0:
        return 0
    billed = first + -(-max(0, seconds - first) // following) * following
    return (nanos * billed * 2 + 60_000) // 120_000 + fee


class ChargedCalls(RuleBasedStateMachine):
    """Remembers every answer, and compares the file with it after each step."""

    @initialize(purchases=st.integers(0, 3))
    def open(self, purchases: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cadran-"))
        self.file = fresh_file(self.folder / "charging.db")
        self.books = Books(self.file)
        self.clock = StepClock()
        self.engine: Engine = open_engine(self.file, self.clock)
        self.now = AT
        self.engine.open_wallet(account="acc1", brand="ippi", currency="EUR", at=AT)
        self.bought = 0
        self.purchases = 0
        self.grants: dict[str, tuple[str, Grant]] = {}
        self.latest: dict[str, Grant] = {}
        self.extended: dict[tuple[str, int], Grant] = {}
        self.settled: dict[str, Settled] = {}
        for _ in range(purchases):
            self.buy(100_000)

    @rule(micros=st.sampled_from((1, 999, 30_000, 110_000)))
    def buy(self, micros: int) -> None:
        self.purchases += 1
        request = BuyCredit(
            key=f"p{self.purchases}", account="acc1", terms=TERMS, amount_micros=micros, currency="EUR", at=self.now
        )
        first = self.engine.buy_credit(request)
        assert self.engine.buy_credit(request) == first
        self.bought += micros

    @rule(number=CALLS, destination=st.sampled_from(DESTINATIONS))
    def authorise(self, number: int, destination: str) -> None:
        session = f"s{number}"
        known = self.grants.get(session)
        try:
            grant = self.engine.authorise(call(session, destination=destination, at=self.now))
        except ChargingRefused as error:
            reason = str(error.details["reason"])
            assert reason == "key-reused"
            assert known is not None
            assert known[0] != destination
            return
        if known is not None:
            assert (destination, grant) == known
        self.grants[session] = (destination, grant)
        self.latest.setdefault(session, grant)

    @rule(number=CALLS, seq=st.integers(1, 6), used=st.integers(0, 40))
    def extend(self, number: int, seq: int, used: int) -> None:
        session = f"s{number}"
        try:
            grant = self.engine.extend(session=session, seq=seq, used_s=used, at=self.now)
        except ChargingRefused as error:
            reason = str(error.details["reason"])
            assert reason in {"session-unknown", "session-settled", "seq-passed"}
            assert (session, seq) not in self.extended
            return
        if (session, seq) in self.extended:
            assert grant == self.extended[session, seq]
            return
        self.extended[session, seq] = grant
        if grant.decision.allowed:
            before = self.latest[session].granted_s
            assert before is not None
            assert grant.granted_s is not None
            assert before <= grant.granted_s <= before + 30
            assert grant.final or grant.granted_s == before + 30
            self.latest[session] = grant

    @rule(number=CALLS, measured_ms=st.integers(0, 200_000), answered=st.booleans())
    def settle(self, number: int, measured_ms: int, answered: bool) -> None:
        session = f"s{number}"
        request = SettleCall(
            session=session,
            at=self.now + timedelta(seconds=300),
            answered_at=self.now if answered else None,
            measured_ms=measured_ms,
            disposition="answered" if answered else "busy",
        )
        try:
            settled = self.engine.settle(request)
        except ChargingRefused as error:
            reason = str(error.details["reason"])
            assert reason == "session-unknown"
            assert session not in self.grants
            return
        if session in self.settled:
            assert settled == self.settled[session]
            return
        self.settled[session] = settled
        destination, grant = self.grants[session]
        if grant.decision.allowed:
            granted = self.latest[session].granted_s
            assert granted is not None
            wanted = min(max(1, -(-measured_ms // 1000)), granted) if answered else 0
            assert (settled.charged_s, settled.charge_micros) == (wanted, price(destination, wanted))
        else:
            assert settled.charge_micros == 0

    @rule(number=CALLS, used=st.integers(0, 20))
    def report(self, number: int, used: int) -> None:
        closed = self.engine.heartbeat(used_s={f"s{number}": used})
        allowed = f"s{number}" in self.grants and self.grants[f"s{number}"][1].decision.allowed
        assert bool(closed) == (not allowed or f"s{number}" in self.settled)

    @rule(number=CALLS, micros=st.sampled_from((1, 30_000)), where=st.integers(0, 3), lost=st.booleans())
    def a_batch_of_which_a_part_fails(self, number: int, micros: int, where: int, lost: bool) -> None:
        """A purchase, a call and its end in one batch, a request that breaks half way among them, and maybe a disk that is full."""
        self.purchases += 1
        session = f"batch{self.purchases}"
        bought = BuyCredit(
            key=f"p{self.purchases}", account="acc1", terms=TERMS, amount_micros=micros, currency="EUR", at=self.now
        )
        over = SettleCall(session=session, at=self.now + timedelta(seconds=9), answered_at=self.now, measured_ms=4_000)

        def broken() -> None:
            self.engine.do_authorise(call(f"broken{number}", at=self.now))
            self.engine.do_heartbeat(used_s={f"s{number}": 40})
            self.engine.do_buy_credit(replace(bought, key="broken"))
            raise ValueError("half way")

        works: list[Work] = [
            partial(self.engine.do_buy_credit, bought),
            partial(self.engine.do_authorise, call(session, at=self.now)),
            partial(self.engine.do_settle, over),
        ]
        works.insert(where, broken)
        if lost:
            real = self.engine.database.commit
            self.engine.database.commit = self._full  # type: ignore[method-assign]
            assert all(isinstance(answer, ChargingUnavailable) for answer in self.engine.run(works))
            self.engine.database.commit = real  # type: ignore[method-assign]
        answers = self.engine.run(works)
        failed = answers.pop(where)
        assert isinstance(failed, ChargingRefused)
        assert failed.details["reason"] == "internal"
        _, grant, settled = answers
        assert isinstance(grant, Grant)
        assert isinstance(settled, Settled)
        self.bought += micros
        self.grants[session] = (LANDLINE, grant)
        self.latest[session] = grant
        self.settled[session] = settled
        assert settled.charge_micros == (price(LANDLINE, 4) if grant.decision.allowed else 0)
        assert self.engine.run([work for work in works if work is not broken]) == answers

    def _full(self) -> None:
        self.engine.database._back()  # type: ignore[attr-defined]
        raise DatabaseLost("disk full")

    @rule()
    def die_and_come_back(self) -> None:
        self.engine.close()
        self.engine = open_engine(self.file, self.clock)

    @rule(number=CALLS)
    def die_before_the_commit(self, number: int) -> None:
        """What was done and not committed never happened."""
        before = self.books.rows("SELECT * FROM ledger_account ORDER BY owner, name")
        self.engine.attempt(lambda: self.engine.do_authorise(call(f"lost{number}", at=self.now)))
        self.die_and_come_back()
        assert self.books.rows("SELECT * FROM ledger_account ORDER BY owner, name") == before

    @precondition(lambda self: self.grants)
    @rule()
    def fall_silent(self) -> None:
        """Every open call's lease ends: it is settled by what it last reported, and told so when it comes back late."""
        self.clock.at_s += 1_000
        self.engine.expire_leases(at=self.now)
        for session in self.grants:
            if session not in self.settled:
                late = SettleCall(session=session, at=self.now, answered_at=self.now, measured_ms=10**7)
                self.settled[session] = self.engine.settle(late)

    @rule(days=st.sampled_from((1, 100, 181)))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.engine.expire_credit(at=self.now)
        assert self.engine.expire_credit(at=self.now) == 0

    @invariant()
    def the_books_are_right(self) -> None:
        if not hasattr(self, "books"):
            return
        self.books.check()
        micros, held = self.books.balance()
        assert 0 <= held <= micros
        charged = sum(settled.charge_micros for settled in self.settled.values())
        expired = self.books.one(
            "SELECT coalesce(sum(amount_micros), 0) FROM ledger_posting WHERE account_name = 'expired-credit/EUR'"
        )
        assert self.bought == micros + charged + expired

    @invariant()
    def each_reservation_holds_exactly_what_its_grant_costs(self) -> None:
        if not hasattr(self, "books"):
            return
        held = dict(self.books.rows("SELECT session, held_micros FROM charging_session WHERE state = 'open'"))
        for session, (destination, grant) in self.grants.items():
            if grant.decision.allowed and session not in self.settled:
                granted = self.latest[session].granted_s
                assert granted is not None
                assert held[session] == price(destination, granted)

    @invariant()
    def memory_is_what_the_database_has(self) -> None:
        if not hasattr(self, "engine"):
            return
        engine, database = self.engine, self.engine.database
        assert not engine.memory.unit
        fresh = MemorySessions(Memory(), database).open_sessions()
        assert engine.calls.open == {session.request.session: session for session in fresh}
        books, buckets = MemoryBooks(Memory(), database), MemoryBuckets(Memory(), database)
        for known in engine.books._accounts.values():
            for account in known.values():
                assert books.account(account.ref) == account
        for (owner, bucket), dates in engine.buckets._buckets.items():
            assert buckets.bucket(owner, bucket) == dates
        for owner, listed in engine.buckets._of.items():
            assert sorted(one.bucket for one in buckets.of(owner)) == sorted(one.bucket for one in listed)
        for key, reservation in engine.books._reservations.items():
            assert books.held(*key) == reservation.held

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.close()
            shutil.rmtree(self.folder)


TestChargedCalls = ChargedCalls.TestCase
TestChargedCalls.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
