"""What a version of a deck changes: how many prefixes become dearer, cheaper, come or go, and where most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connections, router

from cadran.catalog import models, queries
from cadran.catalog.queries import DeckVersion

MOST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """One prefix whose price a minute changes, in billionths of the currency."""

    prefix: str
    destination: str
    destination_en: str
    before_nanos: int
    after_nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Prefixes by what becomes of their price a minute; one whose increments or fees alone change is among `other`."""

    dearer: int
    cheaper: int
    same: int
    other: int
    new: int
    gone: int
    rises: tuple[PriceChange, ...]
    falls: tuple[PriceChange, ...]


_PAIR = """
    FROM {rates} AS n JOIN {rates} AS o
      ON o.deck_id = %(before)s AND o.prefix = n.prefix AND o.valid_from = n.valid_from
    WHERE n.deck_id = %(after)s
"""
_COUNTS = """
    SELECT coalesce(sum(n.price_nanos > o.price_nanos), 0), coalesce(sum(n.price_nanos < o.price_nanos), 0),
           coalesce(sum(n.price_nanos = o.price_nanos AND n.first_s = o.first_s AND n.next_s = o.next_s
               AND n.connection_micros = o.connection_micros AND n.minimum_micros = o.minimum_micros AND n.bands = o.bands
               AND n.tariff = o.tariff), 0),
           count(*)
"""
_LIST = "SELECT n.prefix, n.destination, n.destination_en, o.price_nanos, n.price_nanos"
_ONLY = """
    SELECT count(*) FROM {rates} AS n WHERE n.deck_id = %(here)s AND NOT EXISTS (
        SELECT 1 FROM {rates} AS o WHERE o.deck_id = %(there)s AND o.prefix = n.prefix AND o.valid_from = n.valid_from)
"""


def replaced(found: DeckVersion, at: datetime) -> DeckVersion | None:
    """The version in force when that one takes effect, which it replaces; for a draft, the one in force at `at`."""
    moment = found.effective_from or at
    earlier = [
        one
        for one in queries.activated(found.brand, found.name)
        if one.id != found.id
        and one.effective_from is not None
        and one.effective_from <= moment
        and (found.activation is None or (one.activation or 0) < found.activation)
    ]
    return earlier[-1] if earlier else None


def compare(before: DeckVersion | None, after: DeckVersion) -> Comparison:
    """What `after` changes of `before`; against nothing, everything is new."""
    connection = connections[router.db_for_read(models.DeckRate)]
    rates = connection.ops.quote_name(models.DeckRate._meta.db_table)
    pair = {"before": before.id if before else -1, "after": after.id}
    with connection.cursor() as cursor:

        def rows(sql: str, **given: int) -> list[tuple[int | str, ...]]:
            cursor.execute(sql.replace("{rates}", rates), given)
            return list(cursor.fetchall())

        dearer, cheaper, same, both = (int(one) for one in rows(_COUNTS + _PAIR, **pair)[0])
        new = int(rows(_ONLY, here=pair["after"], there=pair["before"])[0][0])
        gone = int(rows(_ONLY, here=pair["before"], there=pair["after"])[0][0])
        order = " ORDER BY (n.price_nanos - o.price_nanos) {}, length(n.prefix), n.prefix LIMIT " + str(MOST)
        rises = rows(_LIST + _PAIR + " AND n.price_nanos > o.price_nanos" + order.format("DESC"), **pair)
        falls = rows(_LIST + _PAIR + " AND n.price_nanos < o.price_nanos" + order.format("ASC"), **pair)
    return Comparison(
        dearer=dearer,
        cheaper=cheaper,
        same=same,
        other=both - dearer - cheaper - same,
        new=new,
        gone=gone,
        rises=tuple(_change(row) for row in rises),
        falls=tuple(_change(row) for row in falls),
    )


def _change(row: tuple[int | str, ...]) -> PriceChange:
    prefix, destination, english, before, after = row
    return PriceChange(
        prefix=str(prefix),
        destination=str(destination),
        destination_en=str(english),
        before_nanos=int(before),
        after_nanos=int(after),
    )
