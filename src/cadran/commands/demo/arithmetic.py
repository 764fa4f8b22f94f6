"""The charge of a call worked out by hand: from the deck's file and the clause, by school arithmetic, without the house's rating."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the shipped deck: its prefix, its destination, and its price in euros for a minute, exact."""

    prefix: str
    destination: str
    price: Fraction

    def charge_micros(self, seconds: int) -> int:
        """By the second from the first second (IPP-10.1-per-second), to the nearest micro, halves up, once."""
        return int((self.price * seconds * 1_000_000 / 60 + Fraction(1, 2)) // 1)


def line(brands: Path, brand: str, digits: str) -> Line:
    """The line with the longest prefix of that number in the brand's shipped deck. Raises KeyError without one."""
    best: Line | None = None
    with gzip.open(brands / brand / "rates" / "world.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if digits.startswith(row["prefix"]) and (best is None or len(row["prefix"]) > len(best.prefix)):
                best = Line(row["prefix"], row["destination"], Fraction(row["price"]))
    if best is None:
        raise KeyError(digits)
    return best


def credit_ends(bought_at: datetime) -> datetime:
    """When credit bought at that instant ends: 24:00 in Paris of the 180th day after the day of purchase (IPP-9.2-180-days)."""
    zone = ZoneInfo("Europe/Paris")
    day: date = bought_at.astimezone(zone).date() + timedelta(days=181)
    return datetime(day.year, day.month, day.day, tzinfo=zone)
