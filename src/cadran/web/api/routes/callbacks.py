"""Being called back: what it would cost, the order, its state, its end."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path, Router
from pydantic import StringConstraints

from cadran.catalog import queries as catalog
from cadran.journeys import callbacks
from cadran.journeys.quote import Quote
from cadran.party.keys.rules import Scope
from cadran.units import clause
from cadran.voice import control
from cadran.web.api import access, shapes, told
from cadran.web.api import shapes_callbacks as seen
from cadran.web.api.application import operation
from cadran.web.api.routes.account import account_of

router = Router(tags=["calling"])
Number = Annotated[str, StringConstraints(max_length=40)]
NOT_OFFERED = (
    "callback-not-offered",
    "callback-not-your-number",
    "callback-not-possible",
    "numbering-dialled-unreadable",
)
SAMPLE = "cbk_sample"


@clause.carries("KRY-4.4.1-easydialer")
@operation(
    router,
    "GET",
    "/callbacks/offer",
    scope=Scope.READ_ACCOUNT,
    answers_with=seen.CallbackOffer,
    may_fail=NOT_OFFERED,
)
def read_callback_offer(request: HttpRequest, to: Number, first: Number = "") -> seen.CallbackOffer:
    """What a callback would cost.

    The price of both legs, and how long the credit lasts when both talk.
    """
    source, at = account_of(request), settings.CIVIL_CLOCK.now()
    if _test(request):
        free = seen.CallbackLegPrice(number="+33999000000", price=None)
        other = seen.CallbackLegPrice(number="+33142000001", price=None)
        return seen.CallbackOffer(
            first=free, second=other, name="", seconds=600, credit_micros=18_000_000, currency="EUR"
        )
    found = callbacks.offer(customer=source.customer, second=to, first=first, at=at)
    return seen.CallbackOffer(
        first=_leg_price(source.customer.brand, found.first, at),
        second=_leg_price(source.customer.brand, found.second, at),
        name=found.name,
        seconds=found.seconds,
        credit_micros=found.credit_micros,
        currency=found.currency,
    )


@clause.carries("KRY-4.4.1-easydialer")
@operation(
    router,
    "POST",
    "/callbacks",
    scope=Scope.WRITE_CALLS,
    answers_with=seen.Callback,
    status=201,
    may_fail=(*NOT_OFFERED, "callback-no-credit", "callback-order-too-old", "voice-callback-refused"),
)
def order_callback(request: HttpRequest, asked: Body[seen.CallbackAsked]) -> seen.Callback:
    """Be called back.

    The customer's telephone rings, then the correspondent's; the credit of both first moments is reserved before anything rings.
    """
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    source, at = account_of(request), settings.CIVIL_CLOCK.now()
    if caller.test:
        return _sample(at)
    made = callbacks.order(
        customer=source.customer,
        key="api-" + hashlib.sha256(caller.deed.encode()).hexdigest()[:40],
        second=asked.second,
        first=asked.first or "",
        at=at,
        door=settings.SIP_SOCKET,
    )
    return _told(made)


@operation(router, "GET", "/callbacks", scope=Scope.READ_CALLS, answers_with=seen.Callbacks)
def list_callbacks(request: HttpRequest, limit: shapes.Limit = 50) -> seen.Callbacks:
    """The callbacks of the account, newest first."""
    if _test(request):
        return seen.Callbacks(callbacks=[_sample(settings.CIVIL_CLOCK.now())])
    found = callbacks.history(account=account_of(request).customer.account, limit=limit)
    return seen.Callbacks(callbacks=[_told(one) for one in found])


@operation(
    router,
    "GET",
    "/callbacks/{callback_id}",
    scope=Scope.READ_CALLS,
    answers_with=seen.Callback,
    may_fail=("voice-callback-unknown",),
)
def read_callback(request: HttpRequest, callback_id: Path[shapes.Identifier]) -> seen.Callback:
    """Where a callback stands, and what it cost."""
    if _test(request):
        _only_the_sample(callback_id)
        return _sample(settings.CIVIL_CLOCK.now())
    return _told(callbacks.state(account=account_of(request).customer.account, key=callback_id))


@operation(
    router,
    "POST",
    "/callbacks/{callback_id}/end",
    scope=Scope.WRITE_CALLS,
    answers_with=seen.Callback,
    may_fail=("voice-callback-unknown", "voice-call-over"),
)
def end_callback(request: HttpRequest, callback_id: Path[shapes.Identifier]) -> seen.Callback:
    """Hang up, or stop the ringing."""
    account = account_of(request).customer.account
    if _test(request):
        _only_the_sample(callback_id)
        return _sample(settings.CIVIL_CLOCK.now())
    callbacks.end(account=account, key=callback_id, door=settings.SIP_SOCKET)
    return _told(callbacks.state(account=account, key=callback_id))


def _leg_price(brand: str, quoted: Quote, at: datetime) -> seen.CallbackLegPrice:
    if quoted.rate is None:
        return seen.CallbackLegPrice(number=f"+{quoted.number}", price=None)
    listed = catalog.price_of(brand, quoted.number, at)
    price = catalog.Price(rate=quoted.rate, tax=listed.tax if listed else "")
    return seen.CallbackLegPrice(number=f"+{quoted.number}", price=told.price(price, "en"))


def _told(found: callbacks.Told) -> seen.Callback:
    state = found.state
    return seen.Callback(
        id=found.order.key,
        first=f"+{found.order.first}",
        second=f"+{found.order.second}",
        name=found.order.name,
        stage=state.stage,  # type: ignore[arg-type]
        why=state.why or None,
        ordered_at=found.order.ordered_at,
        first_leg=_leg(state.first),
        second_leg=_leg(state.second),
        charge_micros=found.charge_micros,
        currency=found.currency,
        settled=found.settled,
    )


def _leg(cost: control.LegCost | None) -> seen.CallbackLeg | None:
    if cost is None:
        return None
    return seen.CallbackLeg(
        call=cost.cdr_id, disposition=cost.disposition, seconds=cost.charged_s, charge_micros=cost.charge_micros
    )


def _test(request: HttpRequest) -> bool:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return caller.test


def _only_the_sample(callback_id: str) -> None:
    if callback_id != SAMPLE:
        raise control.CallbackUnknown("a test key knows cbk_sample alone")


def _sample(at: datetime) -> seen.Callback:
    """What a test key gets: nothing rings."""
    return seen.Callback(
        id=SAMPLE,
        first="+33999000000",
        second="+33142000001",
        name="",
        stage="over",
        why="hung-up",
        ordered_at=at,
        first_leg=None,
        second_leg=None,
        charge_micros=0,
        currency="EUR",
        settled=True,
    )
