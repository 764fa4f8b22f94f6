"""Strategies for rates in the whole of the tariff language, for calls at awkward instants, and the comparison with the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import oracle
from hypothesis import strategies as st

from cadran.catalog import rules
from cadran.catalog.rules import AtMaximum, Pricing, Rate, RateGroup, Rounding, Tariff, TimeBand
from cadran.rating import batch, decks, keys, tables
from cadran.rating import rules as rating

ZONES = ("Europe/Paris", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu", "UTC")
# The nights of both clock changes of 2026 in each zone that has them, New Year, a leap day and an ordinary Monday, in UTC.
HOT = tuple(
    int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    for text in (
        "2026-03-29T01:00:00",
        "2026-10-25T01:00:00",
        "2026-03-08T07:00:00",
        "2026-11-01T06:00:00",
        "2026-04-04T15:00:00",
        "2026-10-03T15:30:00",
        "2025-12-31T23:00:00",
        "2024-02-29T12:00:00",
        "2026-03-02T08:00:00",
        "2026-05-01T00:00:00",
    )
)
HOLIDAYS = frozenset({date(2026, 3, 29), date(2026, 5, 1), date(2026, 10, 25), date(2026, 1, 1)})

instants = st.one_of(
    st.builds(lambda hot, off: hot + off, st.sampled_from(HOT), st.integers(-7200, 7200)),
    st.builds(lambda hot, minutes: hot + 60 * minutes, st.sampled_from(HOT), st.integers(-180, 180)),
    st.integers(HOT[7], HOT[1]),
)
durations = st.one_of(st.integers(0, 200), st.integers(0, 4000), st.sampled_from([0, 1, 59, 60, 61, 3600, 86_400]))
prices = st.one_of(st.integers(0, 10**4), st.integers(0, 2 * 10**9), st.sampled_from([0, 1, 12_000_000, 10**12]))
fees = st.one_of(st.just(0), st.integers(0, 200_000), st.sampled_from([rules.MAX_FEE_MICROS]))
increments = st.sampled_from([1, 6, 7, 10, 20, 30, 60, 180, 600])
units = st.sampled_from([60, 60, 60, 1, 6, 7, 30, 600])


@st.composite
def groups(draw: st.DrawFn) -> tuple[RateGroup, ...]:
    starts = draw(st.lists(st.integers(1, 300), max_size=3, unique=True))
    return tuple(
        RateGroup(from_s=start, price_nanos=draw(prices) // 60, unit_s=draw(units), increment_s=draw(increments))
        for start in sorted(starts)
    )


pricings = st.builds(
    Pricing,
    price_nanos=prices,
    unit_s=st.just(60),
    first_s=increments,
    next_s=increments,
    connection_micros=fees,
    minimum_micros=fees,
    groups=groups(),
)


@st.composite
def windows(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    step = draw(st.sampled_from([60, 60, 15, 1]))
    edges = draw(st.lists(st.integers(0, 1440 // step), min_size=2, max_size=4, unique=True))
    edges = sorted(edge * step for edge in edges)
    return tuple((edges[at], edges[at + 1]) for at in range(0, len(edges) - 1, 2))


@st.composite
def time_bands(draw: st.DrawFn, *, plain: bool = False) -> tuple[TimeBand, ...]:
    """Up to four bands of weights that differ, so that any two may meet."""
    found = []
    order = draw(st.permutations(range(4)))
    for number in range(draw(st.integers(0, 4))):
        pricing = None if plain else draw(st.one_of(st.none(), pricings))
        found.append(
            TimeBand(
                name=f"b{number}",
                zone=draw(st.sampled_from(ZONES)),
                price_nanos=pricing.price_nanos if pricing else draw(prices),
                weekdays=frozenset(draw(st.sets(st.integers(0, 6), min_size=0 if number else 1))),
                windows=draw(windows()),
                holidays=draw(st.sampled_from([frozenset(), HOLIDAYS])),
                on_holidays=draw(st.booleans()),
                weight=order[number],
                years=draw(st.sampled_from([frozenset(), frozenset(), frozenset({2026})])),
                months=draw(st.sampled_from([frozenset(), frozenset(), frozenset({3, 10})])),
                month_days=draw(st.sampled_from([frozenset(), frozenset(), frozenset({1, 25, 29})])),
                pricing=pricing,
            )
        )
    return tuple(found)


tariffs = st.builds(
    Tariff,
    unit_s=units,
    free_s=st.sampled_from([0, 0, 3, 60]),
    groups=groups(),
    maximum_micros=st.one_of(st.none(), st.integers(0, 2_000_000)),
    at_maximum=st.sampled_from(AtMaximum),
    rounding=st.sampled_from(Rounding),
    decimals=st.sampled_from([6, 6, 0, 1, 2, 3, 4, 5, 8]),
    split=st.booleans(),
)
days = st.integers(0, 8).map(lambda number: datetime(2026, 3, 25, tzinfo=UTC) + number * timedelta(hours=13))


@st.composite
def rates(draw: st.DrawFn, prefix: str = "33", *, plain: bool = False, dated: bool = True) -> Rate:
    since, until = sorted(draw(st.lists(days, min_size=2, max_size=2, unique=True)))
    kind = draw(st.sampled_from(["always", "until", "since", "both"] if dated else ["always"]))
    return Rate(
        prefix=prefix,
        destination=prefix,
        currency="EUR",
        price_nanos=draw(prices),
        first_s=draw(increments),
        next_s=draw(increments),
        connection_micros=draw(fees),
        minimum_micros=draw(fees),
        valid_from=since if kind in ("since", "both") else rules.ALWAYS_FROM,
        valid_to=until if kind in ("until", "both") else rules.FOR_EVER,
        bands=draw(time_bands(plain=plain)),
        tariff=None if plain else draw(st.one_of(st.none(), tariffs)),
    )


numbers = st.text("3457", min_size=1, max_size=9).map(lambda text: "33" + text)


@st.composite
def nested(draw: st.DrawFn, *, plain: bool = False) -> list[Rate]:
    """Prefixes within prefixes, short and beyond the root's six digits, each once."""
    prefixes = draw(st.lists(st.text("3457", max_size=9), min_size=1, max_size=12, unique=True))
    return [draw(rates("33" + text, plain=plain)) for text in prefixes]


