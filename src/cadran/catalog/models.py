"""Tables of the catalogue: rate decks and their lines."""

from __future__ import annotations

from django.db import models

from cadran.catalog import rules


class Deck(models.Model):
    """One version of a brand's named rate deck. `activation` numbers activations over all brands: the newest number of a
    brand is its generation, which tells the charging process to take up new prices."""

    brand = models.CharField(max_length=40)
    name = models.CharField(max_length=40)
    version = models.CharField(max_length=40)
    currency = models.CharField(max_length=3)
    tax = models.CharField(max_length=10, choices=[(basis.value, basis.value) for basis in rules.TaxBasis])
    state = models.CharField(max_length=9, choices=[(state.value, state.value) for state in rules.DeckState])
    effective_from = models.DateTimeField(null=True)
    activation = models.PositiveBigIntegerField(null=True, unique=True)
    sha256 = models.CharField(max_length=64)
    lines = models.PositiveIntegerField()
    imported_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["brand", "name", "version"], name="catalog_deck_version"),
            models.CheckConstraint(
                condition=models.Q(state="draft", effective_from=None, activation=None)
                | models.Q(state="activated", effective_from__isnull=False, activation__isnull=False),
                name="catalog_deck_activated_is_dated",
            ),
        ]
        indexes = [models.Index(fields=["brand", "name", "state", "effective_from"], name="catalog_deck_in_force")]


class DeckRate(models.Model):
    """One rate of a deck: see rules.Rate for units. `bands` is the list of its time bands and `tariff` its tariff as JSON text,
    empty for none."""

    deck = models.ForeignKey(Deck, on_delete=models.CASCADE, related_name="rates")
    line = models.PositiveIntegerField()
    prefix = models.CharField(max_length=rules.MAX_PREFIX)
    destination = models.CharField(max_length=80)
    destination_en = models.CharField(max_length=80, blank=True)
    price_nanos = models.BigIntegerField()
    first_s = models.PositiveIntegerField()
    next_s = models.PositiveIntegerField()
    connection_micros = models.BigIntegerField()
    minimum_micros = models.BigIntegerField()
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField()
    bands = models.TextField(blank=True)
    tariff = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["deck", "prefix", "valid_from"], name="catalog_rate_once"),
            models.CheckConstraint(condition=models.Q(price_nanos__gte=0), name="catalog_rate_price"),
        ]


class DeckColumns(models.Model):
    """All rates of a large plain version, as `columns.Columns.body` wrote them; such a version has no DeckRate."""

    deck = models.OneToOneField(Deck, on_delete=models.CASCADE, related_name="columns")
    body = models.BinaryField()


class ImportProfile(models.Model):
    """A saved way to read a price list of others: `price_files.ColumnMap` as JSON, by a name of the operator's."""

    name = models.CharField(max_length=40, unique=True)
    body = models.TextField()
    saved_at = models.DateTimeField()
