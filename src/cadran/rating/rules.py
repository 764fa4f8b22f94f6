"""From seconds of usage and a rate to micro-units of money: exact integers and fractions, one rounding, half up.

The price is that of the call's start: the rate and the time band that hold at `at`. The fields are plain integers so that
compiled kernels can stand beside these functions and be checked against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from cadran.catalog.rules import MAX_INCREMENT_S, InvalidRate, Rate, TimeBand, check_rate
from cadran.units.clause import carries
from cadran.units.errors import InvalidInput

__all__ = [
    "Charge",
    "InvalidDuration",
    "InvalidRate",
    "Rate",
    "Step",
    "TimeBand",
    "affordable_s",
    "billed_s",
    "charge",
    "check_rate",
    "first_grant_s",
    "price_at",
]

MAX_DURATION_S = 100 * 86_400
ROUNDING = "half-up to 0.000001"
_NANO_SECONDS_A_MICRO_MINUTE = 60_000  # price_nanos * seconds / 60,000 = micros


class InvalidDuration(InvalidInput):
    """Seconds that no call lasts."""

    error_id = "rating-duration-invalid"


@dataclass(frozen=True, slots=True)
class Step:
    """One term of a charge. kind: first | next | connection | minimum. `exact` is in micro-units; `units` increments of
    `unit_s` seconds at `price_nanos` a minute (both 0 where no time is counted)."""

    kind: str
    units: int
    unit_s: int
    price_nanos: int
    exact: Fraction

    def as_dict(self) -> dict[str, object]:
        """Plain values, with the arithmetic as a line of text in the currency's main unit."""
        return {
            "kind": self.kind,
            "units": self.units,
            "unit_s": self.unit_s,
            "price_nanos": self.price_nanos,
            "exact_micros": str(self.exact),
            "arithmetic": self.arithmetic,
        }

    @property
    def arithmetic(self) -> str:
        """For instance `1 × 60 s × 0.012 / 60 s = 0.012`."""
        amount = exact_text(self.exact / 1_000_000)
        if not self.unit_s:
            return f"{'minimum' if self.kind == 'minimum' else 'fee'} {amount}"
        return f"{self.units} × {self.unit_s} s × {exact_text(Fraction(self.price_nanos, 10**9))} / 60 s = {amount}"


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call costs. micros: rounded once from `exact` (micro-units). billed_s: the measured seconds rounded up to whole
    increments. band: the time band that held at the start, or empty."""

    micros: int
    currency: str
    seconds: int
    billed_s: int
    price_nanos: int
    band: str
    steps: tuple[Step, ...]
    exact: Fraction
    rounding: str
    rate: Rate

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON: the form kept on a CDR and shown by `cadran explain`."""
        rate = self.rate
        return {
            "micros": self.micros,
            "currency": self.currency,
            "seconds": self.seconds,
            "billed_s": self.billed_s,
            "price_nanos": self.price_nanos,
            "band": self.band,
            "exact_micros": str(self.exact),
            "rounding": self.rounding,
            "steps": [step.as_dict() for step in self.steps],
            "prefix": rate.prefix,
            "destination": rate.destination,
            "destination_en": rate.destination_en or rate.destination,
            "first_s": rate.first_s,
            "next_s": rate.next_s,
            "connection_micros": rate.connection_micros,
            "minimum_micros": rate.minimum_micros,
            "deck": rate.deck,
            "version": rate.version,
            "line": rate.line,
        }


@carries("IPP-10.1-per-second")
def charge(rate: Rate, seconds: int, at: datetime) -> Charge:
    """What `seconds` (whole, >= 0) of a call that started at `at` (aware) cost.

    0 seconds cost nothing: neither fee nor minimum. Raises InvalidDuration.
    """
    _check(seconds)
    price, band = price_at(rate, at)
    billed = billed_s(rate, seconds)
    steps = _steps(rate, price, billed)
    micros = _micros(rate, price, billed)
    return Charge(
        micros=micros,
        currency=rate.currency,
        seconds=seconds,
        billed_s=billed,
        price_nanos=price,
        band=band,
        steps=steps,
        exact=sum((step.exact for step in steps), Fraction(0)),
        rounding=ROUNDING,
        rate=rate,
    )


