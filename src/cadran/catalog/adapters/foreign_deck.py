"""Price lists of ASTPP, MagnusBilling and A2Billing as deck files. What no deck can say is told by line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction

from cadran.catalog import plans
from cadran.catalog.adapters import foreign
from cadran.catalog.adapters.translation import Origin, Translation

COLUMNS = (
    *("prefix", "destination", "price", "first_s", "next_s", "connection_fee", "minimum"),
    *("effective_from", "effective_to", "from_s", "free_s"),
)


def translate(reading: foreign.Reading) -> Translation:
    """The lines of an export as a deck file."""
    translation = Translation(columns=COLUMNS, notes=list(reading.notes), lines=reading.count)
    translation.problems += reading.problems
    translation.problem_count += reading.problem_count
    for line in reading.lines:
        origin = Origin(line.line)
        if told := next(_unsaid(line), None):
            translation.wrong(origin, *told)
            continue
        for cells in _cells(line):
            translation.add(origin, cells)
    return translation


def _unsaid(line: plans.PrefixLine) -> Iterator[tuple[str, str, str]]:
    """Column, code and message of what a deck cannot say."""
    if not line.prefix:
        yield "prefix", "any-prefix", "a price for any number has no place in a deck: give each country its line"
    if line.least_s:
        yield (
            "minimal_time_charge",
            "least-time",
            f"calls below {line.least_s} s that cost nothing and later ones from their first second: a deck has free seconds alone",
        )
    if line.ending and line.ending_after_s:
        yield "disconnectcharge_after", "ending", "a fee at the end of longer calls alone: a deck has a connection fee"
    if any(slot.fee for slot in line.rate.slots[1:]):
        yield "stepchargeb", "step-charge", "a charge when a later cycle begins: a deck has a connection fee"
    if line.billed_from_s > line.rate.slots[0].increment_s:
        yield (
            "initblock",
            "first-block",
            "a first block longer than the block of the first cycle: state it in the cycle",
        )


def _cells(line: plans.PrefixLine) -> Iterator[dict[str, str]]:
    """The base line, and a group's line for each later price or block."""
    first, *others = line.rate.slots
    following = others[0] if others else first
    plain = len(others) < 2 and following.rate == first.rate
    plain = plain and (not others or following.start_s == line.free_s + first.increment_s)
    fee = line.rate.connect_fee + first.fee + (line.ending if not line.ending_after_s else 0)
    dates = {"effective_from": _instant(line.valid_from), "effective_to": _instant(line.valid_to)}
    names = {"prefix": line.prefix, "destination": line.destination[:80]}
    yield {
        **names,
        "price": decimal(first.rate),
        "first_s": str(first.increment_s),
        "next_s": str(following.increment_s if plain else first.increment_s),
        "connection_fee": decimal(fee),
        "minimum": decimal(line.minimum) if line.minimum else "",
        "free_s": str(line.free_s) if line.free_s else "",
        **dates,
    }
    for slot in () if plain else others:
        yield {
            **names,
            "price": decimal(slot.rate),
            "next_s": str(slot.increment_s),
            "from_s": str(slot.start_s),
            **dates,
        }


def decimal(value: Fraction) -> str:
    """A finite decimal as text; what is not finite or too long is refused by the reader of decks."""
    text = f"{value.numerator * 10**30 // value.denominator:031d}"
    whole, part = text[:-30], text[-30:].rstrip("0")
    return f"{whole}.{part}" if part else whole


def _instant(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at else ""
