"""The JSON of webhooks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from cadran.messaging.webhooks import kinds as kinds_of_notices
from cadran.messaging.webhooks import queries
from cadran.web.api.shapes import CONTROL_FREE, Asked, Instant, Shape

Url = Annotated[
    str, StringConstraints(min_length=1, max_length=500), Field(examples=["https://hooks.example.com/cadran"])
]
Kinds = Annotated[list[Annotated[str, StringConstraints(max_length=40)]], Field(min_length=1, max_length=50)]
Description = Annotated[str, StringConstraints(max_length=80, pattern=CONTROL_FREE)]


class WebhookKind(Shape):
    """A kind of notice, and the fields of its `data`. `audience`: concerned (the account and staff), everybody, or staff."""

    kind: str
    fields: list[str]
    audience: str
    en: str
    fr: str


class WebhookKinds(Shape):
    """The kinds of notices."""

    kinds: list[WebhookKind]


class Endpoint(Shape):
    """Where notices go. state: enabled, disabled by its owner, or suspended because it never answered. While `rotating_until` lies
    ahead, the secret before signs as well."""

    id: str
    url: str
    description: str
    kinds: list[str]
    state: str
    rotating_until: Instant | None
    created_at: Instant


class Endpoints(Shape):
    """The endpoints."""

    endpoints: list[Endpoint]


class EndpointMade(Shape):
    """An endpoint with a fresh secret, which is shown this once."""

    endpoint: Endpoint
    secret: str


class EndpointAsked(Asked):
    """An address to tell, and of what."""

    url: Url
    kinds: Kinds
    description: Description = ""


class EndpointChange(Asked):
    """What is left out stays as it is."""

    url: Url | None = None
    kinds: Kinds | None = None
    description: Description | None = None
    enabled: bool | None = None


class Attempt(Shape):
    """One try. status 0: no answer, and `error` says why."""

    at: Instant
    status: int
    error: str
    took_ms: int
    answer: str


class Delivery(Shape):
    """A notice on its way (`waiting`), there (`delivered`), or given up after ten attempts (`given-up`)."""

    id: str
    endpoint: str
    notice: str
    kind: str
    state: str
    attempts: int
    next_at: Instant | None
    created_at: Instant
    done_at: Instant | None
    body: str
    log: list[Attempt]


class Deliveries(Shape):
    """A page of deliveries."""

    deliveries: list[Delivery]
    next: str | None


def endpoint(found: queries.Endpoint) -> Endpoint:
    return Endpoint(
        id=found.endpoint_id,
        url=found.url,
        description=found.description,
        kinds=list(found.kinds),
        state=found.state,
        rotating_until=found.rotating_until,
        created_at=found.created_at,
    )


def delivery(found: queries.Delivery) -> Delivery:
    return Delivery(
        id=found.delivery_id,
        endpoint=found.endpoint_id,
        notice=found.notice_id,
        kind=found.kind,
        state=found.state,
        attempts=found.attempts,
        next_at=found.next_at,
        created_at=found.created_at,
        done_at=found.done_at,
        body=found.body,
        log=[
            Attempt(at=one.at, status=one.status, error=one.error, took_ms=one.took_ms, answer=one.answer)
            for one in found.log
        ],
    )


def kinds() -> WebhookKinds:
    return WebhookKinds(
        kinds=[
            WebhookKind(
                kind=name, fields=list(kind.fields), audience=kind.audience.name.lower(), en=kind.en, fr=kind.fr
            )
            for name, kind in kinds_of_notices.KINDS.items()
        ]
    )
