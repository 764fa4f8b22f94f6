"""Reads of the catalogue: decks in force, their rates, and the price of a number on a day."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import Any

import numpy as np
from django.db import connections, router
from django.db.models import Max, Q
from django.db.models.functions import Length

from cadran.catalog import bands, columns, models, rules
from cadran.units import period
from cadran.units.errors import CadranError

_RATE_FIELDS = (
    "prefix",
    "destination",
    "price_nanos",
    "first_s",
    "next_s",
    "connection_micros",
    "minimum_micros",
    "valid_from",
    "valid_to",
    "bands",
    "destination_en",
    "line",
    "tariff",
)
_UNDATED = tuple(name for name in _RATE_FIELDS if name not in ("valid_from", "valid_to"))
LIST_LIMIT = 500
PART = 2_000  # rows that are fetched at once: other threads of the process wait for no more


class UnknownDeck(CadranError):
    """No deck of that brand, name and version."""

    error_id = "catalog-deck-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckVersion:
    """What is known of one version of a deck without its rates. Instants are aware UTC."""

    id: int
    brand: str
    name: str
    version: str
    currency: str
    tax: str
    state: str
    effective_from: datetime | None
    activation: int | None
    sha256: str
    lines: int
    imported_at: datetime
    activated_at: datetime | None

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            name: value.isoformat() if isinstance(value := getattr(self, name), datetime) else value
            for name in self.__slots__
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A rate as a customer reads it: with the tax basis of its deck."""

    rate: rules.Rate
    tax: str


def generation(brand: str) -> int:
    """The number of the brand's newest activation, 0 before the first: it grows whenever prices are taken up."""
    return models.Deck.objects.filter(brand=brand).aggregate(newest=Max("activation"))["newest"] or 0


def decks(brand: str | None = None) -> tuple[DeckVersion, ...]:
    """All versions, drafts included, in the order in which they came."""
    rows = models.Deck.objects.order_by("brand", "name", "id")
    return tuple(_version(row) for row in (rows.filter(brand=brand) if brand else rows))


def deck(brand: str, name: str, version: str) -> DeckVersion:
    """One version. Raises UnknownDeck."""
    try:
        return _version(models.Deck.objects.get(brand=brand, name=name, version=version))
    except models.Deck.DoesNotExist:
        raise UnknownDeck(f"{brand} has no deck {name} {version}: see `cadran deck list`") from None


def activated(brand: str, name: str = rules.STANDARD_DECK) -> tuple[DeckVersion, ...]:
    """The activated versions in the order in which they take effect; of two for one instant the later activation wins."""
    rows = models.Deck.objects.filter(brand=brand, name=name, state=rules.DeckState.ACTIVATED)
    return tuple(_version(row) for row in rows.order_by("effective_from", "activation"))


def in_force(brand: str, at: datetime, name: str = rules.STANDARD_DECK) -> DeckVersion | None:
    """The version whose prices hold at `at` (aware), or None."""
    at = period.utc(at)
    started = [version for version in activated(brand, name) if version.effective_from and version.effective_from <= at]
    return started[-1] if started else None


Row = tuple[Any, ...]


def rates(version: DeckVersion) -> Iterator[rules.Rate]:
    """Every rate of a version, in no order."""
    for part in rows(version):
        for row in part:
            yield rate(version, row)


def rows(version: DeckVersion) -> Iterator[list[Row]]:
    """The rates of a version as the table has them, in parts, in no order: a process takes a large deck up in a third of the time
    that its rates as values would need. The first of a row is its prefix, and `rate` makes a value of it. Lines without dates, which
    are nearly all, come without any read."""
    if (kept := plain(version)) is not None:
        yield from kept.rows(PART)
        return
    connection = connections[router.db_for_read(models.DeckRate)]
    meta, quote = models.DeckRate._meta, connection.ops.quote_name
    named = {field.name: quote(str(field.column)) for field in meta.concrete_fields}
    undated = ", ".join(named[name] for name in _UNDATED)
    dateless = f"{named['valid_from']} = %s AND {named['valid_to']} = %s"
    sql = f"SELECT {undated} FROM {quote(meta.db_table)} WHERE {named['deck']} = %s AND {dateless}"  # noqa: S608 - our own model
    ever = [connection.ops.adapt_datetimefield_value(one) for one in (rules.ALWAYS_FROM, rules.FOR_EVER)]
    with connection.cursor() as cursor:
        cursor.execute(sql, [version.id, *ever])
        while part := cursor.fetchmany(PART):
            yield part
    dated = models.DeckRate.objects.filter(deck_id=version.id)
    dated = dated.exclude(valid_from=rules.ALWAYS_FROM, valid_to=rules.FOR_EVER)
    yield list(dated.values_list(*_UNDATED, "valid_from", "valid_to").iterator(chunk_size=PART))


