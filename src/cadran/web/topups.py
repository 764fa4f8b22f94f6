"""The amounts that a customer may buy now, and how each is paid, for the pages that offer them."""

from __future__ import annotations

from datetime import datetime

from cadran.party import queries as party
from cadran.payment import queries as payment
from cadran.payment import rules
from cadran.policy.terms import Terms
from cadran.units import period


def choices(customer: party.Customer, terms: Terms, at: datetime) -> list[tuple[int, str]]:
    """(amount in micros, card or transfer) in the order offered."""
    zone = terms.text("topup.zone")
    seniority = (period.civil_day(at, zone) - period.civil_day(customer.created_at, zone)).days
    month = payment.bought_in(customer.account, period.civil_month(at, zone))
    return [
        (
            amount,
            rules.top_up_answer(terms, amount_micros=amount, seniority_days=seniority, month_micros=month).means,
        )
        for amount in rules.offered_amounts(terms, seniority_days=seniority)
    ]
