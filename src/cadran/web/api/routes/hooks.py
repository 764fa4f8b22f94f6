"""Webhooks: endpoints of the customer's account, and under /staff those of the brand's staff; the same operations for both."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Literal

from django.conf import settings
from django.http import HttpRequest
from ninja import Body, Path, Router

from cadran.messaging.webhooks import operations, queries, rules
from cadran.party.keys.rules import Scope
from cadran.web.api import access, cursors, problems, shapes
from cadran.web.api import shapes_webhooks as told
from cadran.web.api.application import operation

router = Router(tags=["webhooks"])
State = Literal["waiting", "delivered", "given-up"]
_WRONG = ("webhooks-address-refused", "webhooks-endpoint-invalid")
_NOT_FOUND = ("webhooks-not-found",)


@operation(router, "GET", "/webhook-kinds", answers_with=told.WebhookKinds, open_to_all=True)
def list_webhook_kinds(request: HttpRequest) -> told.WebhookKinds:
    """The kinds of notices, and what each tells."""
    return told.kinds()


def of_account(request: HttpRequest) -> queries.Owner:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    if caller.customer is None:
        raise problems.ScopeMissing("a key of staff acts for no account: use the operations under /staff")
    return queries.Owner(caller.brand, _real(caller, caller.customer.account))


def of_staff(request: HttpRequest) -> queries.Owner:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return queries.Owner(caller.brand, _real(caller, ""))


def _real(caller: access.Caller, account: str) -> str:
    """The account; for a test key one that is nobody's, so that there is nothing to find."""
    return f"test {caller.key.prefix[:10]}" if caller.test else account


def _by(request: HttpRequest) -> access.Caller:
    caller: access.Caller = request.auth  # type: ignore[attr-defined]
    return caller


