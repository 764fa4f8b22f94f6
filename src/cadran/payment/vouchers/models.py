"""Batches of vouchers, vouchers, what was asked of each, redemptions, and every code that somebody gave."""

from __future__ import annotations

from django.db import models


class VoucherBatch(models.Model):
    """One order of vouchers, all alike. `number` is its place in its series. `sealed`: what the codes are derived from, sealed; empty
    from the moment at which the sheets are taken. `made`: how many exist so far. `replaces`: the batch whose sheets were lost."""

    batch_id = models.CharField(max_length=64, unique=True)
    brand = models.CharField(max_length=32)
    series = models.CharField(max_length=6)
    number = models.PositiveIntegerField()
    face_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    count = models.PositiveIntegerField()
    made = models.PositiveIntegerField(default=0)
    valid_days = models.PositiveIntegerField()
    expires_at = models.DateTimeField()
    terms = models.CharField(max_length=64)
    state = models.CharField(max_length=12, db_index=True)
    reason = models.CharField(max_length=400)
    replaces = models.CharField(max_length=64, blank=True)
    made_by = models.PositiveBigIntegerField()
    made_by_name = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    sealed = models.TextField(blank=True)
    taken_by = models.PositiveBigIntegerField(null=True)
    taken_by_name = models.CharField(max_length=64, blank=True)
    taken_as = models.CharField(max_length=8, blank=True)
    taken_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["series", "number"], name="voucher_batch_once"),
            models.CheckConstraint(
                condition=models.Q(face_micros__gt=0) & models.Q(count__gt=0), name="voucher_batch_positive"
            ),
            models.CheckConstraint(condition=models.Q(made__lte=models.F("count")), name="voucher_batch_made"),
        ]
        indexes = [models.Index(fields=["brand", "-id"], name="voucher_batch_brand")]

    def __str__(self) -> str:
        return f"{self.series} {self.number}"


class Voucher(models.Model):
    """One voucher. `digest`: the keyed hash of its code, the only trace of it."""

    batch = models.ForeignKey(VoucherBatch, on_delete=models.PROTECT, related_name="vouchers")
    serial = models.CharField(max_length=20, unique=True)
    index = models.PositiveIntegerField()
    draw = models.PositiveSmallIntegerField(default=0)
    digest = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=12)
    account = models.CharField(max_length=32, blank=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "index"], name="voucher_index_once"),
            models.CheckConstraint(
                condition=models.Q(account="") | models.Q(state__in=("claimed", "redeemed")), name="voucher_of_somebody"
            ),
        ]
        indexes = [models.Index(fields=["batch", "state"], name="voucher_batch_state")]

    def __str__(self) -> str:
        return self.serial


class VoucherDeed(models.Model):
    """Something done to the vouchers of a batch from one place to another: issued, blocked, expired. Appended, never changed.

    `micros` is what the vouchers concerned that were good are worth together: what the books move.
    """

    deed_id = models.CharField(max_length=64, unique=True)
    key = models.CharField(max_length=128, unique=True)
    batch = models.ForeignKey(VoucherBatch, on_delete=models.PROTECT, related_name="deeds")
    kind = models.CharField(max_length=12)
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    count = models.PositiveIntegerField()
    micros = models.BigIntegerField()
    reason = models.CharField(max_length=400)
    by = models.PositiveBigIntegerField()
    by_name = models.CharField(max_length=64)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} {self.first}-{self.last}"


class VoucherRedemption(models.Model):
    """A voucher that an account claimed. `state`: claimed, credited, or released where the credit could not be given."""

    redemption_id = models.CharField(max_length=64, unique=True)
    voucher = models.ForeignKey(Voucher, on_delete=models.PROTECT, related_name="redemptions")
    account = models.CharField(max_length=32)
    key = models.CharField(max_length=128)
    terms = models.CharField(max_length=64)
    channel = models.CharField(max_length=12)
    source = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=12)
    note = models.CharField(max_length=200, blank=True)
    claimed_at = models.DateTimeField()
    retry_at = models.DateTimeField(null=True)
    retries = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    balance_micros = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="voucher_redemption_once"),
            models.UniqueConstraint(
                fields=["voucher"], condition=~models.Q(state="released"), name="voucher_redeemed_once"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="voucher_redemption_account"),
            models.Index(fields=["retry_at"], condition=models.Q(state="claimed"), name="voucher_redemption_due"),
        ]

    def __str__(self) -> str:
        return self.redemption_id


class VoucherTry(models.Model):
    """A code that somebody gave. `mark`: its keyed hash, so that the same slip twice is one; `because`:
    for staff alone, why a code was not good; `repeats`: how often it was given again,
    or given while it was too early."""

    account = models.CharField(max_length=32)
    key = models.CharField(max_length=128)
    brand = models.CharField(max_length=32)
    channel = models.CharField(max_length=12)
    source = models.CharField(max_length=64, blank=True)
    mark = models.CharField(max_length=64)
    outcome = models.CharField(max_length=12)
    because = models.CharField(max_length=16, blank=True)
    serial = models.CharField(max_length=20, blank=True)
    repeats = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="voucher_try_once")]
        indexes = [
            models.Index(fields=["account", "at"], name="voucher_try_account"),
            models.Index(fields=["source", "at"], name="voucher_try_source"),
            models.Index(fields=["at"], name="voucher_try_at"),
            models.Index(fields=["serial"], name="voucher_try_serial"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.outcome}"