def price_at(rate: Rate, at: datetime) -> tuple[int, str]:
    """Price (nanos a minute) and name of the time band that holds at `at`; the name is empty outside every band."""
    for band in rate.bands:
        if band.runs(at):
            return band.price_nanos, band.name
    return rate.price_nanos, ""


@carries("IPP-10.1-per-second")
def billed_s(rate: Rate, seconds: int) -> int:
    """Seconds rounded up to the first increment and whole further ones; 0 stays 0."""
    if seconds <= 0:
        return 0
    if seconds <= rate.first_s:
        return rate.first_s
    return rate.first_s - (rate.first_s - seconds) // rate.next_s * rate.next_s


def first_grant_s(rate: Rate, at: datetime, minimum_s: int) -> int:
    """Seconds of the first grant: whole increments, at least the first one and at least `minimum_s`. What it costs is
    `charge(rate, first_grant_s(...), at)`, connection fee included."""
    return billed_s(rate, max(minimum_s, 1))


def affordable_s(rate: Rate, micros: int, at: datetime, limit_s: int) -> int:
    """The largest N, 0 <= N <= limit_s, with `charge(rate, N, at).micros <= micros`; exact, no search."""
    _check(limit_s)
    price, _ = price_at(rate, at)
    if micros < rate.minimum_micros or micros < _micros(rate, price, rate.first_s):
        return 0
    if price == 0:
        return limit_s
    # Half up stays at or below `left` exactly when price * billed / 60,000 < left + 1/2.
    left = micros - rate.connection_micros
    most = (_NANO_SECONDS_A_MICRO_MINUTE * left + _NANO_SECONDS_A_MICRO_MINUTE // 2 - 1) // price
    return min(limit_s, rate.first_s + (most - rate.first_s) // rate.next_s * rate.next_s)


def exact_text(value: Fraction) -> str:
    """A fraction as a decimal where it is finite (`0.0122`), else as p/q."""
    denominator, twos, fives = value.denominator, 0, 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    if denominator != 1:
        return str(value)
    places = max(twos, fives)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    whole, part = (digits[:-places], digits[-places:]) if places else (digits, "")
    return f"{'-' if value < 0 else ''}{whole}{'.' if part else ''}{part}"


def _micros(rate: Rate, price: int, billed: int) -> int:
    """The rounded charge of whole increments, in integers."""
    if billed == 0:
        return 0
    half = _NANO_SECONDS_A_MICRO_MINUTE // 2
    usage = (price * billed + half) // _NANO_SECONDS_A_MICRO_MINUTE
    return max(usage + rate.connection_micros, rate.minimum_micros)


def _steps(rate: Rate, price: int, billed: int) -> tuple[Step, ...]:
    if billed == 0:
        return ()
    steps = [Step("first", 1, rate.first_s, price, Fraction(price * rate.first_s, _NANO_SECONDS_A_MICRO_MINUTE))]
    if more := (billed - rate.first_s) // rate.next_s:
        exact = Fraction(price * more * rate.next_s, _NANO_SECONDS_A_MICRO_MINUTE)
        steps.append(Step("next", more, rate.next_s, price, exact))
    if rate.connection_micros:
        steps.append(Step("connection", 1, 0, 0, Fraction(rate.connection_micros)))
    missing = rate.minimum_micros - sum(step.exact for step in steps)
    if missing > 0:
        steps.append(Step("minimum", 1, 0, 0, Fraction(missing)))
    return tuple(steps)


def _check(seconds: int) -> None:
    if type(seconds) is not int or not 0 <= seconds <= MAX_DURATION_S:
        raise InvalidDuration(f"a call lasts a whole number of seconds from 0 to {MAX_DURATION_S}, not {seconds!r}")


assert MAX_INCREMENT_S <= MAX_DURATION_S