def plain(version: DeckVersion) -> columns.Columns | None:
    """The rates of a large plain version, which are kept as columns; None for one that has rows. Raises DamagedColumns."""
    body = models.DeckColumns.objects.filter(deck_id=version.id).values_list("body", flat=True).first()
    return None if body is None else columns.of_body(bytes(body))


@lru_cache(maxsize=4)
def _kept(deck_id: int, _sha256: str) -> columns.Columns | None:
    """The same for pages, that ask again and again. A version never changes."""
    body = models.DeckColumns.objects.filter(deck_id=deck_id).values_list("body", flat=True).first()
    return None if body is None else columns.of_body(bytes(body))


def rate(version: DeckVersion, row: Row) -> rules.Rate:
    """The value of one of `rows`."""
    dates = row[11:] or (rules.ALWAYS_FROM, rules.FOR_EVER)
    return _rate(version, (*row[:7], *dates, *row[7:11]))


def price_of(brand: str, digits: str, at: datetime, name: str = rules.STANDARD_DECK) -> Price | None:
    """The price of a call to `digits` (E.164 without plus) that starts at `at`: the longest prefix valid then."""
    version = in_force(brand, at, name)
    prefixes = [digits[:length] for length in range(1, min(len(digits), rules.MAX_PREFIX) + 1)]
    if version is None or not prefixes or not digits.isascii():
        return None
    if (kept := _kept(version.id, version.sha256)) is not None:
        places = (place for place in kept.matching(digits) if _holds(kept, place, at))
        place = next(places, None)
        return None if place is None else Price(rate=rate(version, kept.row(place)), tax=version.tax)
    rows = models.DeckRate.objects.filter(
        deck_id=version.id, prefix__in=prefixes, valid_from__lte=at, valid_to__gt=at
    ).values_list(*_RATE_FIELDS)
    found = max(rows, key=lambda row: len(row[0]), default=None)
    return None if found is None else Price(rate=_rate(version, found), tax=version.tax)


def listed(brand: str, at: datetime, search: str = "", *, limit: int = LIST_LIMIT) -> tuple[Price, ...]:
    """As `prices`, as they are at the beginning of the minute of `at`: kept in memory for pages that many read."""
    return _listed(brand, _deck_key(brand, at), at.replace(second=0, microsecond=0), search, limit)


def _deck_key(brand: str, at: datetime) -> str:
    version = in_force(brand, at)
    return f"{version.id} {version.sha256}" if version else ""


@lru_cache(maxsize=64)
def _listed(brand: str, _deck: str, minute: datetime, search: str, limit: int) -> tuple[Price, ...]:
    return prices(brand, minute, search, limit=limit)


def chosen(brand: str, numbers: tuple[str, ...], at: datetime) -> tuple[Price, ...]:
    """The prices of some numbers, those that have one, at the beginning of the minute of `at`: kept in memory likewise."""
    return _chosen(brand, _deck_key(brand, at), at.replace(second=0, microsecond=0), numbers)


@lru_cache(maxsize=64)
def _chosen(brand: str, _deck: str, minute: datetime, numbers: tuple[str, ...]) -> tuple[Price, ...]:
    found = (price_of(brand, number, minute) for number in numbers)
    return tuple(price for price in found if price is not None)


