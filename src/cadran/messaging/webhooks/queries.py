"""Reads of webhooks: endpoints, deliveries and their attempts, for their owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from cadran.messaging.webhooks import models
from cadran.party import vault
from cadran.units.errors import CadranError


class NotFound(CadranError):
    """This owner has no such endpoint or delivery."""

    error_id = "webhooks-not-found"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose endpoints: an account's, or with an empty account those of the brand's staff."""

    brand: str
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint without its secret. `rotating_until`: both secrets sign until then."""

    endpoint_id: str
    brand: str
    account: str
    url: str
    description: str
    kinds: tuple[str, ...]
    state: str
    rotating_until: datetime | None
    made_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try. status 0: no answer, and `error` says why."""

    at: datetime
    status: int
    error: str
    took_ms: int
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A notice on its way, or there, or given up. `body` is the text that is signed."""

    delivery_id: str
    endpoint_id: str
    notice_id: str
    kind: str
    account: str
    body: str
    state: str
    attempts: int
    next_at: datetime | None
    created_at: datetime
    done_at: datetime | None
    log: tuple[Attempt, ...]


def endpoints(owner: Owner) -> tuple[Endpoint, ...]:
    """The owner's endpoints, oldest first."""
    return tuple(_endpoint(row) for row in _owned(owner).order_by("id"))


def all_endpoints(brand: str, *, limit: int = 200) -> tuple[Endpoint, ...]:
    """Every endpoint of a brand, those of its customers included, newest first: for staff."""
    return tuple(_endpoint(row) for row in models.Endpoint.objects.filter(brand=brand).order_by("-id")[:limit])


def endpoint(endpoint_id: str, owner: Owner) -> Endpoint:
    """One endpoint of that owner. Raises NotFound."""
    return _endpoint(endpoint_row(endpoint_id, owner))


def deliveries(
    endpoint_id: str, owner: Owner, *, state: str = "", before: int | None = None, limit: int = 50
) -> tuple[tuple[int, Delivery], ...]:
    """The deliveries of an endpoint, newest first, each with its place; `before` continues after a place. Raises NotFound."""
    rows = models.Delivery.objects.filter(endpoint=endpoint_row(endpoint_id, owner))
    if state:
        rows = rows.filter(state=state)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    rows = rows.select_related("notice", "endpoint").prefetch_related("log").order_by("-pk")[:limit]
    return tuple((row.pk, _delivery(row)) for row in rows)


def brand_deliveries(brand: str, *, state: str = "", limit: int = 100) -> tuple[Delivery, ...]:
    """The newest deliveries of all endpoints of a brand: for staff."""
    rows = models.Delivery.objects.filter(endpoint__brand=brand)
    if state:
        rows = rows.filter(state=state)
    return tuple(
        _delivery(row)
        for row in rows.select_related("notice", "endpoint").prefetch_related("log").order_by("-pk")[:limit]
    )


def delivery(delivery_id: str, owner: Owner) -> Delivery:
    """One delivery to an endpoint of that owner. Raises NotFound."""
    return _delivery(delivery_row(delivery_id, owner))


def wants(kinds: tuple[str, ...]) -> bool:
    """Whether any endpoint in service wants one of the kinds."""
    return any(
        set(wanted) & set(kinds)
        for wanted in models.Endpoint.objects.filter(state="enabled").values_list("kinds", flat=True).iterator()
    )


def endpoint_row(endpoint_id: str, owner: Owner) -> models.Endpoint:
    """For the operations of this room."""
    if (row := _owned(owner).filter(endpoint_id=endpoint_id).first()) is None:
        raise NotFound("there is no such endpoint: look at the list")
    return row


def delivery_row(delivery_id: str, owner: Owner) -> models.Delivery:
    """For the operations of this room."""
    rows = models.Delivery.objects.select_related("notice", "endpoint").prefetch_related("log")
    row = rows.filter(delivery_id=delivery_id, endpoint__brand=owner.brand, endpoint__account=owner.account).first()
    if row is None:
        raise NotFound("there is no such delivery: look at the list of the endpoint's deliveries")
    return row


def _owned(owner: Owner) -> QuerySet[models.Endpoint]:
    return models.Endpoint.objects.filter(brand=owner.brand, account=owner.account)


def _endpoint(row: models.Endpoint) -> Endpoint:
    return Endpoint(
        endpoint_id=row.endpoint_id,
        brand=row.brand,
        account=row.account,
        url=row.url,
        description=row.description,
        kinds=tuple(row.kinds),
        state=row.state,
        rotating_until=row.old_until,
        made_by=row.made_by,
        created_at=row.created_at,
    )


def _delivery(row: models.Delivery) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        endpoint_id=row.endpoint.endpoint_id,
        notice_id=row.notice.notice_id,
        kind=row.notice.kind,
        account=row.notice.account,
        body=row.notice.body,
        state=row.state,
        attempts=row.attempts,
        next_at=row.next_at,
        created_at=row.created_at,
        done_at=row.done_at,
        log=tuple(
            Attempt(
                at=one.at, status=one.status, error=one.error, took_ms=one.took_ms, answer=_answer(one, row.delivery_id)
            )
            for one in sorted(row.log.all(), key=lambda one: one.pk)
        ),
    )


def _answer(row: models.Attempt, delivery_id: str) -> str:
    if not row.sealed:
        return ""
    try:
        return vault.unseal(row.sealed, owner=f"webhook {delivery_id}")["answer"]
    except vault.SecretUnreadable:
        return ""
