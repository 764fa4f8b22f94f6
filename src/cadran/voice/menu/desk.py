"""The questions that a menu may ask of the desk, as access/ports.py answers them: what a table of states may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """gives: the values that the question takes. outcomes: with the values of each. secret: forgotten once asked."""

    gives: tuple[str, ...]
    outcomes: Mapping[str, tuple[str, ...]]
    secret: tuple[str, ...] = ()


_CALLS = tuple(f"call{n}_{what}" for n in range(1, 6) for what in ("destination", "seconds", "micros"))
_ALLOWED = ("destination", "minutes", "seconds", "price_micros", "per_minute", "credit_micros")
_REFUSED = ("wrong-number", "not-served", "closed", "not-allowed", "emergency", "no-credit", "unavailable", "no-price")

QUESTIONS: Mapping[str, Asked] = {
    "pin": Asked(("pin",), {"ok": (), "wrong": (), "locked": ()}, secret=("pin",)),
    "destination": Asked(("number",), {"ok": _ALLOWED, **dict.fromkeys(_REFUSED, ())}),
    "speed-dial": Asked(("key",), {"ok": ("number",), "empty": ()}),
    "credit": Asked((), {"ok": ("credit_micros", "expires_on")}),
    "statement": Asked((), {"ok": ("count", "spent_micros", "credit_micros")}),
    "last-calls": Asked((), {"ok": ("count", *_CALLS)}),
    "voucher": Asked(
        ("code",),
        {
            "ok": ("amount_micros", "credit_micros"),
            **dict.fromkeys(("unknown", "used", "expired", "blocked", "locked"), ()),
        },
        secret=("code",),
    ),
}
CALL_OUTCOMES = (
    "no-credit",
    "busy",
    "no-answer",
    "unreachable",
    "declined",
    "failed",
    "over",
    "credit",
    "limit",
    "lost",
)
# What a call may know besides: what it began with, and how the second leg ended.
OTHER_VALUES = (
    "language",
    "credit_micros",
    "currency",
    "account",
    "destination",
    "charge_micros",
    "charged_s",
    "low_seconds",
)
