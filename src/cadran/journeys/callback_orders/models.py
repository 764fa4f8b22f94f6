"""Orders of callbacks. Every row bears the account, by which the table can be spread."""

from __future__ import annotations

from django.db import models


class CallbackOrder(models.Model):
    """One order. key: the account's own. first, second: E.164 digits that were rung; name: of the second, as the account kept it."""

    account = models.CharField(max_length=16)
    key = models.CharField(max_length=64)
    brand = models.CharField(max_length=32)
    first = models.CharField(max_length=15)
    second = models.CharField(max_length=15)
    name = models.CharField(max_length=80, blank=True)
    access = models.CharField(max_length=15, blank=True)
    ordered_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="callback_ordered_once")]
        indexes = [models.Index(fields=["account", "-ordered_at"], name="callback_orders_recent")]

    def __str__(self) -> str:
        return f"{self.account} {self.key}"
