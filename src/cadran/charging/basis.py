"""On what basis a call goes out: refused, free, or charged by which price in which increments, under which clause. Pure.

What charging authorises, what a quote shows and what a voice menu announces are all decided here. docs/reference/access-calls.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cadran.charging import rules
from cadran.charging.ports import AuthoriseCall
from cadran.charging.records import Record
from cadran.numbering import rules as numbers
from cadran.policy import calls as policy
from cadran.policy.law import LawValue
from cadran.policy.rules import Decision, Input
from cadran.policy.terms import Terms
from cadran.rating import counting
from cadran.rating import rules as rating
from cadran.rating.counting import Counting
from cadran.rating.rules import Rate
from cadran.units.clause import carries

PER_SECOND, TERRITORIES = "billing.national_per_second", "billing.national_territories"
SURCHARGED = "special"  # the law leaves out calls to numbers that may bear a surcharge
ACCESS_LEG = "access-leg"
Law = Callable[[str, datetime], LawValue | None]
Find = Callable[[str, datetime], Rate | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """rate: the price, with the increments that hold; None for a call that is refused or not charged. limit_s: seconds after which
    the call is cut whatever the credit, None = never, and its clause."""

    decision: Decision
    rate: Rate | None = None
    limit_s: int | None = None
    limit_clause: str = ""


@carries("IPP-9.4-mobility")
def product_terms(terms: Terms, via: str) -> Terms:
    """The terms as they govern a call set up so: the special conditions of mobility, of access numbers or of callbacks over the
    general ones. The leg to an access number lies under those of mobility where a brand sells that."""
    if not via:
        return terms
    service = "mobility" if via == ACCESS_LEG else via.removesuffix("-leg")
    return terms.of_product(service.replace("-", "_"))


def of_call(
    request: AuthoriseCall, terms: Terms, *, currency: str, find: Find, law: Law, free_account: bool = False
) -> Basis:
    """The basis of that call. terms: of its product (`product_terms`). currency: of the wallet. find: the price of digits at an
    instant. law: a value of the law at an instant. free_account: the account never bought credit."""
    inputs: dict[str, Input] = {"destination": request.destination, "direction": request.direction}
    if request.accepted_terms:
        inputs["accepted_terms"] = request.accepted_terms
    if request.via:
        inputs["via"] = request.via
    if request.via == ACCESS_LEG:
        return Basis(decision=policy.access_leg_decision(terms, {**inputs, "number_class": request.number_class}))
    if request.direction == "inbound":
        return Basis(decision=rules.inbound(terms, {**inputs, "number_class": request.number_class}))
    decision = _allowed(request, terms, inputs, free_account)
    if not decision.allowed:
        return Basis(decision=decision)
    limit_s, limit_clause = policy.duration_limit(terms, request.number_class, request.raised_duration)
    if not policy.is_charged(decision):
        return Basis(decision=decision, limit_s=limit_s, limit_clause=limit_clause)
    rate = find(request.destination, request.at)
    if rate is None or rate.currency != currency:
        return Basis(decision=rules.no_price(terms, {**decision.inputs}), limit_s=limit_s, limit_clause=limit_clause)
    rate, decision = counted(request, terms, decision, rate, law)
    cut_s = rating.cut_s(rate, request.at)
    if cut_s is not None and (limit_s is None or cut_s < limit_s):
        # A maximum below the first increment's price still lets the call be: it costs the maximum.
        limit_s, limit_clause = max(cut_s, 1), decision.clause
    return Basis(decision=decision, rate=rate, limit_s=limit_s, limit_clause=limit_clause)


def _allowed(request: AuthoriseCall, terms: Terms, inputs: dict[str, Input], free_account: bool) -> Decision:
    if policy.COUNTRIES in terms.values or policy.SERVICES in terms.values:
        country = numbers.country_of(request.destination)
        closed = policy.closed_decision(
            terms, country=country, via=request.via, inputs={**inputs, "number_class": request.number_class}
        )
        if closed is not None:
            return closed
    return policy.call_decision(
        terms,
        request.number_class,
        emergency_routed=request.country in terms.texts("emergency.routed_countries"),
        inputs=inputs,
        free_account=free_account,
    )


@carries("KRY-4.4.1-per-minute", "LAW-per-second", "IPP-9.4-mobility")
def counted(request: AuthoriseCall, terms: Terms, decision: Decision, rate: Rate, law: Law) -> tuple[Rate, Decision]:
    """The price in the increments that hold, and the decision that names their clause.

    From a phone of ours the line of the price list says them; by an access number or a callback the terms do, whatever the line
    says. Above both stands the law, for a consumer's call to a national number.
    """
    contract = counting.of_rate(rate)
    if request.via:
        contract = Counting(
            terms.integer("calls.first_increment_s"),
            terms.integer("calls.next_increment_s"),
            terms.integer("calls.connection_fee_micros"),
        )
    national = None if contract.per_second or not request.consumer else _national(request, law)
    if national is not None and not request.by_minute:
        law_counting = Counting(1, 1, contract.connection_micros)
        return counting.counted(rate, law_counting), policy.national_decision(decision, national)
    if not request.via:
        return rate, decision
    asked = national is not None and request.by_minute
    told = policy.counted_decision(terms, decision, contract.first_s, contract.next_s, asked=asked)
    return counting.counted(rate, contract), told


@carries("LAW-per-second")
def _national(request: AuthoriseCall, law: Law) -> LawValue | None:
    """What the law says of calls to national numbers at the call's start, where the call is one; else None."""
    if request.number_class == SURCHARGED:
        return None
    per_second, territories = law(PER_SECOND, request.at), law(TERRITORIES, request.at)
    if per_second is None or per_second.content is not True or territories is None:
        return None
    return per_second if numbers.country_of(request.destination) in territories.texts() else None


def counting_of(record: Record) -> Counting | None:
    """The increments that the contract or the law gave a recorded call, by which it is charged again as well; None where they are
    those of whatever line prices it."""
    inputs = record.decision.get("inputs")
    stated = isinstance(inputs, dict) and "increments" in inputs
    return counting.of_rate(record.rate) if stated and record.rate is not None else None


def recounted(rate: Rate, record: Record) -> Rate:
    """Another price for a recorded call, in the increments that the call has."""
    kept = counting_of(record)
    return rate if kept is None else counting.counted(rate, kept)
