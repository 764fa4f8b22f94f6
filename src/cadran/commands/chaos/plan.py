"""What a run of chaos is made of: its size, its prices, its accounts, and every choice that follows from the seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cadran.commands.chaos import oracle

TERMS = "ippi/2018-04"
HEARTBEAT_S = 5  # of call time: how often a switch reports the seconds of its calls
LEASE_HEARTBEATS = 12  # a lease is as many heartbeats long, as in service (60 s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything. lease_s and tick_s are real seconds: call time runs faster, HEARTBEAT_S in each tick."""

    seconds: float
    accounts: int
    sessions: int
    seed: int
    kill_every_s: float
    switches: int
    backend: str = "sqlite"
    shards: int = 1

    @property
    def lease_s(self) -> int:
        return 3 if self.seconds < 20 else 6

    @property
    def tick_s(self) -> float:
        return self.lease_s / LEASE_HEARTBEATS


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """Somebody to call. tariff None: the call costs nothing, or is refused (then `refusal` is the code of the decision)."""

    digits: str
    number_class: str
    weight: int
    tariff: oracle.Tariff | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """The prices of one brand, in one currency, and who can be called there."""

    brand: str
    currency: str
    numbers: tuple[Number, ...]

    @property
    def tariffs(self) -> dict[str, oracle.Tariff]:
        """By the number called."""
        return {number.digits: number.tariff for number in self.numbers if number.tariff is not None}


def markets(successor_from: datetime) -> tuple[Market, ...]:
    """Two brands in two currencies. One price changes at `successor_from`, which the run's clock jumps over."""
    euro = (
        _priced("33142000001", 30, oracle.Tariff(price_nanos=12_000_000)),
        _priced("33612345678", 25, oracle.Tariff(price_nanos=100_000_000, later=(successor_from, 130_000_000))),
        _priced(
            "442012345678",
            15,
            oracle.Tariff(price_nanos=60_000_000, first_s=60, next_s=60, connection_micros=50_000),
        ),
        _priced("493012345678", 10, oracle.Tariff(price_nanos=45_678_901, first_s=30, next_s=6, minimum_micros=30_000)),
        _priced("34911234567", 10, oracle.Tariff(price_nanos=12_345_679, night_nanos=7_654_321, first_s=7, next_s=3)),
        _priced("39061234567", 4, oracle.Tariff(price_nanos=0)),
        _priced("35312345678", 8, oracle.Tariff(price_nanos=90_000_000, night_nanos=33_333_333, split=True)),
        _priced(
            "351212345678",
            8,
            oracle.Tariff(price_nanos=240_000_000, first_s=20, next_s=10, free_s=5, groups=((25, 30_000_001, 6),)),
        ),
        _priced("420212345678", 6, oracle.Tariff(price_nanos=150_000_000, maximum_micros=60_001)),
        _priced("48212345678", 6, oracle.Tariff(price_nanos=150_000_000, maximum_micros=60_001, goes_on=True)),
        _priced("46812345678", 4, oracle.Tariff(price_nanos=11_111_111, rounding="up", decimals=4)),
        _priced("47212345678", 4, oracle.Tariff(price_nanos=77_777_777, rounding="down", decimals=3, next_s=4)),
    )
    dollar = (
        _priced("12125550100", 60, oracle.Tariff(price_nanos=19_999_999)),
        _priced("525512345678", 30, oracle.Tariff(price_nanos=77_000_001, first_s=60, next_s=1)),
    )
    free = (
        Number(digits="33900000002", number_class="on_net", weight=2),
        Number(digits="112", number_class="emergency", weight=1, refusal="call-refused-emergency"),
        Number(digits="99912345678", number_class="geographic", weight=2, refusal="call-no-price"),
    )
    return (
        Market(brand="ippi", currency="EUR", numbers=euro + free),
        Market(brand="kryptoow", currency="USD", numbers=dollar + free),
    )


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's account in one of the markets."""

    name: str
    market: Market


