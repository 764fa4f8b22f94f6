"""Idempotency: the first request with a key is carried out, each repeat gets its answer, another request under the key is refused."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from cadran.party import vault
from cadran.web.api import models, problems

KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(seconds=60)
MOST_KEPT = 5_000
SWEPT_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it was given."""

    status: int
    media_type: str
    body: bytes


def fingerprint(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same: method, path and body, byte for byte."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode("utf-8", "replace"), body))).hexdigest()


def begin(*, owner: str, key: str, fingerprint: str, at: datetime) -> Answer | None:
    """None when the request is to be carried out now; else the answer that it got before.

    Raises KeyReused, InProgress, RateLimited. A request that was cut off in the middle may be taken up again after LEASE: what
    the rooms do is idempotent by the same key.
    """
    hashed = _hashed(key)
    with transaction.atomic():
        old = models.StoredAnswer.objects.filter(at__lte=at - KEPT_FOR).values_list("pk", flat=True)[:SWEPT_AT_ONCE]
        models.StoredAnswer.objects.filter(pk__in=list(old)).delete()
        row = models.StoredAnswer.objects.filter(owner=owner, key=hashed).first()
        if row is not None and row.at <= at - KEPT_FOR:
            row.delete()
            row = None
        if row is None:
            if models.StoredAnswer.objects.filter(owner=owner).count() >= MOST_KEPT:
                raise problems.RateLimited(
                    f"more than {MOST_KEPT} requests that write in {KEPT_FOR}: wait, or ask for more"
                )
            models.StoredAnswer.objects.create(owner=owner, key=hashed, fingerprint=fingerprint, at=at)
            return None
        if row.fingerprint != fingerprint:
            raise problems.KeyReused(
                "this Idempotency-Key was used for another request: take a fresh one for another wish"
            )
        if row.status == 0:
            if row.at > at - LEASE:
                raise problems.InProgress(
                    "a request with this Idempotency-Key is being answered: send it again in a moment"
                )
            models.StoredAnswer.objects.filter(pk=row.pk).update(at=at)
            return None
    body = vault.unseal(row.sealed, owner=f"answer {owner} {hashed}")["body"]
    return Answer(row.status, row.media_type, body.encode())


def keep(*, owner: str, key: str, answer: Answer) -> None:
    """Keep the answer for repeats."""
    hashed = _hashed(key)
    sealed = vault.seal({"body": answer.body.decode()}, owner=f"answer {owner} {hashed}")
    models.StoredAnswer.objects.filter(owner=owner, key=hashed).update(
        status=answer.status, media_type=answer.media_type, sealed=sealed
    )


def forget(*, owner: str, key: str) -> None:
    """The request came to nothing that should be repeated (a partner did not answer): the same key may be tried again."""
    models.StoredAnswer.objects.filter(owner=owner, key=_hashed(key)).delete()


def deed(owner: str, key: str) -> str:
    """The name of one request that writes, as an idempotency key for the rooms: no owner's keys meet another's."""
    return "api-" + hashlib.sha256(f"{owner}\0{key}".encode("utf-8", "replace")).hexdigest()[:40]


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
