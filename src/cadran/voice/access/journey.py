"""Where a caller wants to go: what was dialled, whether it may be called, what the minute costs and how many the credit buys."""

from __future__ import annotations

from datetime import datetime

from cadran.balance import queries as balance
from cadran.charging import prospects
from cadran.charging.ports import AuthoriseCall
from cadran.numbering import queries as numbering
from cadran.numbering import rules as numbers
from cadran.numbering.access import queries as access
from cadran.units.clause import carries
from cadran.units.e164 import InvalidNumber
from cadran.voice.access.ports import Answer, Caller
from cadran.voice.menu.events import Value

LONGEST_S = 24 * 3600  # what is announced of a call that neither credit nor contract limits
LEAST_INTERNATIONAL = 8
_REFUSALS = {
    "call-refused-emergency": "emergency",
    "call-no-price": "no-price",
    "call-closed-country": "closed",
    "call-closed-service": "closed",
}


def via(caller: Caller) -> str:
    """How charging is told that the call was set up."""
    return "mobility" if caller.service == "mobility" else "access-number"


@carries("KRY-4.4.1-ivr", "KRY-4.4.1-per-minute", "KRY-4.5.1-price-of-the-day", "IPP-9.4-mobility")
def destination(caller: Caller, dialled: str, at: datetime) -> Answer:
    """The answer to the menu's question `destination`; beside what ports.py names, `number_class` for charging."""
    found = called(dialled, caller.country or "FR")
    if found is None or found.number_class is numbers.NumberClass.UNKNOWN:
        return Answer(outcome="wrong-number")
    if found.number_class is numbers.NumberClass.EMERGENCY:
        return Answer(outcome="emergency")
    if found.e164 is None or access.is_access_number(found.e164.digits):  # an access number behind one would go round
        return Answer(outcome="not-allowed")
    request = AuthoriseCall(
        session="quoted",
        account=caller.account,
        terms=caller.terms,
        number_class=found.number_class.value,
        destination=found.e164.digits,
        at=at,
        country=caller.country,
        via=via(caller),
        consumer=caller.consumer,
        by_minute=caller.by_minute,
    )
    return _priced(caller, request)


def _priced(caller: Caller, request: AuthoriseCall) -> Answer:
    found = prospects.prospect(request, brand=caller.brand, currency=balance.currency(caller.account))
    if found.decision.code in ("call-no-credit", "call-limit-reached"):
        return Answer(outcome="no-credit", values={"credit_micros": found.credit_micros})
    if not found.decision.allowed:
        return Answer(outcome=_REFUSALS.get(found.decision.code, "not-allowed"))
    longest_s = min(LONGEST_S, found.limit_s or LONGEST_S)
    seconds = longest_s if found.seconds is None else min(found.seconds, longest_s)
    values: dict[str, Value] = {
        "destination": request.destination,
        "number_class": request.number_class,
        "seconds": seconds,
        "minutes": seconds // 60,
        "price_micros": found.minute_micros,
        "per_minute": found.rate is not None and found.rate.next_s == 60,
        "credit_micros": found.credit_micros,
    }
    return Answer(outcome="ok", values=values)


def called(text: str, country: str) -> numbers.Dialled | None:
    """What was dialled: as people of that country dial, or a whole international number without its prefix."""
    tries = [text]
    if text.isascii() and text.isdecimal() and len(text) >= LEAST_INTERNATIONAL and text[0] != "0":
        tries.append(f"+{text}")
    best: numbers.Dialled | None = None
    for one in tries:
        try:
            found = numbering.called(one, country)
        except InvalidNumber:
            continue
        if found.number_class is not numbers.NumberClass.UNKNOWN:
            return found
        best = best or found
    return best
