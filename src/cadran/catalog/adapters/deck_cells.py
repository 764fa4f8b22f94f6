"""One cell of a deck file to one value. Each reader raises BadCell, whose message says what to write instead."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from cadran.catalog import rules
from cadran.units import period

Word = TypeVar("Word", bound=StrEnum)
_PREFIX = re.compile(r"[1-9]\d{0,14}")
_PRICE = re.compile(r"\d{1,7}(\.\d{1,9})?")
_FEE = re.compile(r"\d{1,7}(\.\d{1,6})?")
_WHOLE = re.compile(r"\d{1,6}")
_UNIT = re.compile(r"([1-9][0-9]{0,4})s")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)")
_FORMULA = ("=", "+", "-", "@")
MAX_TEXT = 80
PER = {"": 1, "min": 1, "minute": 1, "s": 60, "second": 60}


class BadCell(ValueError):
    """code: stable, in kebab-case. The message is for the person who mends the file."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text) or not text.isascii():
        raise BadCell(
            "prefix", f"a prefix is 1 to 15 digits from the country code on, such as 33 or 336, not {shown(text)}"
        )
    return text


def destination(text: str) -> str:
    return _text(text, "destination")


def band_name(text: str) -> str:
    return _text(text, "band")


def price(text: str, per: str) -> tuple[int, int]:
    """A price and its unit of time: nanos for so many seconds, 60 wherever that is exact."""
    factor = PER.get(per.lower())
    nanos, unit_s = _decimal(text, _PRICE, 9, "price") * (factor or 1), 60
    if factor is None:
        seconds_of = _UNIT.fullmatch(per.lower())
        if not seconds_of or not 1 <= int(seconds_of[1]) <= rules.MAX_INCREMENT_S:
            raise BadCell("per", f"a price is per min, s, or a number of seconds such as 30s, not per {shown(per)}")
        unit_s = int(seconds_of[1])
        if nanos * 60 % unit_s == 0:
            nanos, unit_s = nanos * 60 // unit_s, 60
    if nanos * 60 > rules.MAX_PRICE_NANOS * unit_s:
        raise BadCell("price-size", f"{shown(text)} is beyond 1000 a minute: check the decimal point")
    return nanos, unit_s


def one_of(text: str, name: str, words: type[Word], blank: Word) -> Word:
    """One of a few words; blank is the usual one."""
    if not text:
        return blank
    try:
        return words(text.lower())
    except ValueError:
        raise BadCell(name, f"{name} is {', '.join(words)}, not {shown(text)}") from None


def yes(text: str, name: str) -> bool:
    """yes or no; blank is no."""
    if text.lower() not in ("", "yes", "no"):
        raise BadCell(name, f"{name} is yes or no, not {shown(text)}")
    return text.lower() == "yes"


def whole(text: str, name: str, most: int, least: int = 0) -> int:
    if not (text.isascii() and _WHOLE.fullmatch(text)) or not least <= int(text) <= most:
        raise BadCell(name, f"{name} is a whole number from {least} to {most}, not {shown(text)}")
    return int(text)


def wholes(text: str, name: str, least: int, most: int) -> frozenset[int]:
    """Whole numbers with blanks between: `1 15`; blank is none."""
    return frozenset(whole(word, name, most, least) for word in text.split())


def fee_micros(text: str, name: str) -> int:
    micros = _decimal(text, _FEE, 6, name)
    if micros > rules.MAX_FEE_MICROS:
        raise BadCell(f"{name}-size", f"{shown(text)} is beyond 1000: check the decimal point")
    return micros


def seconds(text: str, name: str, least: int = 1) -> int:
    if not (text.isascii() and _WHOLE.fullmatch(text)) or not least <= int(text) <= rules.MAX_INCREMENT_S:
        most = rules.MAX_INCREMENT_S
        raise BadCell(name, f"{name} is a whole number of seconds from {least} to {most}, not {shown(text)}")
    return int(text)


def instant(text: str, zone: str, name: str) -> datetime:
    """A day (its midnight in `zone`) or an instant with its offset; UTC."""
    try:
        if _DAY.fullmatch(text):
            found = period.midnight(date.fromisoformat(text), zone)
        elif _INSTANT.fullmatch(text):
            found = datetime.fromisoformat(text).astimezone(UTC)
        else:
            raise ValueError
        if not 1970 < found.year < 2200:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadCell(
            name, f"{name} is a day such as 2026-01-31 or an instant such as 2026-01-31T00:00:00Z, not {shown(text)}"
        ) from None
    return found


def shown(text: str) -> str:
    """What stands in the file, for a message: cut, escaped, so that it does no harm where it is printed."""
    return ascii(text if len(text) <= 40 else text[:40] + "...")


def _decimal(text: str, form: re.Pattern[str], places: int, name: str) -> int:
    if not (text.isascii() and form.fullmatch(text)):
        hint = " (a point, not a comma)" if "," in text else ""
        raise BadCell(
            name, f"{name} is an amount such as 0.0125 with at most {places} decimals{hint}, not {shown(text)}"
        )
    return int(Decimal(text).scaleb(places))


def _text(text: str, name: str) -> str:
    if not text or len(text) > MAX_TEXT:
        raise BadCell(name, f"{name} is a text of 1 to {MAX_TEXT} characters")
    if not text.isprintable():
        raise BadCell("control", f"{name} holds an invisible character: {shown(text)}")
    if text.startswith(_FORMULA):
        raise BadCell("formula", f"{name} would run as a formula in a spreadsheet: it cannot start with {text[0]}")
    return text
