"""Orders of calls that Cadran places, in voice.db: so that one key rings once, whatever dies in between, and pages see its state."""

from __future__ import annotations

from django.db import models


class PlacedCall(models.Model):
    """One order. kind: callback | code. fingerprint: of the order, whose numbers are not kept here. Wall-clock instants."""

    key = models.CharField(max_length=128, primary_key=True)
    id = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=16)
    account = models.CharField(max_length=64, blank=True)
    brand = models.CharField(max_length=32)
    fingerprint = models.CharField(max_length=64)
    stage = models.CharField(max_length=16, default="asked")
    why = models.CharField(max_length=64, blank=True)
    asked_at = models.DateTimeField()
    changed_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.id} {self.stage}"
