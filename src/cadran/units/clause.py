"""The tag that ties code to the clauses it carries out. `cadran clauses` finds it by reading the source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def carries(*clause_ids: str) -> Callable[[T], T]:
    """Mark a function or class as carrying out the clauses of the register, for instance `@carries("IPP-9.2-180-days")`.

    It changes nothing at run time: the register is checked by reading the source, so the ids must be literals.
    """

    def mark(thing: T) -> T:
        return thing

    if not clause_ids:
        raise ValueError("name at least one clause")
    return mark
