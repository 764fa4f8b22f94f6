"""How many seconds a call is granted, what more it may have, and what it costs in the end. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cadran.charging.ports import AuthoriseCall, ChargeEvent, Grant, SettleCall
from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.rating import rules as rating
from cadran.rating.rules import Rate
from cadran.units.clause import carries

OPEN, REFUSED, SETTLED = "open", "refused", "settled"
REVENUE, OWED_TO_PRINCIPAL = "revenue/calls", "payable/operator"
CUT_ENDINGS = frozenset({"credit", "limit"})
ENDINGS = frozenset({"caller", "callee", "credit", "limit", "operator", "media-lost", "restart"})
DISPOSITIONS = frozenset({"answered", "busy", "no-answer", "cancelled", "declined", "failed", "refused"})
DIRECTIONS = frozenset({"outbound", "inbound"})
VIAS = frozenset({"", "access-number", "mobility", "callback", "access-leg", "callback-leg"})


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A call as charging knows it.

    rate: the deck's line at the call's start; None for a call that is not charged.
    first_granted_s: the answer to authorise; granted_s: what has been granted since, both None when credit does not limit the call.
    held_micros: what the reservation holds: exactly the charge of granted_s.
    used_s: the last seconds reported; cdr_id: set once the call is over.
    event: set where it is a one-off service and no call; `request` then says the same in the words of a call.
    """

    request: AuthoriseCall
    brand: str
    currency: str
    decision: Decision
    state: str
    rate: Rate | None = None
    first_granted_s: int | None = None
    granted_s: int | None = None
    limit_s: int | None = None
    limit_clause: str = ""
    final: bool = False
    held_micros: int = 0
    seq: int = 0
    used_s: int = 0
    cdr_id: str = ""
    event: ChargeEvent | None = None

    @property
    def wanted_s(self) -> int:
        """The seconds that the first grant was to cover, its limit considered."""
        return self.request.wanted_s if self.limit_s is None else min(self.request.wanted_s, self.limit_s)

    def first_grant(self) -> Grant:
        """The answer to authorise, the same however often it is asked."""
        return Grant(
            session=self.request.session,
            decision=self.decision,
            granted_s=self.first_granted_s,
            limit_s=self.limit_s,
            limit_clause=self.limit_clause,
            final=self.first_granted_s is not None
            and (self.first_granted_s == self.limit_s or self.first_granted_s < self.wanted_s),
        )

    def grant(self, granted_s: int | None, final: bool) -> Grant:
        """The answer to an extension."""
        return Grant(
            session=self.request.session,
            decision=self.decision,
            granted_s=granted_s,
            limit_s=self.limit_s,
            limit_clause=self.limit_clause,
            final=final,
        )


