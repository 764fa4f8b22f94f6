"""The table of access numbers."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from cadran.numbering.access import rules


class AccessNumber(models.Model):
    """A number that a brand's customers dial to reach its voice menu. digits: E.164 without plus. place: where it is a local call.

    closed_at: the first instant at which it is no longer answered, None while none is set. A number that is opened again later has a
    further row, so that what was published when can be told.
    """

    digits = models.CharField(max_length=15, db_index=True)
    brand = models.CharField(max_length=32)
    country = models.CharField(max_length=2)
    place_fr = models.CharField(max_length=60)
    place_en = models.CharField(max_length=60)
    language = models.CharField(max_length=2)
    service = models.CharField(max_length=16, choices=[(one.value, one.value) for one in rules.Service])
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["country", "place_fr", "digits", "opened_at"]
        indexes = [models.Index(fields=["brand", "closed_at"], name="access_of_brand")]
        constraints = [
            models.UniqueConstraint(fields=["digits"], condition=Q(closed_at=None), name="access_open_once"),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=F("opened_at")), name="access_closes_after_opening"
            ),
        ]

    def __str__(self) -> str:
        return f"+{self.digits} of {self.brand}"
