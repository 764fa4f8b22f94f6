"""Calls and their records as Django reads them. The tables are made by migrations/0001_sqlite.sql and written by adapters alone."""

from __future__ import annotations

from django.db import models


class Session(models.Model):
    """A call as charging knows it; `body` holds what never changes of it."""

    pk = models.CompositePrimaryKey("account", "session")
    account = models.TextField()
    session = models.TextField()
    state = models.TextField()
    body = models.TextField()
    granted_s = models.IntegerField(null=True)
    final = models.BooleanField()
    held_micros = models.BigIntegerField()
    seq = models.IntegerField()
    used_s = models.IntegerField()
    cdr_id = models.TextField()
    opened_at = models.DateTimeField()

    class Meta:
        db_table = "charging_session"


class Cdr(models.Model):
    """A call detail record, append-only. `position` grows with each; `body` is the whole record."""

    pk = models.CompositePrimaryKey("account", "cdr_id")
    position = models.BigIntegerField()
    account = models.TextField()
    cdr_id = models.TextField()
    session = models.TextField()
    call_id = models.TextField()
    brand = models.TextField()
    terms = models.TextField()
    direction = models.TextField()
    number_class = models.TextField()
    destination = models.TextField()
    authorised_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField()
    disposition = models.TextField()
    ended_by = models.TextField()
    charged_s = models.IntegerField()
    charge_micros = models.BigIntegerField()
    currency = models.TextField()
    clause = models.TextField()
    loss_s = models.IntegerField()
    loss_micros = models.BigIntegerField()
    corrects = models.TextField()
    body = models.TextField()
    family = models.TextField()
    via = models.TextField()

    class Meta:
        db_table = "charging_cdr"
