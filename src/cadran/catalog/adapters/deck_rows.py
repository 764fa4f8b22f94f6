"""A deck's rates into their table, in the caller's transaction: by executemany, in the order of the table's index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connections, router

from cadran.catalog import bands, models, rules

STEP = 10_000
FIELDS = (
    "line",
    "prefix",
    "destination",
    "destination_en",
    "price_nanos",
    "first_s",
    "next_s",
    "connection_micros",
    "minimum_micros",
    "valid_from",
    "valid_to",
    "tariff",
    "bands",
)


def write(deck_id: int, rates: Sequence[rules.Rate], told: Callable[[str, int, int], None]) -> None:
    """Write all of them. told(stage, done, total) is called now and then."""
    connection = connections[router.db_for_write(models.DeckRate)]
    meta, quote = models.DeckRate._meta, connection.ops.quote_name
    columns = {field.name: str(field.column) for field in meta.concrete_fields}
    names = [quote(columns[name]) for name in ("deck", *FIELDS)]
    fixed = int(deck_id)
    marks = ", ".join("%s" for _ in FIELDS)

    @lru_cache(maxsize=4096)
    def instant(value: datetime) -> Any:
        return connection.ops.adapt_datetimefield_value(value)

    sql = f"INSERT INTO {quote(meta.db_table)} ({', '.join(names)}) VALUES ({fixed}, {marks})"  # noqa: S608 - our own model
    done = 0
    with connection.cursor() as cursor:
        for part in _rows(rates, instant):
            told("write", done, len(rates))
            cursor.executemany(sql, part)
            done += len(part)
    told("write", len(rates), len(rates))


def _rows(rates: Sequence[rules.Rate], instant: Callable[[datetime], Any]) -> Iterator[list[tuple[Any, ...]]]:
    ordered = sorted(rates, key=lambda rate: rate.prefix)
    for start in range(0, len(ordered), STEP):
        yield [
            (
                rate.line,
                rate.prefix,
                rate.destination,
                rate.destination_en,
                rate.price_nanos,
                rate.first_s,
                rate.next_s,
                rate.connection_micros,
                rate.minimum_micros,
                instant(rate.valid_from),
                instant(rate.valid_to),
                bands.tariff_to_text(rate.tariff),
                bands.to_text(rate.bands),
            )
            for rate in ordered[start : start + STEP]
        ]
