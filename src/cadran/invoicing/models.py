"""Receipts and the series that number them."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models


class ReceiptSeries(models.Model):
    """The last number given for a brand and a civil year: read and raised in the transaction that writes the receipt."""

    brand = models.CharField(max_length=32)
    year = models.PositiveIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "year"], name="invoicing_series_once")]

    def __str__(self) -> str:
        return f"{self.brand} {self.year}"


class Receipt(models.Model):
    """One receipt, written once; the database refuses changes as well (see the migration). `seller` and `buyer` are as they were
    on that day. Amounts are micros; a refund's is negative."""

    number = models.CharField(max_length=40, unique=True)
    brand = models.CharField(max_length=32)
    year = models.PositiveIntegerField()
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=8)
    key = models.CharField(max_length=128, unique=True)
    account = models.CharField(max_length=32)
    order = models.CharField(max_length=64)
    corrects = models.CharField(max_length=40, blank=True)
    amount_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    means = models.CharField(max_length=16, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    terms = models.CharField(max_length=64)
    language = models.CharField(max_length=2)
    vat_due = models.CharField(max_length=8)
    vat_basis_points = models.PositiveIntegerField(default=0)
    vat_micros = models.BigIntegerField(default=0)
    seller = models.JSONField()
    buyer = models.JSONField()
    ordered_at = models.DateTimeField()
    paid_at = models.DateTimeField()
    issued_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "year", "sequence"], name="invoicing_receipt_sequence"),
            models.CheckConstraint(condition=~models.Q(amount_micros=0), name="invoicing_receipt_amount"),
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="invoicing_receipt_account"),
            models.Index(fields=["order"], name="invoicing_receipt_order"),
        ]

    def __str__(self) -> str:
        return self.number

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("a receipt is written once: issue a credit receipt instead")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("a receipt is kept: issue a credit receipt instead")
