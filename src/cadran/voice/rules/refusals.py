"""What a caller hears and gets when a call is refused: prompt names and final SIP code by the decision's code."""

from __future__ import annotations

from cadran.units.clause import carries

# Prompts are spoken in the order given; LAW-emergency: in both languages, whatever the customer's.
_BOTH = ("fr", "en")
_BY_CODE: dict[str, tuple[int, str]] = {
    "call-refused-emergency": (403, "emergency-refused"),
    "call-refused-satellite": (403, "satellite-refused"),
    "call-refused-special": (403, "special-refused"),
    "call-refused-excluded": (403, "special-refused"),
    "call-refused-unknown": (404, "unknown-destination"),
    "call-not-offered": (403, "unknown-destination"),
    "call-no-price": (404, "unknown-destination"),
    "call-closed-country": (403, "destination-closed"),
    "call-closed-service": (403, "destination-closed"),
    "call-no-credit": (402, "no-credit"),
    "number-unknown": (404, "unknown-destination"),
}


@carries("LAW-emergency", "IPP-0-restrictions", "KRY-3.3-territories")
def refusal(decision_code: str, *, brand: str, language: str) -> tuple[int, tuple[str, ...]]:
    """(final SIP code, prompts as brand/language/name). A code without an entry is refused with 403."""
    code, name = _BY_CODE.get(decision_code, (403, "not-allowed"))
    languages = _BOTH if decision_code == "call-refused-emergency" else (language,)
    return code, tuple(f"{brand}/{spoken}/{name}" for spoken in languages)