def _declare(
    prefix: str, suffix: str, read: Scope, write: Scope, owner_of: Callable[[HttpRequest], queries.Owner], tag: str
) -> Router:
    found = Router(tags=[tag])

    @operation(
        found, "GET", f"{prefix}/webhooks", scope=read, answers_with=told.Endpoints, name=f"list_{suffix}webhooks"
    )
    def list_webhooks(request: HttpRequest) -> told.Endpoints:
        """The endpoints."""
        return told.Endpoints(endpoints=[told.endpoint(one) for one in queries.endpoints(owner_of(request))])

    @operation(
        found,
        "POST",
        f"{prefix}/webhooks",
        scope=write,
        answers_with=told.EndpointMade,
        status=201,
        may_fail=(*_WRONG, "webhooks-too-many"),
        name=f"add_{suffix}webhook",
    )
    def add_webhook(request: HttpRequest, asked: Body[told.EndpointAsked]) -> told.EndpointMade:
        """Add an endpoint.

        An https address, and the kinds that it wants. The secret that signs is in this answer, and never shown again.
        """
        if _by(request).test:
            return _sample(asked)
        made = operations.add_endpoint(
            owner=owner_of(request),
            url=asked.url,
            kinds=asked.kinds,
            description=asked.description,
            by=_by(request).by,
            at=settings.CIVIL_CLOCK.now(),
        )
        return told.EndpointMade(endpoint=told.endpoint(made.endpoint), secret=made.secret)

    @operation(
        found,
        "GET",
        f"{prefix}/webhooks/{{endpoint_id}}",
        scope=read,
        answers_with=told.Endpoint,
        may_fail=_NOT_FOUND,
        name=f"read_{suffix}webhook",
    )
    def read_webhook(request: HttpRequest, endpoint_id: Path[shapes.Identifier]) -> told.Endpoint:
        """One endpoint."""
        return told.endpoint(queries.endpoint(endpoint_id, owner_of(request)))

    @operation(
        found,
        "PATCH",
        f"{prefix}/webhooks/{{endpoint_id}}",
        scope=write,
        answers_with=told.Endpoint,
        may_fail=(*_NOT_FOUND, *_WRONG),
        name=f"change_{suffix}webhook",
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

    @operation(
        found,
        "DELETE",
        f"{prefix}/webhooks/{{endpoint_id}}",
        scope=write,
        answers_with=None,
        status=204,
        may_fail=_NOT_FOUND,
        name=f"remove_{suffix}webhook",
    )
    def remove_webhook(request: HttpRequest, endpoint_id: Path[shapes.Identifier]) -> None:
        """Remove an endpoint with its log; what waits is not sent."""
        operations.remove_endpoint(
            owner=owner_of(request), endpoint_id=endpoint_id, by=_by(request).by, at=settings.CIVIL_CLOCK.now()
        )

    @operation(
        found,
        "POST",
        f"{prefix}/webhooks/{{endpoint_id}}/rotation",
        scope=write,
        answers_with=told.EndpointMade,
        may_fail=_NOT_FOUND,
        name=f"rotate_{suffix}webhook_secret",
    )
    def rotate(request: HttpRequest, endpoint_id: Path[shapes.Identifier]) -> told.EndpointMade:
        """Take a fresh secret; the one before signs as well for 24 hours."""
        made = operations.rotate_secret(
            owner=owner_of(request), endpoint_id=endpoint_id, by=_by(request).by, at=settings.CIVIL_CLOCK.now()
        )
        return told.EndpointMade(endpoint=told.endpoint(made.endpoint), secret=made.secret)

    @operation(
        found,
        "POST",
        f"{prefix}/webhooks/{{endpoint_id}}/ping",
        scope=write,
        answers_with=told.Delivery,
        status=202,
        may_fail=_NOT_FOUND,
        name=f"ping_{suffix}webhook",
    )
    def ping(request: HttpRequest, endpoint_id: Path[shapes.Identifier]) -> told.Delivery:
        """Send a notice of the kind `ping`, to try the endpoint."""
        return told.delivery(
            operations.ping(owner=owner_of(request), endpoint_id=endpoint_id, at=settings.CIVIL_CLOCK.now())
        )

    @operation(
        found,
        "GET",
        f"{prefix}/webhooks/{{endpoint_id}}/deliveries",
        scope=read,
        answers_with=told.Deliveries,
        may_fail=(*_NOT_FOUND, "api-cursor-invalid"),
        name=f"list_{suffix}deliveries",
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

    @operation(
        found,
        "POST",
        f"{prefix}/deliveries/{{delivery_id}}/replay",
        scope=write,
        answers_with=told.Delivery,
        status=202,
        may_fail=_NOT_FOUND,
        name=f"replay_{suffix}delivery",
    )
    def replay(request: HttpRequest, delivery_id: Path[shapes.Identifier]) -> told.Delivery:
        """Send a delivery again, whatever became of it: the same id and body, signed afresh."""
        again = operations.replay(
            owner=owner_of(request), delivery_id=delivery_id, by=_by(request).by, at=settings.CIVIL_CLOCK.now()
        )
        return told.delivery(again)

    return found


def _sample(asked: told.EndpointAsked) -> told.EndpointMade:
    """What a test key gets: the same checks, and an endpoint that is kept nowhere."""
    made = told.Endpoint(
        id="whe_sample",
        url=rules.checked_url(asked.url, lax=operations.lax()),
        description=asked.description,
        kinds=list(rules.checked_kinds(asked.kinds)),
        state="enabled",
        rotating_until=None,
        created_at=settings.CIVIL_CLOCK.now(),
    )
    return told.EndpointMade(endpoint=made, secret=rules.new_secret(secrets.token_bytes(32)))


customer_router = _declare("", "", Scope.READ_WEBHOOKS, Scope.WRITE_WEBHOOKS, of_account, "webhooks")
staff_router = _declare("/staff", "staff_", Scope.STAFF_READ_WEBHOOKS, Scope.STAFF_WRITE_WEBHOOKS, of_staff, "staff")
