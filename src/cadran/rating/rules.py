"""From seconds of usage and a rate to micro-units of money: exact integers and fractions, one rounding.

What a rate may say is docs/reference/tariff-language.md. Most rates use little of it and are charged by a formula; the others by
walking through their increments. The fields are plain integers so that compiled kernels can stand beside these functions and be
checked against them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import datetime
from fractions import Fraction

import msgspec

from cadran.catalog.rules import (
    MAX_INCREMENT_S,
    PLAIN,
    AtMaximum,
    InvalidRate,
    Pricing,
    Rate,
    Rounding,
    TimeBand,
    check_rate,
)
from cadran.rating import increments
from cadran.rating.increments import Run
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
    "cost_micros",
    "cut_s",
    "first_grant_s",
    "price_at",
]

MAX_DURATION_S = 100 * 86_400
MICRO_DECIMALS = 6
_NANO_SECONDS_A_MICRO_MINUTE = 60_000  # price_nanos * seconds / 60,000 = micros


class InvalidDuration(InvalidInput):
    """Seconds that no call lasts."""

    error_id = "rating-duration-invalid"


class Step(msgspec.Struct, frozen=True):
    """One term of a charge. kind: first | next | connection | minimum | maximum. `exact` is in micro-units, below zero for what a
    maximum takes off; `units` increments of `unit_s` seconds at `price_nanos` for each `per_s` seconds (unit_s 0 where no time is
    counted). start_s: elapsed seconds at its first increment. band, prefix: of the time band and the rate whose price it is, where
    that is not the one of the call's start."""

    kind: str
    units: int
    unit_s: int
    price_nanos: int
    exact: Fraction
    per_s: int = 60
    start_s: int = 0
    band: str = ""
    prefix: str = ""

    def as_dict(self) -> dict[str, object]:
        """Plain values, with the arithmetic as a line of text in the currency's main unit."""
        plain: dict[str, object] = {
            "kind": self.kind,
            "units": self.units,
            "unit_s": self.unit_s,
            "price_nanos": self.price_nanos,
            "exact_micros": str(self.exact),
            "arithmetic": self.arithmetic,
        }
        if self.per_s != 60:
            plain["per_s"] = self.per_s
        if self.start_s:
            plain["start_s"] = self.start_s
        if self.band:
            plain["band"] = self.band
        if self.prefix:
            plain["prefix"] = self.prefix
        return plain

    @property
    def arithmetic(self) -> str:
        """For instance `1 × 60 s × 0.012 / 60 s = 0.012`."""
        amount = _text(self.exact.numerator, self.exact.denominator * 1_000_000)
        if not self.unit_s:
            return f"{self.kind if self.kind in ('minimum', 'maximum') else 'fee'} {amount}"
        return f"{self.units} × {self.unit_s} s × {_text(self.price_nanos, 10**9)} / {self.per_s} s = {amount}"


