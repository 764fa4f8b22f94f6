"""What must outlive the SIP process, in voice.db: registrations, answered dialogs, settlements that charging has not yet taken."""

from __future__ import annotations

from django.db import models


class Registration(models.Model):
    """One device of a SIP user. since_at, expires_at: wall-clock seconds since 1970; since_at is 0 where it is not known."""

    username = models.CharField(max_length=128)
    contact_key = models.CharField(max_length=255)
    contact = models.CharField(max_length=1024)
    source_host = models.CharField(max_length=64)
    source_port = models.PositiveIntegerField()
    call_id = models.CharField(max_length=255)
    cseq = models.BigIntegerField()
    since_at = models.BigIntegerField(default=0)
    expires_at = models.BigIntegerField(db_index=True)
    agent = models.CharField(max_length=255, blank=True)
    path = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["username", "contact_key"], name="one_row_a_device")]

    def __str__(self) -> str:
        return f"{self.username} at {self.contact}"


class Dialog(models.Model):
    """An answered call: what ends both legs after a crash, and how long it was known to last. body: see journal.records."""

    session = models.CharField(max_length=128, primary_key=True)
    body = models.JSONField()
    used_ms = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.session


class Settlement(models.Model):
    """A settlement on its way to charging, in the form of journal.records."""

    session = models.CharField(max_length=128, primary_key=True)
    body = models.JSONField()

    def __str__(self) -> str:
        return self.session
