"""One number of each country and kind, by the numbering plans of the world: what a deck must have a price for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import phonenumbers
from phonenumbers import PhoneNumberType

FIXED, MOBILE = "fixed", "mobile"
_KINDS = ((FIXED, PhoneNumberType.FIXED_LINE), (MOBILE, PhoneNumberType.MOBILE))


@dataclass(frozen=True, slots=True)
class Sample:
    """A number (E.164 digits) that the plan of a country (ISO 3166 alpha-2) holds, of the kind `fixed` or `mobile`."""

    country: str
    kind: str
    digits: str


@cache
def samples() -> tuple[Sample, ...]:
    """A number of each kind that a country has, countries in alphabetical order."""
    found = []
    for country in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind, number_type in _KINDS:
            number = phonenumbers.example_number_for_type(country, number_type)
            if number is not None:
                digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
                found.append(Sample(country, kind, str(digits)))
    return tuple(found)
