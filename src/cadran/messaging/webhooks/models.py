"""Tables of webhooks: endpoints, what was told, to whom it must go, and what came of each attempt."""

from __future__ import annotations

from django.db import models


class Endpoint(models.Model):
    """Where notices go. `account` is empty for an endpoint of a brand's staff. `sealed` holds the secret, and while a rotation
    lasts the one before it. state: enabled | disabled (by its owner) | suspended (it never answered)."""

    endpoint_id = models.CharField(max_length=40, unique=True)
    brand = models.CharField(max_length=32)
    account = models.CharField(max_length=16, blank=True)
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=80, blank=True)
    kinds = models.JSONField()
    sealed = models.TextField()
    old_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, default="enabled")
    given_up = models.PositiveIntegerField(default=0)
    made_by = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["brand", "account"], name="webhooks_owner")]

    def __str__(self) -> str:
        return self.endpoint_id


class Notice(models.Model):
    """Something that happened, as it is told: once for each `source`. `body` is the very text that is signed."""

    notice_id = models.CharField(max_length=40, unique=True)
    source = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=40)
    account = models.CharField(max_length=16, blank=True)
    body = models.TextField()
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.notice_id}"


class Delivery(models.Model):
    """A notice on its way to an endpoint. state: waiting | delivered | given-up."""

    delivery_id = models.CharField(max_length=40, unique=True)
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, default="waiting")
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "endpoint"], name="webhooks_delivery_once")]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(state="waiting"), name="webhooks_due"),
        ]

    def __str__(self) -> str:
        return self.delivery_id


class Attempt(models.Model):
    """One try: the status (0: no answer, and why), how long it took, the beginning of the answer, sealed."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    error = models.CharField(max_length=20, blank=True)
    took_ms = models.PositiveIntegerField()
    sealed = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.status} {self.error}"


class Follower(models.Model):
    """How far the call records were read."""

    name = models.CharField(max_length=20, unique=True)
    position = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name} {self.position}"
