"""The contract month: the calendar month of the terms' civil zone."""

from __future__ import annotations

from datetime import datetime

from cadran.policy.terms import Terms, UnknownValue
from cadran.units import period
from cadran.units.clause import carries


@carries("IPP-1j-contract-month")
def contract_month(terms: Terms, at: datetime) -> period.Period:
    """The contract month that holds the instant `at`: from midnight of the 1st, included, to midnight of the next 1st,
    excluded, in the terms' zone; 28 to 31 days. Raises UnknownValue where the terms know another kind of month."""
    if (kind := terms.text("contract.month")) != "calendar":
        raise UnknownValue(f"contract.month of the terms {terms.ref} is {kind!r}: only `calendar` is known")
    return period.civil_month(at, terms.text("contract.zone"))