class Charge(msgspec.Struct, frozen=True):
    """What a call costs. micros: rounded once from `exact` (micro-units). billed_s: the seconds that are counted, in whole
    increments. price_nanos: for each `per_s` seconds, at the start. band: the time band that held at the start, or empty."""

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
    per_s: int = 60

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON: the form kept on a CDR and shown by `cadran explain`."""
        rate = self.rate
        return {
            "micros": self.micros,
            "currency": self.currency,
            "seconds": self.seconds,
            "billed_s": self.billed_s,
            "price_nanos": self.price_nanos,
            **({"per_s": self.per_s} if self.per_s != 60 else {}),
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
    check_seconds(seconds)
    band = increments.band_at(rate, at)
    name = band.name if band else ""
    if increments.is_plain(rate):
        return _plain_charge(rate, seconds, rate.price_nanos if band is None else band.price_nanos, name)
    start = increments.pricing_of(rate, band)
    walked = tuple(increments.runs(rate, seconds, at))
    billed = sum(run.units * run.increment_s for run in walked)
    steps = _steps(rate, start, name, seconds, walked)
    return Charge(
        micros=_walked_micros(rate, seconds, at),
        currency=rate.currency,
        seconds=seconds,
        billed_s=billed,
        price_nanos=start.price_nanos,
        band=name,
        steps=steps,
        exact=sum((step.exact for step in steps), Fraction(0)),
        rounding=rounding_text(rate),
        rate=rate,
        per_s=start.unit_s,
    )


def _plain_charge(rate: Rate, seconds: int, price: int, band: str) -> Charge:
    """The charge of a plain rate, whose steps add up to one fraction where it has no fees."""
    billed = _plain_billed_s(rate, seconds)
    steps = _plain_steps(rate, price, billed)
    if rate.connection_micros or rate.minimum_micros:
        exact = sum([step.exact for step in steps], Fraction(0))
    else:
        exact = Fraction(price * billed, _NANO_SECONDS_A_MICRO_MINUTE)
    return Charge(
        micros=_micros(rate, price, billed),
        currency=rate.currency,
        seconds=seconds,
        billed_s=billed,
        price_nanos=price,
        band=band,
        steps=steps,
        exact=exact,
        rounding=_rounding_text(PLAIN.rounding, MICRO_DECIMALS),
        rate=rate,
    )


def cost_micros(rate: Rate, seconds: int, at: datetime) -> int:
    """`charge(rate, seconds, at).micros`, without working out the steps: for what is only held. Raises InvalidDuration."""
    check_seconds(seconds)
    if increments.is_plain(rate):
        return _micros(rate, price_at(rate, at)[0], _plain_billed_s(rate, seconds))
    return _walked_micros(rate, seconds, at)


def price_at(rate: Rate, at: datetime) -> tuple[int, str]:
    """Price (nanos, a minute unless the tariff says otherwise) and name of the time band that holds at `at`; the name is empty
    outside every band."""
    band = increments.band_at(rate, at)
    return (rate.price_nanos, "") if band is None else (band.price_nanos, band.name)


@carries("IPP-10.1-per-second")
def billed_s(rate: Rate, seconds: int, at: datetime) -> int:
    """The seconds that are counted of a call: rounded up to the first increment and whole further ones; 0 stays 0."""
    if increments.is_plain(rate):
        return _plain_billed_s(rate, seconds)
    return sum(run.units * run.increment_s for run in increments.runs(rate, seconds, at))


def first_grant_s(rate: Rate, at: datetime, minimum_s: int) -> int:
    """Seconds of the first grant: whole increments, at least the first one and at least `minimum_s`. What it costs is
    `charge(rate, first_grant_s(...), at)`, connection fee included."""
    wanted = max(minimum_s, 1)
    if increments.is_plain(rate):
        return _plain_billed_s(rate, wanted)
    wanted = max(wanted, (rate.tariff or PLAIN).free_s + 1)
    return max(run.end_s for run in increments.runs(rate, wanted, at))


def affordable_s(rate: Rate, micros: int, at: datetime, limit_s: int) -> int:
    """The largest N, 0 <= N <= limit_s, with `charge(rate, N, at).micros <= micros`, and within `cut_s`; exact."""
    check_seconds(limit_s)
    if not increments.is_plain(rate):
        cut = cut_s(rate, at)
        limit_s = limit_s if cut is None else min(cut, limit_s)
        return _largest(limit_s, lambda seconds: _walked_micros(rate, seconds, at) <= micros)
    price, _ = price_at(rate, at)
    if micros < rate.minimum_micros or micros < _micros(rate, price, rate.first_s):
        return 0
    if price == 0:
        return limit_s
    # Half up stays at or below `left` exactly when price * billed / 60,000 < left + 1/2.
    left = micros - rate.connection_micros
    most = (_NANO_SECONDS_A_MICRO_MINUTE * left + _NANO_SECONDS_A_MICRO_MINUTE // 2 - 1) // price
    return min(limit_s, rate.first_s + (most - rate.first_s) // rate.next_s * rate.next_s)


def cut_s(rate: Rate, at: datetime) -> int | None:
    """The longest call whose price does not go beyond the rate's maximum; None where there is none, or the rest is free."""
    tariff = rate.tariff or PLAIN
    most = tariff.maximum_micros
    if most is None or tariff.at_maximum is AtMaximum.FREE:
        return None
    return _largest(MAX_DURATION_S, lambda seconds: rounded_micros(rate, _raw(rate, seconds, at)) <= most)


def rounded_micros(rate: Rate, raw: Fraction) -> int:
    """Usage and connection fee (micro-units, exact) after the one rounding of the rate."""
    tariff = rate.tariff or PLAIN
    places = min(tariff.decimals, MICRO_DECIMALS)
    return int(rounded(raw / 1_000_000, tariff.rounding, places) * 1_000_000)


def rounded(value: Fraction, rounding: Rounding, decimals: int) -> Fraction:
    """A value >= 0 at that many decimals."""
    scaled = value * 10**decimals
    match rounding:
        case Rounding.UP:
            whole = -(-scaled.numerator // scaled.denominator)
        case Rounding.DOWN:
            whole = scaled.numerator // scaled.denominator
        case _:
            whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole, 10**decimals)


def rounding_text(rate: Rate) -> str:
    """For instance `half-up to 0.000001`."""
    tariff = rate.tariff or PLAIN
    return _rounding_text(tariff.rounding, min(tariff.decimals, MICRO_DECIMALS))


@functools.cache
def _rounding_text(rounding: Rounding, decimals: int) -> str:
    return f"{rounding} to {exact_text(Fraction(1, 10**decimals))}"


