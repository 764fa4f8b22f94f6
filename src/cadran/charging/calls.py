"""The life of a charged call: authorised, extended, settled, each once whatever is repeated. Inside the engine's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from cadran.balance import operations as balance
from cadran.balance import ports as balance_ports
from cadran.charging import basis, checks, metrics, needs, records, rules
from cadran.charging.ports import AuthoriseCall, ChargingRefused, Grant, SettleCall, Settled
from cadran.ledger import operations as ledger
from cadran.ledger.ports import Books
from cadran.ledger.rules import AccountRef, Kind
from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.ids import new_id


class Calls:
    """The operations on calls. The open ones are kept in memory as well: the engine is their only writer.

    A change of a session becomes visible to others by `keep`, once the operation that made it has succeeded.
    """

    def __init__(
        self,
        *,
        sessions: needs.Sessions,
        buckets: balance_ports.Buckets,
        books: Books,
        contracts: needs.Contracts,
        prices: needs.Prices,
        extension_s: int,
        owns: Callable[[str], bool] = lambda account: True,
    ) -> None:
        self.sessions = sessions
        self.buckets = buckets
        self.books = books
        self.contracts = contracts
        self.prices = prices
        self.extension_s = extension_s
        self._owns = owns
        self.open: dict[str, rules.Session] = {}
        self._changed: dict[str, rules.Session] = {}
        self._products: dict[tuple[str, str], tuple[Terms, Terms]] = {}

    def load(self) -> None:
        """Take the open sessions from the database, forgetting what memory has."""
        self._changed.clear()
        found = self.sessions.open_sessions()
        self.open = {one.request.session: one for one in found if self._owns(one.request.account)}

    def note(self, session: rules.Session) -> None:
        """The present operation changed that session."""
        self._changed[session.request.session] = session

    def noted(self, session: str) -> rules.Session:
        """A session as the present operation left it."""
        return self._changed[session]

    def changed(self) -> tuple[str, ...]:
        """The sessions that the present operation changed."""
        return tuple(self._changed)

    def keep(self) -> None:
        """The operation succeeded: what it changed holds."""
        for key, session in self._changed.items():
            if session.state == rules.OPEN:
                self.open[key] = session
            else:
                self.open.pop(key, None)
        self._changed.clear()

    def forget(self) -> None:
        """The operation failed: what it changed does not hold."""
        self._changed.clear()

    @carries("IPP-9.2-cut-at-zero", "IPP-0-restrictions", "IPP-5.5-one-hour")
    def authorise(self, request: AuthoriseCall) -> Grant:
        """See `ports.Charging.authorise`."""
        checks.authorise(request)
        if known := self.find(request.session):
            if known.event is not None or not rules.same_call(known.request, request):
                raise refused("key-reused", f"{request.session} was another call: use a new session for each call")
            return known.first_grant()
        session = self._decided(request)
        if session.state == rules.OPEN and session.rate is not None:
            session = self._reserved(session)
        if session.state == rules.REFUSED:
            session = replace(session, cdr_id=new_id("cdr"))
            self.sessions.insert_record(records.refusal(session, cdr_id=session.cdr_id))
        self.sessions.insert(session)
        self._changed[request.session] = session
        return session.first_grant()

    @carries("IPP-9.2-cut-at-zero", "IPP-5.5-one-hour")
    def extend(self, *, session: str, seq: int, used_s: int, at: datetime) -> Grant:
        """See `ports.Charging.extend`."""
        checks.extend(session=session, seq=seq, used_s=used_s, at=at)
        known = self._known(session)
        asked = known.request
        if seq <= known.seq and (answered := self.sessions.extension(asked.account, session, seq)):
            return known.grant(*answered)
        if known.state == rules.REFUSED:
            return known.first_grant()
        if known.state == rules.SETTLED:
            raise refused("session-settled", f"{session} is over: it cannot be extended")
        if seq <= known.seq:
            raise refused("seq-passed", f"{session} was extended {known.seq} times already: {seq} was never asked for")
        granted_s, held_micros, final = known.granted_s, known.held_micros, known.final
        if known.rate is not None:
            free = balance.spendable_micros(self.buckets, self.books, owner=asked.account, at=at)
            more = rules.extension(known, free, self.extension_s)
            if (added := more.held_micros - held_micros) > 0:
                held = balance.hold(
                    self.buckets,
                    self.books,
                    owner=asked.account,
                    reservation=session,
                    step=seq,
                    amount_micros=added,
                    at=at,
                    income=self._income(known),
                )
                assert held, "the extension was computed from the free credit"
            granted_s, held_micros, final = more.granted_s, more.held_micros, more.final
        changed = replace(
            known,
            seq=seq,
            used_s=max(known.used_s, used_s),
            granted_s=granted_s,
            held_micros=held_micros,
            final=final,
        )
        grant = changed.grant(changed.granted_s, changed.final)
        self.sessions.insert_extension(changed, grant, at)
        self.sessions.change(changed)
        self._changed[session] = changed
        return grant

    def heartbeat(self, used_s: Mapping[str, int]) -> tuple[str, ...]:
        """See `ports.Charging.heartbeat`."""
        checks.heartbeat(used_s)
        closed = []
        for session, seconds in used_s.items():
            known = self.open.get(session)
            if known is None:
                closed.append(session)
            elif seconds > known.used_s and known.event is None:
                changed = replace(known, used_s=seconds)
                self.sessions.change(changed)
                self._changed[session] = changed
        return tuple(closed)

    @carries("IPP-10.1-cdr", "IPP-10.1-per-second", "IPP-9.2-cut-at-zero")
    def settle(self, request: SettleCall, unused: Kind = Kind.VOID) -> Settled:
        """See `ports.Charging.settle`."""
        checks.settle(request)
        known = self._known(request.session)
        asked = known.request
        if known.state != rules.OPEN:
            return self._recorded(asked.account, known.cdr_id)
        result = rules.outcome(known, request.answered_at is not None, request.measured_ms)
        transfers: tuple[str, ...] = ()
        if known.held_micros:
            transfers = balance.settle(
                self.buckets,
                self.books,
                owner=asked.account,
                reservation=asked.session,
                amount_micros=result.micros,
                at=request.at,
                unused=unused,
            )
        record = records.record(known, request, result, cdr_id=new_id("cdr"), transfers=transfers)
        self.sessions.insert_record(record)
        metrics.settled(record)
        over = replace(known, state=rules.SETTLED, cdr_id=record.cdr_id, held_micros=0)
        self.sessions.change(over)
        self._changed[asked.session] = over
        return record.settled()

    def _decided(self, request: AuthoriseCall) -> rules.Session:
        """What the terms say of the call, and its price: open, or refused with the reason."""
        wallet = self.buckets.wallet(request.account)
        if wallet is None:
            raise refused("account-unknown", f"{request.account} has no wallet: open one first")
        try:
            terms = self.contracts.terms(request.terms)
        except (CadranError, KeyError) as error:
            raise refused("terms-unknown", f"no terms {request.terms!r}: give brand/version as accepted") from error
        found = basis.of_call(
            request,
            self._product(terms, request.via),
            currency=wallet.currency,
            find=partial(self.prices.find, wallet.brand),
            law=self.contracts.law,
            free_account=request.direction == "outbound" and not self.buckets.ever_bought(request.account),
        )
        return rules.Session(
            request=request,
            brand=wallet.brand,
            currency=wallet.currency,
            decision=found.decision,
            state=rules.OPEN if found.decision.allowed else rules.REFUSED,
            rate=found.rate,
            limit_s=found.limit_s,
            limit_clause=found.limit_clause,
        )

    def _product(self, terms: Terms, via: str) -> Terms:
        """The terms of a call set up so, made once for each version."""
        if not via:
            return terms
        known = self._products.get((terms.ref, via))
        if known is None or known[0] is not terms:
            known = self._products[terms.ref, via] = terms, basis.product_terms(terms, via)
        return known[1]

    def _reserved(self, session: rules.Session) -> rules.Session:
        """Hold the first grant, or refuse the call when the credit does not pay for it whole."""
        assert session.rate is not None
        request = session.request
        terms = self._product(self.contracts.terms(request.terms), request.via)
        first = rules.first_grant(terms, session.rate, session.limit_s, request.at)
        if request.wanted_s:
            credit = balance.spendable_micros(self.buckets, self.books, owner=request.account, at=request.at)
            first = rules.wanted_grant(session, first, credit)
        if first.held_micros:
            self.books.begin(request.account, request.session)
            held = balance.hold(
                self.buckets,
                self.books,
                owner=request.account,
                reservation=request.session,
                step=0,
                amount_micros=first.held_micros,
                at=request.at,
                income=self._income(session),
            )
            if not held:
                free = balance.spendable_micros(self.buckets, self.books, owner=request.account, at=request.at)
                inputs = {**session.decision.inputs, "first_grant_s": first.granted_s}
                line = balance.line_account(self.books, request.account) is not None
                return _refused_with(session, rules.no_credit(terms, first.held_micros, free, inputs, line=line))
        return replace(
            session,
            first_granted_s=first.granted_s,
            granted_s=first.granted_s,
            held_micros=first.held_micros,
            final=first.final,
        )

    def _income(self, session: rules.Session) -> AccountRef | None:
        """The brand's account that earns the charge, opened where it is new; None for that of calls."""
        name = rules.income(self.contracts.terms(session.request.terms))
        if name == balance.CALLS:
            return None
        ref = balance.house(session.brand, name, session.currency)
        ledger.open_account(self.books, ref=ref, currency=session.currency, at=session.request.at)
        return ref

    def find(self, session: str) -> rules.Session | None:
        """The session of that key, open or over; an event's as well."""
        return self.open.get(session) or self.sessions.session(session)

    def _known(self, session: str) -> rules.Session:
        found = self.find(session)
        if found is None or found.event is not None or not self._owns(found.request.account):
            raise refused("session-unknown", f"no session {session}: authorise it first")
        return found

    def _recorded(self, account: str, cdr_id: str) -> Settled:
        record = self.sessions.record(account, cdr_id)
        assert record is not None, f"session over without its record {cdr_id}"
        return record.settled()


def refused(reason: str, message: str) -> ChargingRefused:
    """The error of a request that cannot be carried out; `reason` is the stable id."""
    return ChargingRefused(message, reason=reason)


def _refused_with(session: rules.Session, decision: Decision) -> rules.Session:
    return replace(session, decision=decision, state=rules.REFUSED)
