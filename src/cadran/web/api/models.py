"""The table of answers to requests that write, by idempotency key."""

from __future__ import annotations

from django.db import models


class StoredAnswer(models.Model):
    """The answer to one request. `status` is 0 while the request is being answered. `sealed` is the body, encrypted: it may hold a
    secret that is shown once."""

    owner = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    media_type = models.CharField(max_length=40, blank=True)
    sealed = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="api_answer_once")]
        indexes = [models.Index(fields=["at"], name="api_answer_age")]

    def __str__(self) -> str:
        return f"{self.owner} {self.status}"
