"""Endpoints, and facts that become deliveries: one transaction each."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from cadran.messaging.webhooks import models, queries, rules
from cadran.messaging.webhooks.kinds import KINDS, Audience
from cadran.party import vault
from cadran.policy import operations as policy_operations
from cadran.units import ids
from cadran.units.errors import CadranError
from cadran.units.period import utc

_DESCRIPTION = re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,80}")


class TooManyEndpoints(CadranError):
    """An owner has as many endpoints as one may have: remove one first."""

    error_id = "webhooks-too-many"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An endpoint with a fresh secret: shown now, and never again."""

    endpoint: queries.Endpoint
    secret: str = field(repr=False)


def lax() -> bool:
    """Whether http and addresses of this machine will do: in a sandbox that is not public."""
    return bool(settings.SANDBOX and not settings.PUBLIC)


def add_endpoint(
    *, owner: queries.Owner, url: str, kinds: Iterable[str], description: str = "", by: str, at: datetime
) -> Made:
    """Add an endpoint. Raises rules.AddressRefused, rules.InvalidEndpoint, TooManyEndpoints."""
    with transaction.atomic():
        owned = models.Endpoint.objects.filter(brand=owner.brand, account=owner.account)
        if owned.count() >= rules.MOST_ENDPOINTS:
            raise TooManyEndpoints(f"{rules.MOST_ENDPOINTS} endpoints are the most: remove one first")
        secret = rules.new_secret(secrets.token_bytes(32))
        row = models.Endpoint(
            endpoint_id=ids.new_id("whe"),
            brand=owner.brand,
            account=owner.account,
            url=rules.checked_url(url, lax=lax()),
            description=_described(description),
            kinds=list(rules.checked_kinds(kinds, account=owner.account)),
            made_by=by[:64],
            created_at=utc(at),
        )
        row.sealed = vault.seal({"secret": secret}, owner=f"webhook {row.endpoint_id}")
        row.save()
        _tell("webhooks.endpoint-added", row, by, at)
        return Made(endpoint=queries._endpoint(row), secret=secret)


def change_endpoint(
    *,
    owner: queries.Owner,
    endpoint_id: str,
    url: str | None = None,
    kinds: Iterable[str] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
    by: str,
    at: datetime,
) -> queries.Endpoint:
    """Change what is given. Enabling a suspended endpoint sends again what waits. Raises queries.NotFound, rules.AddressRefused,
    rules.InvalidEndpoint."""
    with transaction.atomic():
        row = queries.endpoint_row(endpoint_id, owner)
        row.url = row.url if url is None else rules.checked_url(url, lax=lax())
        row.kinds = row.kinds if kinds is None else list(rules.checked_kinds(kinds, account=owner.account))
        row.description = row.description if description is None else _described(description)
        if enabled is not None:
            row.state, row.given_up = ("enabled" if enabled else "disabled"), 0
        row.save()
        _tell("webhooks.endpoint-changed", row, by, at)
        return queries._endpoint(row)


def remove_endpoint(*, owner: queries.Owner, endpoint_id: str, by: str, at: datetime) -> None:
    """Remove an endpoint with its log; what waits is not sent. Raises queries.NotFound."""
    with transaction.atomic():
        row = queries.endpoint_row(endpoint_id, owner)
        _tell("webhooks.endpoint-removed", row, by, at)
        row.delete()


def rotate_secret(*, owner: queries.Owner, endpoint_id: str, by: str, at: datetime) -> Made:
    """A fresh secret; for rules.OVERLAP both sign, so that the receiver can change over in its own time. Raises queries.NotFound."""
    with transaction.atomic():
        row = queries.endpoint_row(endpoint_id, owner)
        old = vault.unseal(row.sealed, owner=f"webhook {row.endpoint_id}")["secret"]
        secret = rules.new_secret(secrets.token_bytes(32))
        row.sealed = vault.seal({"secret": secret, "old": old}, owner=f"webhook {row.endpoint_id}")
        row.old_until = utc(at) + rules.OVERLAP
        row.save(update_fields=["sealed", "old_until"])
        _tell("webhooks.secret-rotated", row, by, at)
        return Made(endpoint=queries._endpoint(row), secret=secret)


