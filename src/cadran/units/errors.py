"""Expected failures: named, with a stable id and a sentence that says what to do."""

from __future__ import annotations


class CadranError(Exception):
    """An expected failure.

    `error_id` is stable (kebab-case, room first: `ledger-floor-reached`) and may be relied upon by programs; the message
    is for people and says what to do. Subclass it beside the function that raises it.
    """

    error_id: str = "cadran-error"

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} [{self.error_id}]"


class InvalidInput(CadranError):
    """Something given from outside cannot be read; nothing was done."""

    error_id = "invalid-input"