def prices(
    brand: str, at: datetime, search: str = "", *, name: str = rules.STANDARD_DECK, limit: int = LIST_LIMIT
) -> tuple[Price, ...]:
    """Prices valid at `at`, one for each destination and price: whole countries before their towns and carriers.

    search: part of a destination's name in either language, whatever its case and accents, or digits (the prefixes that begin
    with them or that they begin with). At most `limit`.
    """
    version = in_force(brand, at, name)
    if version is None:
        return ()
    search = search.strip().lstrip("+")
    if (kept := _kept(version.id, version.sha256)) is not None:
        places = _searched(version, kept, at, search, limit)
        return tuple(Price(rate=rate(version, kept.row(place)), tax=version.tax) for place in places)
    rows = models.DeckRate.objects.filter(deck_id=version.id, valid_from__lte=at, valid_to__gt=at)
    if search.isascii() and search.isdigit():
        shorter = [search[:length] for length in range(1, len(search))]
        rows = rows.filter(Q(prefix__startswith=search) | Q(prefix__in=shorter))
    elif search:
        wanted = folded(search)
        matching = [name for text, name in _destinations(version.id, version.sha256) if wanted in text]
        rows = rows.filter(destination__in=matching[:limit])
    found: dict[tuple[object, ...], rules.Rate] = {}
    listed = rows.annotate(detail=Length("prefix")).order_by("detail", "destination", "prefix")
    for row in listed.values_list(*_RATE_FIELDS).iterator(chunk_size=10_000):
        key = (row[1], *row[2:7], row[9], row[12])
        if key not in found:
            found[key] = _rate(version, row)
            if len(found) == limit:
                break
    return tuple(Price(rate=rate, tax=version.tax) for rate in found.values())


def _holds(kept: columns.Columns, place: int, at: datetime) -> bool:
    *_, start, end = kept.rest[kept.rest_of[place]]
    return bool(start <= at < end)


def _searched(version: DeckVersion, kept: columns.Columns, at: datetime, search: str, limit: int) -> list[int]:
    chosen = kept.valid(at)
    if search.isascii() and search.isdigit():
        chosen &= kept.beginning(search)
    elif search:
        wanted = folded(search)
        matching = [name for text, name in _destinations(version.id, version.sha256) if wanted in text][:limit]
        chosen &= np.isin(kept.name_of, [place for place, name in enumerate(kept.names) if name[0] in set(matching)])
    return kept.first_of_each(chosen, limit)


def folded(text: str) -> str:
    """Without case and accents: `États-Unis` -> `etats-unis`."""
    return "".join(mark for mark in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(mark))


@lru_cache(maxsize=8)
def _destinations(deck_id: int, sha256: str) -> tuple[tuple[str, str], ...]:
    """Folded names of both languages and the name itself, shortest first. A version never changes, so it is read once."""
    kept = _kept(deck_id, sha256)
    named = models.DeckRate.objects.filter(deck_id=deck_id).values_list("destination", "destination_en").distinct()
    rows = named if kept is None else set(kept.names)
    return tuple(sorted(((folded(f"{fr}\n{en}"), fr) for fr, en in rows), key=lambda pair: (len(pair[1]), pair[1])))


def _rate(version: DeckVersion, row: tuple[Any, ...]) -> rules.Rate:
    prefix, destination, price, first_s, next_s, connection, minimum = row[:7]
    valid_from, valid_to, band_text, english, line, tariff_text = row[7:]
    return rules.Rate(
        prefix=prefix,
        destination=intern(destination),
        currency=version.currency,
        price_nanos=price,
        first_s=first_s,
        next_s=next_s,
        connection_micros=connection,
        minimum_micros=minimum,
        valid_from=rules.ALWAYS_FROM if valid_from == rules.ALWAYS_FROM else valid_from,
        valid_to=rules.FOR_EVER if valid_to == rules.FOR_EVER else valid_to,
        bands=bands.from_text(band_text) if band_text else (),
        destination_en=intern(english),
        deck=version.name,
        version=version.version,
        line=line,
        tariff=bands.tariff_from_text(tariff_text) if tariff_text else None,
    )


def _version(row: models.Deck) -> DeckVersion:
    return DeckVersion(
        id=row.pk,
        brand=row.brand,
        name=row.name,
        version=row.version,
        currency=row.currency,
        tax=row.tax,
        state=row.state,
        effective_from=row.effective_from and row.effective_from.astimezone(UTC),
        activation=row.activation,
        sha256=row.sha256,
        lines=row.lines,
        imported_at=row.imported_at,
        activated_at=row.activated_at,
    )