_PLACES = 18


@functools.lru_cache(maxsize=4096)
def _text(numerator: int, denominator: int) -> str:
    """`exact_text` of a fraction that need not be in its lowest terms."""
    digits, rest = divmod(abs(numerator) * 10**_PLACES, denominator)
    if rest:
        return exact_text(Fraction(numerator, denominator))
    text = str(digits).rjust(_PLACES + 1, "0")
    part = text[-_PLACES:].rstrip("0")
    return f"{'-' if numerator < 0 else ''}{text[:-_PLACES]}{'.' if part else ''}{part}"


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


def _plain_billed_s(rate: Rate, seconds: int) -> int:
    if seconds <= 0:
        return 0
    if seconds <= rate.first_s:
        return rate.first_s
    return rate.first_s - (rate.first_s - seconds) // rate.next_s * rate.next_s


def _micros(rate: Rate, price: int, billed: int) -> int:
    """The rounded charge of a plain rate's whole increments, in integers."""
    if billed == 0:
        return 0
    half = _NANO_SECONDS_A_MICRO_MINUTE // 2
    usage = (price * billed + half) // _NANO_SECONDS_A_MICRO_MINUTE
    return max(usage + rate.connection_micros, rate.minimum_micros)


def _plain_steps(rate: Rate, price: int, billed: int) -> tuple[Step, ...]:
    if billed == 0:
        return ()
    steps = [Step("first", 1, rate.first_s, price, Fraction(price * rate.first_s, _NANO_SECONDS_A_MICRO_MINUTE))]
    if more := (billed - rate.first_s) // rate.next_s:
        exact = Fraction(price * more * rate.next_s, _NANO_SECONDS_A_MICRO_MINUTE)
        steps.append(Step("next", more, rate.next_s, price, exact, start_s=rate.first_s))
    if rate.connection_micros or rate.minimum_micros:
        return _with_fees(rate, rate.connection_micros, rate.minimum_micros, steps)
    return tuple(steps)


def _steps(rate: Rate, start: Pricing, band: str, seconds: int, walked: Sequence[Run]) -> tuple[Step, ...]:
    if seconds == 0:
        return ()
    steps = [
        Step(
            run.kind,
            run.units,
            run.increment_s,
            run.price_nanos,
            run.exact,
            run.unit_s,
            run.start_s,
            run.band if run.band != band else "",
            run.rate.prefix if run.rate.prefix != rate.prefix else "",
        )
        for run in walked
    ]
    return _with_fees(rate, start.connection_micros, start.minimum_micros, steps)


def _with_fees(rate: Rate, connection: int, minimum: int, steps: list[Step]) -> tuple[Step, ...]:
    """The steps of the usage, and those of the fee and of what brings the sum between the rate's bounds."""
    if connection:
        steps.append(Step("connection", 1, 0, 0, Fraction(connection)))
    raw = sum((step.exact for step in steps), Fraction(0))
    if difference := _bounded(rate, minimum, raw) - raw:
        steps.append(Step("minimum" if difference > 0 else "maximum", 1, 0, 0, difference))
    return tuple(steps)


def _raw(rate: Rate, seconds: int, at: datetime) -> Fraction:
    """Usage and connection fee in micro-units, unrounded and unbounded."""
    if seconds == 0:
        return Fraction(0)
    fee = increments.pricing_of(rate, increments.band_at(rate, at)).connection_micros
    return sum((run.exact for run in increments.runs(rate, seconds, at)), Fraction(fee))


def _walked_micros(rate: Rate, seconds: int, at: datetime) -> int:
    """`charge(rate, seconds, at).micros` without its steps."""
    if seconds == 0:
        return 0
    minimum = increments.pricing_of(rate, increments.band_at(rate, at)).minimum_micros
    return int(_bounded(rate, minimum, Fraction(rounded_micros(rate, _raw(rate, seconds, at)))))


def _bounded(rate: Rate, minimum: int, value: Fraction) -> Fraction:
    """Between the minimum and the maximum of a rate; the maximum has the last word."""
    most = (rate.tariff or PLAIN).maximum_micros
    least = max(value, Fraction(minimum))
    return least if most is None else min(least, Fraction(most))


def _largest(limit: int, holds: Callable[[int], bool]) -> int:
    """The largest N <= limit for which something holds that holds for all smaller ones, and for 0."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def check_seconds(seconds: int) -> None:
    """Raises InvalidDuration where no call lasts so long."""
    if type(seconds) is not int or not 0 <= seconds <= MAX_DURATION_S:
        raise InvalidDuration(f"a call lasts a whole number of seconds from 0 to {MAX_DURATION_S}, not {seconds!r}")


assert MAX_INCREMENT_S <= MAX_DURATION_S
