"""Sending what is due: a batch side by side, each answer recorded, the next attempt later each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import transaction

from cadran.messaging.webhooks import models, rules
from cadran.messaging.webhooks.ports import Parcel, Reply, Sender
from cadran.party import vault
from cadran.units.period import utc

log = structlog.get_logger()
BATCH = 24
OF_ONE_ENDPOINT = 4
SWEPT_AT_ONCE = 500


def deliver_due(*, at: datetime, wall_s: int, sender: Sender, limit: int = BATCH) -> int:
    """Send what is due at `at`, at most `limit` deliveries and OF_ONE_ENDPOINT to one endpoint; returns how many were tried.

    wall_s: seconds since 1970 by the wall clock, which receivers compare with theirs.

    Nothing is held while the network is waited for. A process that dies in the middle sends again: the id tells the receiver.
    """
    rows = _due(at, limit)
    parcels = [_parcel(row, at, wall_s) for row in rows]
    for row, reply in zip(rows, sender.send(parcels) if parcels else (), strict=True):
        _record(row, reply, at)
    return len(rows)


def sweep(*, at: datetime) -> int:
    """Forget notices older than rules.KEPT_FOR with their deliveries and attempts; returns how many."""
    old = models.Notice.objects.filter(at__lt=utc(at) - rules.KEPT_FOR).values_list("pk", flat=True)[:SWEPT_AT_ONCE]
    found = list(old)
    models.Notice.objects.filter(pk__in=found).delete()
    return len(found)


def _due(at: datetime, limit: int) -> Sequence[models.Delivery]:
    waiting = models.Delivery.objects.filter(state="waiting", next_at__lte=utc(at), endpoint__state="enabled")
    seen: Counter[int] = Counter()
    found = []
    for row in waiting.select_related("notice", "endpoint").order_by("next_at", "pk")[: limit * 20]:
        if seen[row.endpoint_id] < OF_ONE_ENDPOINT:
            seen[row.endpoint_id] += 1
            found.append(row)
            if len(found) == limit:
                break
    return found


def _parcel(row: models.Delivery, at: datetime, wall_s: int) -> Parcel:
    endpoint, body = row.endpoint, row.notice.body.encode()
    kept = vault.unseal(endpoint.sealed, owner=f"webhook {endpoint.endpoint_id}")
    secrets = [kept["secret"]]
    if "old" in kept and endpoint.old_until is not None and at < endpoint.old_until:
        secrets.append(kept["old"])
    return Parcel(
        url=endpoint.url,
        headers=rules.headers(secrets, notice_id=row.notice.notice_id, timestamp=wall_s, body=body),
        body=body,
    )


def _record(row: models.Delivery, reply: Reply, at: datetime) -> None:
    with transaction.atomic():
        fresh = models.Delivery.objects.filter(pk=row.pk, state="waiting").first()
        if fresh is None:  # removed with its endpoint meanwhile
            return
        answer = "".join(char if char.isprintable() else " " for char in reply.answer)[: rules.MOST_ANSWER]
        sealed = vault.seal({"answer": answer}, owner=f"webhook {row.delivery_id}") if answer else ""
        models.Attempt.objects.create(
            delivery=fresh, at=utc(at), status=reply.status, error=reply.error, took_ms=reply.took_ms, sealed=sealed
        )
        fresh.attempts += 1
        if reply.taken:
            fresh.state, fresh.done_at, fresh.next_at = "delivered", utc(at), None
            models.Endpoint.objects.filter(pk=row.endpoint_id).update(given_up=0)
        elif (again := rules.next_attempt(fresh.attempts, utc(at))) is not None:
            fresh.next_at = again
        else:
            fresh.state, fresh.done_at, fresh.next_at = "given-up", utc(at), None
            _given_up(row.endpoint)
        fresh.save(update_fields=["attempts", "state", "next_at", "done_at"])


def _given_up(endpoint: models.Endpoint) -> None:
    """An endpoint whose deliveries were given up one after the other is suspended: its owner enables it again."""
    fresh = models.Endpoint.objects.get(pk=endpoint.pk)
    fresh.given_up += 1
    if fresh.given_up >= rules.GIVEN_UP_BEFORE_SUSPENSION and fresh.state == "enabled":
        fresh.state = "suspended"
        log.warning("webhook-endpoint-suspended", endpoint=fresh.endpoint_id, account=fresh.account)
    fresh.save(update_fields=["given_up", "state"])
