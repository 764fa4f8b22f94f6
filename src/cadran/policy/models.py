"""Events: what one room tells the others, written in the transaction that it speaks of (the outbox)."""

from __future__ import annotations

from django.db import models


class Event(models.Model):
    """A fact that a room recorded; `journeys` carries it on, at least once, in the order of `id`."""

    kind = models.CharField(max_length=64)
    key = models.CharField(max_length=128)
    body = models.JSONField()
    at = models.DateTimeField()
    carried_at = models.DateTimeField(null=True, db_index=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="policy_event_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
