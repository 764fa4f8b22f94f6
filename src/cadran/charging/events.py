"""One-off services on the same wallet as the calls: an SMS, an airtime order. The price is the caller's decision, the money is here.

An event is kept like a call: a session while its amount is held, with a lease, and one record once it is over. Runs inside the
engine's transaction.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from cadran.balance import operations as balance
from cadran.charging import checks, records, rules
from cadran.charging.calls import Calls, refused
from cadran.charging.ports import AuthoriseCall, Charged, ChargeEvent
from cadran.ledger import operations as ledger
from cadran.ledger.rules import Kind
from cadran.units.clause import carries
from cadran.units.errors import CadranError
from cadran.units.ids import new_id

PREFIX = "event/"
REASON = "event"


@carries("IPP-9.2-cut-at-zero", "IPP-10.1-cdr")
def charge(request: ChargeEvent, *, calls: Calls) -> Charged:
    """See `ports.Events.charge_event`."""
    checks.event(request)
    known = calls.find(PREFIX + request.key)
    if known is not None and (known.event is None or not _same(known.event, request)):
        raise refused("key-reused", f"{request.key} was another event: use a new key for each event")
    if request.step in ("once", "hold"):
        return _told(_opened(request, calls) if known is None else known, request.step)
    if known is None:
        raise refused("event-unknown", f"nothing is held under {request.key}: hold it first")
    if known.state == rules.REFUSED:
        raise refused("event-refused", f"{request.key} was refused: nothing is held, use a new key to try again")
    if known.state == rules.SETTLED:
        return _repeated(known, request, calls)
    if request.step == "release":
        return ended(known, calls, at=request.at, take=None)
    wanted = known.held_micros if request.amount_micros is None else request.amount_micros
    return ended(known, calls, at=request.at, take=wanted)


def ended(session: rules.Session, calls: Calls, *, at: datetime, take: int | None, unused: Kind = Kind.VOID) -> Charged:
    """Take that many micros of what an event holds and release the rest; None gives all of it up. Its record says which."""
    event = session.event
    assert event is not None
    amount_micros = take or 0
    if amount_micros > session.held_micros:
        raise refused(
            "event-exceeds-hold", f"{event.key} holds {session.held_micros} micros: {amount_micros} cannot be taken"
        )
    transfers: tuple[str, ...] = ()
    if session.held_micros:
        transfers = balance.settle(
            calls.buckets,
            calls.books,
            owner=event.account,
            reservation=session.request.session,
            amount_micros=amount_micros,
            at=at,
            unused=unused,
            reason=REASON,
        )
    record = records.of_event(
        session,
        at=at,
        charge_micros=amount_micros,
        disposition="cancelled" if take is None else "delivered",
        ended_by="restart" if unused is Kind.EXPIRE else "caller",
        cdr_id=new_id("cdr"),
        transfers=transfers,
    )
    calls.sessions.insert_record(record)
    over = replace(session, state=rules.SETTLED, cdr_id=record.cdr_id, held_micros=0)
    calls.sessions.change(over)
    calls.note(over)
    return _answer(over, "released" if take is None else "taken", amount_micros)


def _opened(request: ChargeEvent, calls: Calls) -> rules.Session:
    """Hold the amount, or refuse when the credit does not pay for it whole; `once` takes it at once."""
    wallet = calls.buckets.wallet(request.account)
    if wallet is None:
        raise refused("account-unknown", f"{request.account} has no wallet: open one first")
    if request.currency != wallet.currency:
        raise refused(
            "currency-differs", f"{request.account} has its credit in {wallet.currency}, not {request.currency}"
        )
    try:
        terms = calls.contracts.terms(request.terms)
    except (CadranError, KeyError) as error:
        raise refused("terms-unknown", f"no terms {request.terms!r}: give brand/version as accepted") from error
    assert request.decision is not None, "checked"
    assert request.amount_micros is not None, "checked"
    session = rules.Session(
        request=_as_call(request),
        event=request,
        brand=wallet.brand,
        currency=wallet.currency,
        decision=request.decision,
        state=rules.OPEN,
        held_micros=request.amount_micros,
    )
    if request.amount_micros:
        income = balance.house(wallet.brand, f"revenue/{request.service}", wallet.currency)
        ledger.open_account(calls.books, ref=income, currency=wallet.currency, at=request.at)
        held = balance.hold(
            calls.buckets,
            calls.books,
            owner=request.account,
            reservation=session.request.session,
            step=0,
            amount_micros=request.amount_micros,
            at=request.at,
            income=income,
            reason=REASON,
        )
        if not held:
            free = balance.spendable_micros(calls.buckets, calls.books, owner=request.account, at=request.at)
            decision = rules.no_credit_for_event(terms, request, free)
            session = replace(session, decision=decision, state=rules.REFUSED, held_micros=0, cdr_id=new_id("cdr"))
            calls.sessions.insert_record(records.event_refusal(session))
    calls.sessions.insert(session)
    calls.note(session)
    if request.step == "once" and session.state == rules.OPEN:
        ended(session, calls, at=request.at, take=session.held_micros)
        return calls.noted(session.request.session)
    return session


def _told(session: rules.Session, step: str) -> Charged:
    """The answer to once and hold, the same however often it is asked and whatever came after."""
    assert session.event is not None
    amount = session.event.amount_micros or 0
    if session.state == rules.REFUSED:
        return _answer(session, "refused", 0)
    if step == "once":
        return _answer(session, "taken", amount)
    return _answer(replace(session, cdr_id=""), "held", amount)


def _repeated(session: rules.Session, request: ChargeEvent, calls: Calls) -> Charged:
    """A further take or release of an event that is over: the same answer to the same question, else an error that names which."""
    assert session.event is not None
    record = calls.sessions.record(session.event.account, session.cdr_id)
    assert record is not None, f"event over without its record {session.cdr_id}"
    taken, gone = record.charge_micros, record.disposition == "cancelled"
    if gone:
        if request.step == "release":
            return _answer(session, "released", 0)
        raise refused("event-released", f"{request.key} was released, or its lease was over: use a new key")
    if request.step == "release" or request.amount_micros not in (taken, None):
        raise refused(
            "event-taken", f"{request.key} was taken already, of {taken} micros: only its record can be corrected"
        )
    return _answer(session, "taken", taken)


def _answer(session: rules.Session, state: str, amount_micros: int) -> Charged:
    assert session.event is not None
    return Charged(
        key=session.event.key,
        decision=session.decision,
        state=state,
        amount_micros=amount_micros,
        currency=session.currency,
        cdr_id=session.cdr_id,
    )


def _as_call(request: ChargeEvent) -> AuthoriseCall:
    return AuthoriseCall(
        session=PREFIX + request.key,
        account=request.account,
        terms=request.terms,
        number_class=request.service,
        destination=request.destination,
        at=request.at,
        caller=request.caller,
        accepted_terms=request.accepted_terms,
        lease_s=request.hold_s,
    )


def _same(one: ChargeEvent, other: ChargeEvent) -> bool:
    """Whether two requests under one key are of the same event; a retry may carry a later instant, and the later steps name only
    key and account."""
    if one.account != other.account:
        return False
    if other.step in ("take", "release"):
        return one.step == "hold"

    def asked(request: ChargeEvent) -> tuple[object, ...]:
        return (
            request.step,
            request.service,
            request.terms,
            request.amount_micros,
            request.units,
            request.currency,
            request.destination,
        )

    return asked(one) == asked(other)
