"""What may be bought, by which means, and how an order moves from state to state. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from stdnum import iso11649

from cadran.policy.rules import Decision
from cadran.policy.terms import Terms
from cadran.units.clause import carries
from cadran.units.money import decimal_text
from cadran.units.period import civil_day, end_of_civil_day


class Means(StrEnum):
    """How a top-up is paid."""

    CARD = "card"
    TRANSFER = "transfer"


class OrderState(StrEnum):
    """created: nobody was asked to pay yet; at_provider: the card page is open; awaiting_transfer: a reference was given;
    paid: the money is there; lapsed: nobody paid in time; review: what came is not what was asked."""

    CREATED = "created"
    AT_PROVIDER = "at_provider"
    AWAITING_TRANSFER = "awaiting_transfer"
    PAID = "paid"
    LAPSED = "lapsed"
    REVIEW = "review"


# From each state, the states that may follow. Money that comes late is money all the same: lapsed can become paid.
FOLLOWS: dict[OrderState, frozenset[OrderState]] = {
    OrderState.CREATED: frozenset(
        {OrderState.AT_PROVIDER, OrderState.AWAITING_TRANSFER, OrderState.LAPSED, OrderState.PAID, OrderState.REVIEW}
    ),
    OrderState.AT_PROVIDER: frozenset({OrderState.PAID, OrderState.LAPSED, OrderState.REVIEW}),
    OrderState.AWAITING_TRANSFER: frozenset({OrderState.PAID, OrderState.LAPSED}),
    OrderState.LAPSED: frozenset({OrderState.PAID, OrderState.REVIEW}),
    OrderState.PAID: frozenset(),
    OrderState.REVIEW: frozenset({OrderState.PAID}),
}


@dataclass(frozen=True, slots=True)
class TopUpAnswer:
    """May this amount be bought now, and by which means. `means` is meaningful only where the decision allows."""

    decision: Decision
    means: Means


@carries("IPP-9.2-top-up-amounts")
def offered_amounts(terms: Terms, *, seniority_days: int) -> tuple[int, ...]:
    """The amounts in micros, tax included, that an account of that age in days may buy."""
    amounts, ages = terms.integers("topup.amounts_micros"), terms.integers("topup.amounts_after_days")
    return tuple(amount for amount, age in zip(amounts, ages, strict=True) if seniority_days >= age)


@carries("IPP-9.2-top-up-amounts", "IPP-9.2-100-a-month")
def top_up_answer(terms: Terms, *, amount_micros: int, seniority_days: int, month_micros: int) -> TopUpAnswer:
    """Answer a wish to buy `amount_micros` when `month_micros` were bought already in this civil month.

    Up to the monthly limit a card will do; what goes beyond it waits for a bank transfer.
    """
    inputs = {"amount_micros": amount_micros, "seniority_days": seniority_days, "month_micros": month_micros}
    offered = offered_amounts(terms, seniority_days=seniority_days)
    if amount_micros not in offered:
        listed = ", ".join(decimal_text(amount) for amount in offered)
        return TopUpAnswer(
            Decision(
                allowed=False,
                clause=terms.clause("topup.amounts_micros"),
                terms=terms.ref,
                code="top-up-amount-not-offered",
                fr=f"Ce montant n'est pas proposé. Choisissez parmi : {listed} EUR.",
                en=f"This amount is not offered. Choose one of: {listed} EUR.",
                inputs=inputs,
            ),
            Means.CARD,
        )
    limit = terms.integer("topup.monthly_card_limit_micros")
    if month_micros + amount_micros > limit:
        return TopUpAnswer(
            Decision(
                allowed=True,
                clause=terms.clause("topup.monthly_card_limit_micros"),
                terms=terms.ref,
                code="top-up-by-transfer",
                fr=f"Au-delà de {decimal_text(limit)} EUR par mois, le paiement se fait par virement bancaire.",
                en=f"Beyond EUR {decimal_text(limit)} a month, payment is by bank transfer.",
                inputs={**inputs, "limit_micros": limit},
            ),
            Means.TRANSFER,
        )
    return TopUpAnswer(
        Decision(
            allowed=True,
            clause=terms.clause("topup.amounts_micros"),
            terms=terms.ref,
            code="top-up-by-card",
            fr="Paiement par carte, crédit disponible dès sa confirmation.",
            en="Payment by card, credit available as soon as it is confirmed.",
            inputs={**inputs, "limit_micros": limit},
        ),
        Means.CARD,
    )


@carries("IPP-9.2-top-up-amounts", "IPP-9.2-100-a-month")
def automatic_answer(
    terms: Terms,
    *,
    amount_micros: int,
    seniority_days: int,
    month_micros: int,
    automatic_month_micros: int,
    cap_micros: int,
) -> Decision:
    """May this amount be charged now to the card on file, without the customer present?

    month_micros: bought in this civil month in all; automatic_month_micros: of that, by itself; cap_micros: the most that the customer
    agreed to in a month. Beyond the terms' monthly limit an automatic top-up does not turn into a transfer: it does not happen.
    """
    answer = top_up_answer(terms, amount_micros=amount_micros, seniority_days=seniority_days, month_micros=month_micros)
    if not answer.decision.allowed:
        return answer.decision
    inputs = {
        **answer.decision.inputs,
        "automatic_month_micros": automatic_month_micros,
        "cap_micros": cap_micros,
    }
    beyond_cap, beyond_terms = automatic_month_micros + amount_micros > cap_micros, answer.means is Means.TRANSFER
    name = "topup.monthly_card_limit_micros" if beyond_terms else "topup.amounts_micros"
    if beyond_terms:
        code, fr = "automatic-top-up-beyond-month", answer.decision.fr
        en = answer.decision.en
    elif beyond_cap:
        code = "automatic-top-up-beyond-cap"
        fr = f"Le plafond mensuel que vous avez fixé, {decimal_text(cap_micros)} EUR, serait dépassé."
        en = f"The monthly cap that you set, EUR {decimal_text(cap_micros)}, would be passed."
    else:
        code, fr = "automatic-top-up", "Rechargement automatique, sur la carte enregistrée."
        en = "Automatic top-up, on the card on file."
    return Decision(
        allowed=not (beyond_cap or beyond_terms),
        clause=terms.clause(name),
        terms=terms.ref,
        code=code,
        fr=fr,
        en=en,
        inputs=inputs,
    )


class RefundState(StrEnum):
    """placed: nothing was done yet; held: the order's credit is held; asked: the provider was, or may have been, asked; done;
    refused: the credit was spent, or the provider said no, and nothing changed."""

    PLACED = "placed"
    HELD = "held"
    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"


OPEN_REFUNDS = (RefundState.PLACED, RefundState.HELD, RefundState.ASKED)


@carries("IPP-9.2-100-a-month")
def transfer_lapses_at(terms: Terms, placed_at: datetime) -> datetime:
    """The instant at which an order stops waiting for its transfer: 24:00 of the last day of its wait, in the terms' zone."""
    zone = terms.text("topup.zone")
    last = civil_day(placed_at, zone) + timedelta(days=terms.integer("topup.transfer_wait_days"))
    return end_of_civil_day(last, zone)


def transfer_reference(number: int) -> str:
    """The ISO 11649 creditor reference (RF and two check digits) of the order of that number."""
    body = f"{number:010d}"
    check = 98 - int(f"{body}271500") % 97
    return f"RF{check:02d}{body}"


def references_in(remittance: str) -> tuple[str, ...]:
    """The valid creditor references in a bank's free text, however people spaced or cased them."""
    compact = re.sub(r"[^0-9A-Z]", "", remittance.upper()[:1000])
    found = (match[1] for match in re.finditer(r"(?=(RF\d{12}))", compact))
    return tuple(dict.fromkeys(reference for reference in found if iso11649.is_valid(reference)))
