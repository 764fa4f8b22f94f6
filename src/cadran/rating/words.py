"""A rate's conditions as sentences in French and English, for price pages, explanations and the command line. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from cadran.catalog.rules import PLAIN, AtMaximum, Pricing, Rate, RateGroup, Rounding, TimeBand
from cadran.rating.increments import pricing_of

_DAYS = (
    ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)
_MONTHS = (
    ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
    ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_ROUNDINGS = {
    Rounding.HALF_UP: ("au plus proche, la moitié vers le haut", "to the nearest, halves up"),
    Rounding.UP: ("vers le haut", "upwards"),
    Rounding.DOWN: ("vers le bas", "downwards"),
}


class Amounts(Protocol):
    """How amounts are written where the sentences are shown."""

    def price(self, nanos: int) -> str:
        """1e-9 of the currency."""
        ...

    def money(self, micros: int) -> str:
        """1e-6 of the currency."""
        ...


@dataclass(frozen=True, slots=True)
class _Told:
    """Who tells: 0 French, 1 English."""

    lang: int
    amounts: Amounts

    def of(self, french: str, english: str) -> str:
        return (french, english)[self.lang]

    def priced(self, nanos: int, unit_s: int) -> str:
        return f"{self.amounts.price(nanos)} {unit(unit_s, self.lang)}"

    def paced(self, first_s: int, next_s: int) -> str:
        if first_s == next_s:
            return self.of(f"par pas de {first_s} s", f"in steps of {first_s} s")
        return self.of(f"par pas de {first_s} s puis de {next_s} s", f"in steps of {first_s} s, then {next_s} s")


def unit(unit_s: int, lang: int) -> str:
    """What a price is for: `la minute`, `a minute`, `les 30 secondes`, `for 30 seconds`."""
    if unit_s == 60:
        return ("la minute", "a minute")[lang]
    if unit_s == 1:
        return ("la seconde", "a second")[lang]
    return (f"les {unit_s} secondes", f"for {unit_s} seconds")[lang]


def rounding(stated: str, lang: int) -> str:
    """The words of a charge's rounding, for instance of `half-up to 0.000001`."""
    way, _, step = stated.partition(" to ")
    if way not in set(Rounding):
        return stated
    words = _ROUNDINGS[Rounding(way)][lang]
    return (f"une seule fois, {words}, à {step.replace('.', ',')}", f"once, {words}, to {step}")[lang]


def conditions(rate: Rate, language: str, amounts: Amounts) -> tuple[str, ...]:
    """Everything that a rate says beside its price and increments, one sentence each; empty for most rates."""
    return tuple(_conditions(rate, _Told(0 if language == "fr" else 1, amounts)))


def _conditions(rate: Rate, told: _Told) -> Iterator[str]:
    tariff = rate.tariff or PLAIN
    if tariff.free_s:
        yield told.of(
            f"Les {tariff.free_s} premières secondes sont gratuites.", f"The first {tariff.free_s} seconds are free."
        )
    yield from _fees(pricing_of(rate, None), told)
    for group in tariff.groups:
        yield _group(group, told) + "."
    for band in sorted(rate.bands, key=lambda band: -band.weight):
        yield _band(rate, band, told)
    if rate.bands and not tariff.split:
        yield told.of(
            "Vaut pour tout l'appel la tranche de son début.", "The band of its start holds for the whole call."
        )
    elif tariff.split:
        yield told.of(
            "Le prix suit les tranches horaires et les dates pendant l'appel.",
            "The price follows bands and dates during the call.",
        )
    if tariff.maximum_micros is not None:
        most = told.amounts.money(tariff.maximum_micros)
        after = told.of(f"Un appel coûte {most} au plus", f"A call costs {most} at most")
        cut = tariff.at_maximum is AtMaximum.CUT
        yield after + (
            told.of(", puis il est coupé.", ", then it is cut.")
            if cut
            else told.of(", le reste est gratuit.", ", the rest is free.")
        )
    if (tariff.rounding, tariff.decimals) != (PLAIN.rounding, PLAIN.decimals):
        way = _ROUNDINGS[tariff.rounding][told.lang]
        yield told.of(
            f"Arrondi une seule fois, {way}, à {tariff.decimals} décimales.",
            f"Rounded once, {way}, to {tariff.decimals} decimals.",
        )


def _fees(pricing: Pricing, told: _Told) -> Iterator[str]:
    if pricing.connection_micros:
        fee = told.amounts.money(pricing.connection_micros)
        yield told.of(f"Mise en relation : {fee} par appel.", f"Connection: {fee} a call.")
    if pricing.minimum_micros:
        least = told.amounts.money(pricing.minimum_micros)
        yield told.of(f"Un appel décroché coûte {least} au moins.", f"An answered call costs {least} at least.")


def _group(group: RateGroup, told: _Told) -> str:
    price = told.priced(group.price_nanos, group.unit_s)
    paced = told.paced(group.increment_s, group.increment_s)
    return told.of(f"À partir de {group.from_s} s : {price}, {paced}", f"From {group.from_s} s on: {price}, {paced}")


def _band(rate: Rate, band: TimeBand, told: _Told) -> str:
    own = pricing_of(rate, band)
    parts = [told.priced(own.price_nanos, own.unit_s)]
    if (own.first_s, own.next_s) != (rate.first_s, rate.next_s):
        parts.append(told.paced(own.first_s, own.next_s))
    parts += [_group(group, told) for group in own.groups]
    if band.pricing is not None:
        parts += [fee.rstrip(".") for fee in _fees(own, told)]
    return f"{band.name} ({_when(band, told)}){told.of(' :', ':')} {', '.join(parts)}."


def _when(band: TimeBand, told: _Told) -> str:
    days = _DAYS[told.lang]
    parts = []
    if len(band.weekdays) < 7:
        parts.append(", ".join(days[day] for day in sorted(band.weekdays)))
    if band.on_holidays and band.holidays:
        parts.append(told.of("jours fériés", "holidays"))
    if band.month_days:
        parts.append(told.of("le ", "on the ") + ", ".join(str(day) for day in sorted(band.month_days)))
    if band.months:
        parts.append(", ".join(_MONTHS[told.lang][month - 1] for month in sorted(band.months)))
    if band.years:
        parts.append(", ".join(str(year) for year in sorted(band.years)))
    if band.windows != ((0, 1440),):
        parts.append(", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in band.windows))
    return "; ".join([*parts, band.zone])


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