class Granted(msgspec.Struct, frozen=True):
    """Seconds from the answer, what they cost together, and whether nothing more can follow."""

    granted_s: int
    held_micros: int
    final: bool


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a call became: seconds and money, from what was measured and what was granted.

    charge is None for a call that costs nothing by its nature. loss: what lies beyond the grant, borne by the operator.
    """

    measured_s: int
    charged_s: int
    charge: rating.Charge | None
    loss_s: int
    loss_micros: int

    @property
    def micros(self) -> int:
        return self.charge.micros if self.charge else 0


@carries("IPP-9.2-cut-at-zero")
def first_grant(terms: Terms, rate: Rate, limit_s: int | None, at: datetime) -> Granted:
    """The first grant: the first increment, at least `calls.first_grant_min_s`, never beyond the limit; it must be paid for whole."""
    seconds = rating.first_grant_s(rate, at, terms.integer("calls.first_grant_min_s"))
    if limit_s is not None:
        seconds = min(seconds, limit_s)
    return Granted(seconds, rating.cost_micros(rate, seconds, at), final=seconds == limit_s)


@carries("IPP-9.2-cut-at-zero")
def wanted_grant(session: Session, first: Granted, free_micros: int) -> Granted:
    """A first grant as long as the request wants it and the credit pays for, never shorter than the usual one nor beyond the limit."""
    assert session.rate is not None
    at, wanted = session.request.at, session.wanted_s
    if wanted <= first.granted_s or first.held_micros > free_micros:
        return first
    seconds = max(first.granted_s, rating.affordable_s(session.rate, free_micros, at, wanted))
    held = rating.charge(session.rate, seconds, at).micros
    return Granted(seconds, held, final=seconds < wanted or seconds == session.limit_s)


@carries("IPP-9.2-cut-at-zero")
def extension(session: Session, free_micros: int, most_s: int) -> Granted:
    """What a call in progress may have: `most_s` seconds more, or what the credit pays for, never beyond its limit.

    `held_micros` is what the whole grant costs, with one rounding: the reservation must hold the difference.
    """
    assert session.rate is not None
    assert session.granted_s is not None
    at, granted = session.request.at, session.granted_s
    wanted = granted + most_s if session.limit_s is None else min(granted + most_s, session.limit_s)
    affordable = rating.affordable_s(session.rate, session.held_micros + free_micros, at, wanted)
    seconds = max(granted, affordable)
    held = rating.cost_micros(session.rate, seconds, at) if seconds > granted else session.held_micros
    return Granted(seconds, held, final=seconds < wanted or seconds == session.limit_s)


@carries("IPP-10.1-per-second", "IPP-5.5-one-hour", "IPP-9.2-cut-at-zero")
def outcome(session: Session, answered: bool, measured_ms: int) -> Outcome:
    """What is charged: the measured time, rounded up to a second and at least one, no more than was granted."""
    measured = max(1, -(-measured_ms // 1000)) if answered else 0
    allowed = [seconds for seconds in (session.granted_s, session.limit_s) if seconds is not None]
    charged = min([measured, *allowed])
    if session.rate is None:
        return Outcome(measured_s=measured, charged_s=charged, charge=None, loss_s=measured - charged, loss_micros=0)
    charge = rating.charge(session.rate, charged, session.request.at)
    whole = rating.charge(session.rate, measured, session.request.at) if measured > charged else charge
    assert charge.micros <= session.held_micros, "a reservation always covers the charge of what was granted"
    return Outcome(
        measured_s=measured,
        charged_s=charged,
        charge=charge,
        loss_s=measured - charged,
        loss_micros=whole.micros - charge.micros,
    )


@carries("IPP-9.2-cut-at-zero")
def no_credit(
    terms: Terms, needed_micros: int, free_micros: int, inputs: dict[str, str | int | bool | None], line: bool = False
) -> Decision:
    """The refusal of a call whose first grant the credit does not pay for. line: the account may owe, and owes all that it may."""
    if line:
        return Decision(
            allowed=False,
            clause=terms.clause("calls.first_grant_min_s"),
            terms=terms.ref,
            code="call-limit-reached",
            fr="Le plafond de votre compte est atteint : réglez ce qui est dû, ou demandez un plafond plus élevé.",
            en="The limit of your account is reached: pay what is owed, or ask for a higher limit.",
            inputs={**inputs, "needed_micros": needed_micros, "free_micros": free_micros},
        )
    return Decision(
        allowed=False,
        clause=terms.clause("calls.first_grant_min_s"),
        terms=terms.ref,
        code="call-no-credit",
        fr="Votre crédit ne suffit pas pour commencer cet appel : rechargez votre compte.",
        en="Your credit does not suffice to begin this call: top up your account.",
        inputs={**inputs, "needed_micros": needed_micros, "free_micros": free_micros},
    )


@carries("IPP-9.2-cut-at-zero")
def no_credit_for_event(terms: Terms, event: ChargeEvent, free_micros: int) -> Decision:
    """The refusal of a one-off service that the credit does not pay for whole."""
    return Decision(
        allowed=False,
        clause=terms.clause("credit.floor_micros"),
        terms=terms.ref,
        code="event-no-credit",
        fr="Votre crédit ne suffit pas pour cette opération : rechargez votre compte.",
        en="Your credit does not suffice for this: top up your account.",
        inputs={
            "service": event.service,
            "destination": event.destination,
            "units": event.units,
            "needed_micros": event.amount_micros,
            "free_micros": free_micros,
        },
    )


@carries("KRY-3.2.2-operator")
def income(terms: Terms) -> str:
    """The brand's account that earns a call's charge. An operator that sells calls in its own name earns the whole of it, without a
    commission; an agent would owe it to the operator for which it collects."""
    name = "order.operator_is_principal"
    return OWED_TO_PRINCIPAL if name in terms.values and not terms.flag(name) else REVENUE


def no_price(terms: Terms, inputs: dict[str, str | int | bool | None]) -> Decision:
    """The refusal of a call for which the deck in force states no price: nothing is charged that was not published."""
    return Decision(
        allowed=False,
        clause=terms.clause("calls.offered_classes"),
        terms=terms.ref,
        code="call-no-price",
        fr="Aucun tarif n'est publié pour cette destination : l'appel n'est pas acheminé.",
        en="No price is published for this destination: the call is not routed.",
        inputs=inputs,
    )


def inbound(terms: Terms, inputs: dict[str, str | int | bool | None]) -> Decision:
    """Calls received cost the customer nothing."""
    return Decision(
        allowed=True,
        clause=terms.clause("calls.offered_classes"),
        terms=terms.ref,
        code="call-inbound",
        fr="Appel reçu : gratuit.",
        en="Call received: free of charge.",
        inputs=inputs,
    )


def same_call(one: AuthoriseCall, other: AuthoriseCall) -> bool:
    """Whether two requests under one key ask for the same thing; a retry may carry a later instant."""

    def asked(request: AuthoriseCall) -> tuple[object, ...]:
        return (
            request.account,
            request.terms,
            request.number_class,
            request.destination,
            request.direction,
            request.raised_duration,
            request.family,
            request.via,
            request.consumer,
            request.by_minute,
        )

    return asked(one) == asked(other)


def lease_over(session: Session, at: datetime) -> SettleCall:
    """How a call of which nothing more is heard is settled: by the last seconds reported."""
    return SettleCall(
        session=session.request.session,
        at=at,
        answered_at=session.request.at if session.used_s else None,
        measured_ms=session.used_s * 1000,
        disposition="answered" if session.used_s else "failed",
        ended_by="restart",
        sip_code=0,
    )
