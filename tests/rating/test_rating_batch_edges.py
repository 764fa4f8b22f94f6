"""What a batch says of calls that cannot be rated, and where tables could go wrong in silence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from cadran.catalog import rules
from cadran.catalog.rules import Rate, Tariff, TimeBand
from cadran.rating import batch, calendars, decks, keys, tables
from cadran.rating import rules as rating

NEEDS_NUMBA = pytest.mark.skipif(not batch.compiled_available(), reason="numba is not installed")
ENGINES = ["numpy", pytest.param("numba", marks=NEEDS_NUMBA)]
START = int(datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp())


def rate(prefix: str, **more: object) -> Rate:
    return Rate(
        **{  # type: ignore[arg-type]
            "prefix": prefix,
            "destination": prefix,
            "currency": "EUR",
            "price_nanos": 60_000_000 + len(prefix),
            **more,
        }
    )


def told(of: list[Rate], calls: list[tuple[str, int, int]], engine: str) -> list[tuple[int, int, int]]:
    """(status, rate, micros) of each call."""
    compiled = tables.compile_deck(decks.of_rates(of))
    numbers, at_s, seconds = zip(*calls, strict=True)
    found = batch.rate_batch(compiled, keys.of_texts(numbers), np.array(at_s), np.array(seconds), engine=engine)
    return list(zip(found.status.tolist(), found.rate.tolist(), found.micros.tolist(), strict=True))


@pytest.mark.parametrize("engine", ENGINES)
def test_each_call_that_cannot_be_rated_says_why(engine: str) -> None:
    calls = [
        ("33612345678", START, 60),
        ("33612345678", START, 0),
        ("33612345678", START, -1),
        ("33612345678", START, rating.MAX_DURATION_S),
        ("33612345678", START, rating.MAX_DURATION_S + 1),
        ("33612345678", START, 2**40),
        ("49301234567", START, 60),
        ("", START, 60),
        ("anonymous", START, 60),
        ("+33612345678", START, 60),
        ("33612345678", -1, 60),
        ("33612345678", 2**40, 60),
        ("33" + "1" * 100, START, 60),
    ]
    says = [status for status, _, _ in told([rate("33")], calls, engine)]
    assert says == [0, 0, 2, 0, 2, 2, 1, 3, 3, 3, 4, 4, 0]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_short_number_is_not_taken_for_a_longer_prefix_of_zeros(engine: str) -> None:
    of = [rate("11"), rate("1120"), rate("112000"), rate("11200000"), rate("112000000000")]
    numbers = [
        "11",
        "112",
        "1120",
        "11200",
        "112000",
        "1120000",
        "11200000",
        "112000000",
        "112000000000",
        "1120000000000",
        "1",
    ]
    found = told(of, [(number, START, 60) for number in numbers], engine)
    assert [place for _, place, _ in found] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, -1]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_slot_with_many_longer_prefixes_needs_several_levels_and_finds_each(engine: str) -> None:
    of = [rate("331234"), *(rate(f"331234{number:03}") for number in range(1000) if number % 7)]
    calls = [(f"331234{number:03}5", START, 60) for number in range(1000)]
    by_prefix = {one.prefix: place for place, one in enumerate(of)}
    expected = [by_prefix.get(number[:9], 0) for number, _, _ in calls]
    assert [place for _, place, _ in told(of, calls, engine)] == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_an_expired_rate_gives_way_to_the_shorter_prefix_to_the_second(engine: str) -> None:
    end = datetime(2026, 3, 2, 9, tzinfo=UTC)
    of = [
        rate("33"),
        rate("33612", valid_to=end),
        rate("3361234567", valid_from=end - timedelta(days=2), valid_to=end + timedelta(days=1)),
    ]
    calls = [("336123456789", START + second, 60) for second in (-2 * 86_400 - 1, -2 * 86_400, -1, 0, 86_399, 86_400)]
    assert [place for _, place, _ in told(of, calls, engine)] == [1, 2, 2, 2, 2, 0]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_64_bits_cannot_hold_is_rated_exactly_all_the_same(engine: str) -> None:
    huge = rate("33", price_nanos=16 * 10**18, tariff=Tariff(unit_s=10**9, decimals=0))
    primes = rate(
        "44",
        price_nanos=10**12,
        tariff=Tariff(unit_s=999_999_937, groups=(rules.RateGroup(from_s=1, price_nanos=10**12, unit_s=999_999_893),)),
    )
    rules.check_rate(huge)
    for of in (huge, primes):
        (found,) = told([of], [(of.prefix + "1", START, 8_640_000)], engine)
        assert found == (0, 0, rating.charge(of, 8_640_000, datetime.fromtimestamp(START, UTC)).micros)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_dearest_plain_rate_over_the_longest_call_is_exact(engine: str) -> None:
    of = rate(
        "33", price_nanos=rules.MAX_PRICE_NANOS, first_s=86_400, next_s=86_399, connection_micros=rules.MAX_FEE_MICROS
    )
    (found,) = told([of], [("331", START, rating.MAX_DURATION_S)], engine)
    assert found[2] == rating.charge(of, rating.MAX_DURATION_S, datetime.fromtimestamp(START, UTC)).micros


@pytest.mark.parametrize("engine", ENGINES)
def test_a_band_outside_the_calendar_of_the_tables_is_asked_of_the_rules(engine: str) -> None:
    night = TimeBand(name="night", zone="Europe/Paris", price_nanos=1_000_000, windows=((0, 360),))
    years = [
        int(datetime(year, 7, 1, hour, tzinfo=UTC).timestamp())
        for year in (1975, 1999, 2000, 2049, 2050, 2900)
        for hour in (2, 12)
    ]
    found = told([rate("33", bands=(night,))], [("331", at_s, 60) for at_s in years], engine)
    deck = decks.of_rates([rate("33", bands=(night,))])
    for at_s, (status, _, micros) in zip(years, found, strict=True):
        at = datetime.fromtimestamp(at_s, UTC)
        of = deck.find("331", at)
        assert of is not None
        assert (status, micros) == (0, rating.charge(of, 60, at).micros)


def test_quarter_hours_are_kept_where_they_say_all_and_minutes_where_not() -> None:
    def band(start: int, zone: str) -> tuple[TimeBand, ...]:
        return (
            TimeBand(
                name="x", zone=zone, price_nanos=1, windows=((start, 1440),), holidays=frozenset({date(2026, 5, 1)})
            ),
        )

    assert calendars.compile_schedules([band(15, "Asia/Kathmandu")]).slot_s == 900
    found = calendars.compile_schedules([band(15, "Europe/Paris"), band(16, "Europe/Paris")])
    assert found.slot_s == 60
    assert found.nbytes < 1_000_000


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_numbers_have_the_same_keys_however_arrow_keeps_them(kind: pa.DataType) -> None:
    texts = ["33612345678", "", None, "112", "1120", "x1", "9" * 20]
    column = pa.array(["7", *texts], pa.string()).cast(kind).slice(1)
    chunked = pa.chunked_array([column, column.slice(0, 2)])
    expected = [
        336123456780000 * 16 + 11,
        0,
        0,
        112 * 10**12 * 16 + 3,
        1120 * 10**11 * 16 + 4,
        0,
        (10**15 - 1) * 16 + 15,
    ]
    assert keys.of_arrow(column).tolist() == expected
    assert keys.of_arrow(chunked).tolist() == expected + expected[:2]
    integers = np.array([33612345678, 0, 10**15, 10**18 + 1], np.uint64)
    assert keys.of_integers(integers).tolist() == [expected[0], 0, 10**14 * 16 + 15, 10**14 * 16 + 15]
    assert keys.digits(expected[0]) == "33612345678"


def test_several_decks_threads_and_room_give_what_each_deck_alone_gives() -> None:
    own = [decks.of_rates([rate("33", price_nanos=price)]) for price in (60_000_000, 120_000_000)]
    later = decks.Deck("x", 1, (decks.dated([rate("33")], datetime(2026, 6, 1, tzinfo=UTC)),))
    compiled = tables.compile_decks([*own, later])
    count = 50_000
    numbers, at_s = np.full(count, keys.of_texts(["331"])[0]), np.full(count, START)
    deck = np.arange(count) % 3
    room = batch.Rated.empty(count)
    found = batch.rate_batch(
        compiled, numbers, at_s, np.full(count, 60), deck=deck, threads=2, into=room, engine="numpy"
    )
    assert found is room
    assert found.micros[:3].tolist() == [60_000, 120_000, 0]
    assert found.status[:3].tolist() == [0, 0, 1]
    assert (found.micros == np.resize(found.micros[:3], count)).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"deck": 1},
        {"deck": np.array([-1])},
        {"engine": "abacus"},
        {"seconds": np.array([1.5])},
        {"at_s": np.array([1, 2])},
    ],
)
def test_columns_that_do_not_fit_together_are_refused(wrong: dict[str, object]) -> None:
    compiled = tables.compile_deck(decks.of_rates([rate("33")]))
    usual = {"numbers": keys.of_texts(["331"]), "at_s": np.array([START]), "seconds": np.array([1]), **wrong}
    with pytest.raises(batch.BadBatch):
        batch.rate_batch(compiled, **usual)  # type: ignore[arg-type]


def test_a_version_that_was_compiled_before_is_taken_from_there() -> None:
    known: dict[int, tables.Layer] = {}
    version = decks.dated([rate("33")], rules.ALWAYS_FROM, 7)
    tables.compile_decks([decks.Deck("x", 1, (version,))], known)
    before = known[7]
    later = decks.dated([rate("33", price_nanos=1)], datetime(2026, 6, 1, tzinfo=UTC), 8)
    tables.compile_decks([decks.Deck("x", 2, (version, later))], known)
    assert known[7] is before
    assert set(known) == {7, 8}
