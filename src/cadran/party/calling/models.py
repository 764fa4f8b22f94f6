"""Tables of calling. Every row bears the account, by which the tables can be spread."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Contact(models.Model):
    """Somebody whom an account calls, or has served: a beneficiary. digits: E.164 without plus, once an account. key: speed dial."""

    contact_id = models.CharField(max_length=40, unique=True)
    account = models.CharField(max_length=16)
    name = models.CharField(max_length=80)
    digits = models.CharField(max_length=15)
    note = models.CharField(max_length=200, blank=True)
    key = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "digits"], name="calling_contact_once"),
            models.UniqueConstraint(fields=["account", "key"], condition=~Q(key=None), name="calling_key_once"),
            models.CheckConstraint(condition=Q(key=None) | Q(key__gte=1, key__lte=99), name="calling_key_range"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.account}"


class Pin(models.Model):
    """The secret number that a caller types where the network does not vouch for its calling number. tries: wrong ones in a row."""

    account = models.CharField(max_length=16, unique=True)
    hash = models.CharField(max_length=200)
    tries = models.PositiveSmallIntegerField(default=0)
    changed_at = models.DateTimeField()
    locked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"PIN of {self.account}"


class PreparedCall(models.Model):
    """The next call from `calling` to an access number of the brand goes straight to `destination` (both E.164 digits)."""

    prepared_id = models.CharField(max_length=40, unique=True)
    brand = models.CharField(max_length=32)
    account = models.CharField(max_length=16, db_index=True)
    calling = models.CharField(max_length=15)
    destination = models.CharField(max_length=15)
    prepared_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["brand", "calling"], name="calling_prepared_once")]

    def __str__(self) -> str:
        return f"+{self.calling} to +{self.destination}"


class MinuteChoice(models.Model):
    """A consumer's request to pay calls to national numbers by the minute; without a row, by the second."""

    account = models.CharField(max_length=16, unique=True)
    by_minute = models.BooleanField()
    chosen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account}: {'minute' if self.by_minute else 'second'}"
