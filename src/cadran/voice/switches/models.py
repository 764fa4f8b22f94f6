"""The keys of switches."""

from __future__ import annotations

from django.db import models


class SwitchKey(models.Model):
    """One key of a switch; several keys of one name are of the same switch, so that a key can be changed without a gap. The secret
    itself is kept nowhere."""

    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    name = models.CharField(max_length=20, db_index=True)
    scopes = models.JSONField()
    brands = models.JSONField()
    rate = models.IntegerField()
    event_limit_micros = models.BigIntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"sk_{self.prefix}"
