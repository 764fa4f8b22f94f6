"""Price lists of other programs become decks of ours: columns by mapping, units, encodings, and each error told of its own line."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadran.catalog import import_profiles, models, operations, plans, price_files, queries
from cadran.catalog.adapters import deck_csv, deck_lines, foreign, foreign_deck, mapped
from cadran.catalog.adapters.deck_csv import Problem
from cadran.catalog.adapters.deck_file import UnreadableDeckFile
from cadran.catalog.price_files import BadMapping, ColumnMap
from cadran.rating import decks, prefix_plans, rules

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
COLUMNS = {"Code": "prefix", "Name": "destination", "Rate": "price"}
BLANKS = deck_lines.Blanks("Europe/Paris", "EUR", 1, 1)


def read(data: bytes | str, **options: object) -> tuple[list[dict[str, str]], list[Problem], list[str]]:
    """The lines of the deck file that a list becomes, all problems, and notes."""
    source = data.encode() if isinstance(data, str) else data
    mapping = ColumnMap(**{"columns": COLUMNS, **options})  # type: ignore[arg-type]
    translation = mapped.read(source, mapping)
    found = translation.traced(deck_csv.read(translation.data, BLANKS))
    lines = [line for line in csv.DictReader(io.StringIO(translation.data.decode())) if line["prefix"]]
    return lines, found.problems, translation.notes


def told(problems: list[Problem]) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.column, problem.code) for problem in problems]


@pytest.mark.parametrize(
    "data",
    [
        b"Code,Name,Rate\n33,France,0.09\n",
        b"Code;Name;Rate\r\n33;France;0.09\r\n",
        b"Code\tName\tRate\n33\tFrance\t0.09\n",
        b'Code|Name|Rate\n"33"|"France"|"0.09"',
        "\ufeffCode,Name,Rate\n33,France,0.09\n".encode(),
        "Code,Name,Rate\n33,France,0.09\n".encode("utf-16"),
        "\ufeffCode,Name,Rate\n33,France,0.09\n".encode("utf-16-be"),
        "Code,Name,Rate\n33,France,0.09\n".encode("utf-16-le"),
        b"\n\nCode,Name,Rate\n\n33,France,0.09\n\n",
        b" CODE , name ,RATE\n +33 ,France, 0.09 \n",
        b"Rate,Code,Name\n0.09,0033,France\n",
    ],
)
def test_columns_delimiters_and_encodings_are_found(data: bytes) -> None:
    lines, problems, _ = read(data)
    assert (lines, problems) == ([{"prefix": "33", "destination": "France", "price": "0.09"}], [])


def test_another_encoding_is_taken_where_told_and_noted_where_guessed() -> None:
    data = "Code,Name,Rate\n262,Réunion,0.09\n".encode("latin-1")
    lines, problems, notes = read(data)
    assert (lines[0]["destination"], problems) == ("Réunion", [])
    assert [note[:70] for note in notes] == ["line 2 holds the byte 0xe9, which is not UTF-8: the file was read as w"]
    assert read(data, encoding="latin-1")[2] == []
    with pytest.raises(UnreadableDeckFile, match="line 2 holds the byte 0xe9"):
        read(data, encoding="utf-8")
    with pytest.raises(UnreadableDeckFile, match="an encoding is one of"):
        read(data, encoding="klingon")
    with pytest.raises(UnreadableDeckFile, match="0x81"):
        read(b"Code,Name,Rate\n33,\x81,1\n")


def test_units_fixed_values_and_commas_are_taken_as_told() -> None:
    text = "Code;Name;Rate;Fee\n33;France;1,5;12\n"
    lines, problems, _ = read(
        text,
        columns={**COLUMNS, "Fee": "connection_fee"},
        fixed={"first_s": "60", "next_s": "60"},
        decimal_comma=True,
        cents=True,
        per="s",
    )
    assert problems == []
    assert lines == [
        {
            "prefix": "33", "destination": "France", "price": "0.015", "per": "s",
            "first_s": "60", "next_s": "60", "connection_fee": "0.12",
        }
    ]  # fmt: skip
    assert told(read("Code;Name;Rate\n33;France;1,5\n")[1]) == [(2, "Rate", "price")]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("3.36E+10", "exponent"), ("3,36e10", "exponent"), ("", "prefix"), ("abc", "prefix"), ("0", "prefix"),
        ("-33", "prefix"), ("336-337", "prefix"),
        ("33 6", ""), ("(33)6", ""), ("+33.6", ""), ("33*", "prefix"), ("٣٣", "prefix"), ("1" * 16, "prefix"), ("'336", ""),
    ],
)  # fmt: skip
def test_prefixes_are_cleaned_or_told(cell: str, code: str) -> None:
    found = told(read(f'Code,Name,Rate\n"{cell}",France,0.09\n')[1])
    assert found == ([(2, "Code", code)] if code else [])


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("33,France,0.09,extra", []),
        ("33,France", [(3, "Rate", "price")]),
        ("33,=1+1,0.09", [(3, "", "formula")]),
        ("33,+cmd|' /C calc'!A0,0.09", [(3, "", "formula")]),
        ("33,@SUM(1),0.09", [(3, "", "formula")]),
        ("33,Fr\u202eance,0.09", [(3, "", "control")]),
        ('33,"France,0.09', [(3, "", "quotes")]),
        ("33,France,-1", [(3, "Rate", "price")]),
        ("33,France,1e3", [(3, "Rate", "price")]),
        ("33,France,NaN", [(3, "Rate", "price")]),
        ("33,France,99999999999", [(3, "Rate", "price")]),
        ("33,France," + "9" * 9000, [(3, "", "line-size")]),
        ("44,UK,0.09", [(3, "Code", "duplicate")]),
    ],
)
def test_an_error_has_the_line_and_the_column_of_the_file(line: str, where: list[tuple[int, str, str]]) -> None:
    problems = read(f"Code,Name,Rate\n44,UK,0.01\n{line}\n")[1]
    assert told(problems) == where
    assert all(problem.message.isprintable() for problem in problems)
    if where and where[0][2] == "duplicate":
        assert "line 2" in problems[0].message


def test_a_file_without_a_header_is_mapped_by_number() -> None:
    lines, problems, _ = read(
        "33,x,France,0.09\n", columns={"1": "prefix", "3": "destination", "4": "price"}, header=False
    )
    assert (lines, problems) == ([{"prefix": "33", "destination": "France", "price": "0.09"}], [])


def test_days_are_read_where_they_can_be_read_in_one_way() -> None:
    columns = {**COLUMNS, "From": "effective_from"}
    text = "Code,Name,Rate,From\n33,France,0.09,31/12/2026\n"
    assert read(text, columns=columns, day_first=True)[0][0]["effective_from"] == "2026-12-31"
    assert told(read(text, columns=columns)[1]) == [(2, "From", "effective_from")]


@pytest.mark.parametrize(
    ("mapping", "word"),
    [
        ({"columns": {"Nothing": "prefix"}}, "no column is named"),
        ({"columns": {"Code": "colour"}}, "no column of ours"),
        ({"columns": {"Code": "prefix", "Name": "prefix"}}, "two columns are mapped to prefix"),
        ({"columns": COLUMNS, "fixed": {"price": "1"}}, "or it is fixed"),
        ({"columns": {"Code": "prefix"}}, "no column is destination, price"),
        ({"columns": COLUMNS, "header": False}, "by number"),
        ({"columns": {"99": "prefix"}}, "no column is named"),
        ({"columns": COLUMNS, "skip": 50}, "no rows"),
    ],
)
def test_a_mapping_that_does_not_fit_says_so(mapping: dict[str, object], word: str) -> None:
    with pytest.raises(BadMapping, match=word):
        mapped.read(b"Code,Name,Rate\n33,France,0.09\n", ColumnMap(**mapping))  # type: ignore[arg-type]


def test_a_title_that_stands_twice_is_not_guessed() -> None:
    with pytest.raises(BadMapping, match="two columns are named 'Rate'"):
        read("Code,Name,Rate,Rate\n33,France,1,2\n")


def test_a_profile_is_saved_and_used_again(db: None) -> None:
    mapping = ColumnMap(columns=COLUMNS, fixed={"first_s": "60"}, decimal_comma=True)
    import_profiles.save(name="carrier", mapping=mapping, at=AT)
    import_profiles.save(name="carrier", mapping=mapping, at=AT)
    assert import_profiles.names() == ("carrier",)
    assert import_profiles.find("carrier") == mapping
    over = import_profiles.find("carrier").over(ColumnMap(fixed={"price": "1"}, cents=True))
    assert (over.cents, over.decimal_comma, over.fixed) == (True, True, {"first_s": "60", "price": "1"})
    assert "Rate" not in over.columns
    with pytest.raises(import_profiles.UnknownProfile, match="carrier"):
        import_profiles.find("other")
    with pytest.raises(import_profiles.BadProfileName):
        import_profiles.save(name="../x", mapping=mapping, at=AT)
    models.ImportProfile.objects.update(body='{"colour": 1}')
    with pytest.raises(BadMapping):
        import_profiles.find("carrier")


def test_a_translated_list_is_kept_as_a_draft_with_the_lines_of_its_file(db: None) -> None:
    source = mapped.read(b"Code,Name,Rate,X\n\n33,France,0.09,1\n", ColumnMap(columns=COLUMNS))
    report = operations.import_deck(brand="ippi", source=source, at=AT)
    assert (report.rates, report.notes) == (1, ("columns that are not read: 'X'",))
    assert report.deck is not None
    (rate,) = queries.rates(report.deck)
    assert (rate.prefix, rate.line) == ("33", 3)
    assert operations.import_deck(brand="ippi", source=source, at=AT).created is False


def test_a_translated_list_with_an_error_is_refused_whole(db: None) -> None:
    source = mapped.read(b"Code,Name,Rate\n33,France,0.09\n3.3E+5,X,1\n", ColumnMap(columns=COLUMNS))
    with pytest.raises(operations.DeckRefused, match="line 3"):
        operations.import_deck(brand="ippi", source=source, at=AT)
    assert not models.Deck.objects.exists()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_words(data: bytes) -> None:
    try:
        messages = [problem.message for problem in read(b"Code,Name,Rate\n" + data)[1]]
    except (UnreadableDeckFile, BadMapping) as refused:
        messages = [refused.message]
    assert all(message and message.isprintable() for message in messages)


# Exports of other programs, and what their calculation gives.

ASTPP = """"Code","Destination","Connect Cost","Included Seconds","Per Minute Cost","Initial Increment","Increment","Precedence"
33,France,0.01,10,0.06,30,6,0
336,France mobile,0,0,0.1,1,60,0
^44.*,UK,0,0,0.02,0,0,0
"""
OLD_ASTPP = "Code,Destination,Connect Cost,Included Seconds,Per Minute Cost,Increment,Precedence\n93,Afghanistan,0,0,0.6,60,0,\n"
MAGNUS = "55119;Sao Paulo;0.05;30;6;0;0;0\r\n33;France;0.12;1;60;0;0.5;0\r\n44;UK;0.12;0;0;0;0;9\r\n"
A2B = """dialprefix,destination,rateinitial,initblock,billingblock,connectcharge,disconnectcharge,\
stepchargea,chargea,timechargea,billingblocka,minimal_cost
33,France,0.05,30,45,0.01,0.02,0,0,0,0,0
44,UK,0.05,6,6,0.01,0,0.1,0.2,60,6,0
1,USA,0.01,0,0,0,0,0,0,0,0,0.25
"""


@pytest.mark.parametrize(
    ("form", "data", "to", "seconds", "cost"),
    [
        ("astpp", ASTPP, "331", 1, "0.01"),
        ("astpp", ASTPP, "331", 10, "0.01"),
        ("astpp", ASTPP, "331", 11, "0.04"),
        ("astpp", ASTPP, "331", 40, "0.04"),
        ("astpp", ASTPP, "331", 41, "0.046"),
        ("astpp", ASTPP, "+33612", 1, "1/600"),
        ("astpp", ASTPP, "0033612", 2, "61/600"),
        ("astpp", ASTPP, "441", 61, "61/3000"),
        ("astpp", OLD_ASTPP, "931", 61, "1.2"),
        ("magnusbilling", MAGNUS, "5511988443300", 45, "0.04"),  # the example of its documentation
        ("magnusbilling", MAGNUS, "5511988443300", 29, "0.025"),
        ("magnusbilling", MAGNUS, "331", 1, "0.502"),
        ("magnusbilling", MAGNUS, "331", 2, "0.62"),
        ("magnusbilling", MAGNUS, "331", 61, "0.74"),
        ("magnusbilling", MAGNUS, "441", 61, "0.122"),
        ("a2billing", A2B, "331", 30, "0.055"),
        ("a2billing", A2B, "331", 31, "0.0675"),  # a multiple of 45 s, not 30 and 45
        ("a2billing", A2B, "331", 46, "0.105"),
        ("a2billing", A2B, "441", 60, "0.31"),
        ("a2billing", A2B, "441", 61, "0.315"),
        ("a2billing", A2B, "1555", 60, "0.25"),
        ("a2billing", A2B, "1555", 1801, "1801/6000"),
    ],
)
def test_exports_cost_what_their_programs_charge(form: str, data: str, to: str, seconds: int, cost: str) -> None:
    reading = foreign.read(data.encode(), form)
    assert reading.problems == []
    found = prefix_plans.charge(reading.plan, destination=to, at=AT, seconds=seconds)
    assert found.as_dict()["cost"] == cost
    # And so do the decks that they become.
    translation = foreign_deck.translate(reading)
    deck = deck_csv.read(translation.data, BLANKS)
    assert [*translation.problems, *deck.problems] == []
    rate = decks.of_rates(deck.rates).find(plans_digits(to), AT)
    assert rate is not None
    assert rules.charge(rate, seconds, AT).exact / 1_000_000 == Fraction(cost)


def plans_digits(to: str) -> str:
    return to.removeprefix("+").removeprefix("00")


@pytest.mark.parametrize(
    ("form", "data", "where"),
    [
        ("astpp", ASTPP + "x,Y,0,0,0,0,0,0\n", [(5, "pattern", "pattern")]),
        ("astpp", ASTPP + "7,Y,0,0,=A1,0,0,0\n", [(5, "cost", "cost")]),
        ("magnusbilling", "33;France;0.1;1;1;5;0;0\n", [(1, "minimal_time_charge", "least-time")]),
        ("magnusbilling", "33;France;0.1;1;1;0;-1;0\n", [(1, "connectcharge", "connectcharge")]),
        ("a2billing", A2B + "32484-32487,Belgium,1,1,1,0,0,0,0,0,0,0\n", [(5, "dialprefix", "dialprefix")]),
        ("a2billing", A2B + "defaultprefix,World,1,1,1,0,0,0,0,0,0,0\n", [(5, "", "any-prefix")]),
        ("a2billing", A2B + "7,X,1,0,0,0,0,0,0.1,61,6,0\n", [(5, "timechargea", "timechargea")]),
    ],
)
def test_what_no_deck_can_say_is_told_by_line(form: str, data: str, where: list[tuple[int, str, str]]) -> None:
    found = [
        (line, "" if code == "any-prefix" else column, code)
        for line, column, code in told(foreign_deck.translate(foreign.read(data.encode(), form)).problems)
    ]
    assert found == where


def test_calls_below_the_least_time_of_magnusbilling_cost_nothing() -> None:
    plan = foreign.read(b"33;France;0.6;1;1;5;0.1;0\n", "magnusbilling").plan
    assert prefix_plans.charge(plan, destination="331", at=AT, seconds=4).cost == 0
    assert prefix_plans.charge(plan, destination="331", at=AT, seconds=5).cost == Fraction("0.15")


@pytest.mark.parametrize(
    ("form", "data", "word"),
    [
        ("astpp", "a,b,c,d,e,f,g,h,i\n", "names no columns"),
        ("astpp", "Code,Destination\n1,2\n", "no column of this file is cost"),
        ("a2billing", "33,France,0.1,6\n", "names no columns"),
        ("astpp", "\n", "no rows"),
    ],
)
def test_a_file_of_another_kind_is_refused(form: str, data: str, word: str) -> None:
    with pytest.raises(UnreadableDeckFile, match=word):
        foreign.read(data.encode(), form)


def test_a_plan_for_quotes_is_read_by_its_form(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("prefix,destination,price\n33,France,0.09\nxx,Y,1\n")
    plan = price_files.plan(path)
    assert (plan.form, len(plan.rates), plan.problems) == ("csv", 1, 1)
    path.write_text("prefix,destination,price\nxx,Y,1\n")
    with pytest.raises(price_files.UnreadablePlan, match="line 2"):
        price_files.plan(path)
    assert isinstance(plans.PrefixPlan(lines={}).find("33", AT), type(None))


def test_the_reading_of_a_long_table_is_told_as_it_goes() -> None:
    lines = "".join(f"{number},X,0.1\n" for number in range(100_000, 112_000))
    told: list[tuple[int, int]] = []
    price_files.translate(
        f"Code,Name,Rate\n{lines}".encode(),
        "csv",
        mapping=ColumnMap(columns=COLUMNS),
        progress=lambda *done: told.append(done),
    )
    assert told == [(5_000, 12_002), (10_000, 12_002)]


blocks = st.integers(0, 130)
prices = st.decimals(0, 2, places=5)


def deck_cost(reading: foreign.Reading, seconds: int) -> Fraction:
    """By the deck that the list becomes."""
    translation = foreign_deck.translate(reading)
    found = deck_csv.read(translation.data, BLANKS)
    assert [*translation.problems, *found.problems] == []
    return rules.charge(found.rates[0], seconds, AT).exact / 1_000_000


def quoted(reading: foreign.Reading, seconds: int) -> Fraction:
    return prefix_plans.charge(reading.plan, destination="331", at=AT, seconds=seconds).cost


@settings(max_examples=60, deadline=None)
@given(prices, blocks, blocks, prices, st.integers(1, 500))
def test_blocks_round_the_whole_duration_up_as_magnusbilling_and_a2billing_do(
    price: object, first: int, step: int, fee: object, seconds: int
) -> None:
    magnus = foreign.read(f"33;X;{price};{first};{step};0;{fee};0\n".encode(), "magnusbilling")
    counted = max(seconds, max(first, 1))
    if counted > max(first, 1):
        counted += -counted % max(step, 1)
    expected = Fraction(str(fee)) + Fraction(str(price)) * counted / 60
    assert quoted(magnus, seconds) == deck_cost(magnus, seconds) == expected
    header = "dialprefix,destination,rateinitial,initblock,billingblock,connectcharge\n"
    a2b = foreign.read(f"{header}33,X,{price},{first},{step},{fee}\n".encode(), "a2billing")
    counted = max(seconds, first)
    if step and counted > first:
        counted += -counted % step
    expected = Fraction(str(fee)) + Fraction(str(price)) * counted / 60
    assert quoted(a2b, seconds) == deck_cost(a2b, seconds) == expected


@settings(max_examples=40, deadline=None)
@given(prices, st.integers(0, 60), blocks, blocks, prices, st.integers(1, 500))
def test_included_seconds_and_increments_count_as_astpp_does(
    price: object, free: int, first: int, step: int, fee: object, seconds: int
) -> None:
    header = "Code,Destination,Connect Cost,Included Seconds,Per Minute Cost,Initial Increment,Increment\n"
    reading = foreign.read(f"{header}33,X,{fee},{free},{price},{first},{step}\n".encode(), "astpp")
    left, counted = seconds - free, 0
    if left > 0:
        counted = max(first, 1)
        if left > counted:
            counted += -(-(left - counted) // max(step, 1)) * max(step, 1)
    expected = Fraction(str(fee)) + Fraction(str(price)) * counted / 60
    assert quoted(reading, seconds) == deck_cost(reading, seconds) == expected


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["astpp", "magnusbilling", "a2billing"]), st.binary(max_size=200))
def test_any_bytes_of_an_export_are_read_or_refused_in_words(form: str, data: bytes) -> None:
    try:
        messages = [problem.message for problem in foreign.read(data, form).problems]
    except UnreadableDeckFile as refused:
        messages = [refused.message]
    assert all(message and message.isprintable() for message in messages)
