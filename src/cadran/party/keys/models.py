"""The table of keys."""

from __future__ import annotations

from django.db import models


class ApiKey(models.Model):
    """One key. `account` is empty for a key of staff, `staff` for a key of a customer; the secret itself is kept nowhere."""

    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    test = models.BooleanField(default=False)
    label = models.CharField(max_length=60)
    scopes = models.JSONField()
    brand = models.CharField(max_length=32)
    account = models.ForeignKey(
        "party.BillingAccount", on_delete=models.PROTECT, null=True, related_name="+", db_index=True
    )
    staff = models.ForeignKey("party.User", on_delete=models.PROTECT, null=True, related_name="+")
    made_by = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(account=None) ^ models.Q(staff=None), name="keys_of_a_customer_or_of_staff"
            )
        ]
        indexes = [models.Index(fields=["brand", "staff"], name="keys_staff")]

    def __str__(self) -> str:
        return f"ck_{'test' if self.test else 'live'}_{self.prefix}"