@dataclass(slots=True)
class Choices:
    """Every choice of a run: the same seed gives the same ones to the same slot, however the slots take turns."""

    size: Size
    markets: tuple[Market, ...]
    accounts: tuple[Account, ...] = field(init=False)

    def __post_init__(self) -> None:
        named = []
        for number in range(self.size.accounts):
            market = self.markets[1] if number % 8 == 7 else self.markets[0]
            named.append(Account(f"C{number:06d}", market))
        self.accounts = tuple(named)

    def rng(self, *name: object) -> random.Random:
        """The choices of one part of the run, named by it."""
        return random.Random("/".join(str(part) for part in (self.size.seed, *name)))  # noqa: S311

    def account(self, rng: random.Random) -> Account:
        """Some accounts are hot: one call in five goes over the first few."""
        if rng.random() < 0.2:
            return self.accounts[rng.randrange(min(4, len(self.accounts)))]
        return self.accounts[rng.randrange(len(self.accounts))]

    def number(self, rng: random.Random, market: Market) -> Number:
        return rng.choices(market.numbers, [number.weight for number in market.numbers])[0]

    def talk_s(self, rng: random.Random) -> int:
        """Seconds that somebody wants to talk; now and then none at all: the call is not answered."""
        if rng.random() < 0.08:
            return 0
        return min(1 + int(rng.expovariate(1 / 28)), 600)

    def purchase_micros(self, rng: random.Random) -> int:
        return rng.choice((20_000, 50_000, 123_457, 200_000, 500_000, 1_000_000))

    def kill_gaps(self) -> Iterator[float]:
        """Seconds between the start of the service and its next death."""
        rng = self.rng("kills")
        while True:
            yield self.size.kill_every_s * rng.uniform(0.3, 1.7)


COLUMNS = (
    "prefix",
    "destination",
    "price",
    "first_s",
    "next_s",
    "connection_fee",
    "minimum",
    "effective_from",
    "effective_to",
    "band",
    "band_hours",
    "from_s",
    "free_s",
    "maximum",
    "at_maximum",
    "rounding",
    "decimals",
    "split",
)


def deck(market: Market) -> str:
    """The market's prices as a deck file."""
    rows = [
        row for number in market.numbers if number.tariff is not None for row in _rows(number.digits[:4], number.tariff)
    ]
    return (
        "\n".join(",".join(row.get(name, "") for name in COLUMNS) for row in ({name: name for name in COLUMNS}, *rows))
        + "\n"
    )


def _rows(prefix: str, tariff: oracle.Tariff) -> Iterator[dict[str, str]]:
    """The lines of one price: itself, its successor, its night, its groups."""
    base = {
        "prefix": prefix,
        "destination": f"To {prefix}",
        "price": _decimal(tariff.price_nanos, 9),
        "first_s": str(tariff.first_s),
        "next_s": str(tariff.next_s),
        "connection_fee": _decimal(tariff.connection_micros, 6),
        "minimum": _decimal(tariff.minimum_micros, 6),
        "free_s": str(tariff.free_s),
        "rounding": tariff.rounding,
        "decimals": str(tariff.decimals),
        "split": "yes" if tariff.split else "no",
    }
    if tariff.maximum_micros is not None:
        base |= {"maximum": _decimal(tariff.maximum_micros, 6), "at_maximum": "free" if tariff.goes_on else "cut"}
    if tariff.later is None:
        yield base
    else:
        since = tariff.later[0].isoformat()
        yield base | {"effective_to": since}
        yield base | {"price": _decimal(tariff.later[1], 9), "effective_from": since}
    if tariff.night_nanos is not None:
        start, end = oracle.NIGHT
        hours = f"00:00-{end:02d}:00 {start:02d}:00-24:00"
        yield {"prefix": prefix, "price": _decimal(tariff.night_nanos, 9), "band": "night", "band_hours": hours}
    for from_s, nanos, increment_s in tariff.groups:
        yield {"prefix": prefix, "price": _decimal(nanos, 9), "next_s": str(increment_s), "from_s": str(from_s)}


def _priced(digits: str, weight: int, tariff: oracle.Tariff) -> Number:
    return Number(digits=digits, number_class="geographic", weight=weight, tariff=tariff)


def _decimal(value: int, places: int) -> str:
    return f"{value // 10**places}.{value % 10**places:0{places}d}"
