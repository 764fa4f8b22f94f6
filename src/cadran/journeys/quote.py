"""What a call would cost before it is made: the answers that numbering and the rules of charging would give it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cadran.catalog import queries as catalog
from cadran.charging import basis
from cadran.charging.adapters.brands import BrandContracts
from cadran.charging.ports import AuthoriseCall
from cadran.numbering import queries as numbering
from cadran.numbering import rules as numbers
from cadran.party import queries as party
from cadran.party.calling import queries as calling
from cadran.party.rules import CustomerKind
from cadran.policy import calls as policy
from cadran.policy import queries as policy_queries
from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.rating import quoting
from cadran.rating import rules as rating
from cadran.units import e164
from cadran.units.clause import carries

_contracts = BrandContracts()  # for the law


@dataclass(frozen=True, slots=True)
class Way:
    """How a call would be set up and who would pay it, as `charging.ports.AuthoriseCall` has them."""

    via: str = ""
    consumer: bool = True
    by_minute: bool = False


def way_of(brand: str, customer: party.Customer | None = None) -> Way:
    """How calls of that brand are made: by an access number where it sells a calling card, else from a phone; and how that customer,
    or a consumer who asked for nothing, pays them."""
    via = "access-number" if "calling-card" in policy_queries.brand(brand).services else ""
    if customer is None:
        return Way(via)
    company = customer.kind == CustomerKind.COMPANY
    return Way(via, not company, bool(customer.account) and calling.by_minute(customer.account))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The answer for one number.

    number: E.164 digits, a short number or a SIP address. charge: of the asked seconds, None where the call is free, refused or has no
    published price. limit_s: after which the call is cut whatever the credit, with its clause.
    """

    number: str
    number_class: str
    decision: Decision
    rate: rating.Rate | None
    charge: rating.Charge | None
    limit_s: int | None
    limit_clause: str
    at: datetime
    way: Way = Way()

    @property
    def priced(self) -> bool:
        """Whether the call would go out: allowed, and free or with a published price."""
        return self.decision.allowed and (self.rate is not None or not policy.is_charged(self.decision))

    def affordable_s(self, micros: int) -> int:
        """The whole seconds of conversation that an amount pays for, in one call of any length; 0 where nothing is charged."""
        if self.rate is None or micros < 0:
            return 0
        return rating.affordable_s(self.rate, micros, self.at, rating.MAX_DURATION_S)

    def as_dict(self, seconds: int) -> dict[str, object]:
        """Plain values for JSON. Where nothing is charged the cost is 0, of no steps."""
        free = {
            "cost": "0",
            "rounded": "0",
            "rounding": {"method": "half-up", "decimals": 6},
            "billed_s": 0,
            "steps": [],
        }
        return {
            "to": self.number,
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "seconds": seconds,
            **(quoting.told(self.charge, self.at) if self.charge else free),
            "class": self.number_class,
            "clause": self.decision.clause,
            "limit": {"seconds": self.limit_s, "clause": self.limit_clause},
            "via": self.way.via,
            "increments": {"first_s": self.rate.first_s, "next_s": self.rate.next_s} if self.rate else None,
            "why": {"code": self.decision.code, "fr": self.decision.fr, "en": self.decision.en},
        }


@carries("IPP-10.1-consumption", "IPP-10.1-per-second", "KRY-4.4.1-per-minute", "LAW-per-second", "IPP-9.4-mobility")
def quote(
    *, text: str, brand: str, country: str, terms: Terms, seconds: int, at: datetime, way: Way | None = None
) -> Quote | None:
    """What a call of so many seconds to what was dialled would cost at that instant; None for what is no number at all, and where the
    brand has neither rules nor a price for it. way: that of the brand, where not given."""
    way = way or way_of(brand)
    try:
        dialled = numbering.called(text, country)
    except e164.InvalidNumber:
        return None
    if dialled.number_class is numbers.NumberClass.UNKNOWN:
        return None
    if "calls.refused_classes" not in terms.values:
        return _by_list_alone(dialled, brand, terms, seconds, at)
    digits = dialled.e164.digits if dialled.e164 else ""
    number = digits or dialled.short or dialled.sip_uri.removeprefix("sip:")
    terms = basis.product_terms(terms, way.via)
    request = AuthoriseCall(
        session="quote",
        account="quote",
        terms=terms.ref,
        number_class=dialled.number_class.value,
        destination=number,
        at=at,
        via=way.via,
        consumer=way.consumer,
        by_minute=way.by_minute,
    )
    found = basis.of_call(
        request, terms, currency=policy_queries.brand(brand).currency, find=partial(_price, brand), law=_contracts.law
    )
    limit_s, limit_clause = policy.duration_limit(terms, dialled.number_class.value, raised=False)
    decision, rate = found.decision, found.rate
    return Quote(
        number=number,
        number_class=dialled.number_class.value,
        decision=decision,
        rate=rate,
        charge=rating.charge(rate, seconds, at) if rate else None,
        limit_s=limit_s,
        limit_clause=limit_clause,
        at=at,
        way=way,
    )


def _price(brand: str, digits: str, at: datetime) -> rating.Rate | None:
    found = catalog.price_of(brand, digits, at)
    return None if found is None else found.rate


def _by_list_alone(dialled: numbers.Dialled, brand: str, terms: Terms, seconds: int, at: datetime) -> Quote | None:
    """By the price list, where the terms have it alone."""
    decision = policy.by_list_alone(terms)
    digits = dialled.e164.digits if dialled.e164 else ""
    price = catalog.price_of(brand, digits, at) if decision and digits else None
    if decision is None or price is None:
        return None
    return Quote(
        number=digits,
        number_class=dialled.number_class.value,
        decision=decision,
        rate=price.rate,
        charge=rating.charge(price.rate, seconds, at),
        limit_s=None,
        limit_clause="",
        at=at,
    )
