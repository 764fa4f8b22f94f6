"""A telephone number as the world writes it (ITU-T E.164)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cadran.units.errors import InvalidInput

_E164 = re.compile(r"\+[1-9][0-9]{2,14}")


class InvalidNumber(InvalidInput):
    """Text that is no E.164 number."""

    error_id = "units-e164-invalid"


@dataclass(frozen=True, slots=True, order=True)
class E164:
    """`+` and 3 to 15 digits, the first not 0. Raises InvalidNumber otherwise."""

    value: str

    def __post_init__(self) -> None:
        if not _E164.fullmatch(self.value):
            raise InvalidNumber(f"write a number as + and 3 to 15 digits, such as +33142000001, not {self.value!r}")

    @property
    def digits(self) -> str:
        """Without the plus sign, as rate decks and SHAKEN write it."""
        return self.value[1:]

    def __str__(self) -> str:
        return self.value
