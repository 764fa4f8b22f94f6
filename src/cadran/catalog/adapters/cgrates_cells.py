"""One cell of a CGRateS file to one value. Each reader raises BadCell, whose message says what to write instead."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction

from cadran.catalog import plans, rules
from cadran.catalog.adapters.deck_cells import BadCell, shown

DIRECTIONS = ("*out", "*in")
_NONE = ("", "*any", "*all", "*unlimited")
_AMOUNT = re.compile(r"\d{1,15}(\.\d{0,30})?|\.\d{1,30}")
_TERM = re.compile(r"(\d{1,12}(?:\.\d{0,9})?|\.\d{1,9})(ns|us|µs|μs|ms|h|m|s)", re.ASCII)
_BARE = re.compile(r"\d{1,18}(\.\d{0,9})?")
_CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]?\d):([0-5]?\d)")
_ZERO = re.compile(r"\*zero(\S+)")
_UNITS = {
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 10**3),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ns": Fraction(1, 10**9),
}
NANOSECONDS_FROM = 10**9
MAX_DECIMALS = 30


def tag(text: str, column: str) -> str:
    """A name that other files refer to."""
    if not text or len(text) > 200:
        raise BadCell(column, f"{column} is a name of 1 to 200 characters, not {shown(text)}")
    return text


def amount(text: str, column: str) -> Fraction:
    """An amount of money, exactly as it is written; blank is 0."""
    if not text:
        return Fraction(0)
    if not text.isascii() or not _AMOUNT.fullmatch(text):
        raise BadCell(column, f"{column} is an amount such as 0.0125, not {shown(text)}")
    return Fraction(text)


def seconds(text: str, column: str, *, least: Fraction = Fraction(0)) -> Fraction:
    """`60s`, `1m30s`, `500ms`, `60`: seconds. A number without a unit is seconds, and nanoseconds from 1000000000 on."""
    if _BARE.fullmatch(text) and text.isascii():
        found = Fraction(text)
        if found >= NANOSECONDS_FROM:
            found /= 10**9
    else:
        terms = list(_TERM.finditer(text))
        if not terms or "".join(term.group() for term in terms) != text:
            raise BadCell(column, f"{column} is a duration such as 60s or 1m30s, not {shown(text)}")
        found = sum((Fraction(term[1]) * _UNITS[term[2]] for term in terms), Fraction(0))
    if not least <= found <= 10**9:
        raise BadCell(column, f"{column} is a duration from {least} s on, not {shown(text)}")
    return found


def increment(text: str, column: str) -> Fraction:
    """A unit or an increment: blank or 0 is one second, which is what CGRateS takes."""
    found = seconds(text, column) if text else Fraction(0)
    if 0 < found < Fraction(1, 1000):
        raise BadCell(column, f"{column} is at least 1 ms, not {shown(text)}")
    return found or Fraction(1)


def numbers(text: str, column: str, low: int, high: int) -> frozenset[int]:
    """`1;2;3`; `*any` or blank: empty, which means all."""
    if text in _NONE:
        return frozenset()
    words = text.split(";")
    if len(words) > 400 or not all(word.isascii() and word.isdigit() and len(word) < 6 for word in words):
        raise BadCell(
            column, f"{column} is *any or numbers from {low} to {high} such as {low};{low + 1}, not {shown(text)}"
        )
    found = frozenset(int(word) for word in words)
    if not all(low <= number <= high for number in found):
        raise BadCell(column, f"{column} lies between {low} and {high}, {shown(text)} does not")
    return found


def weekdays(text: str) -> frozenset[int]:
    """1 is Monday, 7 (or 0) is Sunday; the result counts from Monday 0."""
    return frozenset((day - 1) % 7 for day in numbers(text, "WeekDays", 0, 7))


def hours(text: str) -> tuple[int, int]:
    """`08:00:00`, or `08:00:00;18:00:00` with its end: seconds of the day. `*asap` and `*any` are the whole day."""
    if text in (*_NONE, "*asap", "*now"):
        return 0, plans.DAY_S
    start, _, end = text.partition(";")
    first, last = _clock(start, text), _clock(end, text) if end else plans.DAY_S
    last = plans.DAY_S if last == plans.DAY_S - 1 else last
    if not first < last <= plans.DAY_S:
        raise BadCell("Time", f"Time must end after it starts, within one day, {shown(text)} does not")
    return first, last


def _clock(text: str, whole: str) -> int:
    match = _CLOCK.fullmatch(text)
    if not match:
        raise BadCell("Time", f"Time is a start such as 08:00:00, not {shown(whole)}")
    hour, minute, second = (int(part) for part in match.groups())
    return hour * 3600 + minute * 60 + second


def instant(text: str) -> datetime:
    """RFC 3339, `2026-01-31 10:00:00` (UTC) or a Unix time; blank and `*unlimited` are since ever."""
    if text in ("", "*any", "*unlimited"):
        return rules.ALWAYS_FROM
    try:
        if text.isdigit() and text.isascii() and len(text) < 12:
            return datetime.fromtimestamp(int(text), UTC)
        if not text.isascii() or len(text) < 10:
            raise ValueError
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"ActivationTime is an instant such as 2026-01-31T00:00:00Z, not {shown(text)}"
        if text.startswith(("+", "*")):
            message = f"ActivationTime {shown(text)} depends on the moment of loading: write the instant"
        raise BadCell("ActivationTime", message) from None


def weight(text: str) -> Fraction:
    """Blank is 0."""
    try:
        return amount(text.removeprefix("-"), "Weight") * (-1 if text.startswith("-") else 1)
    except BadCell:
        raise BadCell("Weight", f"Weight is a number such as 10, not {shown(text)}") from None


def rounding(text: str) -> str:
    """`*up`, `*middle`, `*down`; blank: `*middle`."""
    if text not in ("", plans.ROUND_UP, plans.ROUND_MIDDLE, plans.ROUND_DOWN):
        raise BadCell("RoundingMethod", f"RoundingMethod is *up, *middle or *down, not {shown(text)}")
    return text or plans.ROUND_MIDDLE


def decimals(text: str) -> int | None:
    """Blank: not stated."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 3) or int(text) > MAX_DECIMALS:
        raise BadCell("RoundingDecimals", f"RoundingDecimals lies between 0 and {MAX_DECIMALS}, not {shown(text)}")
    return int(text)


def strategy(text: str) -> str:
    """`*free`, `*disconnect`, or blank."""
    if text not in ("", plans.FREE, plans.DISCONNECT):
        raise BadCell("MaxCostStrategy", f"MaxCostStrategy is *free or *disconnect, not {shown(text)}")
    return text


def zero_rate(text: str) -> plans.PlanRate | None:
    """`*zero1s`, `*zero1m`: the rate that costs nothing in such increments; None for any other name."""
    match = _ZERO.fullmatch(text)
    if not match:
        return None
    step = increment(match[1], "RatesTag")
    slot = plans.Slot(start_s=Fraction(0), rate=Fraction(0), unit_s=Fraction(1), increment_s=step)
    return plans.PlanRate(tag=text, connect_fee=Fraction(0), slots=(slot,))
