"""Every engine beside the exact oracle, call by call: random decks in the whole tariff language, calls at awkward instants."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

from cadran.catalog.rules import (
    ALWAYS_FROM,
    FOR_EVER,
    AtMaximum,
    Pricing,
    Rate,
    RateGroup,
    Rounding,
    Tariff,
    TimeBand,
    check_rate,
)
from cadran.commands import bench_rating_oracle as oracle
from cadran.commands.bench_rating_load import Calls
from cadran.rating import batch, decks, keys, rules, tables

PART = 50_000
ZONES = ("Europe/Paris", "Australia/Lord_Howe", "America/New_York", "UTC")
# Both clock changes of 2026 in the zones that have them, New Year and an ordinary Monday, in UTC.
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
        "2026-03-02T08:00:00",
    )
)
HOLIDAYS = frozenset({date(2026, 3, 29), date(2026, 5, 1), date(2026, 10, 25), date(2026, 1, 1)})
INCREMENTS = (1, 6, 7, 10, 20, 30, 60, 60, 180)
CHANGE = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def run(records: int, processes: int = 0) -> int:
    """How many of so many random calls the scalar path, NumPy or numba rates otherwise than the oracle."""
    seeds = range(-(-records // PART))
    sizes = [min(PART, records - seed * PART) for seed in seeds]
    workers = processes or len(os.sched_getaffinity(0))
    if workers == 1:
        return sum(map(_part, seeds, sizes))
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork")) as pool:
        return sum(pool.map(_part, seeds, sizes))


def compare(
    compiled: tables.Tables,
    made: Sequence[decks.Deck],
    calls: Calls,
    deck: npt.NDArray[np.uint8],
    count: int,
) -> int:
    """How many of the first calls any engine rates otherwise than the oracle."""
    engines = [batch.Engine.NUMPY, *([batch.Engine.NUMBA] if batch.compiled_available() else [])]
    place = slice(0, count)
    found = [
        batch.rate_batch(
            compiled, calls.keys[place], calls.at_s[place], calls.seconds[place], deck=deck[place], engine=engine
        )
        for engine in engines
    ]
    wrong = 0
    for index in range(count):
        digits, at = keys.digits(int(calls.keys[index])), oracle.instant(int(calls.at_s[index]))
        own = made[int(deck[index])]
        seconds = int(calls.seconds[index])
        follow = _follow(own, digits)
        rate = follow(at)
        told = {
            (int(one.status[index]), int(one.micros[index]), int(one.billed_s[index]), int(one.band[index]))
            for one in found
        }
        if rate is None:
            wrong += told != {(batch.Status.NO_PRICE, 0, 0, 0)}
            continue
        expected = oracle.charge(rate, seconds, at, follow)
        scalar_rate = own.find(digits, at)
        scalar = scalar_rate and rules.charge(scalar_rate, seconds, at)
        right = told == {(batch.Status.RATED, expected.micros, expected.billed_s, expected.band)}
        same_rate = all(compiled.rates[one.rate[index]] is rate for one in found)
        exact = scalar and (scalar.micros, scalar.billed_s, scalar.exact if seconds else 0) == (
            expected.micros,
            expected.billed_s,
            expected.exact,
        )
        wrong += not (right and same_rate and exact)
    return wrong


def _follow(deck: decks.Deck, digits: str) -> Callable[[datetime], Rate | None]:
    """The rate of a number at an instant, by trying all rates of its prefixes."""
    candidates = [
        (
            version.effective_from,
            [rate for length in range(1, 16) for rate in version.by_prefix.get(digits[:length], ())],
        )
        for version in deck.versions
    ]

    certain = len(candidates) == 1 and all(
        (rate.valid_from, rate.valid_to) == (ALWAYS_FROM, FOR_EVER) for rate in candidates[0][1]
    )
    always = oracle.find(candidates[0][1], digits, CHANGE) if certain else None

    def follow(at: datetime) -> Rate | None:
        if certain:
            return always
        begun = [rates for since, rates in candidates if since <= at]
        return oracle.find(begun[-1], digits, at) if begun else None

    return follow


def _part(seed: int, count: int) -> int:
    """One random deck, and calls by it."""
    chance = random.Random(seed)  # noqa: S311 - a load, not a secret
    versions = [decks.dated(_rates(chance), ALWAYS_FROM), decks.dated(_rates(chance), CHANGE)]
    deck = decks.Deck("mixed", 1, tuple(versions[: chance.choice((1, 2))]))
    known = sorted({prefix for version in deck.versions for prefix in version.by_prefix})
    texts = [chance.choice(known) + "".join(chance.choices("34570", k=chance.randrange(0, 7))) for _ in range(count)]
    calls = Calls(
        texts=texts,
        keys=keys.of_texts(texts),
        at_s=np.array([_instant(chance) for _ in range(count)], np.int64),
        seconds=np.array([_seconds(chance) for _ in range(count)], np.int32),
        account=np.zeros(count, np.int32),
    )
    return compare(tables.compile_deck(deck), (deck,), calls, np.zeros(count, np.uint8), count)


def _instant(chance: random.Random) -> int:
    kind = chance.random()
    if kind < 0.4:
        return chance.choice(HOT) + chance.randrange(-7200, 7200)
    if kind < 0.6:
        return chance.choice(HOT) + 60 * chance.randrange(-180, 180)
    return chance.randrange(HOT[6], HOT[3])


def _seconds(chance: random.Random) -> int:
    kind = chance.random()
    if kind < 0.05:
        return chance.choice((0, 1, 59, 60, 61, 3600))
    return chance.randrange(0, 3000) if kind < 0.06 else int(chance.expovariate(1 / 60))


def _rates(chance: random.Random) -> list[Rate]:
    prefixes = {"33", "44"}
    while len(prefixes) < 60:
        prefixes.add(chance.choice(sorted(prefixes)) + "".join(chance.choices("34570", k=chance.randrange(1, 4))))
    return [rate for prefix in sorted(prefixes) if len(prefix) <= 12 for rate in _dated(chance, prefix)]


def _dated(chance: random.Random, prefix: str) -> list[Rate]:
    if chance.random() < 0.5:
        return [_rate(chance, prefix, ALWAYS_FROM, FOR_EVER)]
    first, second = sorted(chance.sample(range(-400, 400), 2))
    days = [CHANGE + timedelta(hours=first), CHANGE + timedelta(hours=second)]
    spans = [(ALWAYS_FROM, days[0]), (days[0], days[1]), (days[1], FOR_EVER)]
    kept = [span for span in spans if chance.random() < 0.6] or spans[:1]
    return [_rate(chance, prefix, since, until) for since, until in kept]


def _rate(chance: random.Random, prefix: str, since: datetime, until: datetime) -> Rate:
    rate = Rate(
        prefix=prefix,
        destination=prefix,
        currency="EUR",
        price_nanos=_price(chance),
        first_s=chance.choice(INCREMENTS),
        next_s=chance.choice(INCREMENTS),
        connection_micros=_fee(chance),
        minimum_micros=_fee(chance),
        valid_from=since,
        valid_to=until,
        bands=_bands(chance),
        tariff=_tariff(chance) if chance.random() < 0.5 else None,
    )
    check_rate(rate)
    return rate


def _price(chance: random.Random) -> int:
    return chance.choice((0, chance.randrange(10**4), chance.randrange(2 * 10**9), 10 * chance.randrange(10**8)))


def _fee(chance: random.Random) -> int:
    return chance.choice((0, 0, chance.randrange(200_000)))


def _groups(chance: random.Random) -> tuple[RateGroup, ...]:
    starts = sorted(chance.sample(range(1, 300), chance.choice((0, 0, 1, 2, 3))))
    return tuple(
        RateGroup(
            from_s=start,
            price_nanos=_price(chance) // 60,
            unit_s=chance.choice((60, 1, 7)),
            increment_s=chance.choice(INCREMENTS),
        )
        for start in starts
    )


def _tariff(chance: random.Random) -> Tariff:
    return Tariff(
        unit_s=chance.choice((60, 60, 30, 7, 600)),
        free_s=chance.choice((0, 0, 3, 60)),
        groups=_groups(chance),
        maximum_micros=chance.choice((None, chance.randrange(2_000_000))),
        at_maximum=chance.choice(list(AtMaximum)),
        rounding=chance.choice(list(Rounding)),
        decimals=chance.choice((6, 6, 0, 2, 3, 4, 8)),
        split=chance.random() < 0.6,
    )


def _bands(chance: random.Random) -> tuple[TimeBand, ...]:
    weights = chance.sample(range(4), 4)
    return tuple(_band(chance, number, weights[number]) for number in range(chance.choice((0, 1, 2, 3, 4))))


def _band(chance: random.Random, number: int, weight: int) -> TimeBand:
    step = chance.choice((60, 60, 15, 1))
    start, end = sorted(chance.sample(range(1440 // step + 1), 2))
    price = _price(chance)
    own = Pricing(
        price_nanos=price,
        first_s=chance.choice(INCREMENTS),
        next_s=chance.choice(INCREMENTS),
        connection_micros=_fee(chance),
        minimum_micros=_fee(chance),
        groups=_groups(chance),
    )
    return TimeBand(
        name=f"b{number}",
        zone=chance.choice(ZONES),
        price_nanos=price,
        weekdays=frozenset(chance.sample(range(7), chance.randrange(1, 8))),
        windows=((start * step, end * step),),
        holidays=chance.choice((frozenset(), HOLIDAYS)),
        on_holidays=chance.random() < 0.5,
        weight=weight,
        years=chance.choice((frozenset(), frozenset({2026}))),
        months=chance.choice((frozenset(), frozenset(), frozenset({3, 10}))),
        month_days=chance.choice((frozenset(), frozenset(), frozenset({1, 25, 29}))),
        pricing=own if chance.random() < 0.3 else None,
    )
