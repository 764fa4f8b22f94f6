"""A customer proves a calling number: what may be rung, the code told on it, the number that is seen calling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cadran.catalog import queries as catalog
from cadran.journeys import dialling
from cadran.numbering import queries as numbering
from cadran.numbering import rules as numbers
from cadran.numbering.access import queries as access
from cadran.numbering.proofs import operations, ports
from cadran.party import queries as party
from cadran.units.clause import carries
from cadran.units.e164 import E164
from cadran.units.errors import CadranError

# A number whose minute costs more than this is not rung for a code: nobody earns by having codes spoken to numbers of his own.
DEAREST_NANOS = 600_000_000


class NumberNotRung(CadranError):
    """No code is told on that number: the brand has no price for it, or too high a one."""

    error_id = "calling-number-not-rung"


class NoAccessNumbers(CadranError):
    """The brand has no access number: nobody is recognised by a calling number."""

    error_id = "calling-no-access-numbers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A code is being told. code: what it is, for a sandbox's page alone, where no telephone rings."""

    proof_id: str
    digits: str
    expires_at: datetime
    means: str
    code: str


@carries("KRY-4.4.1-caller-id")
def ask(
    *, customer: party.Customer, text: str, origin: str, language: str, teller: ports.CodeTeller, at: datetime
) -> Asked:
    """Have a code told on the number that the customer typed, as dialled in its country. origin: the address it is asked from.

    Whether another account has the number changes nothing here. Raises numbers.UnreadableNumber, numbering's UnableToVerifyNumber,
    NumberNotRung, NoAccessNumbers, proofs' TooManyProofs, TooManyNumbers, and CodeUntold.
    """
    number = dialling.number(text, customer.country)
    shown = _shown(customer.brand, number, at)
    operations.check(number=number)
    price = catalog.price_of(customer.brand, number.digits, at)
    if price is None or price.rate.price_nanos + price.rate.connection_micros * 1000 > DEAREST_NANOS:
        raise NumberNotRung(f"no code is told on {number}: ask the customer service")
    begun = operations.begin(
        brand=customer.brand, account=customer.account, number=number, origin=origin, means=teller.means, at=at
    )
    try:
        teller.tell(
            key=begun.proof_id,
            brand=customer.brand,
            digits=begun.digits,
            code=begun.code,
            language=language,
            shown=shown,
        )
    except ports.CodeUntold:
        operations.untold(proof_id=begun.proof_id, account=customer.account, at=at)
        raise
    return Asked(
        proof_id=begun.proof_id,
        digits=begun.digits,
        expires_at=begun.expires_at,
        means=teller.means,
        code=begun.code,
    )


def known_digits(customer: party.Customer) -> tuple[str, ...]:
    """The digits that others know of the customer, as they are dialled in its country and from abroad: none of them hides in a PIN."""
    found = {one.digits for one in numbering.calling_numbers(customer.account)} | {customer.phone.removeprefix("+")}
    abroad = tuple(sorted(filter(None, found)))
    at_home = (numbers.national(E164(f"+{digits}"), customer.country) for digits in abroad)
    return abroad + tuple("".join(one for one in text if one.isdigit()) for text in at_home)


def _shown(brand: str, number: E164, at: datetime) -> str:
    """The access number that is seen calling: of the number's own country where there is one."""
    found = [one for one in access.access_numbers(brand, at) if one.is_open(at)]
    if not found:
        raise NoAccessNumbers("this brand has no access number: no calling number is needed")
    country = numbers.read_dialled(number.value).country
    return next((one.digits for one in found if one.country == country), found[0].digits)
