"""What charging would answer if a call were asked for now, before it is: the same rules on the same values, and nothing is held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cadran.balance import queries as balance
from cadran.catalog import queries as catalog
from cadran.charging import basis, checks, rules
from cadran.charging.adapters.brands import BrandContracts
from cadran.charging.basis import Basis
from cadran.charging.ports import AuthoriseCall
from cadran.policy import queries as policy
from cadran.policy.rules import Decision
from cadran.rating import rules as rating
from cadran.rating.rules import Rate
from cadran.units.clause import carries

_contracts = BrandContracts()  # for the law alone: terms are read afresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """The answer. rate: the price in the increments that hold, None where nothing is charged or the call is refused for anything but
    credit. credit_micros: what the account may spend now. seconds: of conversation that it pays for in one call, 0 where it does
    not pay for the first grant, None where credit does not limit the call. limit_s: after which it is cut whatever the credit.
    """

    decision: Decision
    rate: Rate | None
    credit_micros: int
    seconds: int | None
    limit_s: int | None
    limit_clause: str
    at: datetime

    @property
    def minutes(self) -> int:
        """Whole minutes of the seconds; 0 where credit does not limit the call."""
        return (self.seconds or 0) // 60

    @property
    def minute_micros(self) -> int:
        """The price of a minute in micro-units, rounded half up, at the call's start; 0 where nothing is charged."""
        if self.rate is None:
            return 0
        price, _ = rating.price_at(self.rate, self.at)
        seconds = self.rate.tariff.unit_s if self.rate.tariff else 60
        return (price * 60 * 2 + seconds * 1000) // (seconds * 2000)

    @property
    def per_second(self) -> bool:
        return self.rate is not None and self.rate.first_s == self.rate.next_s == 1


@carries("KRY-4.4.1-ivr")
def prospect(request: AuthoriseCall, *, brand: str, currency: str) -> Prospect:
    """What `authorise` would answer to that request at its instant, for that account's credit. brand, currency: of its wallet.

    Raises ChargingRefused for a request of a wrong form, and UnknownTerms.
    """
    checks.authorise(request)
    credit = balance.spendable_micros(request.account, request.at)
    terms = basis.product_terms(policy.terms(request.terms), request.via)
    found = basis.of_call(
        request,
        terms,
        currency=currency,
        find=partial(_price, brand),
        law=_contracts.law,
        free_account=request.direction == "outbound" and not balance.ever_bought(request.account),
    )
    decision, rate, seconds = found.decision, found.rate, None
    if rate is not None:
        first = rules.first_grant(terms, rate, found.limit_s, request.at)
        seconds = _affordable(found, rate, credit, request.at)
        if first.held_micros > credit:
            inputs = {**decision.inputs, "first_grant_s": first.granted_s}
            line = balance.has_line(request.account)
            decision = rules.no_credit(terms, first.held_micros, credit, inputs, line=line)
            seconds = 0
    return Prospect(
        decision=decision,
        rate=rate,
        credit_micros=credit,
        seconds=seconds if decision.allowed or rate is not None else 0,
        limit_s=found.limit_s,
        limit_clause=found.limit_clause,
        at=request.at,
    )


def _affordable(found: Basis, rate: Rate, credit: int, at: datetime) -> int:
    most = rating.MAX_DURATION_S if found.limit_s is None else found.limit_s
    return rating.affordable_s(rate, credit, at, most)


def _price(brand: str, digits: str, at: datetime) -> Rate | None:
    found = catalog.price_of(brand, digits, at)
    return None if found is None else found.rate
