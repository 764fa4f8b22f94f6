"""Large plain decks are read by columns: with the same rates as by lines, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cadran.catalog import columns, comparison, models, operations, queries, rules
from cadran.catalog.adapters import deck_columns, deck_csv, deck_rows
from cadran.catalog.adapters.deck_lines import Blanks
from cadran.rating import decks

BLANKS = Blanks(zone="Europe/Paris", currency="EUR", first_s=1, next_s=6, connection_micros=10)
HEADER = "prefix,destination,price,per,first_s,next_s,connection_fee,minimum,effective_from,effective_to"
COLUMNS = len(HEADER.split(","))


@pytest.fixture(autouse=True)
def _any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deck_columns, "WORTH", 0)


def rows(of: object) -> list[tuple[object, ...]]:
    if isinstance(of, columns.Columns):
        kept = columns.of_body(of.body())
        return sorted(_as_table(row) for part in kept.rows(2) for row in part)
    assert isinstance(of, list)
    return sorted(row for part in deck_rows._rows(of, lambda instant: instant) for row in part)


def _as_table(row: tuple[object, ...]) -> tuple[object, ...]:
    """A row of columns in the order of deck_rows.FIELDS."""
    prefix, destination, price, first_s, next_s, fee, minimum, banded, english, line, tariff, start, end = row
    return line, prefix, destination, english, price, first_s, next_s, fee, minimum, start, end, tariff, banded


line = st.tuples(
    st.text("123", min_size=1, max_size=4),
    st.sampled_from(["France", "États-Unis", " spaced ", "Congo"]),
    st.sampled_from(["0.01", "1", "0.000000001", "999.5"]),
    st.sampled_from(["", "min", "s"]),
    st.sampled_from(["", "1", "60"]),
    st.sampled_from(["", "6", "86400"]),
    st.sampled_from(["", "0", "0.05"]),
    st.sampled_from(["", "0.1"]),
    st.sampled_from(["", "2026-03-29", "2026-01-01T00:00:00Z"]),
    st.sampled_from(["", "2027-01-01"]),
)


@given(st.lists(line, min_size=1, max_size=12, unique_by=lambda cells: cells[0]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_columns_say_what_lines_say(lines: list[tuple[str, ...]]) -> None:
    data = "\n".join([HEADER, *(",".join(cells) for cells in lines), ""]).encode()
    by_lines = deck_csv.read(data, BLANKS)
    by_columns = deck_columns.read(data, BLANKS, ",")
    if by_lines.problem_count:
        assert by_columns is None
        return
    assert by_columns is not None
    assert len(by_columns) == len(by_lines.rates)
    assert rows(by_columns) == rows(by_lines.rates)
    coarser = tuple(rate.line for rate in by_lines.rates if rate.first_s > 1 or rate.next_s > 6)
    assert by_columns.coarser(1, 6) == coarser


@pytest.mark.parametrize(
    "text",
    [
        "33,France,0.01\n33,France,0.02\n",  # twice
        "033,France,0.01\n",
        "+33,France,0.01\n",
        ",France,0.01\n",
        "3" * 16 + ",France,0.01\n",
        "33,France,-0.01\n",
        "33,,0.01\n",
        "33,=cmd(),0.01\n",
        "33,France\n",
        "33,France,0.01,\n",
        '33,"France, mobile",0.01\n',
        "33,France,0.01\r\n",
        "33,France,0.01\n\n44,Britain,0.01\n",
        "33,Fr\x00ance,0.01\n",
        "33,Fr\u202eance,0.01\n",
        "33,France,0.01\n" + "4" * 9_000 + ",x,1\n",
        "\u0663\u0663,France,0.01\n",
        "",
    ],
)
def test_what_is_wrong_or_unusual_is_left_to_the_lines(text: str) -> None:
    data = ("prefix,destination,price\n" + text).encode()
    assert deck_columns.read(data, BLANKS, ",") is None


def test_bytes_that_are_no_text_and_columns_of_bands_are_left_to_the_lines() -> None:
    assert deck_columns.read(b"prefix,destination,price\n33,Fr\xff,0.01\n", BLANKS, ",") is None
    assert deck_columns.read(b"prefix,destination,price,band\n33,France,0.01,\n", BLANKS, ",") is None
    assert deck_columns.read(b"prefix,destination\n33,France\n", BLANKS, ",") is None


def test_a_day_is_its_midnight_in_the_zone_of_the_brand() -> None:
    data = b"prefix;destination;price;effective_from\n33;France;0.01;2026-07-01\n"
    found = deck_columns.read(data, BLANKS, ";")
    assert found is not None
    assert rows(found)[0][9] == datetime(2026, 6, 30, 22, tzinfo=UTC)


PREFIXES = [str(number) for number in (1, 3, 33, 331, 33142, 336, 3367, 4, 44, 447, 4471, 44712, 7, 77, 770)]
DECK = (
    HEADER
    + "\n"
    + "".join(
        f"{prefix},{('France', 'Bretagne', 'Congo')[place % 3]},0.{place % 5 + 1},,{(1, 60)[place % 2]},6,,,"
        f"{'2026-03-29' if place % 4 == 3 else ''},{'2027-01-01' if place % 7 == 6 else ''}\n"
        for place, prefix in enumerate(PREFIXES)
    )
)
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def version(monkeypatch: pytest.MonkeyPatch, name: str, text: str, *, by_columns: bool) -> queries.DeckVersion:
    monkeypatch.setattr(deck_columns, "WORTH", 0 if by_columns else 1 << 30)
    report = operations.import_deck(brand="ippi", source=text.encode(), at=AT, version=name)
    assert report.deck is not None
    assert models.DeckColumns.objects.filter(deck_id=report.deck.id).exists() is by_columns
    assert models.DeckRate.objects.filter(deck_id=report.deck.id).exists() is not by_columns
    return report.deck


@pytest.mark.django_db
def test_a_deck_in_columns_answers_as_the_same_deck_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [
        *PREFIXES,
        "2",
        "0",
        "",
        "33142000001",
        "33679999999",
        "447999",
        "99",
        "331420000019999999999",
        "33abc",
        "7a",
    ]
    searches = ["", "france", "BRETAGNE", "33", "3314", "4471200", "9", "0", "3" * 20, "nowhere"]
    instants = [AT, datetime(2026, 6, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)]
    said: list[object] = []
    for by_columns in (False, True):
        found = version(monkeypatch, f"v{int(by_columns)}", DECK, by_columns=by_columns)
        active = operations.activate_deck(deck=found, effective_from=AT, at=AT)
        deck = decks.load("ippi")

        def plain(rate: rules.Rate | None) -> object:
            return rate and replace(rate, version="")

        said.append(
            [
                [[plain(deck.find(number, at)) for number in numbers] for at in instants],
                [plain(price.rate) for number in numbers if (price := queries.price_of("ippi", number, AT))],
                [
                    [plain(one.rate) for one in queries.prices("ippi", at, text, limit=4)]
                    for text in searches
                    for at in instants
                ],
                [plain(rate) for rate in sorted(queries.rates(active), key=lambda rate: rate.prefix)],
            ]
        )
    assert said[0] == said[1]


@pytest.mark.django_db
def test_versions_are_compared_however_each_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    other = (
        DECK.replace("33142,Bretagne,0.5", "33142,Bretagne,0.7")
        .replace("44,Congo", "45,Congo")
        .replace("0.1,,1,6", "0.1,,1,1")
    )
    found = []
    for number, (one, two) in enumerate([(False, False), (False, True), (True, False), (True, True)]):
        before = version(monkeypatch, f"b{number}", DECK, by_columns=one)
        after = version(monkeypatch, f"a{number}", other, by_columns=two)
        found.append(comparison.compare(before, after))
        assert comparison.compare(None, after).new == len(PREFIXES)
    assert found[1:] == found[:1] * 3
    assert (found[0].dearer, found[0].new, found[0].gone) == (1, 1, 1)
    assert [(one.prefix, one.before_nanos, one.after_nanos) for one in found[0].rises] == [
        ("33142", 500_000_000, 700_000_000)
    ]
    assert found[0].other > 0


@pytest.mark.django_db
def test_columns_that_were_damaged_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = version(monkeypatch, "d", DECK, by_columns=True)
    kept = models.DeckColumns.objects.get(deck_id=found.id)
    for body in (b"", b"junk", bytes(kept.body)[:200], bytes(kept.body).replace(b"cadran-deck-1", b"cadran-deck-9")):
        models.DeckColumns.objects.update(body=body)
        with pytest.raises(columns.DamagedColumns):
            queries.plain(found)


@given(
    st.sets(st.text("0123456789", min_size=1, max_size=6).filter(lambda text: text[0] != "0"), min_size=1, max_size=40)
)
@settings(deadline=None, max_examples=60)
def test_a_number_finds_its_prefixes_the_longest_first(prefixes: set[str]) -> None:
    keys = np.array([columns.key(one) for one in prefixes], np.int64)
    nothing = ([("x", "")], np.zeros(len(keys), np.int64))
    kept = columns.in_order(keys, np.arange(len(keys)), nothing, ([(1, "")], nothing[1]), ([REST], nothing[1]))
    for number in [*prefixes, *(one + "7" for one in prefixes), "1234567", "9"]:
        expected = [number[:length] for length in range(len(number), 0, -1) if number[:length] in prefixes]
        assert [columns.prefix(int(kept.keys[place])) for place in kept.matching(number)] == expected
        assert (kept.place(number) >= 0) is (number in prefixes)


REST = (1, 1, 0, 0, rules.ALWAYS_FROM, rules.FOR_EVER)
