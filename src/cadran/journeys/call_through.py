"""Call-through: the next call from one of the customer's numbers to an access number goes straight to the destination."""

from __future__ import annotations

from datetime import datetime

from cadran.journeys import dialling
from cadran.numbering import queries as numbering
from cadran.party import queries as party
from cadran.party.calling import operations, queries
from cadran.units.clause import carries
from cadran.units.errors import CadranError


class NotACallingNumber(CadranError):
    """The customer is not recognised by that number: register it first."""

    error_id = "call-through-not-a-calling-number"


@carries("KRY-4.4.1-easydialer")
def prepare(*, customer: party.Customer, calling: str, destination: str, at: datetime) -> queries.PreparedCall:
    """Prepare a call from one of the customer's calling numbers (the only one where `calling` is empty) to what was typed.

    Raises NotACallingNumber, numbering's UnreadableNumber. Price, class and credit are judged when the call is made.
    """
    held = [one.digits for one in numbering.calling_numbers(customer.account)]
    alone = held[0] if len(held) == 1 else ""
    digits = dialling.number(calling, customer.country).digits if calling.strip() else alone
    if digits not in held:
        raise NotACallingNumber("choose one of your calling numbers, or register it first")
    return operations.prepare_call(
        account=customer.account,
        calling=digits,
        destination=dialling.number(destination, customer.country).digits,
        at=at,
    )
