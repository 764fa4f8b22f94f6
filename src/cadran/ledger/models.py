"""The books as Django reads them. The tables are made by migrations/0001_sqlite.sql and written by adapters alone."""

from __future__ import annotations

from django.db import models


class Account(models.Model):
    """An account; balance and held are kept by the database for accounts with a floor."""

    pk = models.CompositePrimaryKey("owner", "name")
    owner = models.TextField()
    name = models.TextField()
    currency = models.TextField()
    floor_micros = models.BigIntegerField(null=True)
    balance_micros = models.BigIntegerField(null=True)
    held_micros = models.BigIntegerField(null=True)
    opened_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_account"


class Transfer(models.Model):
    """A row of the journal, append-only."""

    pk = models.CompositePrimaryKey("owner", "transfer")
    owner = models.TextField()
    transfer = models.TextField()
    kind = models.TextField()
    reservation = models.TextField()
    debit_owner = models.TextField()
    debit_name = models.TextField()
    credit_owner = models.TextField()
    credit_name = models.TextField()
    currency = models.TextField()
    amount_micros = models.BigIntegerField()
    released_micros = models.BigIntegerField()
    at = models.DateTimeField()
    reason = models.TextField()

    class Meta:
        db_table = "ledger_transfer"


class Posting(models.Model):
    """One leg of a transfer, append-only."""

    pk = models.CompositePrimaryKey("owner", "transfer", "leg")
    owner = models.TextField()
    transfer = models.TextField()
    leg = models.SmallIntegerField()
    account_owner = models.TextField()
    account_name = models.TextField()
    currency = models.TextField()
    amount_micros = models.BigIntegerField()

    class Meta:
        db_table = "ledger_posting"
