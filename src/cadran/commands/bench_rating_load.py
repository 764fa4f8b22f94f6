"""The load of `cadran bench rating`: decks of nested, dated prefixes with time bands in four zones, and calls to random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from cadran.catalog.rules import ALWAYS_FROM, FOR_EVER, Rate, TimeBand
from cadran.rating import decks, keys

ZONES = ("Europe/Athens", "Europe/London", "America/New_York", "Australia/Sydney")
PEAKS = ((480, 1200), (450, 1110), (540, 1020), (420, 1320))
INCREMENTS = ((60, 60), (1, 1), (30, 6), (60, 1), (6, 6), (20, 10))
SINCE = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
UNTIL = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
DAY_S = 86_400
ACCOUNTS = 200_000
WEEKDAYS = frozenset(range(5))
WEEKEND = frozenset({5, 6})


@dataclass(frozen=True, slots=True)
class Calls:
    """One element for each call. texts: numbers as a CDR has them; keys: the same for rate_batch; account: who calls."""

    texts: list[str]
    keys: npt.NDArray[np.uint64]
    at_s: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.int32]
    account: npt.NDArray[np.int32]


def prefixes(count: int, generator: np.random.Generator) -> list[str]:
    """Countries, and within them prefixes of one to three digits more each, ten digits at the most."""
    countries = sorted(generator.choice(np.arange(10, 999), min(230, max(count // 4, 2)), replace=False).tolist())
    found = list(dict.fromkeys(["1", "7", *map(str, countries)]))
    known = set(found)
    while len(found) < count:
        outer = found[int(generator.integers(len(found)))]
        digits = int(generator.integers(1, 4))
        if len(outer) + digits > 10:
            continue
        inner = outer + str(int(generator.integers(10**digits))).zfill(digits)
        if inner not in known:
            known.add(inner)
            found.append(inner)
    return found


def make_decks(of: list[str], generator: np.random.Generator, count: int = len(ZONES)) -> tuple[decks.Deck, ...]:
    """Decks over the same prefixes: four in ten have dates (a new price, an end, a later start, a gap), all have three bands."""
    return tuple(
        decks.Deck(f"deck{number}", 1, (decks.dated(_rates(of, number, generator), ALWAYS_FROM),))
        for number in range(count)
    )


def make_calls(of: list[str], count: int, generator: np.random.Generator) -> Calls:
    """Random numbers beyond random prefixes; one in five lasts 0 seconds, a few hours; some short codes, some without a price."""
    lengths = np.array([len(one) for one in of])
    values = np.array([int(one) for one in of], np.int64)
    picked = generator.integers(0, len(of), count)
    more = np.minimum(np.maximum(lengths[picked] + generator.integers(0, 9, count), 8), 15) - lengths[picked]
    value = values[picked] * 10**more + (generator.random(count) * 10.0**more).astype(np.int64)
    key = value * 10 ** (15 - lengths[picked] - more) * 16 + lengths[picked] + more
    kind = generator.random(count)
    short = kind < 0.01
    cut = np.minimum(lengths[picked], generator.integers(1, 7, count))
    head = values[picked] // 10 ** (lengths[picked] - cut)
    key = np.where(short, head * 10 ** (15 - cut) * 16 + cut, key)
    unknown = (kind >= 0.01) & (kind < 0.015)
    key = np.where(unknown, (key >> 4) // 10 * 16 + np.minimum((key & 15) + 1, 15), key)  # a leading zero
    lasting = np.minimum(generator.exponential(180, count), 14_400).astype(np.int32)
    lasting[generator.random(count) < 0.2] = 0
    long = generator.random(count) < 0.002
    lasting[long] = generator.integers(3600, 14_400, int(long.sum()))
    return Calls(
        texts=[],
        keys=key.astype(np.uint64),
        at_s=generator.integers(SINCE, UNTIL, count),
        seconds=lasting,
        account=generator.integers(0, ACCOUNTS, count).astype(np.int32),
    )


def with_texts(calls: Calls, count: int) -> Calls:
    """The first calls, with their numbers as text."""
    return Calls(
        texts=[keys.digits(key) for key in calls.keys[:count].tolist()],
        keys=calls.keys[:count],
        at_s=calls.at_s[:count],
        seconds=calls.seconds[:count],
        account=calls.account[:count],
    )


@dataclass(frozen=True, slots=True)
class Loop:
    """The yardstick: what one writes by hand in Python to rate a million calls, tuned as far as Python goes. For each deck a dict
    from prefix to its versions as tuples, lengths tried from the longest one on, civil time by zoneinfo, integers throughout."""

    prices: list[dict[str, tuple[tuple[Any, ...], ...]]]
    longest: int
    deck_of: list[int]

    def run(self, calls: Calls) -> list[int]:
        """The micro-units of each call, -1 for no price."""
        found: list[int] = []
        put = found.append
        lookups = [prices.get for prices in self.prices]
        zones = [ZoneInfo(zone) for zone in ZONES]
        deck_of, longest, civil_time = self.deck_of, self.longest, datetime.fromtimestamp
        rows = zip(calls.texts, calls.at_s.tolist(), calls.seconds.tolist(), calls.account.tolist(), strict=True)
        for number, at, seconds, account in rows:
            deck = deck_of[account]
            lookup = lookups[deck]
            price = None
            for length in range(min(len(number), longest), 0, -1):
                versions = lookup(number[:length])
                if versions is not None:
                    for version in versions:
                        if version[0] <= at < version[1]:
                            price = version
                            break
                    if price is not None:
                        break
            if price is None:
                put(-1)
                continue
            if seconds == 0:
                put(0)
                continue
            _, _, first, after, connection, minimum, base, peak, weekend = price
            civil = civil_time(at, zones[deck])
            if civil.weekday() > 4:
                nanos = weekend
            else:
                start, end = PEAKS[deck]
                nanos = peak if start <= civil.hour * 60 + civil.minute < end else base
            billed = first if seconds <= first else first - (first - seconds) // after * after
            charge = (nanos * billed + 30_000) // 60_000 + connection
            put(charge if charge > minimum else minimum)
        return found


def loop(of: tuple[decks.Deck, ...], deck_of: npt.NDArray[np.uint8]) -> Loop:
    """The yardstick over the same decks."""
    prices = [{prefix: tuple(map(_row, found)) for prefix, found in deck.versions[0].by_prefix.items()} for deck in of]
    longest = max((len(prefix) for one in prices for prefix in one), default=0)
    return Loop(prices, longest, deck_of.tolist())


def _row(rate: Rate) -> tuple[Any, ...]:
    return (
        int(rate.valid_from.timestamp()),
        int(rate.valid_to.timestamp()),
        rate.first_s,
        rate.next_s,
        rate.connection_micros,
        rate.minimum_micros,
        rate.price_nanos,
        rate.bands[0].price_nanos,
        rate.bands[1].price_nanos,
    )


def _rates(of: list[str], deck: int, generator: np.random.Generator) -> list[Rate]:
    count = len(of)
    kind = generator.random(count).tolist()
    steps = generator.integers(len(INCREMENTS), size=count).tolist()
    base = (generator.integers(1_000, 2_000_000, count) * 1_000).tolist()
    connection = np.where(generator.random(count) < 0.3, generator.integers(0, 50_000, count), 0).tolist()
    minimum = np.where(generator.random(count) < 0.2, generator.integers(0, 100_000, count), 0).tolist()
    change = generator.integers(SINCE, UNTIL, count) // DAY_S * DAY_S
    again = (change + generator.integers(5, 200, count) * DAY_S).tolist()
    peak, weekend = _bands(deck)
    found: list[Rate] = []

    def add(place: int, price: int, turn: int, since: datetime, until: datetime) -> None:
        first_s, next_s = INCREMENTS[(steps[place] + turn) % len(INCREMENTS)]
        bands = (peak(price * 13 // 10), weekend(price // 2 + 3))
        found.append(
            Rate(
                prefix=of[place],
                destination="bench",
                currency="EUR",
                price_nanos=price,
                first_s=first_s,
                next_s=next_s,
                connection_micros=connection[place],
                minimum_micros=minimum[place],
                valid_from=since,
                valid_to=until,
                bands=bands,
            )
        )

    for place, of_kind in enumerate(kind):
        price, day = base[place], datetime.fromtimestamp(int(change[place]), UTC)
        if of_kind < 0.60 or of_kind < 0.95:
            add(place, price, 0, ALWAYS_FROM, FOR_EVER if of_kind < 0.60 else day)
        if 0.60 <= of_kind < 0.90:
            add(place, price * 11 // 10 + 7, 1, day, FOR_EVER)
        elif 0.95 <= of_kind < 0.98:
            add(place, price, 0, day, FOR_EVER)
        elif of_kind >= 0.98:
            add(place, price, 0, ALWAYS_FROM, day)
            add(place, price * 11 // 10 + 7, 1, datetime.fromtimestamp(again[place], UTC), FOR_EVER)
    return found


def _bands(deck: int) -> tuple[Any, Any]:
    def peak(price: int) -> TimeBand:
        return TimeBand(
            name="peak",
            zone=ZONES[deck],
            price_nanos=price,
            weekdays=WEEKDAYS,
            windows=(PEAKS[deck],),
            on_holidays=True,
        )

    def weekend(price: int) -> TimeBand:
        return TimeBand(name="weekend", zone=ZONES[deck], price_nanos=price, weekdays=WEEKEND)

    return peak, weekend
