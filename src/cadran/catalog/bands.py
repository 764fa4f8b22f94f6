"""Time bands and tariffs as text: the cells of a deck file, and the JSON that the table keeps. Pure."""

from __future__ import annotations

import json
import re
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from cadran.catalog.rules import InvalidRate, Pricing, Tariff, TimeBand

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
_WINDOW = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
MAX_HOLIDAYS = 400


def read_days(text: str) -> tuple[frozenset[int], bool]:
    """`mon-fri`, `sat sun holiday`: the weekdays (Monday 0) and whether holidays are among them; blank: every day.

    Raises InvalidRate.
    """
    days: set[int] = set()
    holidays = not text.strip()
    for word in text.lower().split() or ["mon-sun"]:
        first, dash, last = word.partition("-")
        if word == HOLIDAY:
            holidays = True
        elif first in DAYS and (last in DAYS if dash else True):
            start, end = DAYS.index(first), DAYS.index(last or first)
            if end < start:
                raise InvalidRate(f"days run from Monday to Sunday: write {first}-sun mon-{last} instead of {word}")
            days.update(range(start, end + 1))
        else:
            raise InvalidRate(f"write days as mon-fri or sat sun holiday, not {text!r}")
    return frozenset(days), holidays


def read_hours(text: str) -> tuple[tuple[int, int], ...]:
    """`08:00-20:00`, `00:00-06:00 22:00-24:00`: half-open windows in minutes; blank: the whole day. Raises InvalidRate."""
    windows = []
    for word in text.split() or ["00:00-24:00"]:
        match = _WINDOW.fullmatch(word)
        if not match:
            raise InvalidRate(f"write hours as 08:00-20:00, not {word!r}")
        start_h, start_m, end_h, end_m = (int(group) for group in match.groups())
        start, end = start_h * 60 + start_m, end_h * 60 + end_m
        if not 0 <= start < end <= 1440:
            raise InvalidRate(f"hours lie within one day, {word} does not: write a night as 00:00-06:00 22:00-24:00")
        windows.append((start, end))
    return tuple(sorted(windows))


def read_holidays(text: str) -> frozenset[date]:
    """`2026-12-25 2027-01-01`: civil days. Raises InvalidRate."""
    words = text.split()
    if len(words) > MAX_HOLIDAYS:
        raise InvalidRate(f"a band lists at most {MAX_HOLIDAYS} holidays")
    try:
        if not all(len(word) == 10 for word in words):
            raise ValueError
        return frozenset(date.fromisoformat(word) for word in words)
    except ValueError:
        raise InvalidRate(f"write holidays as 2026-12-25 2027-01-01, not {text!r}") from None


def read_zone(text: str) -> str:
    """An IANA time zone that this machine knows. Raises InvalidRate."""
    try:
        ZoneInfo(text)
    except Exception:  # noqa: BLE001 - zoneinfo raises ValueError, OSError or its own error, depending on the text
        raise InvalidRate(f"write a zone as Europe/Paris, not {text!r}") from None
    return text


def to_text(bands: tuple[TimeBand, ...]) -> str:
    """The JSON that the table keeps; empty for no band."""
    if not bands:
        return ""
    return json.dumps(
        [
            {
                "name": band.name,
                "zone": band.zone,
                "price_nanos": band.price_nanos,
                "weekdays": sorted(band.weekdays),
                "windows": band.windows,
                "holidays": sorted(day.isoformat() for day in band.holidays),
                "on_holidays": band.on_holidays,
                **_seldom(band),
            }
            for band in bands
        ],
        separators=(",", ":"),
    )


@lru_cache(maxsize=4096)
def from_text(text: str) -> tuple[TimeBand, ...]:
    """The reverse of `to_text`."""
    return tuple(
        TimeBand(
            name=item["name"],
            zone=item["zone"],
            price_nanos=item["price_nanos"],
            weekdays=frozenset(item["weekdays"]),
            windows=tuple((start, end) for start, end in item["windows"]),
            holidays=frozenset(date.fromisoformat(day) for day in item["holidays"]),
            on_holidays=item["on_holidays"],
            weight=item.get("weight", 0),
            years=frozenset(item.get("years", ())),
            months=frozenset(item.get("months", ())),
            month_days=frozenset(item.get("month_days", ())),
            pricing=msgspec.convert(item["pricing"], Pricing) if "pricing" in item else None,
        )
        for item in (json.loads(text) if text else ())
    )


def tariff_to_text(tariff: Tariff | None) -> str:
    """The JSON that the table keeps of a rate's tariff; empty for none."""
    return "" if tariff is None else msgspec.json.encode(tariff, order="sorted").decode()


@lru_cache(maxsize=4096)
def tariff_from_text(text: str) -> Tariff | None:
    """The reverse of `tariff_to_text`."""
    return msgspec.json.decode(text, type=Tariff) if text else None


def _seldom(band: TimeBand) -> dict[str, object]:
    """What few bands state."""
    told: dict[str, object] = {
        "weight": band.weight,
        "years": sorted(band.years),
        "months": sorted(band.months),
        "month_days": sorted(band.month_days),
        "pricing": msgspec.to_builtins(band.pricing),
    }
    return {name: value for name, value in told.items() if value}
