"""What proofs need from outside: somebody who tells a code on a number."""

from __future__ import annotations

from typing import Protocol

from cadran.units.errors import CadranError


class CodeUntold(CadranError):
    """The code cannot be told now: nothing rang; try again later."""

    error_id = "proofs-code-untold"


class CodeTeller(Protocol):
    """Tells a code on a number, and nowhere else. means: `voice` or `sms`. A telling that was taken may still fail, of which nothing
    is heard: the code is then not given back, and another is asked for."""

    means: str

    def tell(self, *, key: str, brand: str, digits: str, code: str, language: str, shown: str) -> None:
        """key: one for each telling, so that a repeat rings once. shown: the number that is seen calling, E.164 digits. Raises
        CodeUntold."""
