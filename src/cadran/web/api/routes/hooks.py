"""Webhooks: endpoints of the customer's account, and under /staff those of the brand's staff; the same operations for both."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path, Router
from pydantic import BaseModel

from cadran.messaging.webhooks import operations, queries, rules
from cadran.party.keys.rules import Scope
from cadran.web.api import access, cursors, shapes
from cadran.web.api import shapes_webhooks as told
from cadran.web.api.application import View, operation

router = Router(tags=["webhooks"])
Told = tuple[str, ...]
State = Literal["waiting", "delivered", "given-up"]
_WRONG = ("webhooks-address-refused", "webhooks-endpoint-invalid")
_NOT_FOUND = ("webhooks-not-found",)


@operation(router, "GET", "/webhook-kinds", answers_with=told.WebhookKinds, open_to_all=True)
def list_webhook_kinds(request: HttpRequest) -> told.WebhookKinds:
    """The kinds of notices, and what each tells."""
    return told.kinds()


@dataclass(frozen=True, slots=True)
class Audience:
    """Whose webhooks: where they lie, how their operations are called, and the scopes that open them."""

    router: Router
    prefix: str
    infix: str
    read: Scope
    write: Scope


customer_router, staff_router = Router(tags=["webhooks"]), Router(tags=["staff"])
AUDIENCES = (
    Audience(customer_router, "", "", Scope.READ_WEBHOOKS, Scope.WRITE_WEBHOOKS),
    Audience(staff_router, "/staff", "staff_", Scope.STAFF_READ_WEBHOOKS, Scope.STAFF_WRITE_WEBHOOKS),
)


def for_both(
    method: str, path: str, name: str, *, answers_with: type[BaseModel] | None, status: int = 200, may_fail: Told = ()
) -> Callable[[View], View]:
    """The view as an operation of customers and as one of staff; `{}` in its name is where the second differs."""

    def declare(view: View) -> View:
        for one in AUDIENCES:
            operation(
                one.router,
                method,
                one.prefix + path,
                scope=one.read if method == "GET" else one.write,
                answers_with=answers_with,
                status=status,
                may_fail=may_fail,
                name=name.format(one.infix),
            )(view)
        return view

    return declare


def _by(request: HttpRequest) -> access.Caller:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return caller


def owner_of(request: HttpRequest) -> queries.Owner:
    """Whose endpoints a key reaches: the account's, or those of the brand's staff. The scopes keep the two apart."""
    caller = _by(request)
    account = caller.customer.account if caller.customer else ""
    # A test key is of an account that is nobody's, so that there is nothing to find.
    return queries.Owner(caller.brand, f"test {caller.key.prefix[:10]}" if caller.test else account)


@for_both("GET", "/webhooks", "list_{}webhooks", answers_with=told.Endpoints)
def list_webhooks(request: HttpRequest) -> told.Endpoints:
    """The endpoints."""
    return told.Endpoints(endpoints=[told.endpoint(one) for one in queries.endpoints(owner_of(request))])


@for_both(
    "POST",
    "/webhooks",
    "add_{}webhook",
    answers_with=told.EndpointMade,
    status=201,
    may_fail=(*_WRONG, "webhooks-too-many"),
)
def add_webhook(request: HttpRequest, asked: Body[told.EndpointAsked]) -> told.EndpointMade:
    """Add an endpoint.

    An https address, and the kinds that it wants. The secret that signs is in this answer, and never shown again.
    """
    if _by(request).test:
        customer = _by(request).customer
        return _sample(asked, customer.account if customer else "")
    made = operations.add_endpoint(
        owner=owner_of(request),
        url=asked.url,
        kinds=asked.kinds,
        description=asked.description,
        by=_by(request).by,
        at=settings.CIVIL_CLOCK.now(),
    )
    return told.EndpointMade(endpoint=told.endpoint(made.endpoint), secret=made.secret)


@for_both("GET", "/webhooks/{endpoint_id}", "read_{}webhook", answers_with=told.Endpoint, may_fail=_NOT_FOUND)
def read_webhook(request: HttpRequest, endpoint_id: Path[shapes.Identifier]) -> told.Endpoint:
    """One endpoint."""
    return told.endpoint(queries.endpoint(endpoint_id, owner_of(request)))


@for_both(
    "PATCH",
    "/webhooks/{endpoint_id}",
    "change_{}webhook",
    answers_with=told.Endpoint,
    may_fail=(*_NOT_FOUND, *_WRONG),
)
def change_webhook(
    request: HttpRequest, endpoint_id: Path[shapes.Identifier], asked: Body[told.EndpointChange]
) -> told.Endpoint:
    """Change an endpoint's address, kinds or description; disable it, or enable it again.

    An endpoint that was suspended gets what waits for it as soon as it is enabled.
    """
    changed = operations.change_endpoint(
        owner=owner_of(request),
        endpoint_id=endpoint_id,
        url=asked.url,
        kinds=asked.kinds,
        description=asked.description,
        enabled=asked.enabled,
        by=_by(request).by,
        at=settings.CIVIL_CLOCK.now(),
    )
    return told.endpoint(changed)


@for_both("DELETE", "/webhooks/{endpoint_id}", "remove_{}webhook", answers_with=None, status=204, may_fail=_NOT_FOUND)
def remove_webhook(request: HttpRequest, endpoint_id: Path[shapes.Identifier]) -> None:
    """Remove an endpoint with its log; what waits is not sent."""
    operations.remove_endpoint(
        owner=owner_of(request), endpoint_id=endpoint_id, by=_by(request).by, at=settings.CIVIL_CLOCK.now()
    )


@for_both(
    "POST",
    "/webhooks/{endpoint_id}/rotation",
    "rotate_{}webhook_secret",
    answers_with=told.EndpointMade,
    may_fail=_NOT_FOUND,
)
def rotate(request: HttpRequest, endpoint_id: Path[shapes.Identifier]) -> told.EndpointMade:
    """Take a fresh secret; the one before signs as well for 24 hours."""
    made = operations.rotate_secret(
        owner=owner_of(request), endpoint_id=endpoint_id, by=_by(request).by, at=settings.CIVIL_CLOCK.now()
    )
    return told.EndpointMade(endpoint=told.endpoint(made.endpoint), secret=made.secret)


@for_both(
    "POST",
    "/webhooks/{endpoint_id}/ping",
    "ping_{}webhook",
    answers_with=told.Delivery,
    status=202,
    may_fail=_NOT_FOUND,
)
def ping(request: HttpRequest, endpoint_id: Path[shapes.Identifier]) -> told.Delivery:
    """Send a notice of the kind `ping`, to try the endpoint."""
    at = settings.CIVIL_CLOCK.now()
    return told.delivery(operations.ping(owner=owner_of(request), endpoint_id=endpoint_id, at=at))


@for_both(
    "GET",
    "/webhooks/{endpoint_id}/deliveries",
    "list_{}deliveries",
    answers_with=told.Deliveries,
    may_fail=(*_NOT_FOUND, "api-cursor-invalid"),
)
def list_deliveries(
    request: HttpRequest,
    endpoint_id: Path[shapes.Identifier],
    state: State | None = None,
    limit: shapes.Limit = 50,
    cursor: shapes.Cursor = "",
) -> told.Deliveries:
    """What was sent to an endpoint, newest first, with each attempt and the beginning of its answer. Kept for 30 days."""
    where = f"deliveries {endpoint_id}"
    before = int(cursors.read(where, cursor, (int,))[0]) if cursor else None
    rows = queries.deliveries(endpoint_id, owner_of(request), state=state or "", before=before, limit=limit + 1)
    return told.Deliveries(
        deliveries=[told.delivery(one) for _, one in rows[:limit]],
        next=cursors.write(where, (rows[limit - 1][0],)) if len(rows) > limit else None,
    )


@for_both(
    "POST",
    "/deliveries/{delivery_id}/replay",
    "replay_{}delivery",
    answers_with=told.Delivery,
    status=202,
    may_fail=_NOT_FOUND,
)
def replay(request: HttpRequest, delivery_id: Path[shapes.Identifier]) -> told.Delivery:
    """Send a delivery again, whatever became of it: the same id and body, signed afresh."""
    again = operations.replay(
        owner=owner_of(request), delivery_id=delivery_id, by=_by(request).by, at=settings.CIVIL_CLOCK.now()
    )
    return told.delivery(again)


def _sample(asked: told.EndpointAsked, account: str) -> told.EndpointMade:
    """What a test key gets: the same checks, and an endpoint that is kept nowhere."""
    made = told.Endpoint(
        id="whe_sample",
        url=rules.checked_url(asked.url, lax=operations.lax()),
        description=asked.description,
        kinds=list(rules.checked_kinds(asked.kinds, account=account)),
        state="enabled",
        rotating_until=None,
        created_at=settings.CIVIL_CLOCK.now(),
    )
    return told.EndpointMade(endpoint=made, secret=rules.new_secret(secrets.token_bytes(32)))
