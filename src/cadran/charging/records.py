"""The call detail record: what a call was and cost, with all that it was decided and computed on. Never altered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from cadran.charging import rules
from cadran.charging.ports import SettleCall, Settled
from cadran.rating.rules import Rate
from cadran.units.clause import carries


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A CDR. Instants are aware UTC; shown is the caller number presented.

    charge: the charge step by step (rating's `Charge.as_dict()`), empty for a free call and for a correction.
    corrects: the record that a correction amends, at `corrected_at`, for `reason`; returned_micros and owed_micros say what became
    of the difference.
    service: `call`, or the one-off service of an event (`sms`, `airtime`), which is also its number_class; units: how many of it.
    An event is `delivered`, `cancelled` when what was held for it was given up, or `refused`; it has no seconds.
    family, via: what the legs of one customer's call have in common, and how the call was set up (`ports.AuthoriseCall`).
    """

    account: str
    cdr_id: str
    session: str
    call_id: str
    brand: str
    terms: str
    direction: str
    number_class: str
    caller: str
    shown: str
    destination: str
    authorised_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    disposition: str
    ended_by: str
    sip_code: int
    carrier: str
    measured_ms: int
    charged_s: int
    charge_micros: int
    currency: str
    clause: str
    loss_s: int
    loss_micros: int
    granted_s: int | None
    limit_s: int | None
    limit_clause: str
    decision: Mapping[str, object]
    rate: Rate | None = None
    charge: Mapping[str, object] = msgspec.field(default_factory=dict)
    transfers: tuple[str, ...] = ()
    corrects: str = ""
    reason: str = ""
    corrected_at: datetime | None = None
    returned_micros: int = 0
    owed_micros: int = 0
    service: str = "call"
    units: int = 0
    family: str = ""
    via: str = ""

    def settled(self) -> Settled:
        """The answer to settle."""
        return Settled(
            session=self.session,
            cdr_id=self.cdr_id,
            charged_s=self.charged_s,
            charge_micros=self.charge_micros,
            currency=self.currency,
            cut=self.ended_by in rules.CUT_ENDINGS,
        )


@carries("IPP-10.1-cdr")
def record(
    session: rules.Session, request: SettleCall, result: rules.Outcome, *, cdr_id: str, transfers: tuple[str, ...]
) -> Record:
    """The record of a call that is over."""
    asked = session.request
    return Record(
        account=asked.account,
        cdr_id=cdr_id,
        session=asked.session,
        call_id=asked.call_id,
        brand=session.brand,
        terms=asked.terms,
        direction=asked.direction,
        number_class=asked.number_class,
        caller=asked.caller,
        shown=asked.shown,
        destination=asked.destination,
        authorised_at=asked.at,
        answered_at=request.answered_at,
        ended_at=request.at,
        disposition=request.disposition,
        ended_by=request.ended_by,
        sip_code=request.sip_code,
        carrier=request.carrier,
        measured_ms=request.measured_ms if request.answered_at else 0,
        charged_s=result.charged_s,
        charge_micros=result.micros,
        currency=session.currency,
        clause=session.decision.clause,
        loss_s=result.loss_s,
        loss_micros=result.loss_micros,
        granted_s=session.granted_s,
        limit_s=session.limit_s,
        limit_clause=session.limit_clause,
        decision=session.decision.as_dict(),
        rate=session.rate,
        charge=result.charge.as_dict() if result.charge else {},
        transfers=transfers,
        family=asked.family,
        via=asked.via,
    )


def refusal(session: rules.Session, *, cdr_id: str) -> Record:
    """The record of an attempt that was refused: it is logged with its reason."""
    request = SettleCall(
        session=session.request.session,
        at=session.request.at,
        disposition="refused",
        ended_by="operator",
        sip_code=403,
    )
    nothing = rules.Outcome(measured_s=0, charged_s=0, charge=None, loss_s=0, loss_micros=0)
    return record(session, request, nothing, cdr_id=cdr_id, transfers=())


@carries("IPP-10.1-cdr")
def of_event(
    session: rules.Session,
    *,
    at: datetime,
    charge_micros: int,
    disposition: str,
    ended_by: str,
    cdr_id: str,
    transfers: tuple[str, ...],
) -> Record:
    """The record of a one-off service that is over."""
    event = session.event
    assert event is not None
    call = SettleCall(session=session.request.session, at=at, disposition=disposition, ended_by=ended_by, sip_code=0)
    nothing = rules.Outcome(measured_s=0, charged_s=0, charge=None, loss_s=0, loss_micros=0)
    return msgspec.structs.replace(
        record(session, call, nothing, cdr_id=cdr_id, transfers=transfers),
        charge_micros=charge_micros,
        service=event.service,
        units=event.units,
    )


def event_refusal(session: rules.Session) -> Record:
    """The record of a one-off service that was refused."""
    return of_event(
        session,
        at=session.request.at,
        charge_micros=0,
        disposition="refused",
        ended_by="operator",
        cdr_id=session.cdr_id,
        transfers=(),
    )
