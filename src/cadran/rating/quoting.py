"""A charge in the form in which quotes are told: amounts as exact decimals of the currency's main unit, or p/q. Pure."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from cadran.catalog.rules import PLAIN
from cadran.rating import rules
from cadran.units.money import MICROS


def told(charge: rules.Charge, at: datetime) -> dict[str, object]:
    """Cost, steps and what they stand on: the keys of a plan's charge, and the deck's line."""
    rate = charge.rate
    tariff = rate.tariff or PLAIN
    return {
        "cost": rules.exact_text(charge.exact / MICROS),
        "rounded": rules.exact_text(Fraction(charge.micros, MICROS)),
        "rounding": {"method": str(tariff.rounding), "decimals": min(tariff.decimals, rules.MICRO_DECIMALS)},
        "seconds": charge.seconds,
        "billed_s": charge.billed_s,
        "steps": [_step(step, rate.prefix, charge.band) for step in charge.steps],
        "destination": rate.destination,
        "prefix": rate.prefix,
        "deck": rate.deck,
        "version": rate.version,
        "line": rate.line,
        "cut": _cut(rate, charge.seconds, at),
    }


def _step(step: rules.Step, prefix: str, band: str) -> dict[str, object]:
    amount = rules.exact_text(step.exact / MICROS)
    if not step.unit_s:
        return {"kind": step.kind, "amount": amount}
    return {
        "kind": "usage",
        "from_s": step.start_s,
        "rate": rules.exact_text(Fraction(step.price_nanos, 10**9)),
        "rate_unit_s": step.per_s,
        "increment_s": step.unit_s,
        "units": step.units,
        "amount": amount,
        "band": step.band or band,
        "prefix": step.prefix or prefix,
    }


def _cut(rate: rules.Rate, seconds: int, at: datetime) -> dict[str, object] | None:
    """Where the rate's maximum would end the call before."""
    cut_s = rules.cut_s(rate, at)
    maximum = (rate.tariff or PLAIN).maximum_micros
    if cut_s is None or maximum is None or cut_s >= seconds:
        return None
    cost = rules.charge(rate, cut_s, at).exact / MICROS
    return {"seconds": cut_s, "maximum": rules.exact_text(Fraction(maximum, MICROS)), "cost": rules.exact_text(cost)}
