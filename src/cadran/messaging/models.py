"""Outgoing mails, and what a customer wants to be warned of."""

from __future__ import annotations

from django.db import models

from cadran.messaging.rules import MailState


class Mail(models.Model):
    """One mail to one person. `sealed` holds the exact bytes that the server gets, encrypted; `sha256` is their hash.

    `fleeting`: it bears a link or code that opens something, so its bytes go once a server has answered for good.
    """

    mail_id = models.CharField(max_length=64, unique=True)
    key = models.CharField(max_length=128, unique=True)
    brand = models.CharField(max_length=32)
    account = models.CharField(max_length=32, blank=True)
    recipient = models.CharField(max_length=254)
    subject = models.CharField(max_length=200)
    kind = models.CharField(max_length=48)
    language = models.CharField(max_length=8)
    message_id = models.CharField(max_length=200, unique=True)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    sealed = models.BinaryField(null=True)
    fleeting = models.BooleanField(default=False)
    copy_of = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=12, default=MailState.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    queued_at = models.DateTimeField()
    due_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "due_at"], name="messaging_mail_due"),
            models.Index(fields=["account", "id"], name="messaging_mail_account"),
            models.Index(fields=["recipient"], name="messaging_mail_recipient"),
        ]

    def __str__(self) -> str:
        return self.mail_id


class WarningChoice(models.Model):
    """What an account chose of its warnings; without a row, the terms' values hold. `low_credit_micros` 0: none."""

    account = models.CharField(max_length=32, unique=True)
    low_credit_micros = models.BigIntegerField(null=True)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.account


class Warned(models.Model):
    """A warning that was given, once for each crossing, which `mark` names."""

    account = models.CharField(max_length=32)
    kind = models.CharField(max_length=32)
    mark = models.CharField(max_length=128)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "kind", "mark"], name="messaging_warned_once")]

    def __str__(self) -> str:
        return f"{self.account} {self.kind} {self.mark}"


class Watch(models.Model):
    """How far a watcher of other rooms' records has read: a position, and an instant."""

    name = models.CharField(max_length=48, unique=True)
    position = models.BigIntegerField(default=0)
    until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