@st.composite
def versions(draw: st.DrawFn) -> list[tuple[datetime, list[Rate]]]:
    """One deck, or two of which the second takes effect in between."""
    found = [(rules.ALWAYS_FROM, draw(nested()))]
    if draw(st.booleans()):
        found.append((draw(days), draw(nested())))
    return found


def agree(of: Sequence[tuple[datetime, Sequence[Rate]]], calls: Sequence[tuple[str, int, int]], engine: str) -> None:
    """Rate the calls (number, second, duration) and compare every field of every record with the oracle, and the scalar path too."""
    deck = decks.Deck("x", 1, tuple(decks.dated(rates, since) for since, rates in of))
    compiled = tables.compile_deck(deck)
    columns = list(zip(*calls, strict=True))
    found = batch.rate_batch(
        compiled,
        keys.of_texts(columns[0]),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        engine=engine,
    )
    for index, (digits, at_s, seconds) in enumerate(calls):
        at = oracle.instant(at_s)
        told = (
            int(found.micros[index]),
            int(found.status[index]),
            int(found.billed_s[index]),
            int(found.band[index]),
        )

        def follow(moment: datetime, digits: str = digits) -> Rate | None:
            return oracle.find([rates for since, rates in of if since <= moment][-1], digits, moment)

        rate = follow(at)
        if rate is None:
            assert told == (0, batch.Status.NO_PRICE, 0, 0), (digits, at_s, seconds)
            assert found.rate[index] == -1
            continue
        assert compiled.rates[found.rate[index]] is rate
        expected = oracle.charge(rate, seconds, at, follow)
        assert told == (expected.micros, batch.Status.RATED, expected.billed_s, expected.band), (at_s, seconds, rate)
        scalar = deck.find(digits, at)
        assert scalar is not None
        charged = rating.charge(scalar, seconds, at)
        assert (charged.micros, charged.billed_s, charged.exact) == (
            expected.micros,
            expected.billed_s,
            expected.exact if seconds else 0,
        )
