"""What a customer hears of a callback, and the words that say why one is over. Prompts are named without brand and language."""

from __future__ import annotations

CONNECTING, RINGBACK, WARNING = "callback-connecting", "ringback", "one-minute-left"
# Why the correspondent is not reached, by the word of the leg's record; any other word is `unreachable`.
WHY_NOT = {"busy": "busy", "no-answer": "no-answer", "declined": "busy"}
TOLD = {"busy": "callback-busy", "no-answer": "callback-no-answer", "unreachable": "callback-unreachable"}
