"""Numbers that customers hold or have verified, with their history: a row ends, and is never altered or deleted."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class PhoneNumber(models.Model):
    """One account and one E.164 number for a time: assigned by the operator, or verified as the account's own elsewhere.

    digits: E.164 without plus. until_at: the first instant at which it is no longer so, None while it is. brand: of the account, where
    the number is how that account is recognised when it calls an access number; empty where it may only be shown.
    """

    ASSIGNED = "assigned"
    VERIFIED = "verified"

    digits = models.CharField("number", max_length=15, db_index=True)
    account = models.CharField("billing account", max_length=64, db_index=True)
    sip_username = models.CharField("SIP user that rings", max_length=64, blank=True)
    kind = models.CharField("kind", max_length=8, choices=[(ASSIGNED, "assigned"), (VERIFIED, "verified")])
    country = models.CharField("country", max_length=3, blank=True)
    use = models.CharField("use", max_length=32, blank=True)
    brand = models.CharField("brand", max_length=32, blank=True)
    from_at = models.DateTimeField("from")
    until_at = models.DateTimeField("until", null=True, blank=True)

    class Meta:
        verbose_name = "number"
        ordering = ["digits", "from_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["digits"], condition=Q(kind="assigned", until_at=None), name="numbering_one_holder"
            ),
            models.UniqueConstraint(
                fields=["digits", "account"],
                condition=Q(kind="verified", until_at=None),
                name="numbering_verified_once",
            ),
            models.UniqueConstraint(
                fields=["digits", "brand"],
                condition=Q(kind="verified", until_at=None) & ~Q(brand=""),
                name="numbering_recognised_once",
            ),
            models.CheckConstraint(
                condition=Q(until_at=None) | Q(until_at__gte=F("from_at")), name="numbering_ends_after_start"
            ),
            models.CheckConstraint(condition=Q(kind__in=["assigned", "verified"]), name="numbering_kind"),
        ]

    def __str__(self) -> str:
        return f"+{self.digits} {self.kind} to {self.account}"


class FavouriteNumber(models.Model):
    """A number that an account keeps at hand, to see what talking to it costs. digits: E.164 without plus."""

    account = models.CharField(max_length=64)
    digits = models.CharField(max_length=15)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "digits"], name="numbering_favourite_once")]

    def __str__(self) -> str:
        return f"+{self.digits} of {self.account}"