def announce(*, kind: str, source: str, brand: str, account: str, body: Mapping[str, object], at: datetime) -> int:
    """Tell a fact to every endpoint that wants it, of those whom the kind is for; returns to how many. The same source again changes
    nothing."""
    audience = KINDS[kind].audience
    with transaction.atomic():
        if models.Notice.objects.filter(source=source).exists():
            return 0
        concerned = Q() if audience is Audience.EVERYBODY else Q(account="")
        if account and audience is Audience.CONCERNED:
            concerned |= Q(account=account)
        rows = models.Endpoint.objects.filter(concerned, brand=brand, state="enabled")
        wanting = [row for row in rows if kind in row.kinds and _keeps_up(row)]
        if wanting:
            notice = _notice(kind=kind, source=source, account=account, body=rules.told(kind, body), at=at)
            for row in wanting:
                _queue(notice, row, at)
        return len(wanting)


def ping(*, owner: queries.Owner, endpoint_id: str, at: datetime) -> queries.Delivery:
    """Send a notice that tells nothing, to try an endpoint. Raises queries.NotFound."""
    with transaction.atomic():
        row = queries.endpoint_row(endpoint_id, owner)
        source = f"ping:{ids.new_id('ping')}"
        notice = _notice(kind=rules.PING, source=source, account=row.account, body={}, at=at)
        return queries._delivery(_queue(notice, row, at))


def replay(*, owner: queries.Owner, delivery_id: str, by: str, at: datetime) -> queries.Delivery:
    """Send a delivery again, whatever became of it: the same id and body, freshly signed. Raises queries.NotFound."""
    with transaction.atomic():
        row = queries.delivery_row(delivery_id, owner)
        row.state, row.attempts, row.next_at, row.done_at = "waiting", 0, utc(at), None
        row.save(update_fields=["state", "attempts", "next_at", "done_at"])
        policy_operations.record_event(
            kind="webhooks.delivery-replayed",
            key=f"{row.delivery_id}:{ids.new_id('evt')}",
            body={"delivery": row.delivery_id, "endpoint": row.endpoint.endpoint_id, "by": by[:64]},
            at=at,
        )
        return queries._delivery(row)


def followed(*, name: str, position: int) -> None:
    """Remember how far the call records were read."""
    models.Follower.objects.update_or_create(name=name, defaults={"position": position})


def position(name: str) -> int | None:
    """How far the call records were read; None before the first time."""
    return models.Follower.objects.filter(name=name).values_list("position", flat=True).first()


def _notice(*, kind: str, source: str, account: str, body: Mapping[str, object], at: datetime) -> models.Notice:
    notice_id = ids.new_id("evt")
    told = {"id": notice_id, "type": kind, "timestamp": utc(at).isoformat(), "account": account or None, "data": body}
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return models.Notice.objects.create(
        notice_id=notice_id, source=source, kind=kind, account=account, body=text, at=utc(at)
    )


def _queue(notice: models.Notice, row: models.Endpoint, at: datetime) -> models.Delivery:
    return models.Delivery.objects.create(
        delivery_id=ids.new_id("whd"), notice=notice, endpoint=row, next_at=utc(at), created_at=utc(at)
    )


def _keeps_up(row: models.Endpoint) -> bool:
    """Whether the endpoint is not too far behind; else it is suspended, and what waits stays."""
    if row.deliveries.filter(state="waiting").count() < rules.MOST_WAITING:
        return True
    models.Endpoint.objects.filter(pk=row.pk).update(state="suspended")
    return False


def _described(text: str) -> str:
    if not _DESCRIPTION.fullmatch(text):
        raise rules.InvalidEndpoint("describe the endpoint in 80 characters at most", field="description")
    return text


def _tell(kind: str, row: models.Endpoint, by: str, at: datetime) -> None:
    policy_operations.record_event(
        kind=kind,
        key=f"{row.endpoint_id}:{ids.new_id('evt')}",
        body={
            "endpoint": row.endpoint_id,
            "brand": row.brand,
            "account": row.account,
            "url": row.url,
            "kinds": list(row.kinds),
            "state": row.state,
            "by": by[:64],
        },
        at=at,
    )
