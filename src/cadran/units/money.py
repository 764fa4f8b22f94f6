"""Money as integer micro-units of a currency: 1 EUR = 1,000,000 micros. No float ever; one rounding, half up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from cadran.units.errors import InvalidInput

MICROS = 1_000_000
MAX_MICROS = 2**62
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?")


class InvalidMoney(InvalidInput):
    """An amount or a currency that cannot be read."""

    error_id = "units-money-invalid"


def check(micros: int, currency: str) -> None:
    """Whether that is an amount of a currency; `Money` without the object. Raises InvalidMoney."""
    if type(micros) is not int or abs(micros) > MAX_MICROS:
        raise InvalidMoney(f"an amount is a whole number of micro-units below 2**62, not {micros!r}")
    if not _CURRENCY.fullmatch(currency):
        raise InvalidMoney(f"a currency is three capital letters such as EUR, not {currency!r}")


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of one currency. `micros` is signed; adding two currencies raises InvalidMoney."""

    micros: int
    currency: str = "EUR"

    def __post_init__(self) -> None:
        check(self.micros, self.currency)

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.micros + other.micros, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.micros - other.micros, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.micros, self.currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise InvalidMoney(f"cannot mix {self.currency} and {other.currency}: convert first, at a stated rate")

    @property
    def decimal(self) -> Decimal:
        """The exact amount in the currency's main unit."""
        return Decimal(self.micros).scaleb(-6)

    def __str__(self) -> str:
        return f"{decimal_text(self.micros)} {self.currency}"


def money(amount: str, currency: str = "EUR") -> Money:
    """Read a decimal amount such as `10` or `0.0125` (a point, at most six decimals). Raises InvalidMoney."""
    if not _AMOUNT.fullmatch(amount):
        raise InvalidMoney(f"write an amount as 10 or 0.0125 with at most six decimals, not {amount!r}")
    return Money(int(Decimal(amount).scaleb(6)), currency)


def decimal_text(micros: int) -> str:
    """Micros as the shortest exact decimal with at least two places: 10000000 -> `10.00`, 12345 -> `0.012345`."""
    sign, digits = ("-" if micros < 0 else ""), f"{abs(micros):07d}"
    whole, part = digits[:-6], digits[-6:].rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{part}"


def round_half_up(value: Fraction) -> int:
    """The nearest integer, halves away from zero. The one rounding of a charge."""
    doubled = abs(value.numerator) * 2 + value.denominator
    return (1 if value >= 0 else -1) * (doubled // (2 * value.denominator))
