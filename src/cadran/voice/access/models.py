"""What is kept of calls at access numbers beside their records: which states of the menu they came to. In voice.db, for a year."""

from __future__ import annotations

from django.db import models


class AccessCall(models.Model):
    """One call. session: the charging session of the caller's own leg, and the family of the others. refused: why the caller was not
    let in, empty for who was. states: [milliseconds since the call began, state] in the order in which they were come to, the first
    and the last ones of a long call. dialled, talked: second legs begun, and answered. outcome: who or what ended it."""

    session = models.CharField(max_length=128, primary_key=True)
    brand = models.CharField(max_length=32)
    access_number = models.CharField(max_length=20)
    service = models.CharField(max_length=32)
    language = models.CharField(max_length=8)
    account = models.CharField(max_length=32, blank=True)
    refused = models.CharField(max_length=32, blank=True)
    began_at = models.DateTimeField(db_index=True)
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=64, blank=True)
    states = models.JSONField(default=list)
    dialled = models.PositiveIntegerField(default=0)
    talked = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes = [models.Index(fields=["brand", "began_at"], name="access_calls_of_a_brand")]

    def __str__(self) -> str:
        return self.session
