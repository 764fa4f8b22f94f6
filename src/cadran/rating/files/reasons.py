"""Why a record of a file was not rated: one byte in memory, a stable word and a sentence in files."""

from __future__ import annotations

RATED = 0
NUMBER_MISSING = 1
NUMBER_INVALID = 2
INSTANT_MISSING = 3
INSTANT_INVALID = 4
INSTANT_RANGE = 5
INSTANT_TWICE = 6
INSTANT_NEVER = 7
DURATION_MISSING = 8
DURATION_INVALID = 9
DURATION_NEGATIVE = 10
DURATION_RANGE = 11
NO_PRICE = 12
ROW_CELLS = 13
ROW_QUOTES = 14
ROW_LENGTH = 15
ROW_TEXT = 16
AMOUNT_MISSING = 17
AMOUNT_INVALID = 18
OVERFLOW = 19

# The word, which programs may rely upon, and what it means for whoever mends the file; by the codes above.
REASONS: tuple[tuple[str, str], ...] = (
    ("", ""),
    ("number-missing", "there is no called number"),
    ("number-invalid", "the called number is not an international number of 1 to 15 digits, with + or 00 or without"),
    ("instant-missing", "there is no instant of answer"),
    ("instant-invalid", "the instant cannot be read: write 2026-11-22T10:00:00Z, or a whole number in the stated unit"),
    ("instant-range", "the instant lies outside the years 1970 to 2199: is its unit right?"),
    ("instant-twice", "the clock of the stated zone shows this time twice on that day: choose with --ambiguous"),
    ("instant-never", "the clock of the stated zone skips this time on that day"),
    ("duration-missing", "there is no duration"),
    ("duration-invalid", "the duration is not a number of seconds (or of the stated unit)"),
    ("duration-negative", "the duration is below zero"),
    ("duration-range", "the duration is beyond 100 days: is its unit right?"),
    ("no-price", "no prefix of this number has a price at that instant"),
    ("row-cells", "the line has not as many cells as the header"),
    ("row-quotes", "a quotation mark of the line is not closed"),
    ("row-length", "the line is longer than any record"),
    ("row-text", "the line is not in the stated encoding"),
    ("amount-missing", "there is no amount of the other system"),
    ("amount-invalid", "the amount of the other system is not a decimal with at most 9 places"),
    ("overflow", "the charge is larger than any sum of money here"),
)


def word(code: int) -> str:
    return REASONS[code][0]
