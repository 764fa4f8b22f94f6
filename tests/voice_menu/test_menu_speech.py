"""What is said is what a person would say: sentences as literals, and every number against a rule of its own."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadran.voice.media import prompts
from cadran.voice.menu import speech

MANIFEST = tomllib.loads((prompts.RECORDINGS / "manifest.toml").read_text())
pytestmark = [pytest.mark.clause("KRY-4.4.1-ivr", "KRY-4.4.1-phone-statement")]


def words(language: str, form: str, value: str | int) -> str:
    """The text of the recordings, in a row."""
    said = speech.say(form, value, language=language)
    texts = MANIFEST["fragments"][language]
    return " ".join("," if name == "pause" else texts[name].split(" | ")[0] for name in said).replace(" ,", ",")


FRENCH = [
    ("number", 0, "zéro"),
    ("number", 1, "un"),
    ("number", 16, "seize"),
    ("number", 21, "vingt et un"),
    ("number", 22, "vingt-deux"),
    ("number", 70, "soixante-dix"),
    ("number", 71, "soixante et onze"),
    ("number", 72, "soixante douze"),
    ("number", 80, "quatre-vingts"),
    ("number", 81, "quatre-vingt-un"),
    ("number", 91, "quatre-vingt onze"),
    ("number", 99, "quatre-vingt dix-neuf"),
    ("number", 100, "cent"),
    ("number", 101, "cent un"),
    ("number", 200, "deux cents"),
    ("number", 201, "deux cent un"),
    ("number", 280, "deux cent quatre-vingts"),
    ("number", 999, "neuf cent quatre-vingt dix-neuf"),
    ("number", 1_000, "mille"),
    ("number", 1_001, "mille un"),
    ("number", 2_000, "deux mille"),
    ("number", 80_000, "quatre-vingt mille"),
    ("number", 200_000, "deux cent mille"),
    ("number", 1_000_000, "un million"),
    ("number", 80_000_000, "quatre-vingts millions"),
    ("number", 999_000_000, "neuf cent quatre-vingt dix-neuf millions"),
    ("number", 999_999, "neuf cent quatre-vingt dix-neuf mille neuf cent quatre-vingt dix-neuf"),
    ("amount", 0, "zéro euro"),
    ("amount", 1, "un centime"),
    ("amount", 10_000, "un centime"),
    ("amount", 10_001, "deux centimes"),
    ("amount", 500_000, "cinquante centimes"),
    ("amount", 1_000_000, "un euro"),
    ("amount", 1_010_000, "un euro et un centime"),
    ("amount", 2_210_000, "deux euros et vingt et un centimes"),
    ("amount", 21_000_000, "vingt et un euros"),
    ("amount", 80_810_000, "quatre-vingts euros et quatre-vingt-un centimes"),
    ("amount", 1_234_500_000, "mille deux cent trente-quatre euros et cinquante centimes"),
    ("amount", 1_000_000_000_000, "un million d'euros"),
    ("amount", 1_000_001_000_000, "un million un euros"),
    ("amount", -1_200_000, "moins un euro et vingt centimes"),
    ("credit", 9_999, "zéro euro"),
    ("credit", 10_000, "un centime"),
    ("credit", 19_999, "un centime"),
    ("credit", 4_999_999, "quatre euros et quatre-vingt dix-neuf centimes"),
    ("minutes", 0, "zéro minute"),
    ("minutes", 1, "une minute"),
    ("minutes", 2, "deux minutes"),
    ("minutes", 21, "vingt et une minutes"),
    ("minutes", 71, "soixante et onze minutes"),
    ("minutes", 81, "quatre-vingt-une minutes"),
    ("minutes", 91, "quatre-vingt onze minutes"),
    ("minutes", 101, "cent une minutes"),
    ("minutes", 1_021, "mille vingt et une minutes"),
    ("duration", 0, "zéro seconde"),
    ("duration", 1, "une seconde"),
    ("duration", 60, "une minute"),
    ("duration", 61, "une minute et une seconde"),
    ("duration", 3_600, "une heure"),
    ("duration", 3_605, "une heure et cinq secondes"),
    ("duration", 4_921, "une heure vingt-deux minutes et une seconde"),
    ("calls", 0, "aucun appel"),
    ("calls", 1, "un appel"),
    ("calls", 21, "vingt et un appels"),
    ("digits", "0612345678", "zéro six douze trente-quatre cinquante-six soixante dix-huit"),
    ("digits", "123", "un vingt-trois"),
    ("digits", "00", "zéro zéro"),
    ("phone", "33612345678", "zéro six douze trente-quatre cinquante-six soixante dix-huit"),
    ("phone", "+442079460000", "plus quarante-quatre vingt soixante dix-neuf quarante-six zéro zéro zéro zéro"),
    ("date", "2026-03-01", "premier mars deux mille vingt-six"),
    ("date", "2026-11-21", "vingt et un novembre deux mille vingt-six"),
    ("date", "2100-08-31T10:00:00+00:00", "trente et un août deux mille cent"),
    ("price", 12_300, "un virgule vingt-trois centime"),
    ("price", 20_500, "deux virgule zéro cinq centimes"),
    ("price", 5_000, "zéro virgule cinq centime"),
    ("price", 120_000, "douze centimes"),
]
ENGLISH = [
    ("number", 0, "zero"),
    ("number", 21, "twenty one"),
    ("number", 70, "seventy"),
    ("number", 71, "seventy one"),
    ("number", 80, "eighty"),
    ("number", 81, "eighty one"),
    ("number", 91, "ninety one"),
    ("number", 100, "one hundred"),
    ("number", 101, "one hundred and one"),
    ("number", 1_000, "one thousand"),
    ("number", 1_001, "one thousand and one"),
    ("number", 1_100, "one thousand one hundred"),
    ("number", 2_000_021, "two million and twenty one"),
    ("amount", 0, "zero euros"),
    ("amount", 10_000, "one cent"),
    ("amount", 1_000_000, "one euro"),
    ("amount", 1_010_000, "one euro and one cent"),
    ("amount", 2_210_000, "two euros and twenty one cents"),
    ("amount", 1_234_500_000, "one thousand two hundred and thirty four euros and fifty cents"),
    ("credit", 9_999, "zero euros"),
    ("credit", 1_219_999, "one euro and twenty one cents"),
    ("minutes", 0, "zero minutes"),
    ("minutes", 1, "one minute"),
    ("minutes", 21, "twenty one minutes"),
    ("duration", 61, "one minute and one second"),
    ("duration", 3_661, "one hour one minute and one second"),
    ("calls", 0, "no calls"),
    ("calls", 1, "one call"),
    ("digits", "0612345678", "zero six one, two three four, five six seven eight"),
    ("phone", "442079", "plus four four two, zero seven nine"),
    ("date", "2026-03-01", "the first of March twenty twenty six"),
    ("date", "2026-11-22", "the twenty second of November twenty twenty six"),
    ("date", "2005-05-30", "the thirtieth of May two thousand and five"),
    ("date", "1905-01-20", "the twentieth of January nineteen hundred and five"),
    ("date", "2100-01-12", "the twelfth of January twenty one hundred"),
    ("date", "2000-01-31", "the thirty first of January two thousand"),
    ("price", 12_300, "one point two three cents"),
    ("price", 10_000, "one cent"),
]


@pytest.mark.parametrize(("form", "value", "sentence"), FRENCH)
def test_french_is_said_right(form: str, value: str | int, sentence: str) -> None:
    assert words("fr", form, value) == sentence


@pytest.mark.parametrize(("form", "value", "sentence"), ENGLISH)
def test_english_is_said_right(form: str, value: str | int, sentence: str) -> None:
    assert words("en", form, value) == sentence


UNITS = [
    "zéro",
    "un",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "six",
    "sept",
    "huit",
    "neuf",
    "dix",
    "onze",
    "douze",
    "treize",
    "quatorze",
    "quinze",
    "seize",
]


def french(n: int) -> str:
    """0 to 999 by the rules of the grammar, hyphens written as spaces: scores from 60 on, `et` before un and onze, s on a last
    vingt or cent that is multiplied."""
    if n <= 16:
        return UNITS[n]
    if n < 20:
        return f"dix {UNITS[n - 10]}"
    if n < 60:
        ten = {2: "vingt", 3: "trente", 4: "quarante", 5: "cinquante"}[n // 10]
        return ten + ("" if n % 10 == 0 else " et un" if n % 10 == 1 else f" {UNITS[n % 10]}")
    if n < 100:
        score, rest = ("soixante", n - 60) if n < 80 else ("quatre vingt", n - 80)
        if rest == 0:
            return score if n < 80 else "quatre vingts"
        return f"{score} et {french(rest)}" if n < 80 and rest in (1, 11) else f"{score} {french(rest)}"
    hundreds, rest = divmod(n, 100)
    head = "cent" if hundreds == 1 else f"{UNITS[hundreds]} cent"
    return f"{head} {french(rest)}" if rest else head + ("s" if hundreds > 1 else "")


def test_every_number_to_999_in_french_is_what_the_grammar_says() -> None:
    for n in range(1000):
        assert words("fr", "number", n).replace("-", " ") == french(n), n


def test_every_minute_to_999_in_french_is_feminine() -> None:
    for n in range(2, 1000):
        said = words("fr", "minutes", n).replace("-", " ")
        expected = french(n)
        if expected.endswith(" un"):
            expected += "e"
        assert said == f"{expected} minutes", n


def test_every_number_to_9999_in_english_is_what_the_grammar_says() -> None:
    ones = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
    ]
    ones += ["eighteen", "nineteen"]
    tens = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]

    def english(n: int) -> str:
        if n < 20:
            return ones[n]
        if n < 100:
            return tens[n // 10] + (f" {ones[n % 10]}" if n % 10 else "")
        unit, name = (1000, "thousand") if n >= 1000 else (100, "hundred")
        head, rest = f"{english(n // unit)} {name}", n % unit
        return head if not rest else f"{head} and {english(rest)}" if rest < 100 else f"{head} {english(rest)}"

    for n in range(10_000):
        assert words("en", "number", n) == english(n), n


def test_the_sound_between_number_and_euros_is_the_right_one() -> None:
    links = {
        n: speech.say("amount", n * 1_000_000, language="fr")[-1] for n in (*range(1, 101), 200, 300, 1000, 1100, 2000)
    }
    z = {2, 3, 6, 10, 22, 23, 26, 32, 33, 36, 42, 43, 46, 52, 53, 56, 62, 63, 66, 70, 80, 82, 83, 86, 90, 200, 300}
    n = {21, 31, 41, 51, 61, 81}
    assert {one for one, link in links.items() if link == "euros-z"} == z
    assert {one for one, link in links.items() if link == "euros-n"} == n
    assert {one for one, link in links.items() if link == "euros-t"} == {20, 100, 1100}
    assert links[1] == "euro-n"
    assert speech.say("minutes", 6, language="fr") == ("n6-l", "minutes")
    assert speech.say("minutes", 16, language="fr") == ("n16", "minutes")


@given(micros=st.integers(0, 999_999_990_000), language=st.sampled_from(["fr", "en"]))
def test_never_more_credit_is_said_than_there_is_and_never_less_cost(micros: int, language: str) -> None:
    whole = micros // 10_000 * 10_000
    assert speech.say("credit", micros, language=language) == speech.say("amount", whole, language=language)
    if micros % 10_000:
        assert speech.say("amount", micros, language=language) == speech.say(
            "amount", whole + 10_000, language=language
        )


@given(seconds=st.integers(0, 400_000), days=st.integers(0, 40_000), language=st.sampled_from(["fr", "en"]))
def test_every_fragment_that_is_said_is_recorded(seconds: int, days: int, language: str) -> None:
    on = (date(2000, 1, 1) + timedelta(days=days)).isoformat()
    for form, value in (
        ("duration", seconds),
        ("date", on),
        ("phone", str(seconds)),
        ("amount", seconds * 12_345),
        ("price", seconds),
    ):
        for name in speech.say(form, value, language=language):
            assert (prompts.RECORDINGS / language / f"{name}.wav").is_file(), name


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("number", -1),
        ("number", 1_000_000_000),
        ("number", True),
        ("number", "many"),
        ("number", "٣"),
        ("minutes", -1),
        ("digits", "12a"),
        ("digits", ""),
        ("digits", "1" * 25),
        ("date", "2026-02-30"),
        ("date", "soon"),
        ("amount", 10**18),
        ("song", 1),
    ],
)
def test_what_cannot_be_said_is_refused(form: str, value: str | int) -> None:
    with pytest.raises(speech.Unspeakable):
        speech.say(form, value, language="fr")


def test_another_currency_than_the_euro_is_refused_rather_than_said_as_euros() -> None:
    with pytest.raises(speech.Unspeakable):
        speech.say("amount", 1, language="fr", currency="USD")
