"""The engine: every operation of charging in one process that owns its database, one transaction for many requests.

A request works on memory; what it changes is gathered in a unit of work, undone alone when the request fails, and written with
few statements when the batch ends. `Engine` implements `ports.Charging` in process; the service hands it batches from its socket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import cast

import structlog

from cadran.balance import operations as balance
from cadran.balance import withdrawals
from cadran.balance.adapters import memory as balance_memory
from cadran.charging import checks, corrections, events, gifts, liabilities, lines, metrics, needs, rules, shards
from cadran.charging.adapters import memory as charging_memory
from cadran.charging.adapters.evidence import Evidence
from cadran.charging.calls import Calls, refused
from cadran.charging.comeback import Comeback
from cadran.charging.ports import (
    AuthoriseCall,
    Bought,
    BuyCredit,
    Charged,
    ChargeEvent,
    ChargingRefused,
    ChargingUnavailable,
    CorrectCharge,
    Corrected,
    CreditLine,
    GiveCredit,
    Grant,
    Line,
    MovedVouchers,
    MoveVouchers,
    SettleCall,
    Settled,
    WithdrawCredit,
    Withdrawn,
)
from cadran.charging.shards import Shard
from cadran.ledger.adapters import memory as ledger_memory
from cadran.ledger.rules import Kind
from cadran.policy.proof import gathering
from cadran.units import store
from cadran.units.clock import BootClock, MonotonicClock
from cadran.units.errors import CadranError
from cadran.units.ids import is_key
from cadran.units.postgresql import PostgresDatabase
from cadran.units.sqlite import SqliteDatabase

LEASE_S = 60
RINGING_LEASES = 3  # a call that rings reports nothing yet: its first lease is that much longer
EXTENSION_S = 30
MAX_KEPT = 100_000  # owners, buckets and reservations in memory, before all are read afresh
ORDER = (*ledger_memory.ORDER, *balance_memory.ORDER, *charging_memory.ORDER, *gathering.ORDER)
Work = Callable[[], object]
log = structlog.get_logger()


class NotMigrated(CadranError):
    """The file has no tables yet."""

    error_id = "charging-not-migrated"


class ShardsDiffer(CadranError):
    """The database is shared by another number of processes than this one was told."""

    error_id = "charging-shards-differ"


class FileTaken(CadranError):
    """Another engine owns the file."""

    error_id = "charging-file-taken"


class Engine:
    """Owns the file: open one engine on it at a time. Safe to call from several threads.

    place: a file of SQLite, or the address of a PostgreSQL database (`postgresql://...`). clock: for leases. extension_s: the most
    that one extension grants. synchronous: anything but FULL gives up durability, for measuring what it costs. shard: the accounts
    that this engine owns; of a file always all.
    """

    def __init__(
        self,
        place: Path | str,
        *,
        contracts: needs.Contracts,
        prices: needs.Prices,
        clock: MonotonicClock | None = None,
        lease_s: int = LEASE_S,
        extension_s: int = EXTENSION_S,
        synchronous: str = "FULL",
        shard: Shard = shards.ONE,
    ) -> None:
        self._clock = clock or BootClock()
        self.shard = shard
        self._away: Comeback | None = None
        self._lease_s = lease_s
        self._ringing_s = (RINGING_LEASES - 1) * lease_s
        self.lock = RLock()
        self.before_run: Callable[[], None] | None = None  # waits for what another is committing
        self.database = self._open(place, synchronous, shard)
        self.memory = store.Memory()
        self.prices = prices
        self.buckets = balance_memory.MemoryBuckets(self.memory, self.database, shard.owns)
        self.evidence = Evidence(self.memory, self.database)
        self.books = ledger_memory.MemoryBooks(self.memory, self.database, self.evidence.transfer)
        self.sessions = charging_memory.MemorySessions(self.memory, self.database, self.evidence.record)
        self.calls = Calls(
            sessions=self.sessions,
            buckets=self.buckets,
            books=self.books,
            contracts=contracts,
            prices=prices,
            extension_s=extension_s,
            owns=shard.owns,
        )
        self._leases: dict[str, float] = {}
        try:
            self._check_shards()
            self._load()
        except store.NoTables as error:
            self.close()
            raise NotMigrated(error.message) from error
        except ShardsDiffer:
            self.close()
            raise

    def close(self) -> None:
        """Release the database; again does nothing. What was acknowledged is on disk already."""
        with self.lock:
            self.database.close()

    def run(self, batch: Sequence[Work]) -> list[object]:
        """Do each piece of work, undone alone where it fails, in one durable transaction; returns results and errors in order.

        Where the database refuses a row, nothing of the batch happened, and each piece is tried again in a transaction of its own.
        When it cannot be written at all, nothing happened and each answer is ChargingUnavailable.
        """
        with self.lock:
            if self.before_run is not None:
                self.before_run()
            if not self.present():
                return [_away()] * len(batch)
            try:
                answers = self.attempts(batch)
                self._commit()
            except store.Conflict as error:
                self.abandon()
                if len(batch) > 1:
                    log.error("batch refused by the database, tried one by one", error=str(error), size=len(batch))
                    return [self.run([work])[0] for work in batch]
                return [_expected(_named(error))]
            except store.DatabaseLost as error:
                log.error("batch not committed", error=str(error), size=len(batch))
                self.abandon()
                return [_away()] * len(batch)
            except BaseException:
                self.abandon()
                raise
            return answers

    def open_wallet(self, *, account: str, brand: str, currency: str, at: datetime) -> None:
        self._one(lambda: self.do_open_wallet(account=account, brand=brand, currency=currency, at=at))

    def authorise(self, request: AuthoriseCall) -> Grant:
        answer = self._one(lambda: self.do_authorise(request))
        assert isinstance(answer, Grant)
        return answer

    def extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Grant:
        answer = self._one(lambda: self.do_extend(session=session, seq=seq, used_s=used_s, at=at))
        assert isinstance(answer, Grant)
        return answer

    def heartbeat(self, *, used_s: Mapping[str, int]) -> tuple[str, ...]:
        answer = self._one(lambda: self.do_heartbeat(used_s=used_s))
        assert isinstance(answer, tuple)
        return answer

    def settle(self, request: SettleCall) -> Settled:
        answer = self._one(lambda: self.do_settle(request))
        assert isinstance(answer, Settled)
        return answer

    def buy_credit(self, request: BuyCredit) -> Bought:
        answer = self._one(lambda: self.do_buy_credit(request))
        assert isinstance(answer, Bought)
        return answer

    def correct(self, request: CorrectCharge) -> Corrected:
        answer = self._one(lambda: self.do_correct(request))
        assert isinstance(answer, Corrected)
        return answer

    def withdraw(self, request: WithdrawCredit) -> Withdrawn:
        answer = self._one(lambda: self.do_withdraw(request))
        assert isinstance(answer, Withdrawn)
        return answer

    def credit_line(self, request: CreditLine) -> Line:
        answer = self._one(lambda: self.do_credit_line(request))
        assert isinstance(answer, Line)
        return answer

    def give_credit(self, request: GiveCredit) -> Bought:
        answer = self._one(lambda: self.do_give_credit(request))
        assert isinstance(answer, Bought)
        return answer

    def move_vouchers(self, request: MoveVouchers) -> MovedVouchers:
        return cast(MovedVouchers, self._one(lambda: self.do_move_vouchers(request)))

    def charge_event(self, request: ChargeEvent) -> Charged:
        answer = self._one(lambda: self.do_charge_event(request))
        assert isinstance(answer, Charged)
        return answer

    def expire_credit(self, *, at: datetime) -> int:
        answer = self._one(lambda: self.do_expire_credit(at=at))
        assert isinstance(answer, int)
        return answer

    def erase_evidence(self, *, holder: int, shard: int = 0) -> int:
        answer = self._one(lambda: self.do_erase_evidence(holder=holder, shard=shard))
        assert isinstance(answer, int)
        return answer

    def rewrap_evidence(self) -> int:
        """Wrap the file's data keys of evidence again, where a newer key was put in front of the secret; returns how many."""
        answer = self._one(self.evidence.journal.rewrap)
        assert isinstance(answer, int)
        return answer

    def reload_decks(self) -> int:
        with self.lock:
            return self.prices.reload()

    def expire_leases(self, *, at: datetime) -> int:
        """Settle the calls of which nothing was heard for a lease, by the last seconds they reported; returns how many. `at` is the
        civil clock's instant."""
        now = self._clock.seconds()
        with self.lock:
            if not self.present():
                return 0
            late = [session for session, until in self._leases.items() if until <= now]
            for start in range(0, len(late), 200):
                part = late[start : start + 200]
                self.run([lambda session=session: self._lease_over(session, at) for session in part])  # type: ignore[misc]
        return len(late)

    def present(self) -> bool:
        """Whether the database is there; where it was away, it is tried again, not more often than `comeback` says.

        Raises DatabaseLost when it has been away for too long: the process then ends.
        """
        with self.lock:
            away, now = self._away, self._clock.seconds()
            if away is None:
                return True
            if not away.due(now):
                return False
            try:
                self._leases.clear()  # nobody could report meanwhile
                self._load()
            except (store.DatabaseLost, store.Taken) as error:
                if away.over(now):
                    raise store.DatabaseLost(f"the charging database stayed away: {error}") from error
                away.failed(self._clock.seconds())
                return False
            log.warning("database back", away_s=round(now - away.since_s, 1), open_calls=len(self.calls.open))
            self._away = None
            return True

    def next_lease_s(self) -> float | None:
        """Seconds until the next lease is over, for whoever waits; None without open calls."""
        with self.lock:
            return min(self._leases.values()) - self._clock.seconds() if self._leases else None

    # Work for a batch: each runs inside `run`.

    def do_open_wallet(self, *, account: str, brand: str, currency: str, at: datetime) -> None:
        checks.wallet(account=account, brand=brand, currency=currency, at=at)
        self.shard.check(account)
        try:
            balance.open_wallet(self.buckets, self.books, owner=account, brand=brand, currency=currency, at=at)
        except balance.WalletDiffers as error:
            raise refused("wallet-differs", error.message) from error

    def do_authorise(self, request: AuthoriseCall) -> Grant:
        self.shard.check(request.account)
        grant = self.calls.authorise(request)
        metrics.authorised(grant)
        return grant

    def do_extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Grant:
        return self.calls.extend(session=session, seq=seq, used_s=used_s, at=at)

    def do_heartbeat(self, *, used_s: Mapping[str, int]) -> tuple[str, ...]:
        closed = self.calls.heartbeat(used_s)
        until = self._clock.seconds() + self._lease_s
        for session in used_s:
            if session in self._leases:
                self._leases[session] = until + self._longer_s(self.calls.open.get(session))
        return closed

    def do_settle(self, request: SettleCall) -> Settled:
        return self.calls.settle(request)

    def do_buy_credit(self, request: BuyCredit) -> Bought:
        checks.buy(request)
        self.shard.check(request.account)
        wallet = self.buckets.wallet(request.account)
        if wallet is None:
            raise refused("account-unknown", f"{request.account} has no wallet: open one first")
        if wallet.currency != request.currency:
            raise refused(
                "currency-differs", f"{request.account} has its credit in {wallet.currency}, not {request.currency}"
            )
        try:
            terms = self.calls.contracts.terms(request.terms)
        except (CadranError, KeyError) as error:
            raise refused("terms-unknown", f"no terms {request.terms!r}: give brand/version as accepted") from error
        try:
            bucket = balance.buy(
                self.buckets,
                self.books,
                owner=request.account,
                key=request.key,
                amount_micros=request.amount_micros,
                means=request.means,
                terms=terms,
                at=request.at,
            )
        except balance.PurchaseDiffers as error:
            raise refused("key-reused", error.message) from error
        return Bought(
            key=request.key,
            bucket=bucket.bucket,
            expires_at=bucket.first_expires_at,
            balance_micros=bucket.balance_after_micros,
        )

    def do_correct(self, request: CorrectCharge) -> Corrected:
        self.shard.check(request.account)
        return corrections.correct(
            request,
            sessions=self.calls.sessions,
            buckets=self.buckets,
            books=self.books,
            contracts=self.calls.contracts,
        )

    def do_withdraw(self, request: WithdrawCredit) -> Withdrawn:
        checks.withdrawal(request)
        self.shard.check(request.account)
        if self.buckets.wallet(request.account) is None:
            raise refused("account-unknown", f"{request.account} has no wallet: open one first")
        if request.step == "hold":
            state = withdrawals.hold(
                self.buckets,
                self.books,
                owner=request.account,
                key=request.key,
                amount_micros=request.amount_micros,
                towards=request.towards,
                bucket=request.bucket,
                at=request.at,
            )
            return Withdrawn(key=request.key, state=state.value, amount_micros=request.amount_micros)
        state, amount = withdrawals.end(
            self.buckets,
            self.books,
            owner=request.account,
            key=request.key,
            take=request.step == "take",
            at=request.at,
        )
        return Withdrawn(key=request.key, state=state.value, amount_micros=amount)

    def do_credit_line(self, request: CreditLine) -> Line:
        self.shard.check(request.account)
        return lines.change(request, buckets=self.buckets, books=self.books)

    def do_give_credit(self, request: GiveCredit) -> Bought:
        self.shard.check(request.account)
        return gifts.give(request, buckets=self.buckets, books=self.books, contracts=self.calls.contracts)

    def do_move_vouchers(self, request: MoveVouchers) -> MovedVouchers:
        self.shard.check(f"house/{request.brand}")
        return liabilities.move(request, books=self.books)

    def do_charge_event(self, request: ChargeEvent) -> Charged:
        self.shard.check(request.account)
        charged = events.charge(request, calls=self.calls)
        metrics.charged(request.step, charged)
        return charged

    def do_erase_evidence(self, *, holder: int, shard: int = 0) -> int:
        checks.holder(holder)
        if shard != self.shard.number:
            raise refused("shard-differs", f"shard {shard} keeps evidence of its own, and this is {self.shard.number}")
        self._commit()  # what precedes it in the batch
        return self.evidence.journal.erase(holder)

    def do_expire_credit(self, *, at: datetime) -> int:
        checks.instant(at)
        return balance.expire(self.buckets, self.books, at=at)

    # Transactions and leases.

    def _one(self, work: Work) -> object:
        answer = self.run([work])[0]
        if isinstance(answer, CadranError):
            raise answer
        return answer

    def attempts(self, batch: Sequence[Work]) -> list[object]:
        """Do each piece of work in memory; returns their answers, which hold once it is committed."""
        asked = [work.args[0] for work in batch if getattr(work, "func", None) == self.do_authorise]  # type: ignore[attr-defined]
        self.sessions.ask([request.session for request in asked if is_key(request.session)])
        answers = [self.attempt(work) for work in batch]
        metrics.open_sessions(len(self.calls.open))
        return answers

    def attempt(self, work: Work) -> object:
        """Do a piece of work in memory, undone alone where it fails; returns its result or its expected error."""
        try:
            answer = work()
            self.evidence.prove()
        except (store.Conflict, store.DatabaseLost):
            raise
        except (CadranError, ValueError, TypeError, LookupError, AssertionError, ArithmeticError) as error:
            self.memory.undo()
            self.calls.forget()
            self.evidence.undo()
            return _expected(error)
        self.memory.keep()
        self._renew()
        return answer

    def alone(self, work: Work) -> bool:
        """Whether that work must not be done while another batch is being committed: it asks the database for
        rows of which memory keeps none."""
        rare = (self.do_erase_evidence, self.do_expire_credit, self.do_credit_line, self.do_move_vouchers)
        return getattr(work, "func", None) in rare

    def prepared(self) -> store.Unit:
        """What was gathered, written but not committed: that is for the caller. Raises Conflict, DatabaseLost."""
        unit = self.memory.take()
        self.evidence.journal.seal(unit)
        self.database.prepare(unit, ORDER)
        return unit

    def _commit(self) -> None:
        """Write what was gathered, and answer for it."""
        unit = self.memory.take()
        if unit:
            self.evidence.journal.seal(unit)
            self._write(unit)
        store.written(unit)
        if self.books.size() + self.buckets.size() > MAX_KEPT:
            self._forget()

    def _write(self, unit: store.Unit) -> None:
        self.database.write(unit, ORDER)

    def _forget(self) -> None:
        """Read everything but the open calls afresh."""
        self.memory.forget()
        self.books.forget()
        self.buckets.forget()
        self.sessions.forget()
        self.evidence.undo()

    def _renew(self) -> None:
        """A session that an operation changed has its lease from now, or none when it is over."""
        changed = self.calls.changed()
        if changed:
            until = self._clock.seconds() + self._lease_s
            self.calls.keep()
            for session in changed:
                if (known := self.calls.open.get(session)) is not None:
                    self._leases[session] = until + self._patience_s(known)
                else:
                    self._leases.pop(session, None)

    def _patience_s(self, session: rules.Session) -> int:
        """How much longer than a lease nothing need be heard of what has just changed."""
        ringing = 0 if session.event or session.seq or session.used_s else self._ringing_s
        return max(ringing, self._longer_s(session))

    def _longer_s(self, session: rules.Session | None) -> int:
        """How much longer than a lease the request itself asked for."""
        return max(0, session.request.lease_s - self._lease_s) if session is not None else 0

    def abandon(self) -> None:
        """Nothing of the unit was kept: take memory back to what the database has; where that is away, `present` tries again."""
        try:
            self._load()
        except (store.DatabaseLost, store.Taken) as error:
            log.critical("database lost", error=str(error))
            now = self._clock.seconds()
            self._away = Comeback(since_s=now)
            self._away.failed(now)
            self._forget()

    @property
    def away(self) -> bool:
        """Whether the database was lost and is not back."""
        return self._away is not None

    def _check_shards(self) -> None:
        if isinstance(self.database, PostgresDatabase):
            kept = self.database.rows("SELECT count FROM charging_sharding")
            count = int(kept[0][0]) if kept else 1
            if count != self.shard.count:
                raise ShardsDiffer(
                    f"the database is shared by {count} charging processes, CADRAN_CHARGING_SHARDS says {self.shard.count}:"
                    f" set it to {count}, or stop Cadran and raise the number with `cadran charging-shards`"
                )

    def _load(self) -> None:
        self._forget()
        self.evidence.journal.load()
        self.calls.load()
        until = self._clock.seconds() + self._lease_s
        self._leases = {
            key: self._leases.get(key, until + self._longer_s(known)) for key, known in self.calls.open.items()
        }

    @staticmethod
    def _open(place: Path | str, synchronous: str, shard: Shard) -> store.Database:
        try:
            if isinstance(place, str):
                return PostgresDatabase(
                    place,
                    shard=shard.number,
                    schema=shards.schema(shard.number),
                    numbered=charging_memory.INSERT_CDR.table if shard.count > 1 else "",
                    durable=synchronous == "FULL",
                )
            return SqliteDatabase(place, synchronous=synchronous)
        except store.Taken as error:
            raise FileTaken(error.message) from error

    def _lease_over(self, session: str, at: datetime) -> Settled | Charged | None:
        known = self.calls.open.get(session)
        if known is None:
            self._leases.pop(session, None)
            return None
        self._leases[session] = self._clock.seconds() + self._lease_s  # if it fails, not again at once
        log.warning("lease over", call=session, used_s=known.used_s)
        metrics.lease_over()
        if known.event is not None:
            return events.ended(known, self.calls, at=at, take=None, unused=Kind.EXPIRE)
        return self.calls.settle(rules.lease_over(known, at), unused=Kind.EXPIRE)


def _away() -> ChargingUnavailable:
    return ChargingUnavailable("the charging database did not take the request: send the same key again in a moment")


def _named(error: store.Conflict) -> Exception:
    """What the database refused, by the name that callers know."""
    if error.name == "charging_session_key":  # an account of another shard took it in the same moment
        return refused("key-reused", "this session is another account's: use a new session for each call")
    return ledger_memory.named(error)


def _expected(error: Exception) -> CadranError:
    """What the caller is told. What nobody foresaw is logged whole, and refuses this request alone: calls in progress go on."""
    if isinstance(error, ChargingRefused | ChargingUnavailable):
        return error
    if isinstance(error, CadranError):
        return refused(error.error_id, error.message)
    log.critical("request failed against all expectation", exc_info=error)
    metrics.failed()
    return refused("internal", "charging could not do this: its log says why; nothing was changed")
