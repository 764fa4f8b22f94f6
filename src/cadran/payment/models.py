"""Orders to pay with every step they took, notices of the provider, receipts at the bank."""

from __future__ import annotations

from django.db import models


class PaymentOrder(models.Model):
    """One wish to pay. `state` is the last step's; amounts are micros, tax included."""

    order_id = models.CharField(max_length=64, unique=True)
    account = models.CharField(max_length=32)
    key = models.CharField(max_length=128)
    brand = models.CharField(max_length=32)
    terms = models.CharField(max_length=64)
    amount_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    means = models.CharField(max_length=16)
    automatic = models.BooleanField(default=False)
    state = models.CharField(max_length=24, db_index=True)
    decision = models.JSONField()
    reference = models.CharField(max_length=32, blank=True, db_index=True)
    provider_ref = models.CharField(max_length=128, blank=True, db_index=True)
    checkout_url = models.CharField(max_length=600, blank=True)
    placed_at = models.DateTimeField()
    lapses_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    polled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="payment_order_once"),
            models.CheckConstraint(condition=models.Q(amount_micros__gt=0), name="payment_order_positive"),
        ]
        indexes = [models.Index(fields=["account", "placed_at"])]

    def __str__(self) -> str:
        return self.order_id


class OrderStep(models.Model):
    """One change of an order's state; appended, never changed."""

    order = models.ForeignKey(PaymentOrder, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(max_length=24)
    at = models.DateTimeField()
    note = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.order_id} {self.state}"


class ProviderNotice(models.Model):
    """A signed notice that was received; its id makes a repeated one harmless."""

    notice_id = models.CharField(max_length=128, unique=True)
    kind = models.CharField(max_length=64)
    provider_ref = models.CharField(max_length=128)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.notice_id


class BankReceipt(models.Model):
    """Money that arrived at the bank, and the order it paid, if one was found."""

    bank_reference = models.CharField(max_length=64, unique=True)
    amount_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    remittance = models.CharField(max_length=200, blank=True)
    debtor = models.CharField(max_length=140, blank=True)
    booked_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=64)
    order = models.ForeignKey(PaymentOrder, null=True, on_delete=models.PROTECT, related_name="receipts")
    unmatched_because = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return self.bank_reference


class Refund(models.Model):
    """Part or all of a paid order, paid back to the means it came from. `by` is who decided."""

    refund_id = models.CharField(max_length=64, unique=True)
    key = models.CharField(max_length=128, unique=True)
    order = models.ForeignKey(PaymentOrder, on_delete=models.PROTECT, related_name="refunds")
    amount_micros = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    by = models.CharField(max_length=64)
    state = models.CharField(max_length=12, db_index=True)
    note = models.CharField(max_length=200, blank=True)
    provider_ref = models.CharField(max_length=128, blank=True)
    placed_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(amount_micros__gt=0), name="payment_refund_positive")]

    def __str__(self) -> str:
        return self.refund_id


class AutomaticTopUp(models.Model):
    """A customer's wish that credit be bought by itself when it falls below a threshold, on a card that the provider keeps.

    `customer_token` and `card_token` are the provider's; `label` is what may be shown of the card. `state`: see automatic.State.
    """

    account = models.CharField(max_length=32, unique=True)
    brand = models.CharField(max_length=32)
    threshold_micros = models.BigIntegerField()
    amount_micros = models.BigIntegerField()
    cap_micros = models.BigIntegerField()
    state = models.CharField(max_length=12, db_index=True)
    note = models.CharField(max_length=200, blank=True)
    page_ref = models.CharField(max_length=128, blank=True)
    customer_token = models.CharField(max_length=128, blank=True)
    card_token = models.CharField(max_length=128, blank=True)
    label = models.CharField(max_length=60, blank=True)
    agreed_at = models.DateTimeField()
    terms = models.CharField(max_length=64)
    told_month = models.CharField(max_length=7, blank=True)
    charges = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.account} {self.state}"
