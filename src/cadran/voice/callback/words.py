"""What a customer hears of a call that Cadran places, and the words that say why one is over. Prompts without brand and language."""

from __future__ import annotations

from cadran.units.clause import carries

CONNECTING, RINGBACK, WARNING = "callback-connecting", "ringback", "one-minute-left"
# Why the correspondent is not reached, by the word of the leg's record; any other word is `unreachable`.
WHY_NOT = {"busy": "busy", "no-answer": "no-answer", "declined": "busy"}
TOLD = {"busy": "busy", "no-answer": "no-answer", "unreachable": "not-reached"}


@carries("KRY-4.4.1-caller-id")
def code(digits: str) -> tuple[str, ...]:
    """A code, digit by digit and twice, with a breath before it: whoever lifts a telephone needs a second to put it to the ear."""
    slowly = tuple(word for digit in digits for word in (f"n{digit}", "pause"))
    return ("pause", "pause", "code-is", *slowly, "code-again", *slowly, "goodbye")
