"""Credit as Django reads it. The tables are made by migrations/0001_sqlite.sql and written by adapters alone."""

from __future__ import annotations

from django.db import models


class Wallet(models.Model):
    """A billing account that can hold credit."""

    owner = models.TextField(primary_key=True)
    brand = models.TextField()
    currency = models.TextField()
    opened_at = models.DateTimeField()

    class Meta:
        db_table = "balance_wallet"


class Bucket(models.Model):
    """The dates of one purchase's credit; its money is the account credit/<bucket> of the ledger."""

    pk = models.CompositePrimaryKey("owner", "bucket")
    owner = models.TextField()
    bucket = models.TextField()
    currency = models.TextField()
    brand = models.TextField()
    terms = models.TextField()
    bought_micros = models.BigIntegerField()
    balance_after_micros = models.BigIntegerField()
    available_from = models.DateTimeField()
    first_expires_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    expired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "balance_bucket"


class Validity(models.Model):
    """An extension of a bucket by a later purchase, append-only."""

    pk = models.CompositePrimaryKey("owner", "bucket", "purchase")
    owner = models.TextField()
    bucket = models.TextField()
    purchase = models.TextField()
    expires_at = models.DateTimeField()
    clause = models.TextField()
    terms = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "balance_validity"
