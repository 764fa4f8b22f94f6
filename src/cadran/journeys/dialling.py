"""What a customer types as a number, read in its country."""

from __future__ import annotations

from cadran.numbering import rules
from cadran.units.e164 import E164


def number(text: str, country: str) -> E164:
    """The E.164 number that was typed, as dialled in `country`. Raises rules.UnreadableNumber."""
    dialled = rules.read_dialled(text, country)
    if dialled.e164 is None or dialled.number_class is rules.NumberClass.UNKNOWN:
        raise rules.UnreadableNumber("type a whole number, with + and the country code for one abroad")
    return dialled.e164
