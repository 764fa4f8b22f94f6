"""Buying credit: what is on offer, orders, and how one stands."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path, Router

from cadran.party.keys.rules import Scope
from cadran.payment import rules
from cadran.units import clause, period
from cadran.web.api import access, cursors, shapes, sources, told
from cadran.web.api.application import operation
from cadran.web.api.routes.account import account_of

router = Router(tags=["credit"])


@operation(router, "GET", "/topups/choices", scope=Scope.READ_LEDGER, answers_with=shapes.TopUpChoices)
def list_top_up_choices(request: HttpRequest) -> shapes.TopUpChoices:
    """The amounts that the terms offer now, and how each would be paid."""
    account, at = account_of(request), settings.CIVIL_CLOCK.now()
    terms, zone = account.terms, account.terms.text("topup.zone")
    seniority = (period.civil_day(at, zone) - period.civil_day(account.customer.created_at, zone)).days
    month = account.bought_micros(at)
    return shapes.TopUpChoices(
        currency=account.customer.currency,
        choices=[
            shapes.TopUpChoice(
                amount_micros=amount,
                means=str(
                    rules.top_up_answer(terms, amount_micros=amount, seniority_days=seniority, month_micros=month).means
                ),
            )
            for amount in rules.offered_amounts(terms, seniority_days=seniority)
        ],
        validity_days=terms.integer("credit.validity_days"),
        monthly_card_limit_micros=terms.integer("topup.monthly_card_limit_micros"),
    )


@clause.carries("IPP-9.2-top-up-amounts", "IPP-9.2-100-a-month")
@operation(
    router,
    "POST",
    "/topups",
    scope=Scope.WRITE_TOPUP,
    answers_with=shapes.Order,
    status=201,
    may_fail=("payment-top-up-refused", "payment-provider-uncertain"),
)
def place_top_up(request: HttpRequest, asked: Body[shapes.OrderAsked]) -> shapes.Order:
    """Order credit.

    The answer leads to the card provider's page (`checkout_url`), or says where a bank transfer goes and what reference it bears.
    A refusal is a problem with its `decision`: the clause, and the sentence in both languages.
    """
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    order = account_of(request).place_top_up(
        key=caller.deed, amount_micros=asked.amount_micros, at=settings.CIVIL_CLOCK.now()
    )
    return told.order(order, dict(sources.bank()))


@operation(
    router, "GET", "/orders", scope=Scope.READ_LEDGER, answers_with=shapes.Orders, may_fail=("api-cursor-invalid",)
)
def list_orders(request: HttpRequest, limit: shapes.Limit = 50, cursor: shapes.Cursor = "") -> shapes.Orders:
    """The orders of credit, newest first."""
    account = account_of(request)
    where = f"orders {account.customer.account}"
    before = str(cursors.read(where, cursor, (str,))[0]) if cursor else ""
    found = account.orders(before, limit + 1)
    bank = dict(sources.bank())
    return shapes.Orders(
        orders=[told.order(one, bank) for one in found[:limit]],
        next=cursors.write(where, (found[limit - 1].order_id,)) if len(found) > limit else None,
    )


@operation(
    router,
    "GET",
    "/orders/{order_id}",
    scope=Scope.READ_LEDGER,
    answers_with=shapes.Order,
    may_fail=("payment-order-unknown",),
)
def read_order(request: HttpRequest, order_id: Path[shapes.Identifier]) -> shapes.Order:
    """How an order stands; while the card page is open, the provider is asked."""
    return told.order(account_of(request).order(order_id, settings.CIVIL_CLOCK.now()), dict(sources.bank()))
